"""The sentences of the abstract that say most, chosen by a trained scorer: instant and offline."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from adapters.summarizers.compression import compressed
from adapters.summarizers.features import stems
from adapters.summarizers.scorer import scores
from bot.domain.summaries import Point

REDUNDANCY = 0.2
"""What a sentence loses for being like one already chosen, as a share of its abstract's range."""

LONG = 60
"""Words; a line longer than this is hard to take in at a glance."""

CLOSE = 4.0
"""Points of score within which a shorter sentence is as good as a long one."""

FEWEST = 4
"""Words; fewer are a heading or what a splitter left over."""

ANSWERS = 0.4
"""The least part of a question's words, by rarity, that a sentence has to hold to answer it."""

_ASKING = frozenset(
    stems(
        "a an and are as at be by can do does did for from has have how in into is it its many most"
        " much of on or that the their them there they this to was we were what when where which"
        " who whom whose why will with you about authors describe explain give me paper please"
        " tell use used"
    )
)
"""What a question consists of that is no part of what it is about."""

_LINK = re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|io|net|ai|co)/\S*")
_ITEM = re.compile(r"\s*\(?(?:[2-9]|i{2,3}|iv|v|[b-h])\)")
"""A list's second mark or a later one: what it goes on with is not there."""

_WHERE = re.compile(
    r"(?:our |the |all |source |project |full |complete |pre-?trained |and |both )*"
    r"(?:code|codes|source|implementations?|models?|data|datasets?|demos?|videos?|weights|website|"
    r"(?:project )?(?:web ?)?page|repository|samples|results|checkpoints|benchmark|project)\b"
    r".{0,80}?\b(?:available|released|found|published|open-?sourced?|accessible|at|here|hosted|see)\b",
    re.IGNORECASE,
)


def chosen(title: str, sentences: Sequence[str], number: int) -> tuple[int, ...]:
    """Return the places of the sentences to show, in the order of the text, at most as many."""
    points = scores(title, sentences)
    telling = [place for place, each in enumerate(sentences) if is_telling(each)]
    left = telling or [place for place, each in enumerate(sentences) if each.strip()]
    left = list({sentences[place]: place for place in reversed(left)}.values())  # none twice
    if number <= 1:
        return tuple(_best(left, points, sentences) if number == 1 else ())
    return tuple(sorted(_varied(left, points, sentences, number)))


def is_telling(sentence: str) -> bool:
    """Tell whether a sentence can stand for a paper.

    A heading, a link, a later item of a list and a word on where the code is cannot.
    """
    if _ITEM.match(sentence):
        return False
    rest = _LINK.sub(" ", sentence)
    words = re.findall(r"[^\W\d_]+", rest)
    if len(words) < FEWEST and rest.isascii():  # scripts without spaces have no words to count
        return False
    return not (_WHERE.match(sentence.lstrip()) and (rest != sentence or len(words) < 20))


def _best(left: Sequence[int], points: Sequence[float], sentences: Sequence[str]) -> Sequence[int]:
    ranked = sorted(left, key=lambda place: -points[place])
    short = [place for place in ranked if len(sentences[place].split()) <= LONG]
    if ranked and short and points[ranked[0]] - points[short[0]] <= CLOSE:
        return short[:1]
    return ranked[:1]


def _varied(
    left: Sequence[int], points: Sequence[float], sentences: Sequence[str], number: int
) -> list[int]:
    """Return the places of high scores that are not alike (Carbonell and Goldstein, 1998)."""
    rest = sorted(left, key=lambda place: -points[place])[:20]
    reach = (points[rest[0]] - points[rest[-1]] or 1.0) if rest else 1.0
    bags = {place: frozenset(stems(sentences[place])) for place in rest}
    picked: list[int] = []
    while rest and len(picked) < number:
        best = max(
            rest,
            key=lambda place: (
                points[place] / reach
                - REDUNDANCY * max((_alike(bags[place], bags[each]) for each in picked), default=0)
            ),
        )
        picked.append(best)
        rest.remove(best)
    return picked


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, min(len(one), len(other)))


class ExtractiveSummarizer:
    """A ``Summarizer`` that quotes what says most; the one line alone is shortened."""

    def gist(self, title: str, sentences: Sequence[str]) -> Point | None:
        """Return the one sentence that tells most, shortened, if there is any."""
        for place in chosen(title, sentences, 1):
            whole, short = sentences[place], compressed(sentences[place])
            return Point(short, "" if short == whole else whole, place)
        return None

    def key_points(self, title: str, sentences: Sequence[str], number: int) -> tuple[Point, ...]:
        """Return the sentences that tell most, whole, in the order of the text."""
        return tuple(
            Point(sentences[place], place=place) for place in chosen(title, sentences, number)
        )

    def answers(self, question: str, sentences: Sequence[str], number: int) -> tuple[Point, ...]:
        """Return the sentences that have most to do with a question, in the order of the text."""
        asked = set(stems(question)) - _ASKING
        told = [set(stems(sentence)) for sentence in sentences]
        often = Counter(stem for each in told for stem in each)
        rarity = {stem: math.log(1 + len(told) / (1 + often[stem])) for stem in asked}
        whole = sum(rarity.values())
        if not whole:
            return ()
        held = [sum(rarity[stem] for stem in asked & each) / whole for each in told]
        least = max(ANSWERS, max(held, default=0.0) / 2)
        best = sorted((-share, place) for place, share in enumerate(held) if share >= least)
        places = sorted(place for _, place in best[:number])
        return tuple(Point(sentences[place], place=place) for place in places)
