from __future__ import annotations

from pathlib import Path

import pytest

from adapters.storage import open_store
from adapters.storage.memory import MemoryStore
from bot.domain.errors import ConfigError
from tests.examples import CHANNEL, ballot


async def test_memory_is_an_address() -> None:
    assert isinstance(await open_store("memory:"), MemoryStore)


async def test_an_absolute_folder_keeps_what_was_stored(tmp_path: Path) -> None:
    for _ in range(2):
        store = await open_store(f"tinydb://{tmp_path}/state of mine")
        await store.cast(ballot())
        assert len(await store.tallies(CHANNEL)) == 1
        await store.close()
    assert (tmp_path / "state of mine" / "snapshot.json").is_file()


async def test_a_relative_folder_is_below_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = await open_store("tinydb:some/folder")
    await store.close()
    assert (tmp_path / "some" / "folder" / "snapshot.json").is_file()


@pytest.mark.parametrize(
    "url", ["", "memory", "sqlite:///x", "mysql://bot:hunter2@host/db", "/data"]
)
async def test_an_unknown_address_names_the_cure_and_not_its_value(url: str) -> None:
    with pytest.raises(ConfigError, match=r"STORE_URL .* use `tinydb:///absolute") as refusal:
        await open_store(url)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("url", ["tinydb:", "tinydb://data/papers", "tinydb://"])
async def test_an_address_without_a_folder_names_the_cure(url: str) -> None:
    with pytest.raises(ConfigError, match="STORE_URL names no folder: use"):
        await open_store(url)
