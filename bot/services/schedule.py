"""When a channel's digest is due. Pure clock arithmetic, one moment per local day.

Rule: a digest is due at the wall-clock time of its schedule. Where the clock skips that time, it is
due at the moment of the skip; where the clock shows it twice, the first time counts. So no local
day is missed or doubled, which ``CronTrigger`` and ``CalendarIntervalTrigger`` do not achieve
around changes of the clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.domain.channels import Schedule

SETTLED_DEADLINE = time(18, 0)
"""Local hour at which a digest that waits for its batch to settle is posted or accounted for."""

OWED = timedelta(hours=24)
"""A digest missed by less than this is caught up with; an older one is history."""


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the one instant, in UTC, at which a local day reaches a wall-clock time."""
    wall = datetime.combine(day, at, zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    return _end_of_gap(wall)


def _end_of_gap(wall: datetime) -> datetime:
    """Return the instant at which the clock skipped a time that does not exist."""
    zone = wall.tzinfo
    low = wall.replace(fold=1).astimezone(UTC)  # read with the offset after the skip: before it
    high = wall.replace(fold=0).astimezone(UTC)  # read with the offset before the skip: after it
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def daily_time(schedule: Schedule) -> time:
    """Return the wall-clock time at which a schedule is looked at, at the latest."""
    return schedule.at or SETTLED_DEADLINE


def next_daily(at: time, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the first daily moment later than ``after``."""
    day = after.astimezone(zone).date() - timedelta(days=1)
    while (instant := moment(day, at, zone)) <= after:
        day += timedelta(days=1)
    return instant


def latest_daily(at: time, zone: ZoneInfo, until: datetime) -> tuple[date, datetime]:
    """Return the last daily moment at or before ``until``, with the local day it belongs to."""
    day = until.astimezone(zone).date() + timedelta(days=1)
    while (instant := moment(day, at, zone)) > until:
        day -= timedelta(days=1)
    return day, instant


def next_run(schedule: Schedule, after: datetime) -> datetime:
    """Return when the next digest is due, in UTC, weekdays heeded."""
    at, zone = daily_time(schedule), schedule.zone
    day = latest_daily(at, zone, after)[0] + timedelta(days=1)
    while not schedule.allows(day):
        day += timedelta(days=1)
    return moment(day, at, zone)
