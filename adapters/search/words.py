"""Search in memory by words: rare words weigh more, words of the title twice."""

from __future__ import annotations

import bisect
import heapq
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

from bot.domain.papers import Paper, PaperId

TITLE_WEIGHT = 2
SATURATION = 1.2
"""How soon a word's repetition stops to count (k1 of BM25)."""

TELLING = 16
"""Words of a paper that say what it is about; more bring in what is about anything."""

BEGINNINGS = 300
"""Words that a begun word may become; one letter begins thousands."""

LAST = "\U0010ffff"

_COMMON = "a an and are as at be by for from in is it of on or our that the this to via we with"
STOPWORDS = frozenset(_COMMON.split())
_WORD = re.compile(r"\w+(?:[+#]+|(?:['’]\w+))?")


def words(text: str) -> list[str]:
    """Return a text's words: case, accents and the plural's s aside."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    folded = "".join(character for character in folded if not unicodedata.combining(character))
    return [_singular(word) for word in _WORD.findall(folded) if word not in STOPWORDS]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


class WordIndex:
    """A ``SearchIndex`` that lives as long as the process and is filled from the store."""

    def __init__(self) -> None:
        self._counts: dict[PaperId, Counter[str]] = {}
        self._papers_with: defaultdict[str, set[PaperId]] = defaultdict(set)
        self._titled: defaultdict[str, set[PaperId]] = defaultdict(set)
        self._title_words: list[str] = []

    async def add(self, papers: Iterable[Paper]) -> None:
        """Make papers findable, replacing those of the same ids."""
        for paper in papers:
            for word in self._counts.get(paper.id, ()):
                self._papers_with[word].discard(paper.id)
                if word in self._titled:
                    self._titled[word].discard(paper.id)
            counts = Counter(words(paper.title) * TITLE_WEIGHT)
            counts.update(words(" ".join((paper.abstract, *paper.keywords, *paper.authors))))
            self._counts[paper.id] = counts
            for word in counts:
                self._papers_with[word].add(paper.id)
            for word in set(words(paper.title)):
                if word not in self._titled:
                    bisect.insort(self._title_words, word)
                self._titled[word].add(paper.id)

    async def search(self, query: str, *, limit: int, offset: int = 0) -> tuple[int, list[PaperId]]:
        """Return papers with all the words, or if there are none, with any of them."""
        wanted = set(words(query))
        holders = [self._papers_with[word] for word in wanted if self._papers_with.get(word)]
        if not holders:
            return 0, []
        complete = len(holders) == len(wanted)
        fitting = set.intersection(*holders) if complete else set()
        fitting = fitting or set.union(*holders)
        ranked = sorted(fitting, key=lambda paper: (-self._score(paper, wanted), paper))
        return len(ranked), ranked[offset : offset + limit]

    async def complete(self, typed: str, *, limit: int) -> list[PaperId]:
        """Return papers whose titles hold the typed words, newest first."""
        *whole, begun = words(typed) or [""]
        start = bisect.bisect_left(self._title_words, begun)
        end = bisect.bisect_left(self._title_words, begun + LAST)
        begins = self._title_words[start : min(end, start + BEGINNINGS)] if begun else []
        holders = [self._titled.get(word, set()) for word in whole]
        found: set[PaperId] = set()
        for word in begins:
            found |= self._titled[word].intersection(*holders)
        return heapq.nlargest(limit, found)

    async def related(self, paper: PaperId, *, limit: int) -> list[PaperId]:
        """Return the papers that share most of this one's telling words."""
        counts, total = self._counts.get(paper, Counter()), len(self._counts)
        telling = sorted(
            counts, key=lambda word: -counts[word] * math.log(total / len(self._papers_with[word]))
        )[:TELLING]
        holders = set().union(*(self._papers_with[word] for word in telling)) - {paper}
        return sorted(holders, key=lambda each: (-self._score(each, telling), each))[:limit]

    def _score(self, paper: PaperId, wanted: Iterable[str]) -> float:
        counts, total = self._counts[paper], len(self._counts)
        score = 0.0
        for word in wanted:
            if number := counts[word]:
                rarity = math.log(1 + total / len(self._papers_with[word]))
                score += rarity * number * (1 + SATURATION) / (number + SATURATION)
        return score
