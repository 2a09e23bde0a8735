"""A paper's full text, read from Markdown, as running sentences by section. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.sentences import sentences
from bot.services.cleaning import clean_text
from bot.text import one_line

SECTIONS_MOST = 80
SENTENCES_MOST = 1_500
"""So long is a text that is read; the longest reports are cut there."""

_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$|\s{0,3}\*\*([^*]{3,80})\*\*\s*$")
_FENCE = re.compile(r"\s{0,3}(```|~~~|\$\$)")
_NOT_PROSE = re.compile(
    r"\s*(?:\||!\[|<|:?-{3,}|={3,}|\$\$|\\begin|\\end|\[\d+\]|\*?(?:Figure|Table|Fig\.)\s*\d+\b)"
)
_END = re.compile(
    r"(?:[\dA-Z.]+\s+)?(?:references|bibliography|acknowledge?ments?|appendi(?:x|ces)\b.*"
    r"|supplementary material.*|author contributions|checklist.*)$",
    re.IGNORECASE,
)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()]|\([^()]*\))*\)")
_MARK = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a text under one heading; ``heading`` is empty before the first."""

    heading: str
    sentences: tuple[str, ...]


def sections(markdown: str) -> tuple[Section, ...]:
    """Return the prose of a text, what follows its references left out.

    Tables, figures, formulas of their own, code and lists of references are no prose.
    """
    found: list[Section] = []
    left = SENTENCES_MOST
    for heading, paragraphs in _parts(markdown):
        if _END.fullmatch(heading):
            break
        told = [each for paragraph in paragraphs for each in sentences(clean_text(paragraph))]
        if told and left > 0:
            found.append(Section(heading, tuple(told[:left])))
            left -= len(told)
    return tuple(found[:SECTIONS_MOST])


def flat(parts: Sequence[Section]) -> tuple[str, ...]:
    """Return all sentences of a text in order."""
    return tuple(each for part in parts for each in part.sentences)


def _parts(markdown: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the paragraphs under each heading."""
    heading, paragraphs = "", [""]
    for line in _outside_fences(markdown):
        if title := _HEADING.match(line):
            yield heading, paragraphs
            heading, paragraphs = one_line(clean_text(title[1] or title[2])), [""]
        elif not line.strip():
            paragraphs.append("")
        elif not _NOT_PROSE.match(line):
            if _MARK.match(line):
                paragraphs.append("")
            paragraphs[-1] += f" {_MARK.sub('', _LINK.sub(_label, line))}"
    yield heading, paragraphs


def _label(link: re.Match[str]) -> str:
    return link[1]


def _outside_fences(markdown: str) -> Iterator[str]:
    """Yield the lines that stand in no block of code or formulas."""
    fence = ""
    for line in markdown.splitlines():
        opened = _FENCE.match(line)
        if fence:
            fence = "" if fence in line else fence
        elif opened and line.count(opened[1]) == 1:
            fence = opened[1]
        elif not opened:
            yield line
