"""Read what the Hugging Face API sends: tolerant of what it leaves out, deaf to what it adds.

Rule: an entry without a usable id and title is skipped; an optional field of a wrong type or form
counts as unknown. Both are logged, once per payload, with their number. Only a payload that is no
list, or for one paper no description of a paper, is an error.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import structlog
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel

from bot.domain.errors import SourceError
from bot.domain.papers import Paper, PaperId
from bot.text import one_line

log = structlog.get_logger()

REASONS_LOGGED = 5
"""Reasons for skipped entries that one line of the log names."""

_BREAKS = re.compile(r"[\t\r\n]")

T = TypeVar("T")

_KINDS = {
    dict: "an object",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a truth value",
    type(None): "null",
}


def decode(data: bytes, source: str, name: str, cure: str) -> object:
    """Return the JSON value that ``data`` holds.

    Raises:
        SourceError: if it holds none; names the thing, where it breaks off, and the cure.
    """
    try:
        value: object = json.loads(data)
    except json.JSONDecodeError as error:
        place = f"character {error.pos:,} of {len(error.doc):,}"
        raise SourceError(source, f"{name} is no JSON from {place} on; {cure}") from error
    except UnicodeDecodeError as error:
        place = f"byte {error.start:,} of {len(data):,}"
        raise SourceError(source, f"{name} is no text from {place} on; {cure}") from error
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond all measure
        raise SourceError(source, f"{name} is no JSON that can be read; {cure}") from error
    return value


def papers(value: object, source: str, name: str) -> tuple[Paper, ...]:
    """Return the papers of a list of entries, in its order; ``name`` is for error and log.

    Raises:
        SourceError: if the value is no list.
    """
    if not isinstance(value, list):
        raise SourceError(source, f"{name} holds no list of papers but {_KINDS[type(value)]}")
    unknown: Counter[str] = Counter()
    skipped: list[str] = []
    found = []
    for index, entry in enumerate(value):
        try:
            found.append(_paper(_Entry.model_validate(entry, context=unknown)))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            skipped.append(f"{index}: {place}: {first['msg']}")
    if skipped:
        log.warning(
            "paper entries skipped",
            source=source,
            of=name,
            skipped=len(skipped),
            listed=len(value),
            reasons=skipped[:REASONS_LOGGED],
        )
    if unknown:
        log.warning("paper fields ignored", source=source, of=name, fields=dict(unknown))
    return tuple(found)


def paper(value: object, source: str, name: str) -> Paper:
    """Return the paper that a flat object describes, as ``/api/papers/{id}`` sends it.

    Raises:
        SourceError: if it holds no usable id and title.
    """
    found = papers([{"paper": value}], source, name)
    if not found:
        raise SourceError(source, f"{name} holds no paper with a usable id and title")
    return found[0]


def _or_unknown(
    value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
) -> object:
    if value is None or value == "":
        return None
    try:
        return handler(value)
    except ValidationError:
        info.context[info.field_name] += 1  # type: ignore[index]  # the counter of ``papers``
        return None


def _line(text: str) -> str:
    return one_line(text.encode(errors="replace").decode())  # JSON can hold half characters


def _arxiv_id(value: object) -> PaperId:
    found = PaperId.find(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("is no arXiv id")
    return found


def _web_address(text: str) -> str:
    address = _line(_BREAKS.sub("", text))  # as browsers do
    if not address.startswith(("https://", "http://")) or " " in address:
        raise ValueError("is no web address")
    if not urlsplit(address).hostname:
        raise ValueError("names no host")
    return address


def _day(value: object) -> date:
    if not isinstance(value, str):
        raise ValueError("is no ISO date")
    return date.fromisoformat(value[:10])


Known = Annotated[T | None, WrapValidator(_or_unknown)]
Line = Annotated[str, AfterValidator(_line)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Day = Annotated[date, BeforeValidator(_day)]
Count = Annotated[int, Field(ge=0, lt=2**31)]


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", alias_generator=to_camel)


class _Author(_Wire):
    name: Line
    hidden: Known[bool] = None


class _Account(_Wire):
    """A user or an organization; a user's login stands under ``name``, in old entries ``user``."""

    name: Known[Line] = None
    user: Known[Line] = None
    fullname: Known[Line] = None


class _Paper(_Wire):
    id: Annotated[InstanceOf[PaperId], BeforeValidator(_arxiv_id)]
    title: Annotated[Line, Field(min_length=1)]
    summary: Known[Line] = None
    authors: Known[list[Known[_Author]]] = None
    published_at: Known[Day] = None
    upvotes: Known[Count] = None
    ai_summary: Known[Line] = Field(None, alias="ai_summary")
    ai_keywords: Known[list[Known[Line]]] = Field(None, alias="ai_keywords")
    organization: Known[_Account] = None
    submitted_on_daily_by: Known[_Account] = None
    github_repo: Known[WebAddress] = None
    github_stars: Known[Count] = None
    project_page: Known[WebAddress] = None


class _Entry(_Wire):
    """The wrapper of a list; its ``publishedAt`` is shifted by hours and therefore not read."""

    paper: _Paper
    organization: Known[_Account] = None
    submitter_organization: Known[_Account] = None  # 2025-09-29 to 2025-10-02
    submitted_by: Known[_Account] = None
    num_comments: Known[Count] = None
    thumbnail: Known[WebAddress] = None
    media_url: Known[WebAddress] = None  # the thumbnail until 2024-06-12


def _paper(entry: _Entry) -> Paper:
    paper = entry.paper
    organization = paper.organization or entry.organization or entry.submitter_organization
    submitter = paper.submitted_on_daily_by or entry.submitted_by
    return Paper(
        id=paper.id,
        title=paper.title,
        abstract=paper.summary or "",
        authors=tuple(
            author.name
            for author in paper.authors or ()
            if author and author.name
            if not author.hidden
        ),
        published=paper.published_at,
        upvotes=paper.upvotes,
        one_line=paper.ai_summary or None,
        keywords=tuple(filter(None, paper.ai_keywords or ())),
        organization=(organization.fullname or organization.name or None) if organization else None,
        submitted_by=(submitter.name or submitter.user or None) if submitter else None,
        comments=entry.num_comments,
        code_url=paper.github_repo,
        code_stars=paper.github_stars,
        project_url=paper.project_page,
        thumbnail_url=entry.thumbnail or entry.media_url,
    )
