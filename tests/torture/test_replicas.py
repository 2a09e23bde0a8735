"""The short form; ``make torture`` runs the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.doubles.postgres import PostgresCluster

ROOT = Path(__file__).resolve().parents[2]
SHORT = ["--messages=60", "--kills=4", "--crashes=1", "--replicas=3", "--lease=2", "--seed=7"]


def test_of_what_killed_replicas_posted_nothing_is_missing_and_nothing_stands_twice(
    postgres: PostgresCluster,
) -> None:
    """Needs PostgreSQL; the program has a server of its own, for it crashes it."""
    command = [sys.executable, "-m", "tests.torture.replicas", *SHORT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "messages=60, kills=4" in done.stdout
    assert "database_crashes=1" in done.stdout
