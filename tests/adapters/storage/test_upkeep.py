"""Upgrades, archives, salvage and backups."""

from __future__ import annotations

import asyncio
import json
import tarfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from tinydb import TinyDB, where

from adapters.storage import segments
from adapters.storage.backup import backup, restore
from adapters.storage.documents import KINDS
from adapters.storage.journal import JournalStorage
from adapters.storage.migrations import MIGRATIONS, SCHEMA
from adapters.storage.opening import load
from adapters.storage.salvage import salvage
from adapters.storage.tables import Tables
from adapters.storage.tinydb import TinyDBStore
from bot.domain.deliveries import DeliveryState
from bot.domain.errors import StoreError
from tests.adapters.storage.test_tinydb import STATES, filled, on_disk, released
from tests.contracts.store import everything
from tests.examples import CHANNEL, NOW, ballot, delivery, message, paper_id, receipt, slot


async def read(folder: Path) -> tuple[object, ...]:
    store = await TinyDBStore.open(folder)
    found = await everything(store)
    await store.close()
    return found


# Upgrades


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
async def test_the_state_of_every_released_schema_is_read(tmp_path: Path, schema: int) -> None:
    released(tmp_path / "old", schema)
    before = await filled(tmp_path / "new")
    for _ in range(2):
        assert await read(tmp_path / "old") == before


def test_there_is_a_state_of_every_released_schema() -> None:
    assert {path.name for path in STATES.iterdir()} == {f"schema-{n + 1}" for n in range(SCHEMA)}


async def test_the_file_of_before_an_upgrade_is_kept(tmp_path: Path) -> None:
    released(tmp_path, 1)
    before = (tmp_path / "state.json").read_bytes()
    await read(tmp_path)
    assert (tmp_path / "state.v1.json").read_bytes() == before
    assert not (tmp_path / "state.json").exists()
    (tmp_path / "state.json").write_bytes(before)
    with pytest.raises(StoreError, match="two states"):
        await read(tmp_path)


async def test_an_upgrade_that_was_interrupted_is_finished(tmp_path: Path) -> None:
    released(tmp_path, 1)
    old = (tmp_path / "state.json").read_bytes()
    expected = await read(tmp_path)
    (tmp_path / "state.v1.json").rename(tmp_path / "state.json")
    assert await read(tmp_path) == expected
    assert (tmp_path / "state.v1.json").read_bytes() == old


async def test_a_journaled_state_is_upgraded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    monkeypatch.setitem(MIGRATIONS, SCHEMA, lambda _, document: {**document, "mood": "good"})
    for module in ("migrations", "opening", "journal"):
        monkeypatch.setattr(f"adapters.storage.{module}.SCHEMA", SCHEMA + 1)
    storage = JournalStorage(tmp_path)
    storage.close()
    assert all(each["mood"] == "good" for each in load(tmp_path).tables["papers"].values())
    assert (tmp_path / f"snapshot.v{SCHEMA}.json").exists()
    monkeypatch.undo()
    with pytest.raises(StoreError, match=rf"newer version \(schema {SCHEMA + 1}, .* {SCHEMA}\)"):
        load(tmp_path)


def test_every_table_is_known_by_its_kind(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path)
    assert {each.name: each.kind for each in vars(Tables(storage)).values()} == KINDS
    storage.close()


# Archives


async def test_what_is_old_is_archived_and_what_was_seen_and_voted_stays(tmp_path: Path) -> None:
    store = await TinyDBStore.open(tmp_path, keep_days=30)
    first = date(2025, 11, 30)
    days = [str(first + timedelta(days=n * 10)) for n in range(8)]
    for n, day in enumerate(days):
        await store.plan([delivery(day=day)], receipt(day))
        await store.advance(delivery(day=day).key, DeliveryState.SENT, ref=message(n), at=NOW)
    await store.plan([delivery("open", day="2025-11-29")], receipt("2025-11-29"))
    await store.cast(ballot())
    for _ in range(2):
        await store.checkpoint()
    assert len(await store.receipts(CHANNEL, limit=99)) == 4
    assert await store.delivery(delivery(day=days[0]).key) is None
    assert await store.delivery_at(message(0)) is None
    assert await store.delivery_at(message(4)) is not None
    assert list(await store.unfinished()) == [slot("2025-11-29")]
    assert await store.tallies(CHANNEL)
    assert await store.plan([delivery(day=days[0])], receipt(days[0])) is False
    await store.close()
    with TinyDB(tmp_path / "archive" / "2025.json", access_mode="r") as plain:
        assert len(plain.table("deliveries")) == 4
        assert len(plain.table("messages")) == 4
        assert len(plain.table("receipts")) == 5
        assert plain.table("deliveries").search(where("state") == "sent")
    assert not (tmp_path / "archive" / "2026.json").exists()


async def test_an_archive_that_is_damaged_keeps_nothing_from_a_snapshot(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "2025.json").write_text("no archive")
    store = await TinyDBStore.open(tmp_path, keep_days=30)
    for day in ("2025-12-01", "2026-05-07"):
        await store.plan([], receipt(day))
    await store.checkpoint()
    assert len(await store.receipts(CHANNEL, limit=9)) == 2
    assert [path.stat().st_size for _, path in segments.files(tmp_path)] == [0]
    await store.close()
    assert (tmp_path / "archive" / "2025.json").read_text() == "no archive"


# Salvage


async def test_salvage_leaves_a_whole_state_alone(tmp_path: Path) -> None:
    await filled(tmp_path)
    before = on_disk(tmp_path)
    done = await asyncio.to_thread(salvage, tmp_path, NOW)
    assert (done.aside, done.lost) == (None, [])
    assert on_disk(tmp_path) == before


async def test_salvage_of_a_journal_keeps_all_but_the_damaged_change(tmp_path: Path) -> None:
    await filled(tmp_path)
    ((_, path),) = segments.files(tmp_path)
    whole = path.read_bytes()
    broken = whole.replace(b'"button"', b'"buttom"')
    path.write_bytes(broken)
    with pytest.raises(StoreError, match="--salvage"):
        await read(tmp_path)
    done = await asyncio.to_thread(salvage, tmp_path, NOW)
    assert done.aside == tmp_path / "damaged-20260507T090000"
    assert (done.aside / path.name).read_bytes() == broken
    assert any("are missing" in each for each in done.lost)
    store = await TinyDBStore.open(tmp_path)
    assert list(await store.tallies(CHANNEL)) == [paper_id(2)]
    assert len(await store.papers()) == 4
    await store.close()


@pytest.mark.parametrize("damage", ["line", "end", "gone"])
async def test_salvage_of_a_snapshot_keeps_every_line_that_is_whole(
    tmp_path: Path, damage: str
) -> None:
    await filled(tmp_path)
    store = await TinyDBStore.open(tmp_path)
    await store.checkpoint()
    await store.cast(ballot(3))
    await store.close()
    path = tmp_path / "snapshot.json"
    content = path.read_bytes()
    if damage == "line":
        path.write_bytes(content.replace(b'"title":"Paper 2"', b'"title":"Paper 2'))
    elif damage == "end":
        path.write_bytes(content[: content.index(b'"ledger"')])
    else:
        path.unlink()
    with pytest.raises(StoreError, match="--salvage"):
        await read(tmp_path)
    done = await asyncio.to_thread(salvage, tmp_path, NOW)
    assert done.lost
    store = await TinyDBStore.open(tmp_path)
    assert len(await store.papers()) == {"line": 3, "end": 4, "gone": 0}[damage]
    assert paper_id(3) in await store.tallies(CHANNEL)
    await store.close()
    assert (await asyncio.to_thread(salvage, tmp_path, NOW)).aside is None


def test_salvage_cannot_mend_a_state_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"meta": ')
    with pytest.raises(StoreError, match="cannot be salvaged in part"):
        salvage(tmp_path, NOW)


# Backups


async def test_a_backup_restores_everything(tmp_path: Path) -> None:
    before = await filled(tmp_path / "one")
    await asyncio.to_thread(backup, tmp_path / "one", tmp_path / "papers.tar")
    with tarfile.open(tmp_path / "papers.tar") as tar:
        assert "SHA256SUMS" in tar.getnames()
    assert (tmp_path / "papers.tar").stat().st_mode & 0o777 == 0o600
    restore(tmp_path / "papers.tar", tmp_path / "two", force=False, now=NOW)
    assert load(tmp_path / "two").tables == load(tmp_path / "one").tables
    assert await read(tmp_path / "two") == before


async def test_a_state_is_not_restored_over_but_set_aside_by_force(tmp_path: Path) -> None:
    before = await filled(tmp_path / "one")
    backup(tmp_path / "one", tmp_path / "papers.tar")
    store = await TinyDBStore.open(tmp_path / "one")
    await store.cast(ballot(3))
    with pytest.raises(StoreError, match="is in use by process"):
        restore(tmp_path / "papers.tar", tmp_path / "one", force=True, now=NOW)
    await store.close()
    with pytest.raises(StoreError, match="--force"):
        restore(tmp_path / "papers.tar", tmp_path / "one", force=False, now=NOW)
    _, aside = restore(tmp_path / "papers.tar", tmp_path / "one", force=True, now=NOW)
    assert await read(tmp_path / "one") == before
    assert aside is not None
    assert await read(aside) != before


async def test_a_backup_of_a_running_bot_holds_all_that_it_acknowledged(tmp_path: Path) -> None:
    await filled(tmp_path / "one")
    store = await TinyDBStore.open(tmp_path / "one", checkpoint_bytes=2_000)
    votes = asyncio.create_task(voting(store, 400))
    for number in range(8):
        known = set(await store.tallies(CHANNEL))
        await asyncio.to_thread(backup, tmp_path / "one", tmp_path / f"{number}.tar")
        restore(tmp_path / f"{number}.tar", tmp_path / f"{number}", force=False, now=NOW)
        copy = await TinyDBStore.open(tmp_path / f"{number}")
        assert known <= set(await copy.tallies(CHANNEL))
        await copy.close()
    await votes
    await store.close()


async def voting(store: TinyDBStore, papers: int) -> None:
    for n in range(papers):
        await store.cast(ballot(n + 1))
        await asyncio.sleep(0)


def test_where_there_is_no_state_there_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="one holds no state: nothing to back up"):
        backup(tmp_path / "one", tmp_path / "papers.tar")
    assert not (tmp_path / "one").exists()


async def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    await filled(tmp_path / "one")
    backup(tmp_path / "one", tmp_path / "papers.tar")
    whole = (tmp_path / "papers.tar").read_bytes()
    place = whole.index(b'"product"')
    for content in (
        whole[: place - 9],
        whole[:place] + b"'" + whole[place + 1 :],
        b"no tar at all",
    ):
        (tmp_path / "broken.tar").write_bytes(content)
        with pytest.raises(StoreError, match=r"broken\.tar is "):
            restore(tmp_path / "broken.tar", tmp_path / "two", force=False, now=NOW)
        assert not (tmp_path / "two" / "snapshot.json").exists()
    with pytest.raises(StoreError, match="is not there"):
        restore(tmp_path / "nowhere.tar", tmp_path / "two", force=False, now=NOW)


def test_a_backup_holds_nothing_but_a_state(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "foreign.tar", "w") as tar:
        (tmp_path / "passwd").write_text(json.dumps({}))
        tar.add(tmp_path / "passwd", "../passwd")
    with pytest.raises(StoreError, match="is no backup of this bot"):
        restore(tmp_path / "foreign.tar", tmp_path / "two", force=False, now=NOW)
