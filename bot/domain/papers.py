"""Papers, the batches they come in, and when a batch opens, is ready and closes. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
ROLLOVER = time(21, 30)
"""New York hour at which Hugging Face starts the next day's list (measured on listing times)."""

READY_AFTER = timedelta(hours=3)
"""A list younger than this holds a paper or two; a digest made of it would be wrong by noon."""

QUIET = timedelta(hours=2)
"""A list that has not grown for this long has settled."""

_ARXIV = re.compile(
    r"""(?<![\w./-])
        (?:arxiv:\s*)?
        (?P<key>\d{2}(?:0[1-9]|1[0-2])\.\d{4,5} | [a-z]+(?:-[a-z]+)*(?:\.[A-Z]{2})?/\d{7})
        (?:v(?P<version>\d{1,2}))?
        (?:\.pdf)?
        (?![\d/-]|\.\d|\w)""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,  # texts without spaces stand right beside an id
)
_LINK = re.compile(
    r"""(?:(?:https?://|(?<![\w./-]))(?:www\.|export\.)?
          (?:arxiv\.org/(?:abs|pdf|html)/
            |huggingface\.co/papers/
            |hf\.co/papers/
            |alphaxiv\.org/(?:abs|overview|pdf)/)
          |\b10\.48550/arxiv\.)
        (?P<rest>[^\s?#<>|)]+)""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class PaperId:
    """A paper's identity, without its version: ``arxiv:2508.01234``."""

    archive: str
    key: str

    def __str__(self) -> str:
        return f"{self.archive}:{self.key}"

    @classmethod
    def parse(cls, text: str) -> PaperId:
        """Read what ``str`` wrote.

        Raises:
            ValueError: if the text is not ``archive:key``.
        """
        archive, colon, key = text.partition(":")
        if not (archive and colon and key):
            raise ValueError(f"not a paper id (archive:key): {text!r}")
        return cls(archive, key)

    @classmethod
    def find(cls, text: str) -> PaperId | None:
        """Return the first arXiv paper that a text names by id, link or DOI, if any."""
        link = _LINK.search(text)
        match = _ARXIV.search(link["rest"] if link else text)
        if match is None:
            return None
        key = match["key"]
        return cls("arxiv", key if "/" not in key else _old_style(key))

    @classmethod
    def find_all(cls, texts: Iterable[str]) -> tuple[PaperId, ...]:
        """Return the arXiv papers that texts name, each once, in the order of reading."""
        words = (word for text in texts for word in re.split(r"[\s<>|()\[\]]+", text))
        found = (cls.find(word) for word in words)
        return tuple(dict.fromkeys(paper for paper in found if paper))

    @property
    def url(self) -> str:
        """The paper's page on Hugging Face, or on arXiv where its id is of the old style.

        A paper that is known by its title alone has no page: the link searches for it.
        """
        if self.arxiv_url is None:
            words, _, _ = self.key.rpartition("-")  # the last part keeps like titles apart
            return f"https://huggingface.co/papers?q={quote_plus(words.replace('-', ' '))}"
        return self.arxiv_url if "/" in self.key else f"https://huggingface.co/papers/{self.key}"

    @property
    def arxiv_url(self) -> str | None:
        """The paper's abstract page on arXiv, if its arXiv id is known."""
        return f"https://arxiv.org/abs/{self.key}" if self.archive == "arxiv" else None


def _old_style(key: str) -> str:
    archive, number = key.split("/")
    group, dot, subject = archive.partition(".")
    return f"{group.lower()}{dot}{subject.upper()}/{number}"


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper as a source described it; ``None`` and empty mean unknown.

    Attributes:
        upvotes: Votes on Hugging Face when the source was asked.
        one_line: The source's own one-sentence summary.
        gist: The sentence of the abstract that tells most, shortened; found when it is kept.
        raw_title: The title as the source wrote it, where cleaning changed it.
        raw_abstract: The abstract likewise.
    """

    id: PaperId
    title: str
    abstract: str
    authors: tuple[str, ...] = ()
    published: date | None = None
    upvotes: int | None = None
    one_line: str | None = None
    gist: str | None = None
    keywords: tuple[str, ...] = ()
    organization: str | None = None
    submitted_by: str | None = None
    comments: int | None = None
    code_url: str | None = None
    code_stars: int | None = None
    project_url: str | None = None
    thumbnail_url: str | None = None
    raw_title: str | None = None
    raw_abstract: str | None = None

    @property
    def url(self) -> str:
        """Where the paper is discussed."""
        return self.id.url

    def described_anew(self, newer: Paper) -> Paper:
        """Return this paper as described by ``newer``; what that leaves unknown stays known."""
        told = {each.name: getattr(newer, each.name) for each in fields(newer)}
        known = {name: value for name, value in told.items() if value not in (None, "", ())}
        for name in known.keys() & {"title", "abstract"}:
            known[f"raw_{name}"] = told[f"raw_{name}"]  # an older one would be of another text
        return replace(self, **known)


@dataclass(frozen=True, slots=True, order=True)
class BatchKey:
    """One source on one day: ``huggingface/2026-05-07``."""

    source: str
    day: date

    def __str__(self) -> str:
        return f"{self.source}/{self.day.isoformat()}"

    @classmethod
    def parse(cls, text: str) -> BatchKey:
        """Read what ``str`` wrote.

        Raises:
            ValueError: if the text is not ``source/YYYY-MM-DD``.
        """
        source, slash, day = text.partition("/")
        if not (source and slash):
            raise ValueError(f"not a batch key (source/YYYY-MM-DD): {text!r}")
        return cls(source, date.fromisoformat(day))


@dataclass(frozen=True, slots=True)
class Batch:
    """What one source lists for one day, in the source's order.

    Attributes:
        arrived: When this bot first saw each paper in the list; empty for a list that was never
            watched growing.
    """

    key: BatchKey
    papers: tuple[Paper, ...]
    arrived: Mapping[PaperId, datetime] = field(default_factory=dict)

    @property
    def grown_at(self) -> datetime | None:
        """When a paper was last added, as far as this bot saw."""
        return max(self.arrived.values(), default=None)

    def merged(self, newer: Batch, now: datetime) -> Batch:
        """Return this batch refreshed by a newer reading; a paper once listed stays listed."""
        fresh = {paper.id: paper for paper in newer.papers}
        kept = tuple(paper.described_anew(fresh.pop(paper.id, paper)) for paper in self.papers)
        arrived = {**self.arrived, **dict.fromkeys(fresh, now)}
        return replace(self, papers=kept + tuple(fresh.values()), arrived=arrived)

    def after(self, moment: datetime) -> Batch:
        """Return the batch with those papers alone that arrived later than ``moment``."""
        late = {paper for paper, at in self.arrived.items() if at > moment}
        return replace(self, papers=tuple(paper for paper in self.papers if paper.id in late))


def batch_day(now: datetime) -> date:
    """Return the date of the list that Hugging Face is filling at ``now`` (aware)."""
    local = now.astimezone(NEW_YORK)
    return local.date() + timedelta(days=local.time() >= ROLLOVER)


def opens_at(day: date) -> datetime:
    """Return when the list of ``day`` starts to fill, in UTC."""
    return datetime.combine(day - timedelta(days=1), ROLLOVER, NEW_YORK).astimezone(UTC)


def closes_at(day: date) -> datetime:
    """Return when the list of ``day`` takes no more papers, in UTC."""
    return opens_at(day + timedelta(days=1))


def is_ready(batch: Batch, now: datetime) -> bool:
    """Tell whether a list has filled long enough to be worth a digest at a set hour."""
    return bool(batch.papers) and now >= opens_at(batch.key.day) + READY_AFTER


def is_settled(batch: Batch, now: datetime) -> bool:
    """Tell whether a list has stopped growing: it is closed, or ready and quiet."""
    if not is_ready(batch, now):
        return False
    grown = batch.grown_at or opens_at(batch.key.day)
    return now >= closes_at(batch.key.day) or now - grown >= QUIET


def distinct(papers: Iterable[Paper]) -> tuple[Paper, ...]:
    """Return the papers without repeated ids, the first of each kept."""
    first: dict[PaperId, Paper] = {}
    for paper in papers:
        first.setdefault(paper.id, paper)
    return tuple(first.values())
