"""Split an abstract into its sentences where a reader would. Pure.

A sentence ends with ``.!?`` and what closes after it, before something that can begin one: a
capital, a digit, TeX, a list mark. It does not end at an abbreviation or an initial, nor inside a
parenthesis that closes soon.
"""

from __future__ import annotations

import re

from bot.text import one_line

SOON = 100
"""Characters; a parenthesis that is open for longer was never closed."""

_STARTERS = (
    "A|An|All|Although|And|As|At|Based|Because|Both|But|By|Code|Despite|Each|Empirically|"
    "Experiments|Finally|First|For|From|Further|Furthermore|Given|Here|Hence|How|However|If|In|"
    "Inspired|It|Its|Later|Many|Moreover|Most|Next|No|Not|On|One|Other|Our|Overall|Recent|Recently|"
    "Results|Second|Several|Since|So|Some|Specifically|Such|That|The|Their|Then|There|These|They|"
    "This|Those|Though|Thus|To|Today|Two|Unlike|Using|We|What|When|Where|While|Why|With|Without|Yet"
)
_END = re.compile(
    r"""[.!?…][.!?…"'”’)\]}»$]{0,6}+(?P<gap>\s+)(?=["'“‘«(\[{*`]{0,4}+(?:[^\W_a-zªµºß-öø-ÿ]|[a-z]{1,2}[A-Z]|[$\\]|[-•–]\s|(?:[ivx]{1,4}|[a-h])\)))
    |(?<=[a-z)\]}%][.!?])(?P<glued>)(?=(?:This|The|These|We|Our|However|Moreover|Furthermore)\b[^.])""",
    re.VERBOSE,
)
_STARTER = re.compile(rf"[\"'“‘«(\[{{*`]{{0,4}}(?:{_STARTERS})\b(?!\.)")
_NEVER = re.compile(
    r"(?<![\w.])(?:e\.?g|i\.?e|c\.?f|viz|vs|w\.r\.t|a\.k\.a|approx|ca|resp|Figs?|Eqs?|Secs?|Tabs?|Refs?|"
    r"Dr|Profs?|Mr|Mrs|Ms|St|Vol|pp?)\.$",
)
_SELDOM = re.compile(r"(?:(?<![\w.-])(?:al|No|Nos|Jr|Inc|Ltd)|(?<![\w-])(?:[A-Z]\.)*[A-Z])\.$")
"""May also end a sentence; so they do before a word with which sentences like to begin."""
_MARK = re.compile(r"\W*(?:\d{1,2}|[ivx]{1,4}|[a-h])[.)\]]*")


def sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of an abstract, in order; no character but white space is lost."""
    line = one_line(text)
    found: list[str] = []
    start = 0
    for end in _END.finditer(line):
        place = "gap" if end["gap"] else "glued"
        left, right = end.span(place)
        if _is_end(line, start, left, right):
            found.append(line[start:left])
            start = right
    return (*found, line[start:]) if line else ()


def _is_end(line: str, start: int, left: int, right: int) -> bool:
    before = line[max(start, left - 20) : left]
    if _NEVER.search(before) or _is_inside(line, start, left):
        return False
    if _SELDOM.search(before) and not _STARTER.match(line, right):
        return False
    return left - start > 8 or not _MARK.fullmatch(line, start, left)


def _is_inside(line: str, start: int, place: int) -> bool:
    """Tell whether a place lies in a parenthesis that closes soon."""
    opened = line.rfind("(", max(start, place - SOON), place)
    if opened < 0 or line.find(")", opened, place) >= 0:
        return False
    closed = line.find(")", place, opened + SOON)
    return closed >= 0 and line.find("(", place, closed) < 0
