"""The texts with a form of their own that several commands take. Pure."""

from __future__ import annotations

import re
from datetime import date, time
from zoneinfo import ZoneInfo, available_timezones

from bot.commands.parsing import Form
from bot.domain.channels import WORKDAYS, Weekday
from bot.text import clip

SETTLED = "settled"
NONE = "none"
DEFAULT = "default"
WORDS_MOST = 30
_LANGUAGE = re.compile(r"[^\W\d_]+(?:[ -][^\W\d_]+){0,3}")
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def read_date(value: str) -> date:
    """Read ``YYYY-MM-DD``."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"is a date such as 2026-05-07, not “{clip(value, 40)}”") from None


def read_time(value: str) -> time | None:
    """Read ``HH:MM``; ``settled`` is ``None``: as soon as the batch has settled."""
    if value.lower() == SETTLED:
        return None
    try:
        hour, minute = value.split(":")
        return time(int(hour), int(minute))
    except ValueError:
        raise ValueError(
            f"is a time such as 09:00, or `settled`, not “{clip(value, 40)}”"
        ) from None


def read_zone(value: str) -> str:
    """Read an IANA time zone's name, case aside."""
    by_folded = {name.casefold(): name for name in available_timezones()}
    name = by_folded.get(value.replace(" ", "_").casefold())
    if name is None:
        raise ValueError(f"is an IANA time zone such as Europe/Berlin, not “{clip(value, 40)}”")
    return ZoneInfo(name).key


def read_weekdays(value: str) -> tuple[Weekday, ...]:
    """Read ``mon,wed,fri``, ``mon-fri``, ``weekdays`` or ``daily``; the result is in week order."""
    order = tuple(Weekday)
    words = {"weekdays": WORKDAYS, "daily": order, "all": order}
    days = {each.value: each for each in order} | dict(zip(DAY_NAMES, order, strict=True))
    chosen: set[Weekday] = set()
    for part in value.lower().replace(" ", ",").split(","):
        first, dash, last = part.partition("-")
        try:
            if part in words:
                chosen.update(words[part])
            elif dash:
                start, end = order.index(days[first]), order.index(days[last])
                chosen.update(
                    order[start : end + 1] if start <= end else order[start:] + order[: end + 1]
                )
            elif part:
                chosen.add(days[part])
        except KeyError:
            raise ValueError(
                f"are days such as mon,wed or mon-fri or daily, not “{clip(value, 40)}”"
            ) from None
    if not chosen:
        raise ValueError("names no day; to stop the digest use `unsubscribe`")
    return tuple(day for day in order if day in chosen)


def days_in_words(days: tuple[Weekday, ...]) -> str:
    """Return days as ``read_weekdays`` reads them, in as few words as there are."""
    order = tuple(Weekday)
    if days == order:
        return "daily"
    first = order.index(days[0])
    if len(days) > 2 and days == order[first : first + len(days)]:
        return f"{days[0]}-{days[-1]}"
    return ", ".join(days)


def read_words(value: str) -> tuple[str, ...]:
    """Read words or phrases separated by commas; ``none`` is the empty list."""
    if value.lower() == NONE:
        return ()
    words = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
    if len(words) > WORDS_MOST:
        raise ValueError(f"holds {len(words)} words; {WORDS_MOST} are the most taken")
    return words


def read_language(value: str) -> str:
    """Read a language's name; ``default`` is none: as the operator set it."""
    if value.lower() == DEFAULT:
        return ""
    if not _LANGUAGE.fullmatch(value):
        raise ValueError(f"is a language such as German, or `default`, not “{clip(value, 40)}”")
    return value


DATE = Form(read_date, "YYYY-MM-DD")
TIME = Form(read_time, "HH:MM|settled", ("07:00", "08:00", "09:00", "12:00", "17:00", SETTLED))
ZONE = Form(
    read_zone,
    "AREA/CITY",
    ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Tokyo"),
)
WEEKDAYS = Form(read_weekdays, "mon-fri", ("mon-fri", "daily", "mon,wed,fri", "fri"))
WORDS = Form(read_words, "WORDS", empty=NONE)
TOPICS = Form(read_words, "WORDS", topics=True, empty=NONE)
LANGUAGE = Form(
    read_language,
    "LANGUAGE",
    ("English", "German", "French", "Spanish", "Japanese", "Korean", "Chinese", DEFAULT),
    empty=DEFAULT,
)
