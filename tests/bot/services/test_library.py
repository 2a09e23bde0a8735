from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.search.lexical import LexicalIndex
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot.domain.channels import Layout
from bot.domain.errors import AmbiguousPaper, BadArgument, SourceError, UnknownPaper, UserError
from bot.domain.papers import Paper, PaperId, closes_at, opens_at
from bot.services import library
from tests.bot.posted import post
from tests.examples import (
    CHANNEL,
    NOW,
    OTHER_CHANNEL,
    TODAY,
    batch,
    batch_key,
    delivery,
    paper,
    paper_id,
)
from tests.fakes import FakeSource

SUMMARIZER = ExtractiveSummarizer()
YESTERDAY = TODAY - timedelta(days=1)
DOWN = SourceError("huggingface", "HTTP 503", retry_after=60)


class Shelves:
    """A store with its index, and sources to ask."""

    def __init__(self, *sources: FakeSource) -> None:
        self.store = MemoryStore()
        self.index = LexicalIndex()
        self.sources = {source.name: source for source in sources}

    async def keep(self, *papers: Paper) -> None:
        await library.keep(papers, self.store, self.index, SUMMARIZER)

    async def resolve(self, name: str) -> Paper:
        return await library.resolve(
            name,
            CHANNEL,
            store=self.store,
            index=self.index,
            summarizer=SUMMARIZER,
            sources=self.sources,
        )

    async def post_digest(self) -> None:
        """Let a digest of five papers stand in the channel, in two messages."""
        await self.keep(*map(paper, range(1, 6)))
        head = delivery(layout=Layout.CARDS)
        more = delivery("cards-2", 1, papers=(4, 5), first_rank=4, layout=Layout.CARDS)
        await post([head, more], self.store)


@pytest.mark.parametrize(
    "name",
    [
        "2605.00002",
        "arXiv:2605.00002v2",
        "https://huggingface.co/papers/2605.00002",
        "https://arxiv.org/pdf/2605.00002v1",
        "arxiv:2605.00002",
        "2605.00002 Paper 2",
        "#2",
        "2",
        " 2 ",
        "paper 2",
        "Paper 2!",
    ],
)
async def test_a_paper_is_named_by_id_link_rank_or_title(name: str) -> None:
    shelves = Shelves()
    await shelves.post_digest()
    assert (await shelves.resolve(name)).id == paper_id(2)


async def test_a_rank_counts_through_all_messages_of_the_last_digest() -> None:
    shelves = Shelves()
    await shelves.post_digest()
    assert (await shelves.resolve("#5")).id == paper_id(5)


@pytest.mark.parametrize("rank", ["0", "#6", "99"])
async def test_a_rank_beyond_the_digest_is_refused_with_its_last(rank: str) -> None:
    shelves = Shelves()
    await shelves.post_digest()
    with pytest.raises(BadArgument, match="the last digest ends at 5"):
        await shelves.resolve(rank)


async def test_a_rank_means_nothing_before_the_first_digest_of_this_channel() -> None:
    shelves = Shelves()
    await post([delivery(channel=OTHER_CHANNEL)], shelves.store)
    with pytest.raises(BadArgument, match="no digest has been posted here yet"):
        await shelves.resolve("#1")


async def test_a_rank_whose_paper_is_no_longer_kept_is_unknown() -> None:
    shelves = Shelves()
    await post([delivery()], shelves.store)
    with pytest.raises(UnknownPaper):
        await shelves.resolve("#1")


async def test_a_whole_title_wins_over_titles_that_contain_it() -> None:
    shelves = Shelves()
    await shelves.keep(
        paper(1, title="World Models"),
        paper(2, title="World Models for Walking"),
        paper(3, title="On Running", abstract="A world of models."),
    )
    assert (await shelves.resolve("world models")).id == paper_id(1)
    assert (await shelves.resolve("models for walking")).id == paper_id(2)
    assert (await shelves.resolve("running")).id == paper_id(3)


async def test_a_name_that_fits_several_papers_lists_them() -> None:
    shelves = Shelves()
    await shelves.keep(paper(1, title="Walking Robots"), paper(2, title="Robots Walking"))
    with pytest.raises(AmbiguousPaper) as error:
        await shelves.resolve("robots")
    assert set(error.value.candidates) == {
        ("arxiv:2605.00001", "Walking Robots"),
        ("arxiv:2605.00002", "Robots Walking"),
    }


async def test_a_name_that_fits_nothing_is_unknown() -> None:
    shelves = Shelves(FakeSource({TODAY: [paper(1)]}))
    for name in ("no such thing", "2605.09999", "???"):
        with pytest.raises(UnknownPaper):
            await shelves.resolve(name)


async def test_a_paper_that_is_not_kept_is_asked_for_and_kept() -> None:
    source = FakeSource({TODAY: [paper(7, title="Found Elsewhere")]})
    shelves = Shelves(FakeSource(name="folder"), source)
    assert (await shelves.resolve("2605.00007")).id == paper_id(7)
    asked = source.asked
    assert (await shelves.resolve("found elsewhere")).id == paper_id(7)
    assert (await shelves.resolve("2605.00007")).id == paper_id(7)
    assert source.asked == asked


async def test_a_source_that_is_down_hides_no_paper_that_another_knows() -> None:
    down = FakeSource(name="folder")
    down.trouble = DOWN
    shelves = Shelves(down, FakeSource({TODAY: [paper(7)]}))
    assert (await shelves.resolve("2605.00007")).id == paper_id(7)
    with pytest.raises(SourceError, match="HTTP 503"):
        await shelves.resolve("2605.00008")


async def test_a_paper_without_an_arxiv_id_is_found_by_the_id_on_its_buttons() -> None:
    shelves = Shelves()
    titled = paper(1, id=PaperId("title", "a-paper-on-walking-1a2b"), title="A Paper on Walking")
    await shelves.keep(titled)
    assert await shelves.resolve("title:a-paper-on-walking-1a2b") == replace(
        titled, gist="The first sentence of paper 1."
    )


async def test_words_of_a_title_come_before_words_of_an_abstract_the_last_one_perhaps_begun() -> (
    None
):
    shelves = Shelves()
    wanted = paper(1, title="Walking Robots on Sand", abstract="")
    await shelves.keep(wanted, paper(2, title="Cats", abstract="Robots walking on sand and snow."))
    assert (await shelves.resolve("sand walking rob")).id == wanted.id


@given(st.text(min_size=1, max_size=40))
async def test_any_name_is_answered_with_a_paper_or_a_sentence(name: str) -> None:
    shelves = Shelves(FakeSource({TODAY: [paper(7)]}))
    await shelves.post_digest()
    with suppress(UserError):
        assert await shelves.resolve(name)


async def test_a_poll_keeps_the_newest_list_and_makes_it_findable() -> None:
    shelves = Shelves()
    source = FakeSource({TODAY: [paper(1, title="Walking"), paper(2)], YESTERDAY: [paper(3)]})
    assert await library.poll(source, shelves.store, shelves.index, SUMMARIZER, NOW) == 2
    assert [each.key for each in await shelves.store.batches(["huggingface"])] == [batch_key()]
    assert (await shelves.resolve("walking")).id == paper_id(1)
    assert await library.poll(source, shelves.store, shelves.index, SUMMARIZER, NOW) == 0


async def test_a_poll_reads_the_list_before_again_while_it_may_still_lack_papers() -> None:
    """Its last arrivals can come in the moments between the last poll and the next list."""
    shelves = Shelves()
    await shelves.store.save_batch(batch(YESTERDAY, [paper(1)]), NOW - timedelta(days=1))
    source = FakeSource({TODAY: [paper(3)], YESTERDAY: [paper(1), paper(2)]})
    assert (
        await library.poll(source, shelves.store, shelves.index, SUMMARIZER, opens_at(TODAY)) == 2
    )
    source.days[YESTERDAY] = [paper(1), paper(2), paper(4)]
    assert (
        await library.poll(source, shelves.store, shelves.index, SUMMARIZER, closes_at(TODAY)) == 0
    )


async def test_a_poll_of_an_empty_source_finds_nothing_and_one_of_a_broken_source_says_so() -> None:
    shelves, source = Shelves(), FakeSource()
    assert await library.poll(source, shelves.store, shelves.index, SUMMARIZER, NOW) == 0
    source.trouble = DOWN
    with pytest.raises(SourceError):
        await library.poll(source, shelves.store, shelves.index, SUMMARIZER, NOW)


async def test_a_list_of_tomorrow_is_none_of_our_business_yet() -> None:
    shelves = Shelves()
    source = FakeSource({TODAY + timedelta(days=1): [paper(1)]})
    assert await library.poll(source, shelves.store, shelves.index, SUMMARIZER, NOW) == 0


async def test_papers_are_cleaned_where_they_enter() -> None:
    raw = paper(1, title=r"\ours: a~title")
    source = FakeSource({TODAY: [raw]})
    shelves = Shelves(source)
    await library.poll(source, shelves.store, shelves.index, SUMMARIZER, NOW)
    (listed,) = await shelves.store.batches([source.name])
    assert (listed.papers[0].title, listed.papers[0].raw_title) == ("ours: a title", raw.title)
    (met,) = await library.keep(
        [replace(raw, id=paper_id(2))], shelves.store, shelves.index, SUMMARIZER
    )
    assert met.title == "ours: a title"
    assert (await shelves.store.papers([met.id]))[met.id] == met


async def test_a_paper_that_is_asked_for_is_told_cleaned() -> None:
    shelves = Shelves(FakeSource({TODAY: [paper(1, title="a~title")]}))
    assert (await shelves.resolve(str(paper_id(1)))).title == "a title"
