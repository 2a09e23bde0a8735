"""What Slack is held against that nobody here wrote, run by Node.js: an emulator and Slack's types.

``make peers`` installs both beside this file, as ``package-lock.json`` names them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
CURE = "Slack's peers are not here: install Node.js (18 or later) and npm, then run `make peers`"


def node() -> str | None:
    """Return the Node.js that runs the peers, or ``None`` where one or the other is missing."""
    program = shutil.which("node")
    # npm writes this file last
    return program if (FOLDER / "node_modules" / ".package-lock.json").is_file() else None


def needed_node() -> str:
    """Return Node.js; skip the test where the peers are not, unless they have to be."""
    program = node()
    if program is None:
        if os.environ.get("REQUIRE_NODE") == "1":
            pytest.fail(CURE)
        pytest.skip(CURE)
    return program
