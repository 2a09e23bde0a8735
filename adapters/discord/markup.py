"""Text as Discord's markup, and how much of it there may be. Pure.

Foreign text never becomes markup, a mention or a link: everything that means something to Discord
is escaped here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never
from urllib.parse import quote

from adapters.discord.commands import as_typed
from bot.domain.reply import Bold, Code, Italic, Link, Plain, Span, Text, plain
from bot.text import ELLIPSIS, clean, clip, size


@dataclass(frozen=True, slots=True)
class Budget:
    """The most characters that each kind of text may have, before escaping.

    Attributes:
        links: How many links may stand for link buttons, in one place.
    """

    line: int = 300
    body: int = 3_800
    title: int = 300
    meta: int = 200
    url: int = 512
    links: int = 25


SHRINKING: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("line", (200, 160, 130, 100, 80, 60)),
    ("body", (3_000, 2_400, 1_800, 1_400, 1_000, 700, 500, 300, 150)),
    ("line", (0,)),
    ("links", (3, 0)),
    ("title", (200, 140, 100, 75)),
    ("url", (100,)),
    ("meta", (60,)),
    ("title", (50,)),
    ("url", (0,)),
    ("meta", (30,)),
    ("body", (60,)),
    ("title", (30,)),
)
"""What gives way, in this order; a line of no length is left out, as is a link of no address."""


def _budgets() -> tuple[Budget, ...]:
    budgets = [Budget()]
    for kind, lengths in SHRINKING:
        for length in lengths:
            budgets.append(replace(budgets[-1], **{kind: length}))
    return tuple(budgets)


BUDGETS = _budgets()


def line(mark: str, words: str) -> str:
    """Return a line of a kind, or nothing where there are no words."""
    return mark + words.strip() if words.strip() else ""


def lines(*parts: str) -> str:
    """Return lines of which the empty ones are left out."""
    return "\n".join(part.strip() for part in parts if part.strip())


def marked(
    words: Text, limit: int, budget: Budget, *, bold: bool = False, keep_lines: bool = False
) -> str:
    """Return spans as markup; within bold text nothing is made bold again."""
    made: list[str] = []
    after_mark = False
    for span in _clipped(words, limit, keep_lines=keep_lines):
        shown = _span(span, budget, bold=bold)
        if not shown:
            continue
        touches = after_mark or (made and made[-1].endswith("`"))
        if touches and not isinstance(span, Plain | Link):
            made.append("\u200b")  # keeps the marks of neighbours apart
        made.append(shown)
        after_mark = not isinstance(span, Plain | Link)
    return "".join(made)


def _span(span: Span, budget: Budget, *, bold: bool) -> str:
    match span:
        case Plain(words):
            return escape(words)
        case Bold(words):
            return escape(words) if bold else _around("**", escape(words))
        case Italic(words):
            return _around("*", escape(words))
        case Code(words):
            typed = as_typed(words)
            return f"`{typed.replace('`', 'ˋ')}`" if typed.strip() else ""
        case Link(words, url):
            return masked(words, url, budget)
        case _:
            assert_never(span)


def _around(mark: str, words: str) -> str:
    """Put marks around words; white space at their ends stays outside, else they do not count."""
    core = words.strip()
    if not core:
        return words
    before, _, after = words.partition(core)
    return f"{before}{mark}{core}{mark}{after}"


def masked(label: str, url: str, budget: Budget) -> str:
    """Return a link, or its label alone where the address is no good or too long."""
    address = web_address(url, budget.url)
    label = label if label.strip() else "link"
    return f"[{escape(label.translate(BRACKETS))}]({address})" if address else escape(label)


def _clipped(words: Text, limit: int, *, keep_lines: bool) -> Iterator[Span]:
    """Yield sound spans of at most so many characters together."""
    clean_spans = [replace(span, text=tidy(span.text, keep_lines=keep_lines)) for span in words]
    left = limit
    for index, span in enumerate(clean_spans):
        if size(plain(tuple(clean_spans[index:]))) <= left:
            yield from clean_spans[index:]
            return
        if size(span.text) >= left:
            yield replace(span, text=clip(span.text + ELLIPSIS, left))
            return
        left -= size(span.text)
        yield span


def tidy(words: str, *, keep_lines: bool = False) -> str:
    """Return foreign text without control characters, halves of characters and, mostly, lines."""
    sound = clean(words.encode("utf-8", "replace").decode())
    return re.sub(r"\n\s*\n+", "\n", sound) if keep_lines else re.sub(r"\s+", " ", sound)


BRACKETS = str.maketrans("[]", "［］")
"""A bracket in a link's label can end the link, escaped or not."""

_ANYWHERE = re.compile(r"[\\*_~`|<>@\[\]]|:(?=//)")
_AT_LINE_START = re.compile(r"^(\s*)([#+-]|\d+(?=[.)]))", re.MULTILINE)
_WEB = re.compile(
    r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]+"
    r"(?::\d{1,5})?(?=[/?#]|$)"
)
_KEPT_IN_URLS = ":/?#@!$&'+,;=%~"


def escape(words: str) -> str:
    """Return text that Discord shows as it is.

    A backslash before punctuation is not shown; ``:`` before ``//`` breaks what would be a link.
    docs.discord.com/developers/reference#message-formatting
    """
    escaped = _ANYWHERE.sub(r"\\\g<0>", words)
    return _AT_LINE_START.sub(_disarm, escaped)


def _disarm(match: re.Match[str]) -> str:
    space, mark = match.groups()
    return f"{space}{mark}\\" if mark.isdigit() else f"{space}\\{mark}"


def web_address(url: str, limit: int) -> str | None:
    """Return an http or https address safe inside markup, or ``None`` if it is none, or too long.

    A user name in front of the host, which can make a link look like another, is not taken.
    """
    if not _WEB.match(url):
        return None
    address = quote(tidy(url), safe=_KEPT_IN_URLS)
    return address if len(address) <= limit else None
