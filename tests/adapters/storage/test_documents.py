from __future__ import annotations

import json
from datetime import UTC, date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.documents import Entry, ListedBatch, Standing, TakenSlot, decode, encode
from bot.domain.channels import ChannelRef, MessageRef, Subscription, UserRef
from bot.domain.deliveries import Delivery, Receipt, Seen, Slot
from bot.domain.papers import BatchKey, Paper, PaperId
from tests.examples import NOW, paper

text = st.text(st.characters(), max_size=20)  # lone surrogates included: sources send them
word = st.text(st.characters(exclude_characters=":/"), min_size=1, max_size=8)
key = st.text(st.characters(), min_size=1, max_size=12)
days = st.dates(min_value=date(1990, 1, 1))

paper_ids = st.builds(PaperId, word, key)
batch_keys = st.builds(BatchKey, word, days)
channels = st.builds(ChannelRef, word, word, word)
users = st.builds(UserRef, word, word, key)
moments = st.datetimes(timezones=st.just(UTC))
numbers = st.none() | st.integers()
words = st.lists(text, max_size=3).map(tuple)
ids = st.lists(paper_ids, max_size=3).map(tuple)
keys = st.lists(batch_keys, max_size=3).map(tuple)
slots = st.builds(Slot, channels, days)

VALUES: dict[type, st.SearchStrategy[Any]] = {
    Paper: st.builds(
        Paper,
        paper_ids,
        text,
        text,
        authors=words,
        published=st.none() | days,
        upvotes=numbers,
        one_line=st.none() | text,
        keywords=words,
        code_stars=numbers,
        code_url=st.none() | text,
    ),
    ListedBatch: st.builds(ListedBatch, batch_keys, ids, st.dictionaries(paper_ids, moments)),
    Subscription: st.builds(
        Subscription,
        channels,
        users,
        moments,
        sources=words,
        owed_from=st.none() | moments,
        parked=st.none() | text,
    ),
    TakenSlot: st.builds(TakenSlot, slots, words),
    Delivery: st.builds(
        Delivery,
        slot=slots,
        key=text,
        part=text,
        reason=text,
        batches=keys,
        papers=ids,
        resurfaced=ids,
        ref=st.none() | st.builds(MessageRef, channels, key),
        attempted_at=st.none() | moments,
    ),
    Receipt: st.builds(
        Receipt,
        slot=slots,
        ran_at=moments,
        batches=keys,
        note=text,
        next_run=st.none() | moments,
    ),
    Entry: st.builds(
        Entry,
        channels,
        paper_ids,
        seen=st.none() | st.builds(Seen, batch_keys, days, numbers),
    ),
    Standing: st.builds(Standing, text),
}


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_value_comes_back_from_json_as_it_went(kind: type, data: st.DataObject) -> None:
    value = data.draw(VALUES[kind])
    assert decode(kind, json.loads(json.dumps(encode(value)))) == value


def test_a_document_can_be_read_by_people() -> None:
    document = encode(paper(1))
    assert document["id"] == "arxiv:2605.00001"
    assert document["published"] == "2026-05-05"
    assert document["authors"] == ["Ann Author", "Bob Writer"]
    assert document["one_line"] is None


def test_an_absent_field_takes_its_default_and_an_unknown_one_is_passed_over() -> None:
    document = {"id": "arxiv:2605.00001", "title": "T", "abstract": "A", "mood": "good"}
    assert decode(Paper, document) == Paper(PaperId("arxiv", "2605.00001"), "T", "A")


@pytest.mark.parametrize(
    "change",
    [
        {"title": None},
        {"title": 3},
        {"upvotes": "many"},
        {"upvotes": True},
        {"authors": "Ann"},
        {"published": "soon"},
        {"id": 7},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        decode(Paper, {**encode(paper(1)), **change})


def test_a_missing_field_without_a_default_is_named() -> None:
    with pytest.raises(ValueError, match="abstract"):
        decode(Paper, {"id": "arxiv:2605.00001", "title": "T"})


@pytest.mark.parametrize("value", [object(), {1, 2}, 1.5, NOW.replace(tzinfo=None)])
def test_what_documents_do_not_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)
