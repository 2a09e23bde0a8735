from __future__ import annotations

import json
import re

from tests.peers import FOLDER

PACKAGE = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
LOCK = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))


def test_the_peers_are_pinned_for_another_release_may_be_another_program() -> None:
    wanted = PACKAGE["dependencies"]
    assert set(wanted) == {"emulate", "@slack/types", "typescript"}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert LOCK["packages"][""]["dependencies"] == wanted
    for name, version in wanted.items():
        assert LOCK["packages"][f"node_modules/{name}"]["version"] == version


def test_the_lock_has_a_hash_of_everything_and_names_no_registry() -> None:
    for name, package in LOCK["packages"].items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, f"{name}: take `resolved` out, or see .npmrc"
            assert "hasInstallScript" not in package, name
