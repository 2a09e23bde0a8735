"""A saved Daily Papers page as text: header lines, the date, then titles and abstracts in turn.

Rule: a page that is not whole is refused, never guessed at. A page names no arXiv ids; where
neither a line of the paper nor the caller names one, the id is made of the title.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import dropwhile
from pathlib import Path

from adapters.papers.shelf import Shelf, by_month
from bot.domain.errors import SourceError
from bot.domain.papers import Paper, PaperId, distinct
from bot.text import clip, one_line

NAME = "page"
TITLE_CHARS = 300
"""The longest title of 8,507 listed papers has 175 characters, the shortest abstract 165."""

SLUG_CHARS = 40
LEAP_YEARS = 8
"""Years after which a 29 February comes again at the latest."""

_DATE = re.compile(
    r"""^[ \t]*(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?[ ]+)?
        (?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[ ]+
        (?P<day>\d{1,2})(?:,?[ ]+(?P<year>[1-9]\d{3}))?[ \t]*$""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_HEADER = re.compile(
    r"(?:new|subscribe|daily papers|get trending papers in your email inbox!|by ?ak and .*)",
    re.IGNORECASE,
)
_GAP = re.compile(r"\n\s*\n")
_ID_LINE = re.compile(r"\s*(?:arxiv:\s*\S+|https?://\S+)\s*", re.IGNORECASE)


class Page(Shelf):
    """The one batch of a saved page.

    Args:
        page: Its text, or the file that holds it, in UTF-8.
        today: The newest day that a date without a year may mean.
        year: The year of the page, where it is known.
        day: The day of the page; its own date line is then not needed.
        ids: arXiv ids by title.

    Raises:
        SourceError: if the page cannot be read, has no date or is not whole.
    """

    def __init__(
        self,
        page: str | Path,
        *,
        today: date,
        year: int | None = None,
        day: date | None = None,
        ids: Mapping[str, PaperId] | None = None,
    ) -> None:
        text = (_read(page) if isinstance(page, Path) else page).lstrip("\ufeff")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        line = _DATE.search(text)
        listed = day or _listed(line, today, year)
        known = {_folded(title): paper for title, paper in (ids or {}).items()}
        paragraphs = _paragraphs(text[line.end() :]) if line else _without_header(text)
        papers = distinct(_papers(paragraphs, known))
        super().__init__(NAME, by_month({listed: papers}))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise SourceError(NAME, f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SourceError(
            NAME, f"{path} is no UTF-8 from byte {error.start:,} on; save the page as UTF-8 text"
        ) from error


def _listed(line: re.Match[str] | None, today: date, year: int | None) -> date:
    if line is None:
        raise SourceError(NAME, "the page has no date line such as “Aug 20”; give the date")
    if line["year"] or year:
        years = [int(line["year"] or year or 0)]
    else:
        years = [*range(today.year, max(today.year - LEAP_YEARS, 1), -1)]
    for each in years:
        try:
            day = datetime.strptime(  # noqa: DTZ007 - a day has no time zone
                f"{line['month']} {line['day']} {each:04}", "%b %d %Y"
            ).date()
        except ValueError:
            continue  # 29 February of another year, or no day at all
        if day <= today or len(years) == 1:
            return day
    raise SourceError(NAME, f"the date line “{line[0].strip()}” names no day; give the date")


def _paragraphs(body: str) -> list[str]:
    return [paragraph.strip() for paragraph in _GAP.split(body) if paragraph.strip()]


def _without_header(text: str) -> list[str]:
    return list(
        dropwhile(lambda paragraph: _HEADER.fullmatch(one_line(paragraph)), _paragraphs(text))
    )


def _papers(paragraphs: list[str], known: Mapping[str, PaperId]) -> Iterator[Paper]:
    if not paragraphs:
        raise SourceError(NAME, "the page lists no papers; save the whole page")
    for index in range(0, len(paragraphs), 2):
        title, named = _without_id(paragraphs[index])
        if not title or len(title) > TITLE_CHARS:
            raise SourceError(
                NAME,
                f"paragraph {index + 1:,} should be a title but reads “{clip(title, 60)}”, "
                f"{len(title):,} characters; an abstract or title before it is missing",
            )
        if index + 1 == len(paragraphs):
            raise SourceError(
                NAME, f"the page ends after the title “{title}” without an abstract; save it whole"
            )
        abstract, named_below = _without_id(paragraphs[index + 1])
        paper = named or named_below or known.get(_folded(title)) or _made_id(title)
        yield Paper(id=paper, title=title, abstract=abstract)


def _without_id(paragraph: str) -> tuple[str, PaperId | None]:
    """Return a paragraph on one line, and the paper that a line of its own names, if any."""
    lines = paragraph.split("\n")
    for index, line in enumerate(lines):
        if _ID_LINE.fullmatch(line) and (paper := PaperId.find(line)):
            return one_line("\n".join(lines[:index] + lines[index + 1 :])), paper
    return one_line(paragraph), None


def _folded(title: str) -> str:
    return one_line(title).casefold()


def _made_id(title: str) -> PaperId:
    folded = _folded(title)
    words = " ".join(re.findall(r"[a-z0-9]+", folded))
    slug = next(iter(textwrap.wrap(words, SLUG_CHARS)), "").replace(" ", "-")
    mark = hashlib.sha256(folded.encode(errors="replace")).hexdigest()[:8]
    return PaperId(NAME, f"{slug}-{mark}" if slug else mark)
