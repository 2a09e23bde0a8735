from collections.abc import Mapping
from datetime import date

from adapters.papers.shelf import Shelf, by_month

from .examples import DAYS, FRIDAY, HERMES, MONDAY, OLMO, THINK, TUESDAY

SHELF = Shelf("toy", by_month(DAYS))


async def test_a_roundup_is_ranked_by_votes_as_of_the_last_listing():
    week = await SHELF.roundup("week", TUESDAY)
    assert [(paper.id, paper.upvotes) for paper in week] == [
        (HERMES.id, 63),
        (THINK.id, 42),
        (OLMO.id, 0),
    ]
    assert await SHELF.roundup("month", MONDAY) == week


async def test_a_week_goes_from_monday_to_sunday_across_months():
    shelf = Shelf("toy", by_month({date(2026, 4, 30): (OLMO,), date(2026, 5, 1): (THINK,)}))
    assert await shelf.roundup("week", date(2026, 5, 3)) == (THINK, OLMO)
    assert await shelf.roundup("week", date(2026, 5, 4)) == ()
    assert await shelf.roundup("month", date(2026, 5, 3)) == (THINK,)


async def test_what_trends_comes_from_the_week_before_the_newest_batch():
    assert len(await SHELF.roundup("trending", date(2027, 1, 1))) == 3
    assert await SHELF.roundup("trending", MONDAY) == (THINK,)
    assert await SHELF.roundup("trending", date(2026, 5, 3)) == ()


async def test_a_paper_is_told_as_it_was_last_listed():
    paper = await SHELF.paper(THINK.id)
    assert paper is not None
    assert paper.upvotes == 42


async def test_words_in_the_title_come_before_words_in_the_abstract():
    shelf = Shelf("toy", by_month({MONDAY: (OLMO, THINK, HERMES)}))
    assert [paper.id for paper in await shelf.search("models", 9)] == [
        HERMES.id,
        THINK.id,
        OLMO.id,
    ]
    assert (await shelf.search("REASONING models", 9))[0].id == THINK.id
    assert await shelf.search("reasoning driving", 9) == ()
    assert await shelf.search("lovelace", 9) == (THINK,)


async def test_days_are_told_oldest_first_without_empty_ones():
    shelf = Shelf("toy", by_month({**DAYS, date(2026, 5, 6): ()}))
    assert await shelf.days() == [MONDAY, TUESDAY, FRIDAY]


async def test_no_month_is_read_in_vain():
    class Watched(Mapping):
        def __init__(self):
            self.read = []

        def __getitem__(self, month):
            self.read.append(month)
            return by_month(DAYS).get(month, {})

        def __iter__(self):
            return iter([date(2026, month, 1) for month in range(1, 9)])

        def __len__(self):
            return 8

    months = Watched()
    newest = await Shelf("toy", months).newest(date(2026, 6, 10))
    assert newest is not None
    assert newest.key.day == FRIDAY
    assert set(months.read) == {date(2026, 6, 1), date(2026, 5, 1)}
