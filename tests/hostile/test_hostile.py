"""A share of the hostile titles and abstracts; ``make hostile`` tries thousands."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings

from tests.examples import paper
from tests.hostile import CORPUS, PAPERS, digest, numbers
from tests.hostile.checks import findings
from tests.hostile.queries import some


@settings(max_examples=10, phases=[Phase.generate])  # what is found here shrinks too slowly
@given(numbers)
def test_no_title_calls_anybody_leads_astray_or_is_refused(number: int) -> None:
    assert findings(digest(number)) == []


@pytest.mark.parametrize("kind", sorted(CORPUS))
def test_nothing_of_the_corpus_does_either(kind: str) -> None:
    for first in range(0, len(CORPUS[kind]), PAPERS):
        some = CORPUS[kind][first : first + PAPERS]
        papers = [
            paper(n, title=each, abstract=f"{each} {each}. And more.", one_line=each)
            for n, each in enumerate(some, start=1)
        ]
        assert findings(papers) == []


async def test_whatever_is_typed_into_a_search_is_answered() -> None:
    await some(1_500, seed=1)
