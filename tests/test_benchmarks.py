"""What benchmarks measure by is right; what they measure is printed, and no test."""

from __future__ import annotations

import pytest

from benchmarks.search import Bm25s, Fts5, Ours, RankBm25, known_queries, ndcg, reciprocal_rank
from tests.examples import paper

PAPERS = [
    paper(1, title="Walking robots", abstract="Legs of robots walk on sand."),
    paper(2, title="Dreaming agents", abstract="World models dream in latent space."),
    paper(3, title="Cooking", abstract="Bread rises slowly in warm kitchens."),
]


def test_gain_counts_what_is_found_early() -> None:
    assert ndcg(["a", "b"], {"a": 1}) == 1
    assert ndcg(["b", "a"], {"a": 1}) == pytest.approx(0.6309, abs=1e-4)
    assert ndcg(["a", "x", "b"], {"a": 1, "b": 1}) == pytest.approx(0.9197, abs=1e-4)
    assert ndcg(["x"] * 10 + ["a"], {"a": 1}) == 0
    assert ndcg([], {}) == 0


def test_the_reciprocal_rank_is_one_over_the_place() -> None:
    assert reciprocal_rank(["a", "b", "c"], "b") == 0.5
    assert reciprocal_rank(["x"] * 10 + ["a"], "a") == 0


@pytest.mark.parametrize("make", [Ours, Fts5, Bm25s, RankBm25])
def test_ours_and_its_peers_find_what_is_there(make: type[Ours]) -> None:
    engine = make()
    engine.build(PAPERS)
    assert engine.search("robots walk", 3)[0] == PAPERS[0].id.key
    assert engine.search("latent dream", 3)[0] == PAPERS[1].id.key
    assert len(engine.search("bread", 3)) >= 1
    if isinstance(engine, Ours):
        engine.place.cleanup()


def test_known_items_are_made_of_their_papers_words_with_a_slip_in_half_of_them() -> None:
    words = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november"
    listed = [paper(n, title="Title", abstract=f"{words} paper{n}") for n in (1, 2, 3)]
    queries = known_queries(listed, 40)
    assert queries == known_queries(listed, 40)
    known = {each.id.key: set(each.abstract.split()) for each in listed}
    for query, wanted, mistyped in queries:
        strange = [word for word in query.split() if word not in known[wanted]]
        assert 3 <= len(query.split()) <= 6
        assert len(strange) <= 1
        assert mistyped or not strange
    assert 10 <= sum(mistyped for _, _, mistyped in queries) <= 20
