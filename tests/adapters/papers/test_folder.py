import gzip
import json
from datetime import date

import pytest

from adapters.papers.folder import Folder
from bot.domain.errors import ConfigError, SourceError
from bot.domain.papers import PaperId
from tests.contracts.paper_source import PaperSourceContract
from tests.doubles.huggingface import wire

from .examples import DAYS, FRIDAY, HERMES, MONDAY, OLMO, TUESDAY, shared

APRIL = date(2026, 4, 1)


def captured(days):
    return json.dumps(
        {str(day): [wire(paper, day) for paper in papers] for day, papers in days.items()}
    ).encode()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "2026-05.json.gz").write_bytes(gzip.compress(captured(DAYS), mtime=0))
    (tmp_path / "2026-04.json").write_bytes(captured({APRIL: [OLMO]}))
    (tmp_path / "README.md").write_text("no month")
    (tmp_path / "2026-13.json").write_text("no month either")
    return tmp_path


class TestFolder(PaperSourceContract):
    @pytest.fixture
    async def source(self, folder):
        return Folder(folder)

    @pytest.fixture
    def day(self):
        return FRIDAY


async def test_plain_and_packed_months_are_read(folder):
    assert await Folder(folder).days() == [APRIL, MONDAY, TUESDAY, FRIDAY]
    assert (await Folder(folder).batch(APRIL)).papers == (OLMO,)


async def test_an_empty_folder_holds_nothing(tmp_path):
    source = Folder(tmp_path)
    assert await source.days() == []
    assert await source.newest(FRIDAY) is None
    assert (await source.batch(FRIDAY)).papers == ()


async def test_a_month_is_not_read_before_it_is_asked_for(folder):
    (folder / "2026-04.json").write_text("broken")
    source = Folder(folder)
    assert (await source.newest(FRIDAY)).key.day == FRIDAY
    with pytest.raises(SourceError):
        await source.paper(PaperId("arxiv", "0704.0001"))


async def test_a_file_that_has_changed_is_read_again(folder):
    source = Folder(folder)
    assert await source.newest(date(2026, 4, 30))
    (folder / "2026-04.json").write_bytes(captured({APRIL: [OLMO], date(2026, 4, 2): [HERMES]}))
    assert (await source.newest(date(2026, 4, 30))).papers == (HERMES,)


async def test_the_plain_file_counts_where_both_lie_there(folder):
    (folder / "2026-05.json").write_bytes(captured({MONDAY: [HERMES]}))
    assert (await Folder(folder).newest(FRIDAY)).key.day == MONDAY


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            gzip.compress(captured(DAYS), mtime=0)[:-200],
            r"2026-05.json.gz is cut off at byte [\d,]+, ",
        ),
        (gzip.compress(captured(DAYS), mtime=0)[:5], "is cut off at byte 5, 0 unpacked"),
        (b"\x1f\x8b" + b"x" * 50, "is damaged in the part from byte 0 of 52 on"),
        (
            gzip.compress(captured(DAYS)[:900], mtime=0),
            "is no JSON from character [0-9]+ of [0-9]+ on",
        ),
        (gzip.compress(b"[]", mtime=0), "holds no object of days"),
        (b"", "is no JSON from character 0 of 0 on"),
    ],
)
async def test_a_broken_file_is_an_error_naming_it_the_place_and_the_cure(folder, data, words):
    (folder / "2026-05.json.gz").write_bytes(data)
    with pytest.raises(SourceError, match=words) as error:
        await Folder(folder).newest(FRIDAY)
    assert "2026-05.json.gz" in str(error.value)
    assert "capture or copy the file again" in str(error.value)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ({"yesterday": []}, "has the key 'yesterday', no day"),
        ({"2026-04-01": []}, "holds 2026-04-01, a day of 2026-04"),
        ({"2026-05-01": {}}, "2026-05.json 2026-05-01 holds no list of papers but an object"),
    ],
)
async def test_a_file_of_another_shape_is_an_error(tmp_path, days, words):
    (tmp_path / "2026-05.json").write_text(json.dumps(days))
    with pytest.raises(SourceError, match=words):
        await Folder(tmp_path).newest(FRIDAY)


async def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "2026-05.json").mkdir()
    with pytest.raises(SourceError, match="cannot be read"):
        await Folder(tmp_path).newest(FRIDAY)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is no folder"):
        Folder(tmp_path / "gone")


async def test_the_captured_months_are_replayed_day_by_day():
    source = Folder(shared("hf"))
    days = await source.days()
    assert (len(days), days[0], days[-1]) == (521, date(2024, 5, 27), date(2026, 5, 29))
    assert sum([len((await source.batch(day)).papers) for day in days]) >= 8_506
