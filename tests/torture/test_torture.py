"""The short forms; ``make torture`` runs the long ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture import full, power

ROOT = Path(__file__).resolve().parents[2]


def test_a_killed_process_loses_nothing_that_it_told_and_posts_nothing_twice(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "tests.torture.kills", str(tmp_path / "state"), "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("seed", [1, 2])
def test_a_loss_of_power_loses_nothing_acknowledged(seed: int) -> None:
    figures = power.run(300, seed, lambda: None)
    assert not figures.failed, (figures.lost[:3], figures.refused[:3])
    assert figures.torn > 50


def test_a_loss_of_power_during_an_upgrade_loses_nothing() -> None:
    old = ROOT / "tests" / "adapters" / "storage" / "states" / "schema-1" / "state.json"
    figures = power.upgraded(old.read_bytes(), draws=20, seed=1)
    assert not figures.failed, (figures.lost[:3], figures.refused[:3])
    assert figures.operations > 8


CROWDED = """
import asyncio, resource, sys
from pathlib import Path
from adapters.storage.opening import load
from adapters.storage.tinydb import TinyDBStore
from bot.domain.errors import StoreError
from tests.examples import CHANNEL, ballot

async def main():
    folder = Path(sys.argv[1])
    store = await TinyDBStore.open(folder)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, most))
    told = 0
    try:
        for n in range(1, 1_000):
            await store.cast(ballot(n))
            told = n
    except StoreError as error:
        print(error)
    assert 0 < told < 999, told
    assert len(load(folder).tables["ledger"]) == len(await store.tallies(CHANNEL)) == told
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    await store.cast(ballot(1_000))
    await store.close()
    assert len(load(folder).tables["ledger"]) == told + 1

asyncio.run(main())
"""


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CROWDED, str(tmp_path / "state")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cannot be written (File too large)" in done.stdout


def test_a_disk_that_is_full_at_any_write_changes_nothing() -> None:
    figures = full.run((0.5,), lambda: None)
    assert not figures.failed, figures.lost[:3]
    assert figures.writes > 40
