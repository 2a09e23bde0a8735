from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tinydb import Query, TinyDB, where
from tinydb.queries import QueryInstance
from tinydb.table import Table

from adapters.storage import segments
from adapters.storage.journal import Draft, JournalStorage
from adapters.storage.opening import Loaded, load
from adapters.storage.patches import difference, merged, record, replayed
from adapters.storage.table import Copied, Index, KeyedTable
from bot.domain.errors import StoreError
from tests.doubles.disk import FailingDisk

COLOUR = Index(("colour", "name"))


class Documents(KeyedTable[Any]):
    """A table of anything, as TinyDB makes it by itself."""

    def __init__(self, storage: Any, name: str, **_: Any) -> None:
        super().__init__(storage, name, dict, [COLOUR])


class Journaled(TinyDB):
    table_class = Documents


def written(folder: Path, *, sealed: bool = True) -> JournalStorage:
    """Leave a snapshot, and a journal of six lines after it."""
    storage = JournalStorage(folder)
    storage.change("papers", {"early": {"n": 0}})
    storage.checkpoint()
    storage.change("papers", {"a": {"n": 1, "votes": {}}})
    for person in ("ann", "bob", "cid"):
        storage.patch("papers", "a", {"votes": {person: 1}})
    storage.change("papers", {"b": {"n": 2}, "early": None})
    together = Draft(storage)
    for key, document in (("c", {"n": 3}), ("d", {"n": 4}), ("c", None)):
        together.change("papers", {key: document})
        together.finish()
    storage.commit(together)
    if sealed:
        storage.close()
    return storage


def journal(folder: Path) -> Path:
    """Return the last file of a journal."""
    return segments.files(folder)[-1][1]


def attempt(folder: Path) -> tuple[str, Loaded | None]:
    """Read a state; return why it was refused, or what it holds."""
    try:
        return "", load(folder)
    except StoreError as error:
        return str(error), None


EXPECTED = {"papers": {
    "a": {"n": 1, "votes": {"ann": 1, "bob": 1, "cid": 1}},
    "b": {"n": 2},
    "d": {"n": 4},
}}  # fmt: skip


# Reading what was written


def test_a_journal_reads_as_it_was_written(tmp_path: Path) -> None:
    written(tmp_path)
    loaded = load(tmp_path)
    assert loaded.tables == EXPECTED
    assert loaded.reading.sealed


def test_every_line_of_a_journal_is_json(tmp_path: Path) -> None:
    written(tmp_path)
    lines = [json.loads(line) for line in journal(tmp_path).read_text().splitlines()]
    assert [line[1] for line in lines] == list(range(2, 11))
    assert lines[1][3] == {"papers": {"a": {"votes": {"ann": 1}}}}


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_no_flipped_byte_passes_unnoticed(tmp_path: Path, sealed: bool, flip: int) -> None:
    """After a crash the last write alone may be taken for torn: nothing proves that it was synced.

    Closing proves it, and so does every later write.
    """
    written(tmp_path, sealed=sealed)
    path = journal(tmp_path)
    whole = path.read_bytes()
    last_write = len(whole) if sealed else whole.rindex(b"\n", 0, whole.index(b",7,7,{"))
    for offset in range(len(whole)):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ flip]) + whole[offset + 1 :])
        refusal, loaded = attempt(tmp_path)
        if loaded is None:
            assert str(path) in refusal
            assert "--salvage" in refusal
        elif loaded.tables != EXPECTED:
            assert offset >= last_write
            assert loaded.reading.torn


def test_no_flipped_byte_of_a_snapshot_passes_unnoticed(tmp_path: Path) -> None:
    written(tmp_path)
    path = tmp_path / "snapshot.json"
    whole = path.read_bytes()
    for offset in range(len(whole)):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x01]) + whole[offset + 1 :])
        refusal, loaded = attempt(tmp_path)
        assert str(tmp_path) in refusal if loaded is None else loaded.tables == EXPECTED


def test_a_journal_cut_short_is_a_crash_or_is_refused_never_more(tmp_path: Path) -> None:
    written(tmp_path, sealed=False)
    path = journal(tmp_path)
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        loaded = load(tmp_path)
        assert loaded.reading.size + loaded.reading.torn == end
        assert loaded.reading.sequence == 1 + whole[:end].count(b"\n")


def test_a_torn_end_goes_before_anything_is_added(tmp_path: Path) -> None:
    written(tmp_path, sealed=False)
    path = journal(tmp_path)
    path.write_bytes(path.read_bytes() + b'["00000000",11,11,{"pap\0\0\0\0')
    storage = JournalStorage(tmp_path)
    storage.change("papers", {"e": {"n": 5}})
    storage.close()
    assert load(tmp_path).tables["papers"]["e"] == {"n": 5}


def test_garbage_in_a_file_that_is_not_the_last_is_refused(tmp_path: Path) -> None:
    storage = written(tmp_path, sealed=False)
    path = journal(tmp_path)
    storage.rotate()
    storage.change("papers", {"e": {"n": 5}})
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(StoreError, match=rf"{path.name} is damaged at byte \d+ .*--salvage"):
        load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    storage = written(tmp_path, sealed=False)
    first = journal(tmp_path)
    storage.rotate()
    storage.change("papers", {"e": {"n": 5}})
    first.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=f"{first.name} is missing"):
        load(tmp_path)
    for _, path in segments.files(tmp_path):
        path.unlink()
    with pytest.raises(StoreError, match=f"{first.name} is missing"):
        load(tmp_path)


def test_a_missing_snapshot_is_no_new_beginning(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "snapshot.json").unlink()
    with pytest.raises(StoreError, match=r"snapshot\.json is missing"):
        load(tmp_path)


def test_a_repeated_line_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    path = journal(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], lines[2], *lines[3:]]))
    with pytest.raises(StoreError, match="line 4 stands where 5 belongs"):
        load(tmp_path)


# Snapshots


def test_a_checkpoint_begins_the_journal_anew(tmp_path: Path) -> None:
    storage = written(tmp_path, sealed=False)
    storage.checkpoint()
    assert [path.stat().st_size for _, path in segments.files(tmp_path)] == [0]
    storage.close()
    assert load(tmp_path).tables == EXPECTED


def test_a_snapshot_is_due_by_the_size_of_the_journal(tmp_path: Path) -> None:
    storage = JournalStorage(tmp_path, checkpoint_bytes=500)
    storage.change("papers", {"a": {"text": "x" * 600}})
    assert storage.is_due
    storage.checkpoint()
    assert not storage.is_due
    storage.close()


def test_a_snapshot_has_one_document_a_line(tmp_path: Path) -> None:
    storage = written(tmp_path, sealed=False)
    storage.checkpoint()
    lines = (tmp_path / "snapshot.json").read_text().splitlines()
    assert lines[1:5] == [
        '"papers":{',
        '"1":{"_id":"a","n":1,"votes":{"ann":1,"bob":1,"cid":1}},',
        '"2":{"_id":"b","n":2},',
        '"3":{"_id":"d","n":4}',
    ]
    storage.close()


@pytest.mark.parametrize("room", [0, 30, 400])
def test_a_journal_that_cannot_be_rotated_goes_on_in_its_file(tmp_path: Path, room: int) -> None:
    disk = FailingDisk()
    storage = JournalStorage(tmp_path, disk=disk)
    for n in range(9):
        storage.change("papers", {str(n): {"text": "x" * 100}})
    disk.room = room
    with pytest.raises(StoreError, match=r"snapshot\.json cannot be written"):
        storage.checkpoint()
    disk.room = None
    storage.change("papers", {"more": {"n": 1}})
    storage.checkpoint()
    storage.close()
    assert len(load(tmp_path).tables["papers"]) == 10


# Patches

plain = st.none() | st.integers(0, 3) | st.text(max_size=2) | st.lists(st.none(), max_size=2)
values = st.recursive(plain, lambda each: st.dictionaries(st.sampled_from("abc"), each, max_size=3))
documents = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(before=st.none() | documents, after=st.none() | documents)
def test_a_change_leads_from_any_document_to_any_other(before: Any, after: Any) -> None:
    change = record(before, after)
    if before == after:
        assert change == {}
    else:
        assert replayed(json.loads(json.dumps(before)), change) == after


@given(before=documents, after=documents)
def test_a_patch_holds_no_more_than_what_differs(before: Any, after: Any) -> None:
    patch = difference(before, after)
    assert difference(before, before) == {}
    if patch is not None:
        assert merged(before, patch) == after


# TinyDB's own verbs


@pytest.fixture
def db(tmp_path: Path) -> Iterator[TinyDB]:
    with Journaled(tmp_path, storage=JournalStorage) as opened:
        yield opened


def test_tinydbs_own_verbs_write_what_they_touch(db: TinyDB, tmp_path: Path) -> None:
    table = db.table("papers")
    table.insert(Copied({"colour": {"name": "red"}, "n": 1}, "x"))
    table.insert(Copied({"colour": {"name": "blue"}, "n": 2}, "y"))
    assert table.update({"n": 3}, where("n") == 2) == ["y"]
    table.upsert({"new": True}, where("n") == 3)
    table.remove(doc_ids=["x"])  # type: ignore[list-item]
    assert load(tmp_path).tables == {
        "papers": {"y": {"colour": {"name": "blue"}, "n": 3, "new": True}}
    }
    line = json.loads(journal(tmp_path).read_text().splitlines()[2])
    assert line[3] == {"papers": {"y": {"n": 3}}}
    table.truncate()
    assert load(tmp_path).tables == {"papers": {}}
    db.drop_tables()


def test_an_updater_that_raises_changes_nothing(db: TinyDB) -> None:
    table = db.table("papers")
    table.insert(Copied({"n": 1, "deep": {"m": 1}}, "x"))

    def broken(document: Any) -> None:
        document["deep"]["m"] = 2
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        table.update(broken)
    table.all()[0]["deep"]["m"] = 3
    assert table.all() == [{"n": 1, "deep": {"m": 1}}]


def test_an_equality_asks_its_index(db: TinyDB) -> None:
    table = db.table("papers")
    for n in range(10):
        table.insert(Copied({"colour": {"name": "red" if n % 5 else "blue"}, "n": n}, str(n)))
    looked_at = []

    def notes(value: int) -> bool:
        looked_at.append(value)
        return True

    query = Query()
    found = table.search((query.colour.name == "blue") & (query.n >= 0))
    assert [each["n"] for each in found] == [0, 5]
    found = table.search((query.colour.name == "blue") & query.n.test(notes))
    assert len(found) == 2
    table.update({"colour": {"name": "blue"}}, query.n == 1)
    assert {each["n"] for each in table.search(query.colour.name == "blue")} == {0, 1, 5}


def test_the_private_names_of_tinydb_that_are_relied_on_are_there() -> None:
    query = where("colour").name == "red"
    assert isinstance(query, QueryInstance)
    assert query._hash == ("==", ("colour", "name"), "red")
    both = query & (where("n") == 1)
    assert both._hash == ("and", frozenset([query._hash, ("==", ("n",), 1)]))
    assert callable(Table._update_table)
    assert callable(Table._read_table)
