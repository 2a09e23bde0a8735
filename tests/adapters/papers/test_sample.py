from datetime import date

import pytest

from adapters.papers.sample import Sample
from tests.contracts.paper_source import PaperSourceContract


class TestSample(PaperSourceContract):
    @pytest.fixture
    async def source(self):
        return Sample()

    @pytest.fixture
    def day(self):
        return date(2025, 8, 20)


async def test_the_sample_is_74_papers_of_one_day():
    batch = await Sample().newest(date(2030, 1, 1))
    assert batch is not None
    assert str(batch.key) == "sample/2025-08-20"
    assert len(batch.papers) == 74


async def test_what_the_sample_does_not_know_stays_unknown():
    papers = (await Sample().batch(date(2025, 8, 20))).papers
    assert papers[0].upvotes is None
    assert {paper.comments for paper in papers} == {None}
    assert any(paper.upvotes for paper in papers)


async def test_every_paper_of_the_sample_has_its_words_and_an_arxiv_id():
    papers = (await Sample().batch(date(2025, 8, 20))).papers
    assert all(paper.abstract and paper.authors for paper in papers)
    assert {paper.id.archive for paper in papers} == {"arxiv"}
