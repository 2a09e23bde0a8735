from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.summarizers.lead import LeadSummarizer
from bot.ports import Summary
from bot.text import one_line
from tests.examples import paper

ABSTRACT = "We walk. We run. We rest. We sleep."


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        (1, ("We walk.",)),
        (3, ("We walk.", "We run.", "We rest.")),
        (9, ("We walk.", "We run.", "We rest.", "We sleep.")),
    ],
)
async def test_a_summary_is_the_abstracts_first_sentences(
    sentences: int, expected: tuple[str, ...]
) -> None:
    summary = await LeadSummarizer().summarize(paper(1, abstract=ABSTRACT), sentences)
    assert summary == Summary(expected, "the abstract's first sentences")


async def test_without_an_abstract_it_is_the_sources_one_line_or_says_that_there_is_none() -> None:
    found = paper(1, abstract=" \n", one_line="In\nshort.")
    assert (await LeadSummarizer().summarize(found)).sentences == ("In short.",)
    nothing = await LeadSummarizer().summarize(paper(1, abstract="", one_line=None))
    assert nothing.sentences == ("No abstract is known yet.",)


async def test_a_blank_line_of_the_source_is_no_summary() -> None:
    summary = await LeadSummarizer().summarize(paper(1, abstract="", one_line=" \u200b"))
    assert summary.sentences == ("No abstract is known yet.",)


@given(st.text(), st.one_of(st.none(), st.text()), st.integers(1, 6))
async def test_a_summary_is_never_empty_nor_longer_than_asked_and_only_quotes(
    abstract: str, line: str | None, sentences: int
) -> None:
    summary = await LeadSummarizer().summarize(
        paper(1, abstract=abstract, one_line=line), sentences
    )
    assert 1 <= len(summary.sentences) <= sentences
    assert all(each.strip() for each in summary.sentences)
    if one_line(abstract):
        assert one_line(abstract).startswith(" ".join(summary.sentences))
