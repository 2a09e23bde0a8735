"""Summaries in a text's own sentences: instant, offline, and never wrong about the text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from adapters.summarizers.compression import compressed
from adapters.summarizers.features import content, stems
from adapters.summarizers.scorer import scores
from bot.domain.summaries import Point

REPEATS = 0.2
"""How much it counts against a sentence that it says what another one says (MMR)."""

FEWEST_WORDS = 5
LONGEST_LINE = 60
"""Words; a line that is longer gives way to another one that is nearly as good."""

NEARLY = 0.5
"""Part of the span between the best and the mean score."""

ANSWERS = 0.4
"""The least part of a question's words, by weight, that a sentence has to hold to answer it."""

_NO_CLAIM = re.compile(
    r"^\W*(?:https?://\S+|www\.\S+)\W*$"
    r"|\b(?:code|data(?:set)?s?|models?|weights|implementation|project page|website|demo|videos?)\b"
    r".{0,60}\b(?:available|released?|found|open-?sourced?)\b"
    r"|\b(?:available|released?|project page|code|website)\b.{0,20}(?:https?://|github|www\.)",
    re.IGNORECASE,
)


class ExtractiveSummarizer:
    """A ``Summarizer`` that quotes; the digest's line alone is shortened, by rules that delete."""

    def gist(self, title: str, sentences: Sequence[str]) -> Point | None:
        """Return the one sentence that tells most, shortened, if there is any."""
        if not sentences:
            return None
        scored = _scores(title, sentences)
        best = scored.index(max(scored))
        if len(sentences[best].split()) > LONGEST_LINE:
            enough = scored[best] - NEARLY * (scored[best] - sum(scored) / len(scored))
            shorter = [
                at
                for at, sentence in enumerate(sentences)
                if scored[at] >= enough and len(sentence.split()) <= LONGEST_LINE
            ]
            best = max(shorter, key=lambda at: scored[at], default=best)
        short = compressed(sentences[best])
        return Point(short, "" if short == sentences[best] else sentences[best], best)

    def key_points(self, title: str, sentences: Sequence[str], number: int) -> tuple[Point, ...]:
        """Return the sentences that tell most, whole, in the order of the text."""
        left = dict(enumerate(_scores(title, sentences)))
        told = [set(content(stems(sentence))) for sentence in sentences]
        spread = max(left.values(), default=0.0) - min(left.values(), default=0.0) or 1.0
        chosen: list[int] = []
        while left and len(chosen) < number:

            def worth(at: int) -> float:
                repeated = max((_overlap(told[at], told[each]) for each in chosen), default=0.0)
                return (1 - REPEATS) * left[at] / spread - REPEATS * repeated

            best = max(left, key=worth)
            del left[best]
            chosen.append(best)
        return tuple(Point(sentences[at], place=at) for at in sorted(chosen))

    def answers(self, question: str, sentences: Sequence[str], number: int) -> tuple[Point, ...]:
        """Return the sentences that have most to do with a question, in the order of the text."""
        asked = set(content(stems(question))) - _ASKING
        told = [Counter(content(stems(sentence))) for sentence in sentences]
        often = Counter(word for each in told for word in each)
        rarity = {word: math.log(1 + len(told) / (1 + often[word])) for word in asked}
        whole = sum(rarity.values())
        if not whole:
            return ()
        held = [sum(rarity[word] for word in asked if each[word]) / whole for each in told]
        least = max(ANSWERS, max(held, default=0.0) / 2)
        best = sorted((-share, at) for at, share in enumerate(held) if share >= least)[:number]
        return tuple(Point(sentences[at], place=at) for at in sorted(at for _, at in best))


_ASKING = frozenset(
    stems(
        "what which who whom whose when where why how much many does did is are tell explain paper"
    )
    + stems("authors they kind type work about give please me describe")
)


def _scores(title: str, sentences: Sequence[str]) -> list[float]:
    """Return how well each sentence stands for all; what claims nothing comes after the others."""
    found = scores(title, sentences)
    least = min(found, default=0.0)
    return [
        least - 1.0 if _NO_CLAIM.search(each) or len(each.split()) < FEWEST_WORDS else score
        for each, score in zip(sentences, found, strict=True)
    ]


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / math.sqrt(len(one) * len(other)) if one and other else 0.0
