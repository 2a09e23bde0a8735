from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from tinydb import TinyDB, where

from adapters.storage.memory import MemoryStore
from adapters.storage.migrations import SCHEMA
from adapters.storage.opening import load
from adapters.storage.snapshot import Meta, Tables, slices
from adapters.storage.tinydb import TinyDBStore
from bot.domain.channels import Subscription
from bot.domain.deliveries import DeliveryState
from bot.domain.errors import ConfigError, StoreError, StoreInUse, StorePoisoned
from bot.domain.votes import Tally
from bot.ports import Store
from tests.contracts.store import OpenStore, StoreContract, everything, fill
from tests.contracts.store_machine import StoreMachine
from tests.doubles.disk import FailingDisk
from tests.examples import (
    ANN,
    CHANNEL,
    NOW,
    OTHER_CHANNEL,
    ballot,
    batch,
    delivery,
    message,
    paper,
    paper_id,
    receipt,
    slot,
    subscription,
)


class TestTinyDBStore(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        async def opened() -> Store:
            return await TinyDBStore.open(Path(tempfile.mkdtemp(dir=tmp_path)))

        return opened


ROOT = Path(__file__).parents[3]
STATES = Path(__file__).parent / "states"
"""A folder per released schema, with ``fill`` in it."""


async def filled(folder: Path) -> tuple[object, ...]:
    """Leave a folder with one of everything in it; return how it reads."""
    store = await TinyDBStore.open(folder)
    await fill(store)
    read = await everything(store)
    await store.close()
    return read


def released(folder: Path, schema: int) -> None:
    """Leave a folder as a version of that schema left it."""
    shutil.copytree(STATES / f"schema-{schema}", folder, dirs_exist_ok=True)


def on_disk(folder: Path) -> dict[str, bytes]:
    """Return every file of a state with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("state.lock", "state.pid")
    }


def tables(folder: Path) -> Tables:
    """Read a state as it stands on the disk."""
    return load(folder).tables


def damaged(path: Path, change: Any) -> bytes:
    """Change the JSON of a state by hand; return what the file then holds."""
    state = json.loads(path.read_bytes())
    change(state)
    path.write_text(json.dumps(state))
    return path.read_bytes()


# Opening again


async def test_opening_again_gives_everything_back(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    store = await TinyDBStore.open(tmp_path)
    assert await everything(store) == before
    assert await store.plan([delivery("b")], receipt()) is False
    await store.close()


async def test_both_stores_read_alike(tmp_path: Path) -> None:
    memory = MemoryStore()
    await fill(memory)
    assert await filled(tmp_path) == await everything(memory)


async def test_what_a_verb_returned_from_is_on_the_disk_before_closing(tmp_path: Path) -> None:
    store = await TinyDBStore.open(tmp_path)
    await store.cast(ballot())
    (entry,) = tables(tmp_path)["ledger"].values()
    assert entry["votes"] == {"up": {"button": {str(ANN): 1}}}
    await store.close()


async def test_plain_tinydb_reads_the_snapshot(tmp_path: Path) -> None:
    await filled(tmp_path)
    store = await TinyDBStore.open(tmp_path)
    await store.checkpoint()
    await store.close()
    with TinyDB(tmp_path / "snapshot.json", access_mode="r") as plain:
        assert plain.tables() >= {"papers", "batches", "subscriptions", "slots", "deliveries"}
        assert plain.tables() >= {"receipts", "ledger", "_meta"}
        (found,) = plain.table("papers").search(where("title") == "Paper 1")
        assert found["_id"] == str(paper_id(1))
        assert len(plain.table("papers")) == 4


async def test_one_document_holds_what_a_channel_did_with_a_paper(tmp_path: Path) -> None:
    await filled(tmp_path)
    kept = tables(tmp_path)["ledger"]
    assert list(kept) == [f"{CHANNEL} {paper_id(1)}", f"{CHANNEL} {paper_id(2)}"]


async def test_a_document_of_an_earlier_version_takes_defaults(tmp_path: Path) -> None:
    released(tmp_path, 1)

    def change(state: dict[str, Any]) -> None:
        for document in state["papers"].values():
            del document["code_stars"]
            document["forgotten"] = 1

    damaged(tmp_path / "state.json", change)
    store = await TinyDBStore.open(tmp_path)
    assert await store.papers([paper_id(1)]) == {paper_id(1): paper(1)}
    await store.close()


async def test_a_listed_paper_that_is_gone_does_not_break_reading(tmp_path: Path) -> None:
    released(tmp_path, 1)
    damaged(tmp_path / "state.json", lambda state: state["papers"].pop(str(paper_id(2))))
    store = await TinyDBStore.open(tmp_path)
    (kept,) = await store.batches(["huggingface"])
    assert [each.id for each in kept.papers] == [paper_id(1), paper_id(3)]
    assert await store.papers([paper_id(2)]) == {}
    await store.save_batch(batch(), NOW)
    (kept,) = await store.batches(["huggingface"])
    assert {each.id for each in kept.papers} == {paper_id(n) for n in (1, 2, 3)}
    await store.close()


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    await filled(folder)
    assert len(on_disk(folder)) == 2
    for name in on_disk(folder):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o077 == 0


async def test_what_changes_nothing_is_not_written(tmp_path: Path) -> None:
    await filled(tmp_path)
    before = on_disk(tmp_path)
    store = await TinyDBStore.open(tmp_path)
    await fill(store)
    await store.withdraw(ballot(8))
    await store.remove_subscription(OTHER_CHANNEL)
    await store.close()
    assert on_disk(tmp_path) == before


# One owner


async def test_a_folder_that_is_in_use_names_its_holder(tmp_path: Path) -> None:
    store = await TinyDBStore.open(tmp_path)
    with pytest.raises(StoreError, match=rf"is in use by process {os.getpid()} on .*: stop it"):
        await TinyDBStore.open(tmp_path)
    await store.close()
    await (await TinyDBStore.open(tmp_path)).close()


async def test_another_process_is_kept_out_until_this_one_closes(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from adapters.storage import open_store\n"
        "asyncio.run(open_store(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, f"tinydb://{tmp_path}"]

    def attempt() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    store = await TinyDBStore.open(tmp_path)
    refused = await asyncio.to_thread(attempt)
    assert f"is in use by process {os.getpid()}" in refused.stderr
    assert refused.returncode == 1
    await store.close()
    accepted = await asyncio.to_thread(attempt)
    assert accepted.returncode == 0, accepted.stderr


HOLDER = """
import asyncio, sys
from pathlib import Path
from adapters.storage.tinydb import TinyDBStore
from tests.examples import ballot

async def main():
    store = await TinyDBStore.open(Path(sys.argv[1]))
    await store.cast(ballot())
    print("held", flush=True)
    await asyncio.sleep(3_600)

asyncio.run(main())
"""


async def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout
            assert await asyncio.to_thread(holder.stdout.readline) == "held\n"
            with pytest.raises(StoreInUse, match=f"is in use by process {holder.pid} on "):
                await TinyDBStore.open(tmp_path)
        finally:
            holder.kill()
    assert (tmp_path / "state.lock").exists()
    store = await TinyDBStore.open(tmp_path)
    assert await store.tallies(CHANNEL) == {paper_id(1): Tally(up=1)}
    await store.close()


async def test_a_closed_store_changes_nothing_more(tmp_path: Path) -> None:
    store = await TinyDBStore.open(tmp_path)
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.cast(ballot())


async def test_closing_finishes_what_has_begun(tmp_path: Path) -> None:
    store = await TinyDBStore.open(tmp_path)
    votes = [asyncio.ensure_future(store.cast(ballot(n))) for n in range(1, 6)]
    await asyncio.sleep(0)  # each verb begins
    await store.close()
    await asyncio.gather(*votes)
    store = await TinyDBStore.open(tmp_path)
    assert len(await store.tallies(CHANNEL)) == 5
    await store.close()


async def test_a_verb_whose_caller_gave_up_is_finished_or_never_begun(tmp_path: Path) -> None:
    store = await TinyDBStore.open(tmp_path)
    votes = [asyncio.ensure_future(store.cast(ballot(n))) for n in range(1, 6)]
    await asyncio.sleep(0)
    for vote in votes:
        vote.cancel()
    await store.cast(ballot(6))
    now = await everything(store)
    await store.close()
    store = await TinyDBStore.open(tmp_path)
    assert await everything(store) == now
    assert paper_id(6) in await store.tallies(CHANNEL)
    await store.close()


# Writes that fail


async def test_a_full_disk_loses_nothing_and_is_told(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    disk = FailingDisk()
    store = await TinyDBStore.open(tmp_path, disk=disk)
    files = on_disk(tmp_path)
    for room in (0, 1, 40):
        for verb in (
            lambda: store.cast(ballot(3)),
            lambda: store.plan([delivery(day="2026-05-08")], receipt("2026-05-08")),
            lambda: store.save_batch(batch("2026-05-08"), NOW),
            lambda: store.remove_subscription(CHANNEL),
            lambda: store.replace_marks(CHANNEL, "", ()),
            lambda: store.advance(delivery("a").key, DeliveryState.SENT, ref=message(2), at=NOW),
        ):
            disk.room = room
            with pytest.raises(StoreError, match=r"jsonl cannot be written \(No space left.*room"):
                await verb()
            disk.room = None
            assert await everything(store) == before
            assert on_disk(tmp_path) == files

    await store.cast(ballot(3))
    assert paper_id(3) in await store.tallies(CHANNEL)
    await store.close()


async def test_no_room_for_a_snapshot_loses_nothing(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    disk = FailingDisk()
    store = await TinyDBStore.open(tmp_path, disk=disk)
    disk.room = 0
    with pytest.raises(StoreError, match=r"snapshot\.json cannot be written \(No space left"):
        await store.checkpoint()
    disk.room = None
    await store.cast(ballot(3))
    assert paper_id(3) in await store.tallies(CHANNEL)
    await store.withdraw(ballot(3))
    await store.checkpoint()
    await store.close()
    store = await TinyDBStore.open(tmp_path)
    assert await everything(store) == before
    await store.close()


async def test_verbs_of_one_write_fail_together_and_leave_no_trace(tmp_path: Path) -> None:
    disk = FailingDisk()
    store = await TinyDBStore.open(tmp_path, disk=disk)
    disk.room = 10
    plans = [store.plan([delivery()], receipt()) for _ in range(5)]
    answers = await asyncio.gather(*plans, return_exceptions=True)
    assert [type(each) for each in answers] == [StoreError] * 5
    disk.room = None
    assert await store.plan([delivery()], receipt()) is True
    assert list(await store.unfinished()) == [slot()]
    await store.close()


async def test_after_a_failed_sync_nothing_more_is_written(tmp_path: Path) -> None:
    disk, told = FailingDisk(), []
    store = await TinyDBStore.open(tmp_path, disk=disk, on_poisoned=told.append)
    await store.cast(ballot())
    disk.broken = True
    with pytest.raises(StorePoisoned, match="start the bot again"):
        await store.cast(ballot(2))
    disk.broken = False
    with pytest.raises(StorePoisoned):
        await store.cast(ballot(3))
    with pytest.raises(StorePoisoned):
        await store.checkpoint()
    assert set(await store.tallies(CHANNEL)) == {paper_id(1)}
    with pytest.raises(StorePoisoned):
        await store.ping()
    assert [type(each) for each in told] == [StorePoisoned]
    await store.close()
    (journal,) = tmp_path.glob("journal-*.jsonl")
    before = journal.stat().st_ino
    store = await TinyDBStore.open(tmp_path)
    assert journal.stat().st_ino != before, "what was read is written to a new file"
    assert paper_id(1) in await store.tallies(CHANNEL)
    await store.close()


async def test_verbs_that_wait_together_share_one_write(tmp_path: Path) -> None:
    disk = FailingDisk()
    store = await TinyDBStore.open(tmp_path, disk=disk)
    disk.writes = 0
    await asyncio.gather(*(store.cast(ballot(n)) for n in range(1, 101)))
    assert disk.writes == 1
    assert len(await store.tallies(CHANNEL)) == 100
    await store.close()


async def test_what_json_cannot_hold_changes_nothing(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    files = on_disk(tmp_path)
    store = await TinyDBStore.open(tmp_path)
    naive: Subscription = subscription(created_at=NOW.replace(tzinfo=None))
    with pytest.raises(TypeError, match="without a time zone"):
        await store.save_subscription(naive)
    with pytest.raises(TypeError, match="float"):
        await store.save_papers([paper(7), paper(8, upvotes=1.5)])
    assert await everything(store) == before
    await store.close()
    assert on_disk(tmp_path) == files


# States that are refused


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is damaged at byte 0 of 0"),
        (b'{"meta": {"schema"', "is damaged at byte 18 of 18"),
        ('{"é": 1, }'.encode(), "is damaged at byte 10 of 11"),
        (b'{"meta": "\xff"}', "is damaged at byte 10"),
        (b"[1, 2]", "is not a state of this bot"),
        (b'{"_default": {"1": {"title": "a list of mine"}}}', "is not a state of this bot"),
        (
            b'{"meta": {"schema": {"product": "daily-papers", "version": 1}}, "papers": []}',
            "is not a state of this bot",
        ),
        (
            b'{"meta": {"schema": {"product": "daily-papers", "version": 99}}}',
            r"newer version \(schema 99, this one reads 2\): run that version",
        ),
    ],
)
async def test_a_state_that_cannot_be_understood_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    (tmp_path / "state.json").write_bytes(content)
    for _ in range(2):  # the second time shows that the first let go of the folder
        with pytest.raises(StoreError, match=problem) as refusal:
            await TinyDBStore.open(tmp_path)
        assert str(tmp_path / "state.json") in str(refusal.value)
        assert (tmp_path / "state.json").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is damaged at byte 0"),
        (b"no JSON", "is damaged at byte 0"),
        (b'{"_default": {"1": {"title": "a list of mine"}}}', "is not a state of this bot"),
        (b'{"papers": [], "_meta": {}}', "is not a state of this bot"),
        (
            b"".join(slices([], Meta(schema=99, sequence=0))),
            rf"newer version \(schema 99, this one reads {SCHEMA}\): run that version",
        ),
    ],
)
async def test_a_snapshot_that_is_foreign_or_newer_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    await filled(tmp_path)
    (tmp_path / "snapshot.json").write_bytes(content)
    before = on_disk(tmp_path)
    for _ in range(2):  # the second time shows that the first let go of the folder
        with pytest.raises(StoreError, match=problem) as refusal:
            await TinyDBStore.open(tmp_path)
        assert str(tmp_path / "snapshot.json") in str(refusal.value)
        assert on_disk(tmp_path) == before


async def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    foreign = (
        "notes.txt",
        "papers.json",
        "snapshot.json.bak",
        "snapshot (copy).json",
        "journal.jsonl",
        "journal-000000000001.jsonl.bak",
        ".hidden",
        "deeper/snapshot.json",
        "archive/notes.txt",
    )
    for name in foreign:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("somebody else's")
    before = await filled(tmp_path)
    for _ in range(2):
        store = await TinyDBStore.open(tmp_path, keep_days=0)
        assert await everything(store) == before
        await store.checkpoint()
        await store.close()
    for name in foreign:
        assert (tmp_path / name).read_text() == "somebody else's"


async def test_a_state_cut_short_anywhere_is_refused_and_left_alone(tmp_path: Path) -> None:
    released(tmp_path, 1)
    whole = (tmp_path / "state.json").read_bytes()
    for end in range(0, len(whole) - 1, len(whole) // 25):
        (tmp_path / "state.json").write_bytes(whole[:end])
        with pytest.raises(StoreError, match="is damaged at byte"):
            await TinyDBStore.open(tmp_path)
        assert (tmp_path / "state.json").read_bytes() == whole[:end]


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("papers", "id", "no id"),
        ("papers", "title", 7),
        ("papers", "authors", "not a list"),
        ("batches", "key", "huggingface/yesterday"),
        ("subscriptions", "schedule", None),
        ("deliveries", "state", "lost"),
        ("receipts", "ran_at", "noon"),
        ("ledger", "votes", {"sideways": {}}),
        ("messages", "delivery", None),
    ],
)
async def test_a_document_that_cannot_be_read_stops_the_start(
    tmp_path: Path, table: str, field: str, value: object
) -> None:
    released(tmp_path, 1)

    def change(state: dict[str, Any]) -> None:
        next(iter(state[table].values()))[field] = value

    content = damaged(tmp_path / "state.json", change)
    with pytest.raises(StoreError, match=rf"is damaged: {table} '.+': .+ put a backup"):
        await TinyDBStore.open(tmp_path)
    assert (tmp_path / "state.json").read_bytes() == content


async def test_a_document_that_lacks_what_it_needs_stops_the_start(tmp_path: Path) -> None:
    released(tmp_path, 1)
    damaged(tmp_path / "state.json", lambda state: state["slots"].update(x={"deliveries": []}))
    with pytest.raises(StoreError, match=r"is damaged: slots 'x': .*'slot'"):
        await TinyDBStore.open(tmp_path)


async def test_a_folder_that_cannot_be_used_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=r"STORE_URL names .* make it a folder"):
            await TinyDBStore.open(folder)


BOUND_BY_MODES = """
import asyncio, os, sys
from pathlib import Path
from adapters.storage.tinydb import TinyDBStore
from bot.domain.errors import ConfigError

async def refused(folder):
    try:
        await TinyDBStore.open(folder)
    except ConfigError as error:
        print(error)

folder = Path(sys.argv[1])
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
if not os.access(folder / "state.lock", os.R_OK) or os.access(folder, os.W_OK):
    sys.exit(77)
asyncio.run(refused(folder))
asyncio.run(refused(folder / "below"))
"""
"""Modes bind everybody but root, so root becomes another user first."""


async def test_a_folder_that_may_only_be_read_is_a_wrong_setting_and_left_alone() -> None:
    with tempfile.TemporaryDirectory() as place:  # the tests' own folders are closed to others
        folder = Path(place) / "state"
        await filled(folder)
        before = on_disk(folder)
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        folder.parent.chmod(0o755)
        command = [sys.executable, "-c", BOUND_BY_MODES, str(folder)]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
        )
        after = on_disk(folder)
        folder.chmod(0o755)
    if done.returncode == 77:
        pytest.skip("no user here is bound by the modes of files")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"STORE_URL names {each}, which cannot be used (Permission denied): "
        "make it a folder that the bot's user may write"
        for each in (folder, folder / "below")
    ]
    assert after == before


@pytest.mark.parametrize("kind", ["folder", "link to nowhere"])
async def test_a_state_that_cannot_be_read_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state.json"
    path.mkdir() if kind == "folder" else path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="cannot be read"):
        await TinyDBStore.open(tmp_path)


# Both stores, step by step


class TinyDBMachine(StoreMachine):
    """Snapshots and full disks between the steps change nothing that can be read."""

    store: TinyDBStore

    async def begun(self) -> Store:
        self.folder = tempfile.TemporaryDirectory()
        self.disk = FailingDisk()
        return await self.reopened()

    async def reopened(self) -> Store:
        return await TinyDBStore.open(Path(self.folder.name), disk=self.disk, checkpoint_bytes=4000)

    async def removed(self) -> None:
        self.folder.cleanup()

    @rule()
    def checkpoint(self) -> None:
        self.run(self.store.checkpoint())

    @rule(room=st.integers(0, 80))
    def fail_to_write(self, room: int) -> None:
        self.disk.room = room
        with pytest.raises(StoreError):
            self.run(self.store.save_papers([paper(99)]))
        self.disk.room = None


TestBothStores = TinyDBMachine.TestCase
TestBothStores.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
