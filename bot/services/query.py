"""Read what somebody looks for from one line. Pure.

Any line is a query. What looks like an operator and is none is looked for as words, and what an
operator cannot take is left out; either is said in a note.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from bot.domain.query import Bounds, Place, Query, Sort, Term
from bot.text import clean, clip

TERMS_MOST = 64
"""Words and phrases that are looked for; nobody types more, and each costs time."""

QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})

PLACES: dict[str, Place] = {
    "title": "title",
    "author": "author",
    "by": "author",
    "org": "organization",
}
SORTS: dict[str, Sort] = {
    "relevance": "relevance",
    "best": "relevance",
    "new": "new",
    "date": "new",
    "votes": "votes",
}
FILTERS = ("since", "until", "votes", "team", "has", "seen", "source")
OPERATORS = (*PLACES, *FILTERS, "sort")

_TOKEN = re.compile(
    r'(?P<minus>-?)(?:(?P<name>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+))'
)
_AGE = re.compile(r"(\d{1,4})([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_BOUND = re.compile(r"(>=|<=|>|<|=)?(\d{1,7})")


def parse(line: str, today: date) -> Query:
    """Read a line; whatever it is, there is a query in it.

    Args:
        line: What somebody typed.
        today: The day from which ``since:30d`` counts back.
    """
    tidy = " ".join(clean(line).translate(QUOTES).split())
    query = Query(line=tidy)
    for token in _tokens(tidy):
        query = _read(query, token, today)
    if len(query.wanted) > TERMS_MOST:
        note = f"Only the first {TERMS_MOST} words were looked for."
        query = replace(query, wanted=query.wanted[:TERMS_MOST], notes=(*query.notes, note))
    return replace(query, unwanted=query.unwanted[:TERMS_MOST])


def words_alone(text: str) -> Query:
    """Return a query for words in which nothing is an operator, such as those of a title."""
    words = clean(text).split()[:TERMS_MOST]
    wanted = tuple(Term(clip(word, 200)) for word in words if any(map(str.isalnum, word)))
    return Query(line=" ".join(words), wanted=wanted)


@dataclass(frozen=True, slots=True)
class _Token:
    typed: str
    name: str
    value: str
    quoted: bool
    negated: bool


def _tokens(line: str) -> Iterator[_Token]:
    if line.count('"') % 2:  # the last one opens nothing
        head, _, tail = line.rpartition('"')
        line = f"{head} {tail}"
    for match in _TOKEN.finditer(line):
        quoted = match["quoted"] is not None
        value = (match["quoted"] if quoted else match["bare"]).strip()
        name = (match["name"] or "").lower()
        if value.startswith("//") and name in ("http", "https"):
            name, value = "", f"{name}:{value}"
        yield _Token(match[0], name, value, quoted, match["minus"] == "-")


def _read(query: Query, token: _Token, today: date) -> Query:
    if token.name in PLACES:
        return _term(query, token, PLACES[token.name])
    if token.name in FILTERS and not token.negated:
        return _filter(query, token, today)
    if token.name == "sort":
        if token.value.lower() in SORTS:
            return replace(query, sort=SORTS[token.value.lower()])
        return _noted(
            query, f"`sort` is {', '.join(dict.fromkeys(SORTS.values()))}; it was left out."
        )
    if token.name and token.name not in FILTERS:
        query = _noted(query, _unknown(token.name))
        words = replace_name(token)
        return _term(query, words, "anywhere")
    if token.name:
        return _noted(query, f"`-{token.name}:` means nothing; it was left out.")
    return _term(query, token, "anywhere")


def replace_name(token: _Token) -> _Token:
    """Return a token whose name belongs to its words."""
    return replace(token, name="", value=f"{token.name} {token.value}")


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, OPERATORS, n=1)
    meant = f", did you mean `{near[0]}:`?" if near else "."
    return f"`{clip(name, 20)}:` is no operator: it was looked for as a word{meant}"


def _term(query: Query, token: _Token, place: Place) -> Query:
    text = clip(token.value, 200)
    if not any(character.isalnum() for character in text):
        return query
    term = Term(text, place, exact=token.quoted)
    if token.negated:
        return replace(query, unwanted=(*query.unwanted, term))
    return replace(query, wanted=(*query.wanted, term))


def _filter(query: Query, token: _Token, today: date) -> Query:
    read = {
        "since": _since,
        "until": _until,
        "votes": _votes,
        "team": _team,
        "has": _has,
        "seen": _seen,
        "source": _source,
    }[token.name]
    found = read(query, token.value.lower(), today)
    if found is None:
        return _noted(query, f"`{token.name}` {TAKES[token.name]}; it was left out.")
    return replace(found, filters=(*query.filters, token.typed))


TAKES = {
    "since": "takes a day such as 2026-03-01, or an age such as 30d",
    "until": "takes a day such as 2026-03-01, or an age such as 30d",
    "votes": "takes a number such as >20",
    "team": "takes a number such as >2",
    "has": "is code",
    "seen": "is yes or no",
    "source": "takes the name of a source",
}


def _day(value: str, today: date, *, last: bool) -> date | None:
    if match := _AGE.fullmatch(value):
        try:
            return today - timedelta(days=int(match[1]) * _DAYS[match[2]])
        except OverflowError:
            return date.min
    parts = value.split("-")
    try:
        if len(parts) == 1:
            return date(int(parts[0]), 12 if last else 1, 31 if last else 1)
        if len(parts) == 2:
            first = date(int(parts[0]), int(parts[1]), 1)
            following = (first + timedelta(days=31)).replace(day=1)
            return following - timedelta(days=1) if last else first
        return date.fromisoformat(value)
    except (ValueError, OverflowError):
        return None


def _since(query: Query, value: str, today: date) -> Query | None:
    day = _day(value, today, last=False)
    return None if day is None else replace(query, since=day)


def _until(query: Query, value: str, today: date) -> Query | None:
    day = _day(value, today, last=True)
    return None if day is None else replace(query, until=day)


def _bounds(value: str) -> Bounds | None:
    match = _BOUND.fullmatch(value)
    if match is None:
        return None
    sign, number = match[1] or ">=", int(match[2])
    return {
        ">": Bounds(least=number + 1),
        ">=": Bounds(least=number),
        "<": Bounds(most=number - 1),
        "<=": Bounds(most=number),
        "=": Bounds(number, number),
    }[sign]


def _votes(query: Query, value: str, today: date) -> Query | None:
    bounds = _bounds(value)
    return None if bounds is None else replace(query, votes=bounds)


def _team(query: Query, value: str, today: date) -> Query | None:
    bounds = _bounds(value)
    return None if bounds is None else replace(query, team=bounds)


def _has(query: Query, value: str, today: date) -> Query | None:
    return replace(query, has_code=True) if value == "code" else None


def _seen(query: Query, value: str, today: date) -> Query | None:
    answers = {"yes": True, "true": True, "no": False, "false": False}
    return replace(query, seen=answers[value]) if value in answers else None


def _source(query: Query, value: str, today: date) -> Query | None:
    return replace(query, sources=(*query.sources, value)) if value else None


def _noted(query: Query, note: str) -> Query:
    return query if note in query.notes else replace(query, notes=(*query.notes, note))
