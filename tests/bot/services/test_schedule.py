"""The oracle walks the clock and looks; it shares no arithmetic with what it judges."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.channels import Schedule, Weekday
from bot.services.schedule import daily_time, latest_daily, moment, next_daily, next_run

FIRST, LAST = date(2026, 1, 1), date(2027, 12, 31)
HALF_HOURS = [time(half // 2, half % 2 * 30) for half in range(48)]
STEP = timedelta(minutes=15)

instants = st.integers(0, 2 * 365 * 24 * 3600).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)

TRICKY = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "America/Nuuk",
    "America/Santiago",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
ALL = sorted(name for name in available_timezones() if "/" in name)
ZONES = sorted({*TRICKY, *ALL[:: len(ALL) // 30]})


def walls(zone: ZoneInfo, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
    """Yield every quarter of an hour with what the zone's clocks show then."""
    instant = datetime.combine(first, time(), UTC) - timedelta(hours=30)
    end = datetime.combine(last, time(), UTC) + timedelta(hours=54)
    while instant < end:
        yield instant, instant.astimezone(zone).replace(tzinfo=None)
        instant += STEP


def first_shown(zone: ZoneInfo, first: date, last: date) -> dict[datetime, datetime]:
    """Return the first instant at which the clocks show each half hour, or a later time."""
    shown: dict[datetime, datetime] = {}
    wanted: datetime | None = None
    for instant, wall in walls(zone, first, last):
        if wanted is None:
            wanted = wall.replace(hour=0, minute=0) + timedelta(days=1)
        while wanted <= wall:
            shown[wanted] = instant
            wanted += timedelta(minutes=30)
    return shown


def changes(zone: ZoneInfo) -> list[date]:
    """Return the days on which the zone's clocks are changed, and an ordinary one."""
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days)]
    noons = [datetime.combine(day, time(12), zone) for day in days]
    changed = [b.date() for a, b in pairwise(noons) if a.utcoffset() != b.utcoffset()]
    return [*changed, date(2026, 6, 16)]


@pytest.mark.parametrize("name", ZONES)
def test_around_every_change_of_the_clock_each_local_day_has_its_one_moment(name: str) -> None:
    zone = ZoneInfo(name)
    for change in changes(zone):
        first, last = change - timedelta(days=2), change + timedelta(days=2)
        shown = first_shown(zone, first, last)
        for at in HALF_HOURS:
            moments = [moment(first + timedelta(days=n), at, zone) for n in range(5)]
            oracle = [shown[datetime.combine(first + timedelta(days=n), at)] for n in range(5)]
            assert moments == oracle, (at, change)


@pytest.mark.parametrize("name", TRICKY[::2])
def test_over_two_years_each_daily_moment_is_reached_once_by_going_from_one_to_the_next(
    name: str,
) -> None:
    zone = ZoneInfo(name)
    days = (LAST - FIRST).days
    for at in HALF_HOURS[::3]:
        instant = moment(FIRST, at, zone)
        for n in range(1, days):
            instant = next_daily(at, zone, instant)
            assert instant == moment(FIRST + timedelta(days=n), at, zone)


@given(
    st.sampled_from(ZONES),
    st.times(),
    instants,
)
def test_the_latest_moment_is_not_after_now_and_the_next_one_is(
    name: str, at: time, now: datetime
) -> None:
    zone = ZoneInfo(name)
    day, latest = latest_daily(at, zone, now)
    following = next_daily(at, zone, now)
    assert latest == moment(day, at, zone) <= now < following
    assert following == moment(day + timedelta(days=1), at, zone)


@pytest.mark.parametrize(
    ("day", "at", "name", "expected"),
    [
        # what the clock skips is due at the skip
        (date(2026, 3, 29), time(2, 30), "Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (date(2026, 4, 24), time(0, 30), "Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
        (date(2026, 3, 28), time(23, 30), "America/Nuuk", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (
            date(2026, 10, 4),
            time(2, 15),
            "Australia/Lord_Howe",
            datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
        ),
        # what it shows twice is due the first time
        (
            date(2026, 10, 25),
            time(2, 30),
            "Europe/Berlin",
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),
        (
            date(2026, 10, 24),
            time(23, 30),
            "Asia/Beirut",
            datetime(2026, 10, 24, 20, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_time_that_the_clock_skips_or_repeats_has_one_moment(
    day: date, at: time, name: str, expected: datetime
) -> None:
    assert moment(day, at, ZoneInfo(name)) == expected


def test_a_day_that_a_country_left_out_is_due_when_it_was_left_out() -> None:
    """Samoa went from 29 to 31 December 2011."""
    apia = ZoneInfo("Pacific/Apia")
    assert moment(date(2011, 12, 30), time(9), apia) == datetime(2011, 12, 30, 10, tzinfo=UTC)


weekdays = st.sets(st.sampled_from(Weekday), min_size=1).map(
    lambda days: tuple(day for day in Weekday if day in days)
)


@given(
    weekdays,
    st.sampled_from(ZONES),
    st.one_of(st.none(), st.sampled_from(HALF_HOURS)),
    instants,
)
def test_the_next_run_is_the_first_moment_of_an_ordered_weekday(
    days: tuple[Weekday, ...], name: str, at: time | None, now: datetime
) -> None:
    schedule = Schedule(at, name, days)
    day, _ = latest_daily(daily_time(schedule), schedule.zone, now)
    coming = (day + timedelta(days=n) for n in range(1, 9))
    expected = next(each for each in coming if schedule.allows(each))
    assert next_run(schedule, now) == moment(expected, daily_time(schedule), schedule.zone)


def test_a_saturday_whose_hour_is_skipped_is_not_taken_for_a_sunday() -> None:
    """In Nuuk 23:30 of Saturday 28 March 2026 is skipped: it is due at 00:00 of Sunday."""
    schedule = Schedule(time(23, 30), "America/Nuuk", (Weekday.SAT,))
    friday = datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert next_run(schedule, friday) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_digest_that_waits_for_its_batch_is_looked_at_by_six_in_the_evening() -> None:
    assert daily_time(Schedule(None)) == time(18)
    assert daily_time(Schedule(time(7, 30))) == time(7, 30)
