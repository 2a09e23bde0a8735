"""Score how well each sentence of an abstract would do as its summary: a line fitted to SciTLDR.

The weights are those that ``python -m benchmarks.train_summarizer`` wrote; a score is about a
hundred times the mean ROUGE that the sentence is expected to have above the others of its abstract.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from adapters.summarizers.features import features, grams

FORMAT = 1
"""Raise it when features or the file's shape change: weights of another format fit nothing."""

MOST = 60
"""Sentences that are scored, for each is held against each; an abstract has 8, a long one 30."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What a sentence gains by each of its features and by each of its n-grams."""

    features: Mapping[str, float]
    grams: Mapping[str, float]


def scores(title: str, sentences: Sequence[str]) -> list[float]:
    """Return a score for each sentence, higher is better; those past ``MOST`` are as the worst."""
    read = sentences[:MOST]
    weights = shipped()
    known = weights.grams.keys()
    found = [
        _sum(weights.features, each) + math.fsum(weights.grams[run] for run in grams(text) & known)
        for each, text in zip(features(title, read), read, strict=True)
    ]
    return found + [min(found, default=0.0)] * (len(sentences) - len(read))


@cache
def shipped() -> Weights:
    """Return the weights that come with the product.

    Raises:
        ValueError: if they are of another format than this code.
    """
    text = resources.files("adapters.summarizers").joinpath("weights.json").read_text("utf-8")
    held = json.loads(text)
    if held["format"] != FORMAT:
        raise ValueError(f"weights.json is of format {held['format']}, not {FORMAT}: train anew")
    return Weights(held["features"], held["grams"])


def _sum(weights: Mapping[str, float], found: Mapping[str, float]) -> float:
    return sum(weight * found.get(name, 0.0) for name, weight in weights.items())
