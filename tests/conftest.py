"""What every test may count on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bot import logs
from tests.doubles.postgres import CURE, PostgresCluster, binaries

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("DAILY_PAPERS_SHARED", ROOT.parent / "shared"))


settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")  # the same examples in every run, however slow the machine


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the environment's and the working folder's settings out of the tests."""
    for name in list(os.environ):
        if name.startswith(
            ("SLACK_", "DISCORD_", "STORE_", "HF_", "DIGEST_", "SOURCES_", "LOG_", "LLM_")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HEALTH_FILE", str(tmp_path / "health.json"))


@pytest.fixture(autouse=True, scope="session")
def _quiet() -> None:
    """Log warnings alone, so that a failing test shows what matters."""
    logs.configure("warning", "json")


@pytest.fixture
def shared() -> Path:
    """Return the folder of real captures, or skip: it is beside the project, not part of it."""
    if not SHARED.is_dir():
        pytest.skip(f"no real captures at {SHARED}; set DAILY_PAPERS_SHARED to their folder")
    return SHARED


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """Return a PostgreSQL server, or skip where there is none, unless there has to be one."""
    if binaries() is None:
        if os.environ.get("REQUIRE_POSTGRES") == "1":
            pytest.fail(CURE)
        pytest.skip(CURE)
    cluster = PostgresCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()
