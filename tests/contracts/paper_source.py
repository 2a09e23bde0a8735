"""What every paper source does. Subclass it, and give the fixtures of a source and its contents."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest

from bot.domain.papers import PaperId, distinct
from bot.ports import PaperSource

UNKNOWN = (PaperId("arxiv", "0704.0001"), PaperId("page", "no-such-page"), PaperId("x", "../y"))


class PaperSourceContract:
    """The source holds at least one batch of at least two papers, no older than a week before."""

    @pytest.fixture
    async def source(self) -> PaperSource:
        """The source under test."""
        raise NotImplementedError

    @pytest.fixture
    def day(self) -> date:
        """The newest day that holds papers."""
        raise NotImplementedError

    async def test_a_batch_is_of_the_day_it_was_asked_for(self, source, day):
        batch = await source.batch(day)
        assert (batch.key.source, batch.key.day) == (source.name, day)
        assert batch.grown_at is None
        assert len(batch.papers) >= 2
        assert distinct(batch.papers) == batch.papers

    async def test_a_day_without_a_list_is_an_empty_batch(self, source, day):
        batch = await source.batch(day + timedelta(days=1))
        assert (batch.key.day, batch.papers) == (day + timedelta(days=1), ())

    async def test_every_paper_is_told_in_plain_lines(self, source, day):
        for paper in (await source.batch(day)).papers:
            assert paper.title
            assert paper.title == " ".join(paper.title.split())
            assert paper.abstract == " ".join(paper.abstract.split())
            assert all(author.strip() for author in paper.authors)

    async def test_the_newest_batch_is_found_on_its_day_and_after(self, source, day):
        expected = await source.batch(day)
        for later in range(5):
            assert await source.newest(day + timedelta(days=later)) == expected

    async def test_the_newest_batch_is_never_of_later_than_asked(self, source, day):
        earlier = await source.newest(day - timedelta(days=1))
        assert earlier is None or (earlier.papers and earlier.key.day < day)
        assert await source.newest(date(2000, 1, 5)) is None

    @pytest.mark.parametrize("period", ["week", "month"])
    async def test_a_roundup_holds_the_days_papers_once_each(self, source, day, period):
        papers = await source.roundup(period, day)
        ids = [paper.id for paper in papers]
        assert {paper.id for paper in (await source.batch(day)).papers} <= set(ids)
        assert len(set(ids)) == len(ids)

    @pytest.mark.parametrize("period", ["week", "month"])
    async def test_a_roundup_of_a_time_without_papers_is_empty(self, source, period):
        assert tuple(await source.roundup(period, date(2000, 1, 5))) == ()

    async def test_something_trends_after_the_newest_batch(self, source, day):
        papers = await source.roundup("trending", day + timedelta(days=1))
        assert papers
        assert len({paper.id for paper in papers}) == len(papers)

    async def test_a_listed_paper_is_known_by_its_id(self, source, day):
        listed = (await source.batch(day)).papers[0]
        paper = await source.paper(listed.id)
        assert paper is not None
        assert (paper.id, paper.title, paper.abstract, paper.authors, paper.upvotes) == (
            listed.id,
            listed.title,
            listed.abstract,
            listed.authors,
            listed.upvotes,
        )

    @pytest.mark.parametrize("paper", UNKNOWN, ids=str)
    async def test_an_unknown_paper_is_none(self, source, paper):
        assert await source.paper(paper) is None

    @pytest.mark.parametrize("paper", UNKNOWN, ids=str)
    async def test_an_unknown_paper_has_no_full_text(self, source, paper):
        assert await source.full_text(paper) is None

    async def test_a_paper_is_found_by_the_words_of_its_title(self, source, day):
        wanted = (await source.batch(day)).papers[-1]
        found = await source.search(wanted.title, 5)
        assert wanted.id in [paper.id for paper in found]

    async def test_a_search_returns_no_more_than_asked_for(self, source, day):
        assert len(await source.search("a", 1)) <= 1
        assert len(await source.search((await source.batch(day)).papers[0].title, 1)) == 1

    @pytest.mark.parametrize("query", ["", "   ", "qqxyzzy plugh", "\0<@!*|", "é" * 5_000])
    async def test_any_text_is_a_query(self, source, query):
        assert tuple(await source.search(query, 5)) == ()

    async def test_questions_at_the_same_time_get_the_same_answers(self, source, day):
        first, second, third = await asyncio.gather(
            source.batch(day), source.newest(day), source.batch(day)
        )
        assert first == second == third
