"""How well each sentence sums an abstract up: a weighted sum of its features.

The weights were learnt from sentences that authors and reviewers wrote (SciTLDR's training part);
``benchmarks/train_summarizer.py`` makes the file anew, to the byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from adapters.summarizers.features import features, ngrams

FORMAT = 1
WEIGHTS = Path(__file__).parent / "weights.json"


@dataclass(frozen=True, slots=True)
class Weights:
    """What a feature, and an n-gram, adds to a sentence's score."""

    features: Mapping[str, float]
    ngrams: Mapping[str, float]


@lru_cache(1)
def weights() -> Weights:
    """Return the weights that come with the product.

    Raises:
        ValueError: if the file is of another format.
    """
    kept = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    if kept["format"] != FORMAT:
        raise ValueError(f"{WEIGHTS} has format {kept['format']}, not {FORMAT}: install it anew")
    return Weights(kept["features"], kept["ngrams"])


def scores(title: str, sentences: Sequence[str]) -> list[float]:
    """Return a number for each sentence, the greater the better.

    Of a very long text only the beginning is looked at; the rest scores less than any of that.
    """
    kept = weights()
    found = [
        sum(kept.features.get(name, 0.0) * value for name, value in each.items())
        + sum(kept.ngrams.get(ngram, 0.0) for ngram in ngrams(sentence))
        for each, sentence in zip(features(title, sentences), sentences, strict=False)
    ]
    least = min(found, default=0.0)
    return found + [least - 1.0] * (len(sentences) - len(found))
