from __future__ import annotations

import hashlib
import json
import math
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.summarizers import scorer
from adapters.summarizers.features import CUES, features, grams
from adapters.summarizers.scorer import scores

TEXTS = st.lists(st.text(max_size=60), max_size=8)


def weights() -> str:
    return resources.files("adapters.summarizers").joinpath("weights.json").read_text("utf-8")


def test_the_weights_are_small_and_say_how_they_came_about() -> None:
    held = json.loads(weights())
    assert len(weights().encode()) <= 20_000
    assert list(held) == ["format", "seed", "trained_on", "features", "grams"]
    assert (held["format"], held["trained_on"]) == (scorer.FORMAT, "SciTLDR-A, train")
    assert all(math.isfinite(each) for each in (held["features"] | held["grams"]).values())


def test_the_weights_are_those_that_were_measured() -> None:
    digest = hashlib.sha256(weights().encode()).hexdigest()
    assert digest == "75763a19ab8ce6467009d310e105be196fcbf0e918ab4bb6468371049588c718", (
        "trained anew? run the benchmark, then write the new digest here"
    )


def test_every_weight_is_of_a_feature_that_sentences_have() -> None:
    with_turns = ["In this paper, we propose a walk.", "It is 3 miles.", "Why not?"]
    found = features("Cats: a walk", with_turns) + features("Cats: a walk", ["Cats: it is."])
    told = {name for each in found for name in each} | CUES
    assert set(json.loads(weights())["features"]) <= told


def test_weights_of_another_format_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer, "FORMAT", 0)
    scorer.shipped.cache_clear()
    with pytest.raises(ValueError, match="train anew"):
        scorer.shipped()
    monkeypatch.undo()
    scorer.shipped.cache_clear()


def test_what_the_paper_offers_scores_above_what_others_did() -> None:
    told = scores(
        "Cats: walks on graphs",
        [
            "Graphs have been widely studied in recent years.",
            "However, existing methods remain expensive.",
            "In this paper, we propose Cats, a new method for walks on graphs.",
            "Code is available at https://example.org.",
        ],
    )
    assert max(told) == told[2]


@pytest.mark.parametrize(
    "sentences",
    [
        [],
        [""],
        ["🤗" * 50],
        ["我们提出了一种新的图模型。", "实验表明它更好。"],
        ["\ud800 half"],
        ["a " * 5_000],
        ["x" * 10_000],
        ["We walk on graphs."] * 500,
        ["-"] * 3,
    ],
)
def test_odd_input_has_scores_too(sentences: list[str]) -> None:
    found = scores("\ud800", sentences)
    assert len(found) == len(sentences)
    assert all(map(math.isfinite, found))


@given(st.text(max_size=60), TEXTS)
def test_any_text_has_a_finite_score_and_always_the_same(title: str, sentences: list[str]) -> None:
    found = scores(title, sentences)
    assert len(found) == len(sentences)
    assert all(map(math.isfinite, found))
    assert scores(title, sentences) == found


def test_n_grams_are_of_one_to_three_words_the_first_marked_and_digits_are_0() -> None:
    assert grams("We walk 12 miles") == {
        *("we", "walk", "0", "miles", "^ we", "we walk", "walk 0", "0 miles"),
        *("^ we walk", "we walk 0", "walk 0 miles"),
    }
