"""Search against bm25s, rank_bm25 and SQLite's FTS5: what is found, and how soon.

Quality needs the data beside the project: SciFact, and a capture of Daily Papers from which queries
are made whose answer is known. Cost is measured on papers that mix the sentences of real ones,
or of random words where there are none. ``--million`` adds a million of them; ``--semantic`` looks
for known items by meaning as well, whose vectors take a quarter of an hour to make.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import os
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import bm25s  # type: ignore[import-untyped]
from rank_bm25 import BM25Okapi  # type: ignore[import-untyped]
from rich.console import Console
from rich.progress import track
from rich.table import Table

from adapters.papers.folder import Folder
from adapters.search.encoder import Encoder, EncoderError
from adapters.search.hybrid import TOGETHER, HybridIndex
from adapters.search.lexical import STOPWORDS, LexicalIndex
from adapters.search.vectors import VectorShelf, text_of
from benchmarks import _papers
from bot.domain.papers import Paper, PaperId, distinct
from bot.services.cleaning import cleaned
from bot.services.query import parse
from tests.conftest import SHARED

TODAY = date(2026, 5, 7)
KNOWN = 500
SIZES = (10_000, 100_000)
MILLION = 1_000_000
TIMED = 200

CACHE = Path(__file__).parent / ".cache"
"""Where vectors are kept from run to run."""

Ids = Sequence[str]


class Engine(Protocol):
    """Something that finds papers."""

    name: str

    def build(self, papers: Sequence[Paper]) -> None:
        """Take the papers in."""

    def search(self, query: str, limit: int) -> Ids:
        """Return the keys of the papers that fit, best first."""


class Ours:
    """The index of the product, in a folder."""

    name = "ours"

    def __init__(self) -> None:
        self.place = tempfile.TemporaryDirectory(prefix="bench-search-")
        self.folder = Path(self.place.name) / "index"
        self.index = LexicalIndex(self.folder)

    def build(self, papers: Sequence[Paper]) -> None:
        for start in range(0, len(papers), 5_000):
            asyncio.run(self.index.add(papers[start : start + 5_000]))

    def search(self, query: str, limit: int) -> Ids:
        found = self.index._search(parse(query, TODAY), limit, 0, None)
        return [each.key for each in found.papers]


class Fts5:
    """SQLite's: all terms of a short query, topped up with any of the rarest twelve."""

    name = "FTS5"

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:")
        self.db.execute("create virtual table p using fts5(key unindexed, t, a, tokenize=porter)")
        self.counts: Counter[str] = Counter()

    def build(self, papers: Sequence[Paper]) -> None:
        rows = ((each.id.key, each.title, each.abstract) for each in papers)
        self.db.executemany("insert into p values (?, ?, ?)", rows)
        for each in papers:
            self.counts.update(set(_words(f"{each.title} {each.abstract}")))

    def search(self, query: str, limit: int) -> Ids:
        words = list(dict.fromkeys(_words(query)))
        rarest = sorted(words, key=lambda word: self.counts[word] or 10**9)[:12]
        asked = [" AND ".join(map(_quoted, words[:6])), " OR ".join(map(_quoted, rarest))]
        found: dict[str, None] = {}
        for each in asked:
            if each and len(found) < limit:
                rows = self.db.execute(
                    "select key from p where p match ? order by bm25(p) limit ?", (each, limit)
                )
                found.update(dict.fromkeys(key for (key,) in rows))
        return list(found)[:limit]


class Bm25s:
    """Scores that were worked out before."""

    name = "bm25s"

    def build(self, papers: Sequence[Paper]) -> None:
        self.keys = [each.id.key for each in papers]
        texts = [f"{each.title} {each.abstract}" for each in papers]
        tokens = bm25s.tokenize(texts, stopwords="en", show_progress=False)
        self.model = bm25s.BM25(k1=1.2, b=0.75)
        self.model.index(tokens, show_progress=False)

    def search(self, query: str, limit: int) -> Ids:
        tokens = bm25s.tokenize([query], stopwords="en", show_progress=False)
        try:
            rows, _ = self.model.retrieve(tokens, k=min(limit, len(self.keys)), show_progress=False)
        except ValueError:  # no word of it is known
            return []
        return [self.keys[row] for row in rows[0]]


class RankBm25:
    """Each query scores every paper."""

    name = "rank_bm25"

    def build(self, papers: Sequence[Paper]) -> None:
        self.keys = [each.id.key for each in papers]
        self.model = BM25Okapi([_words(f"{each.title} {each.abstract}") for each in papers])

    def search(self, query: str, limit: int) -> Ids:
        scores = self.model.get_scores(_words(query))
        best = sorted(range(len(scores)), key=lambda row: -scores[row])[:limit]
        return [self.keys[row] for row in best if scores[row] > 0]


class Meaning:
    """The index of the product with the extra: by words and meaning.

    Vectors are kept from run to run, for they take a tenth of a second each.
    """

    name = "ours, semantic"

    def __init__(self) -> None:
        self.words = Ours()

    def build(self, papers: Sequence[Paper]) -> None:
        self.words.build(papers)
        encoder = Encoder()
        shelf = VectorShelf(CACHE / papers[0].id.archive, papers)
        lacking = sorted(filter(shelf.lacks, papers), key=lambda each: len(each.abstract))
        batches = [lacking[at : at + TOGETHER] for at in range(0, len(lacking), TOGETHER)]
        for batch in track(batches, "encoding", console=Console(stderr=True), transient=True):
            shelf.add(batch, encoder.encode([text_of(paper) for paper in batch]))
        self.index = HybridIndex(self.words.index, encoder, shelf)

    def search(self, query: str, limit: int) -> Ids:
        found = asyncio.run(self.index.search(parse(query, TODAY), limit=limit))
        return [each.key for each in found.papers]


ENGINES: tuple[Callable[[], Engine], ...] = (Ours, Fts5, Bm25s, RankBm25)


def _words(text: str) -> list[str]:
    cut = "".join(each if each.isalnum() else " " for each in text.lower()).split()
    return [word for word in cut if word not in STOPWORDS]


def _quoted(word: str) -> str:
    return f'"{word}"'


def ndcg(found: Ids, wanted: Mapping[str, int]) -> float:
    """Return the normalized discounted cumulative gain of ten hits."""
    gain = sum(wanted.get(each, 0) / math.log2(rank + 1) for rank, each in enumerate(found[:10], 1))
    best = sorted(wanted.values(), reverse=True)[:10]
    most = sum(value / math.log2(rank + 1) for rank, value in enumerate(best, 1))
    return gain / most if most else 0.0


def reciprocal_rank(found: Ids, wanted: str) -> float:
    """Return one over the rank of what was wanted among ten hits, or nothing."""
    return 1 / (found.index(wanted) + 1) if wanted in found[:10] else 0.0


def run(screen: Console) -> None:
    _scifact(screen)
    corpus = _corpus()
    _known_items(screen, corpus)
    _cost(screen, corpus)


def _scifact(screen: Console) -> None:
    file = SHARED / "data" / "scifact" / "scifact.json.gz"
    if not file.is_file():
        screen.print(f"SciFact is not at {file}: skipped")
        return
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        data: dict[str, Any] = json.load(stream)
    papers = [
        Paper(PaperId("doc", key), each["title"], each["text"])
        for key, each in data["docs"].items()
    ]
    table = Table("SciFact, 300 queries", "nDCG@10", "R@10")
    for make in (*ENGINES, *_semantic(screen)):
        engine = make()
        engine.build(papers)
        gains, recalls = [], []
        for number, query in data["queries"].items():
            wanted = data["qrels"][number]
            found = engine.search(query, 10)
            gains.append(ndcg(found, wanted))
            recalls.append(len(set(found) & set(wanted)) / len(wanted))
        table.add_row(
            engine.name, f"{statistics.mean(gains):.3f}", f"{statistics.mean(recalls):.3f}"
        )
    screen.print(
        table,
        "aims: 0.683 for ours, 0.715 with meaning; its queries were never used to choose anything",
    )


def _semantic(screen: Console) -> Sequence[Callable[[], Engine]]:
    """Return the engine of the extra, if that is installed."""
    try:
        Encoder()
    except EncoderError as error:
        screen.print(f"without meaning: {error}")
        return ()
    return (Meaning,)


def _corpus() -> list[Paper]:
    folder = SHARED / "data" / "hf"
    if not folder.is_dir():
        return []
    return list(distinct(cleaned(paper) for paper in asyncio.run(_captured(Folder(folder)))))


async def _captured(folder: Folder) -> list[Paper]:
    return [paper for day in await folder.days() for paper in (await folder.batch(day)).papers]


def known_queries(papers: Sequence[Paper], number: int) -> list[tuple[str, str, bool]]:
    """Return queries of three to six words of an abstract, whose paper, and if one is mistyped."""
    draw = random.Random(11)
    made: list[tuple[str, str, bool]] = []
    while len(made) < number:
        paper = draw.choice(papers)
        words = list(dict.fromkeys(_words(paper.abstract)))
        if len(words) < 12:
            continue
        chosen = sorted(draw.sample(range(len(words)), draw.randint(3, 6)))
        query = [words[each] for each in chosen]
        long = [each for each, word in enumerate(query) if len(word) >= 5]
        mistyped = bool(long) and len(made) % 2 == 1
        if mistyped:
            at = draw.choice(long)
            query[at] = _mistyped(query[at], draw)
        made.append((" ".join(query), paper.id.key, mistyped))
    return made


def _mistyped(word: str, draw: random.Random) -> str:
    at = draw.randrange(1, len(word) - 1)
    letter = draw.choice("abcdefghijklmnopqrstuvwxyz")
    return draw.choice(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + letter + word[at + 1 :],
        )
    )


def _known_items(screen: Console, corpus: Sequence[Paper]) -> None:
    if not corpus:
        screen.print("no capture of Daily Papers: known items are skipped")
        return
    queries = known_queries(corpus, KNOWN)
    table = Table(f"known item, {KNOWN} queries", "MRR@10", "right", "mistyped")
    for make in (*ENGINES, *(_semantic(screen) if _asked("semantic") else ())):
        engine = make()
        engine.build(corpus)
        ranks = [
            (reciprocal_rank(engine.search(query, 10), wanted), mistyped)
            for query, wanted, mistyped in queries
        ]
        right = [rank for rank, mistyped in ranks if not mistyped]
        wrong = [rank for rank, mistyped in ranks if mistyped]
        means = (statistics.mean(each) for each in ([rank for rank, _ in ranks], right, wrong))
        table.add_row(engine.name, *(f"{each:.3f}" for each in means))
    screen.print(table)


@dataclass
class Cost:
    """What an engine costs with so many papers; times in milliseconds."""

    build: float = 0.0
    queries: dict[str, list[float]] = field(default_factory=dict)


def _cost(screen: Console, corpus: Sequence[Paper]) -> None:
    table = Table("papers", "by", "build s", "short 50|95", "20 words 50|95", "abstract 50|95")
    notes = []
    sizes = (*SIZES, MILLION) if _asked("million") else SIZES
    for size in sizes:
        papers = mixed(corpus, size) if corpus else _papers.papers(size)
        queries = _timed_queries(papers)
        for make in ENGINES:
            if (make is RankBm25 and size > SIZES[0]) or (make is not Ours and size == MILLION):
                continue
            engine = make()
            begun = time.perf_counter()
            engine.build(papers)
            built = time.perf_counter() - begun
            shown = [_shown(engine, each) for each in queries.values()]
            table.add_row(f"{size:,}", engine.name, f"{built:.1f}", *shown)
            if isinstance(engine, Ours):
                notes.append(_of_ours(engine, papers, size))
    screen.print(table)
    screen.print("milliseconds for ten hits, p50|p95; aims at 100,000: 5 short, 15 of 20 words")
    for note in notes:
        screen.print(note)


def _shown(engine: Engine, queries: Iterable[str]) -> str:
    taken = []
    for query in queries:
        begun = time.perf_counter()
        engine.search(query, 10)
        taken.append((time.perf_counter() - begun) * 1_000)
    return f"{statistics.median(taken):.1f}|{statistics.quantiles(taken, n=20)[-1]:.1f}"


def _of_ours(engine: Ours, papers: Sequence[Paper], size: int) -> str:
    """Return what else there is to say of ours: disk, opening, taking in fifty more."""
    fresh = [
        replace(each, id=PaperId("new", f"{number}")) for number, each in enumerate(papers[:50])
    ]
    begun = time.perf_counter()
    engine.build(fresh)
    added = time.perf_counter() - begun
    disk = sum(file.stat().st_size for file in engine.folder.iterdir()) / 1e6
    asyncio.run(engine.index.close())
    del engine.index
    begun = time.perf_counter()
    LexicalIndex(engine.folder)
    opened = time.perf_counter() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return (
        f"{size:,}: {disk:.0f} MB on disk, 50 more in {added * 1e3:.0f} ms, opened in "
        f"{opened * 1e3:.0f} ms; {memory:.0f} MB at most so far, peers and papers among them"
    )


def mixed(corpus: Sequence[Paper], number: int) -> list[Paper]:
    """Return as many papers as wanted, each of the sentences of two real ones."""
    draw = random.Random(5)
    made = []
    for each in range(number):
        one, other = draw.choice(corpus), draw.choice(corpus)
        first, second = one.abstract.split(". "), other.abstract.split(". ")
        sentences = first[: len(first) // 2 + 1] + second[len(second) // 2 :]
        title = f"{one.title} {draw.randrange(10**6)}"
        made.append(
            Paper(PaperId("arxiv", f"{each}"), title, ". ".join(sentences), authors=one.authors)
        )
    return made


def _timed_queries(papers: Sequence[Paper]) -> dict[str, list[str]]:
    draw = random.Random(3)
    made: dict[str, list[str]] = {"short": [], "20 words": [], "abstract": []}
    for _ in range(TIMED):
        words = _words(draw.choice(papers).abstract) or ["model"]
        made["short"].append(" ".join(draw.choices(words, k=draw.randint(2, 3))))
        made["20 words"].append(" ".join(draw.choices(words, k=20)))
    made["abstract"] = [draw.choice(papers).abstract for _ in range(TIMED // 4)]
    return made


def _asked(what: str) -> bool:
    """Tell whether a part was asked for that takes long."""
    return f"--{what}" in sys.argv or os.environ.get(f"BENCH_{what.upper()}") == "1"
