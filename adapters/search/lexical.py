"""Search by words, with tantivy: in a folder that lasts, or in memory.

Relevance is that of one field, ``all``: title, abstract and keywords together, stemmed, the title
written twice; fields that are scored apart find worse. Beside it stand the words as they are, for
phrases and for correcting what was mistyped, and what a query narrows down by. No text is kept:
the store has it.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import structlog
import tantivy
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein
from tantivy import FieldType, Filter, Occur, Order, TextAnalyzerBuilder, Tokenizer

from adapters.search.files import MARK, is_sound, remove
from bot.domain.papers import Paper, PaperId
from bot.domain.query import Bounds, Query, Term
from bot.ports import Found
from bot.text import one_line

log = structlog.get_logger()

SCHEMA = 2
"""Raise it when fields or analyzers change: folders of an earlier one are made anew."""

VERSION = f"{SCHEMA}, tantivy {version('tantivy')}"

RECENT = 10_000
"""So many papers are known well enough to see that nothing about them has changed: each poll brings
the same ones again."""

WAITING = 200
"""Papers that wait, in an index in memory, until somebody asks: to write them costs as much as to
write one."""

BATCH = 2_000
"""Papers that are written at a time while an index is made."""

WRITER_BYTES = 30_000_000
"""What the writer may hold before it writes a segment; tantivy's least is 15 MB."""

LONGEST_WORD = 40
SHORT_QUERY = 6
"""Words up to which the papers that hold all of them come first."""

ABOVE_ALL = 10_000.0
"""More than any sum of words can score."""

TELLING = 50
"""Words of a paper that others are compared by."""

BEGINNINGS = 50
"""Words that a begun word may become, the most frequent first."""

CORRECTABLE = 4
"""Letters from which on a word is corrected; shorter ones are near to anything."""

STOPWORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "has",
        "have",
        "how",
        "in",
        "into",
        "is",
        "it",
        "its",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "such",
        "than",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "which",
        "who",
        "why",
        "will",
        "with",
        "you",
        "your",
    ]
)

P = ParamSpec("P")
T = TypeVar("T")
Clause = tuple[Occur, tantivy.Query]
Library = Callable[[], Awaitable[Iterable[Paper]]]
Progress = Callable[[Sequence[Sequence[Paper]]], Iterable[Sequence[Paper]]]


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("told", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("all", tokenizer_name="stems", index_option="freq")
    for name in ("words", "title", "author", "organization"):
        builder.add_text_field(name, tokenizer_name="folded", index_option="position")
    for name in ("day", "votes", "code"):
        builder.add_unsigned_field(name, indexed=True, fast=True)
    return builder.build()


def _analyzers() -> dict[str, tantivy.TextAnalyzer]:
    """Return what cuts texts into terms; it is not stored, so every opening needs it anew."""

    def folded() -> TextAnalyzerBuilder:
        return (
            TextAnalyzerBuilder(Tokenizer.simple())
            .filter(Filter.remove_long(LONGEST_WORD))
            .filter(Filter.lowercase())
            .filter(Filter.ascii_fold())
        )

    return {"folded": folded().build(), "stems": folded().filter(Filter.stemmer("english")).build()}


class LexicalIndex:
    """A ``SearchIndex`` of words; ``open`` makes one that holds what the library holds.

    Args:
        folder: Where it lasts, or ``None``: in memory.
        library: Returns all papers, for the day on which the index has to be made anew.

    Raises:
        OSError, ValueError: if the folder cannot be written, or another process writes it.
    """

    def __init__(self, folder: Path | None = None, library: Library | None = None) -> None:
        self._folder = folder
        self._library = library
        self._analyzers = _analyzers()
        self._lock = asyncio.Lock()
        self._writing = threading.RLock()  # whoever waits may be cut off, their thread goes on
        self._vocabulary: dict[str, dict[str, int]] = {}
        self._recent: dict[PaperId, int] = {}
        self._waiting: list[Paper] = []
        self._writer: Any = None
        self._begin()

    @classmethod
    async def open(
        cls,
        folder: Path | None,
        library: Library,
        progress: Progress = lambda papers: papers,
        papers: Iterable[Paper] | None = None,
    ) -> LexicalIndex:
        """Open the index of a folder, and bring it up to what the library holds.

        One that is missing, damaged or of another version is made anew. Where the folder cannot be
        used, the index is in memory until the next start.

        Args:
            folder: Where it lasts, or ``None``: in memory.
            library: Returns all papers.
            progress: Wraps the batches in which papers are added.
            papers: What the library holds, if it was asked already.
        """
        index = await asyncio.to_thread(cls._opened, folder, library)
        every = await library() if papers is None else papers
        kept = await index._aside(index._lacking, every)
        batches = [kept[start : start + BATCH] for start in range(0, len(kept), BATCH)]
        for batch in progress(batches):
            await index.add(batch)
        return index

    @classmethod
    def _opened(cls, folder: Path | None, library: Library) -> LexicalIndex:
        if folder is None:
            return cls(None, library)
        try:
            if (folder / MARK).exists() and not (_is_current(folder) and is_sound(folder)):
                log.warning("search index made anew", folder=str(folder))
                remove(folder)
            return cls(folder, library)
        except (OSError, ValueError) as error:
            log.error(
                "search index kept in memory",
                folder=str(folder),
                reason=one_line(str(error)),
                cure="let no other process use the folder, and let this one write it",
            )
            return cls(None, library)

    @property
    def papers(self) -> int:
        """How many papers can be found."""
        return int(self._reader().num_docs)

    @property
    def folder(self) -> Path | None:
        """Where it lasts, or ``None``: in memory."""
        return self._folder

    def _lacking(self, papers: Iterable[Paper]) -> list[Paper]:
        """Return those that are not known as they are described now."""
        known = {term for term, _ in self._reader().terms_with_prefix("told", "")}
        return [paper for paper in papers if _told(paper) not in known]

    async def _aside(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Do what may wait for a disk in a thread; memory does not keep anybody waiting."""
        if self._folder is None:
            return work(*given, **named)
        return await asyncio.to_thread(work, *given, **named)

    def _begin(self) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / MARK).write_text(VERSION, encoding="utf-8")
        self._index = tantivy.Index(_schema(), path=str(self._folder) if self._folder else None)
        for name, analyzer in self._analyzers.items():
            self._index.register_tokenizer(name, analyzer)
        self._writer = self._index.writer(WRITER_BYTES, 1)
        self._searcher = self._index.searcher()
        self._vocabulary = {}

    async def add(self, papers: Iterable[Paper]) -> None:
        """Make papers findable, replacing those of the same ids.

        Where they cannot be written, all papers are written anew; where that fails as well, the
        index is in memory until the next start. The papers themselves are the store's.
        """
        async with self._lock:
            found = [each for each in papers if self._recent.get(each.id) != hash(each)]
            if not found:
                return
            self._remember(found)
            if self._folder is None and len(self._waiting) + len(found) <= WAITING:
                self._waiting += found
                return
            try:
                await self._aside(self._write, found)
            except (OSError, ValueError) as error:
                await self._recover(found, error)

    def _remember(self, papers: Iterable[Paper]) -> None:
        for each in papers:
            self._recent.pop(each.id, None)
            self._recent[each.id] = hash(each)
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def _reader(self) -> tantivy.Searcher:
        """Return what to ask, once what waits in memory is written."""
        if self._waiting:
            self._write(())
        return self._searcher

    def _write(self, papers: Iterable[Paper]) -> None:
        with self._writing:
            self._written(papers)

    def _written(self, papers: Iterable[Paper]) -> None:
        if self._folder is not None and not (self._folder / MARK).is_file():
            raise FileNotFoundError(f"{self._folder} was deleted")
        waiting, self._waiting = self._waiting, []
        for paper in (*waiting, *papers):
            self._writer.delete_documents_by_term("id", str(paper.id))
            self._writer.add_document(_document(paper))
        self._writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()
        self._vocabulary = {}

    async def _recover(self, papers: Sequence[Paper], error: Exception) -> None:
        """Write everything anew, in the folder if that can be, else in memory."""
        reason = one_line(str(error))
        log.error("search index not written", folder=str(self._folder), reason=reason)
        every = {} if self._library is None else {each.id: each for each in await self._library()}
        every |= {each.id: each for each in papers}
        for folder in dict.fromkeys((self._folder, None)):
            try:
                await self._aside(self._anew, folder, every.values())
            except (OSError, ValueError) as problem:
                log.error("search index kept in memory", reason=one_line(str(problem)))
            else:
                log.warning("search index made anew", folder=str(folder), papers=self.papers)
                return

    def _anew(self, folder: Path | None, papers: Iterable[Paper]) -> None:
        with self._writing:
            self._writer = None  # lets go of the folder
            if folder is not None:
                remove(folder)
            self._folder = folder
            self._begin()
            self._write(papers)

    async def search(
        self,
        query: Query,
        *,
        limit: int,
        offset: int = 0,
        among: Collection[PaperId] | None = None,
    ) -> Found:
        """Return papers with all that is wanted, or where there are none with some of it."""
        return await self._aside(self._search, query, limit, offset, among)

    def _search(
        self, query: Query, limit: int, offset: int, among: Collection[PaperId] | None
    ) -> Found:
        self._reader()
        better = self._corrections(query)
        query = query.corrected(better) if better else query
        narrow = list(self._narrowed(query, among))
        exact = [
            clause
            for term in query.wanted
            if not is_loose(term)
            if (clause := self._clause(term)) is not None
        ]
        narrow += [(Occur.Must, clause) for clause in exact]
        words = self._loose_words(query)
        stems = list(dict.fromkeys(self._stemmed(words)))
        if not stems:
            total, ids = self._run(narrow, query, limit, offset)
            return Found(total, ids, whole=total, corrected=better)
        narrow += [(Occur.Should, self._word(word)) for word in words]
        every = [(Occur.Must, self._stem(stem)) for stem in stems]
        some = (Occur.Must, self._any(stems))
        if len(stems) > SHORT_QUERY:
            total, ids = self._run([*narrow, some], query, limit, offset)
            return Found(total, ids, whole=total, corrected=better)
        whole, ids = self._run([*narrow, *every], query, limit, offset)
        if len(stems) == 1 or whole >= offset + limit:
            return Found(whole, ids, whole=whole, corrected=better)
        first = tantivy.Query.const_score_query(tantivy.Query.boolean_query(every), ABOVE_ALL)
        total, ids = self._run([*narrow, some, (Occur.Should, first)], query, limit, offset)
        return Found(total, ids, whole=whole, corrected=better)

    def has_whole_first(self, query: Query) -> bool:
        """Tell whether papers that hold all words come first: so they do for a few words."""
        return 1 < len(set(self._stemmed(self._loose_words(query)))) <= SHORT_QUERY

    def _run(
        self, clauses: Sequence[Clause], query: Query, limit: int, offset: int
    ) -> tuple[int, list[PaperId]]:
        if all(occur is Occur.MustNot for occur, _ in clauses):
            clauses = [(Occur.Must, tantivy.Query.all_query()), *clauses]
        searcher, asked = self._reader(), tantivy.Query.boolean_query(list(clauses))
        order: dict[str, Any] = {}
        if query.sort == "new" or not query.wanted:
            order = {"order_by_field": "day"}
        if query.sort == "votes":
            order = {"order_by_field": "votes"}
        found = searcher.search(
            asked, limit=max(limit, 1), offset=offset, order=Order.Desc, **order
        )
        ids = [PaperId.parse(searcher.doc(address)["id"][0]) for _, address in found.hits]
        return int(found.count or 0), ids[:limit]  # type: ignore[attr-defined]  # not in its stubs

    def _narrowed(self, query: Query, among: Collection[PaperId] | None) -> Iterator[Clause]:
        for term in query.unwanted:
            if (clause := self._clause(term)) is not None:
                yield Occur.MustNot, clause
        since = query.since.toordinal() if query.since else None
        until = query.until.toordinal() if query.until else None
        if since is not None or until is not None:
            yield Occur.Must, self._range("day", Bounds(max(since or 1, 1), until))
        if query.votes:
            yield Occur.Must, self._range("votes", query.votes)
        if query.has_code:
            yield Occur.Must, self._range("code", Bounds(1))
        if among is not None:
            terms = [str(paper) for paper in among]
            yield Occur.Must, tantivy.Query.term_set_query(self._index.schema, "id", terms)

    def _range(self, name: str, bounds: Bounds) -> tantivy.Query:
        if bounds.most is not None and bounds.most < 0:
            return tantivy.Query.empty_query()
        least = max(bounds.least or 0, 0)
        return tantivy.Query.range_query(
            self._index.schema, name, FieldType.Unsigned, least, bounds.most
        )

    def _loose_words(self, query: Query) -> list[str]:
        """Return the words that may stand anywhere, each once, common ones left out."""
        loose = " ".join(term.text for term in query.wanted if is_loose(term))
        words = self._cut("folded", loose)
        return list(dict.fromkeys([word for word in words if word not in STOPWORDS] or words))

    def _stemmed(self, words: Iterable[str]) -> Iterator[str]:
        for word in words:
            yield from self._cut("stems", word)

    def _cut(self, analyzer: str, text: str) -> list[str]:
        """Return the terms of a text; half a character, which JSON can bring, is none."""
        sound = text.encode("utf-8", "replace").decode()
        return list(self._analyzers[analyzer].analyze(sound))

    def _stem(self, stem: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._index.schema, "all", stem, index_option="freq")

    def _word(self, word: str) -> tantivy.Query:
        """Return what adds to the score of a paper that holds a word in the very form typed."""
        return tantivy.Query.term_query(self._index.schema, "words", word, index_option="position")

    def _any(self, stems: Iterable[str]) -> tantivy.Query:
        return tantivy.Query.boolean_query([(Occur.Should, self._stem(stem)) for stem in stems])

    def _clause(self, term: Term) -> tantivy.Query | None:
        """Return what asks for one word or phrase where it has to stand, or nothing to ask for."""
        schema = self._index.schema
        if is_loose(term):
            stems = list(self._stemmed([term.text]))
            must = [(Occur.Must, self._stem(stem)) for stem in stems]
            return tantivy.Query.boolean_query(must) if must else None
        name = "words" if term.place == "anywhere" else term.place
        words = self._cut("folded", term.text)
        if not words:
            return None
        if len(words) == 1:
            return tantivy.Query.term_query(schema, name, words[0], index_option="position")
        return tantivy.Query.phrase_query(schema, name, [*words])

    def _corrections(self, query: Query) -> dict[str, str]:
        """Return what was meant by words that no paper holds, as far as that can be told."""
        better: dict[str, str] = {}
        for word in (each for term in query.wanted if is_loose(term) for each in term.text.split()):
            cut = self._cut("folded", word)
            if len(cut) != 1 or len(cut[0]) < CORRECTABLE or cut[0] in STOPWORDS:
                continue
            stems = list(self._stemmed(cut))
            if any(self._searcher.doc_freq("all", stem) for stem in stems):
                continue
            if meant := self._nearest(cut[0]):
                better[word] = meant
        return better

    def _nearest(self, word: str) -> str | None:
        """Return the word that is fewest changes away; of several, the most frequent."""
        known = {**self._beginning(word[1]), **self._beginning(word[0])}
        changes = 1 if len(word) < 2 * CORRECTABLE else 2
        near = process.extract(
            word,
            known.keys(),
            scorer=DamerauLevenshtein.distance,
            score_cutoff=changes,
            limit=None,
        )
        best = min(near, key=lambda each: (each[1], -known[each[0]]), default=None)
        return None if best is None else str(best[0])

    def _beginning(self, letter: str) -> dict[str, int]:
        """Return the words that begin so, with the number of papers that hold them."""
        if letter not in self._vocabulary:
            found = self._searcher.terms_with_prefix("words", letter)
            self._vocabulary[letter] = {word: number for word, number in found if word.isalpha()}
        return self._vocabulary[letter]

    def telling(self, query: Query) -> Callable[[str], bool]:
        """Return what tells whether a word of a text is one of those that are looked for."""
        folded = {word for term in query.wanted for word in self._cut("folded", term.text)}
        wanted = set(self._stemmed(word for word in folded if word not in STOPWORDS))

        def tells(word: str) -> bool:
            return any(stem in wanted for stem in self._cut("stems", word))

        return tells

    async def complete(self, typed: str, *, limit: int) -> list[PaperId]:
        """Return papers whose titles hold the typed words, the last one perhaps but begun."""
        words = self._cut("folded", typed)
        if not words:
            return []
        schema, searcher = self._index.schema, self._reader()
        *whole, begun = words
        clauses = [(Occur.Must, tantivy.Query.term_query(schema, "title", word)) for word in whole]
        ends = [term for term, _ in searcher.terms_with_prefix("title", begun, limit=BEGINNINGS)]
        if not ends:
            return []
        clauses.append((Occur.Must, tantivy.Query.term_set_query(schema, "title", ends)))
        found = searcher.search(
            tantivy.Query.boolean_query(clauses),
            limit=limit,
            count=False,
            order_by_field="day",
            order=Order.Desc,
        )
        return [PaperId.parse(searcher.doc(address)["id"][0]) for _, address in found.hits]

    async def related(self, paper: Paper, *, limit: int) -> list[PaperId]:
        """Return the papers that hold most of this one's telling words, itself left out."""
        return await self._aside(self._related, paper, limit)

    def _related(self, paper: Paper, limit: int) -> list[PaperId]:
        counts = Counter(
            stem for stem in self._cut("stems", _everything(paper)) if stem not in STOPWORDS
        )
        total = max(self.papers, 1)  # nothing waits from here on

        def weight(stem: str) -> float:
            rarity = math.log(1 + total / (1 + self._searcher.doc_freq("all", stem)))
            return (1 + math.log(counts[stem])) * rarity

        telling = sorted(counts, key=lambda stem: (-weight(stem), stem))[:TELLING]
        if not telling:
            return []
        found = self._searcher.search(self._any(telling), limit=limit + 1, count=False)
        ids = [PaperId.parse(self._searcher.doc(each)["id"][0]) for _, each in found.hits]
        return [each for each in ids if each != paper.id][:limit]

    async def close(self) -> None:
        """Let go of the folder."""
        async with self._lock:
            await self._aside(self._finish)

    def _finish(self) -> None:
        with self._writing:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.wait_merging_threads()


def _is_current(folder: Path) -> bool:
    try:
        return (folder / MARK).read_text(encoding="utf-8") == VERSION
    except OSError:
        return False


def is_loose(term: Term) -> bool:
    """Tell whether a word may stand anywhere, in any form."""
    return term.place == "anywhere" and not term.exact


def _everything(paper: Paper) -> str:
    return " ".join((paper.title, paper.title, paper.abstract, *paper.keywords))


def _told(paper: Paper) -> str:
    """Return a paper's id with a digest of all that is known here of it."""
    told = (
        paper.title,
        paper.abstract,
        paper.keywords,
        paper.authors,
        paper.organization,
        paper.published,
        paper.upvotes,
        paper.code_url is not None,
    )
    digest = hashlib.blake2b(repr(told).encode("utf-8", "replace"), digest_size=8)
    return f"{paper.id} {digest.hexdigest()}"


def _document(paper: Paper) -> tantivy.Document:
    made = tantivy.Document()
    texts = [
        ("id", str(paper.id)),
        ("told", _told(paper)),
        ("all", _everything(paper)),
        ("words", " ".join((paper.title, paper.abstract, *paper.keywords))),
        ("title", paper.title),
        *(("author", author) for author in paper.authors),
        ("organization", paper.organization or ""),
    ]
    for name, text in texts:
        made.add_text(name, text.encode("utf-8", "replace").decode())
    made.add_unsigned("day", paper.published.toordinal() if paper.published else 0)
    made.add_unsigned("votes", max(paper.upvotes or 0, 0))
    made.add_unsigned("code", int(paper.code_url is not None))
    return made
