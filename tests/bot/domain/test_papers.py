from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.papers import (
    Batch,
    BatchKey,
    PaperId,
    batch_day,
    closes_at,
    distinct,
    is_ready,
    is_settled,
    opens_at,
)
from tests.examples import batch, paper, paper_id

SUMMER, WINTER = date(2026, 7, 15), date(2026, 1, 14)

modern_keys = st.builds(
    lambda year, month, number: f"{year:02d}{month:02d}.{number:05d}",
    st.integers(7, 99),
    st.integers(1, 12),
    st.integers(1, 99999),
)


@pytest.mark.parametrize(
    "written",
    [
        "2508.01234",
        "2508.01234v3",
        "arXiv:2508.01234",
        "arXiv:2508.01234v3",
        "arxiv: 2508.01234",
        "[2508.01234]",
        "(2508.01234v12)",
        "“2508.01234”",
        "<https://arxiv.org/abs/2508.01234>",
        "<https://arxiv.org/abs/2508.01234|a paper>",
        "https://arxiv.org/abs/2508.01234",
        "https://arxiv.org/abs/2508.01234v2",
        "http://www.arxiv.org/abs/2508.01234?context=cs",
        "https://arxiv.org/pdf/2508.01234",
        "https://arxiv.org/pdf/2508.01234v1.pdf",
        "https://arxiv.org/pdf/2508.01234.pdf#page=3",
        "https://export.arxiv.org/abs/2508.01234",
        "https://arxiv.org/html/2508.01234v1",
        "https://huggingface.co/papers/2508.01234",
        "https://huggingface.co/papers/2508.01234#community",
        "https://hf.co/papers/2508.01234",
        "https://www.alphaxiv.org/abs/2508.01234v1",
        "https://alphaxiv.org/overview/2508.01234",
        "https://doi.org/10.48550/arXiv.2508.01234",
        "https://dx.doi.org/10.48550/ARXIV.2508.01234",
        "doi:10.48550/arXiv.2508.01234",
        "10.48550/arXiv.2508.01234",
        "Have you read 2508.01234? It is good.",
        "It is 2508.01234.",
        "see 2508.01234, 2508.09999",
        "arxiv.org/abs/2508.01234",
        "论文2508.01234很好",
        "[a paper](https://arxiv.org/abs/2508.01234)",
    ],
)
def test_a_paper_is_found_however_people_write_its_id(written: str) -> None:
    assert PaperId.find(written) == PaperId("arxiv", "2508.01234")


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("cs.CL/0501001", "cs.CL/0501001"),
        ("hep-th/9901001", "hep-th/9901001"),
        ("HEP-TH/9901001", "hep-th/9901001"),
        ("cs.cl/0501001v2", "cs.CL/0501001"),
        ("arXiv:math.GT/0309136", "math.GT/0309136"),
        ("https://arxiv.org/abs/cond-mat/9901001v1", "cond-mat/9901001"),
        ("https://arxiv.org/pdf/hep-th/9901001.pdf", "hep-th/9901001"),
        ("0704.0001", "0704.0001"),
    ],
)
def test_ids_of_the_old_styles_are_found_too(written: str, key: str) -> None:
    assert PaperId.find(written) == PaperId("arxiv", key)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2508.012345678",
        "12508.01234",
        "2508.123",
        "2026-05-07",
        "2026.05.07",
        "2026.0507",
        "07.05.2026",
        "1999.9999",
        "192.168.1.1",
        "192.168.1234.5",
        "10.0.2508.01234",
        "+49 30 1234567",
        "555-2508.01234",
        "030/1234567",
        "1234567",
        "version 2508.01234.5",
        "a/2508.01234",
        "x2508.01234",
        "2508.01234x",
        "https://example.org/2508.01234",
        "https://arxiv.org/list/cs.CL/recent",
        "#3",
    ],
)
def test_what_only_looks_like_an_id_is_none(written: str) -> None:
    assert PaperId.find(written) is None


@given(modern_keys, st.integers(0, 99), st.sampled_from(["{}", "({})", "see {}, please", "{}\n"]))
def test_a_version_is_no_part_of_an_identity(key: str, version: int, around: str) -> None:
    written = around.format(f"{key}v{version}" if version else key)
    assert PaperId.find(written) == PaperId("arxiv", key)


@given(st.text(max_size=60))
def test_any_text_may_be_searched_for_an_id(text: str) -> None:
    found = PaperId.find(text)
    assert found is None or PaperId.find(str(found)) == found


@given(modern_keys)
def test_an_id_survives_being_written_and_read(key: str) -> None:
    paper = PaperId("arxiv", key)
    assert PaperId.parse(str(paper)) == paper
    assert PaperId.find(paper.url) == paper
    assert PaperId.find(str(paper.arxiv_url)) == paper


@pytest.mark.parametrize("text", ["", "arxiv", "arxiv:", ":2508.01234"])
def test_what_is_no_id_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="archive:key"):
        PaperId.parse(text)


def test_an_old_paper_has_its_page_on_arxiv_and_an_unknown_one_a_search() -> None:
    assert PaperId("arxiv", "hep-th/9901001").url == "https://arxiv.org/abs/hep-th/9901001"
    assert PaperId("arxiv", "2508.01234").url == "https://huggingface.co/papers/2508.01234"
    titled = PaperId("title", "a-paper-on-walking-1a2b")
    assert titled.url == "https://huggingface.co/papers?q=a+paper+on+walking"
    assert titled.arxiv_url is None


@given(st.dates(), st.sampled_from(["huggingface", "sample"]))
def test_a_batch_key_survives_being_written_and_read(day: date, source: str) -> None:
    assert BatchKey.parse(str(BatchKey(source, day))) == BatchKey(source, day)


@pytest.mark.parametrize("text", ["", "huggingface", "/2026-05-07", "huggingface/7 May"])
def test_what_is_no_batch_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        BatchKey.parse(text)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 7, 15, 1, 29, 59, tzinfo=UTC), date(2026, 7, 14)),
        (datetime(2026, 7, 15, 1, 30, tzinfo=UTC), date(2026, 7, 15)),
        (datetime(2026, 1, 14, 2, 29, 59, tzinfo=UTC), date(2026, 1, 13)),
        (datetime(2026, 1, 14, 2, 30, tzinfo=UTC), date(2026, 1, 14)),
    ],
)
def test_the_next_list_opens_at_half_past_nine_in_the_evening_in_new_york(
    moment: datetime, day: date
) -> None:
    assert batch_day(moment) == day


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)))
def test_every_list_is_open_from_its_opening_to_the_opening_of_the_next(day: date) -> None:
    opened, closed = opens_at(day), closes_at(day)
    assert batch_day(opened) == day == batch_day(closed - timedelta(seconds=1))
    assert batch_day(closed) == day + timedelta(days=1)
    assert timedelta(hours=23) <= closed - opened <= timedelta(hours=25)


@pytest.mark.parametrize("day", [SUMMER, WINTER])
def test_a_list_is_ready_three_hours_after_it_opened_if_it_holds_papers(day: date) -> None:
    ready = opens_at(day) + timedelta(hours=3)
    assert is_ready(batch(day), ready)
    assert not is_ready(batch(day), ready - timedelta(seconds=1))
    assert not is_ready(batch(day, 0), ready + timedelta(days=1))


def test_a_list_has_settled_when_it_is_ready_and_has_not_grown_for_two_hours() -> None:
    opened = opens_at(SUMMER)
    grown = batch(SUMMER, grown_at=opened + timedelta(hours=4))
    assert not is_settled(grown, opened + timedelta(hours=5, minutes=59))
    assert is_settled(grown, opened + timedelta(hours=6))
    assert not is_settled(batch(SUMMER), opened + timedelta(hours=2, minutes=59))
    assert is_settled(batch(SUMMER), opened + timedelta(hours=3))


def test_a_closed_list_has_settled_even_if_it_grew_a_moment_ago() -> None:
    closed = closes_at(SUMMER)
    assert is_settled(batch(SUMMER, grown_at=closed - timedelta(minutes=1)), closed)
    assert not is_settled(batch(SUMMER, 0), closed)


def test_a_paper_once_listed_stays_listed_in_its_place() -> None:
    now = opens_at(SUMMER)
    first = batch(SUMMER, [paper(1, upvotes=1), paper(2)])
    newer = batch(SUMMER, [paper(3), paper(1, upvotes=9)])
    merged = first.merged(newer, now)
    assert [each.id for each in merged.papers] == [paper_id(1), paper_id(2), paper_id(3)]
    assert merged.papers[0].upvotes == 9
    assert merged.grown_at == now


def test_a_reading_that_adds_no_paper_is_no_growth() -> None:
    first = batch(SUMMER, 2, grown_at=opens_at(SUMMER))
    assert first.merged(batch(SUMMER, 2), closes_at(SUMMER)).grown_at == opens_at(SUMMER)


def test_a_thinner_description_takes_nothing_away() -> None:
    known = paper(1, abstract="Known.", upvotes=5, organization="Some Lab")
    thin = paper(1, abstract="", upvotes=None, authors=(), title="A better title")
    assert known.described_anew(thin) == paper(
        1, abstract="Known.", upvotes=5, organization="Some Lab", title="A better title"
    )


def test_a_raw_text_goes_with_the_text_that_was_made_of_it() -> None:
    known = paper(1, title="a b", raw_title="a~b", abstract="c d", raw_abstract="c~d")
    newer = known.described_anew(paper(1, title="new", abstract=""))
    assert (newer.title, newer.raw_title) == ("new", None)
    assert (newer.abstract, newer.raw_abstract) == ("c d", "c~d")
    assert paper(1, abstract="old").described_anew(known) == known


numbers = st.lists(st.integers(1, 12), max_size=12)


@given(numbers, numbers)
def test_merging_the_same_reading_twice_is_merging_it_once(old: list[int], new: list[int]) -> None:
    first = Batch(BatchKey("huggingface", SUMMER), distinct(map(paper, old)))
    reading = batch(SUMMER, [paper(n) for n in new])
    now = opens_at(SUMMER)
    once = first.merged(reading, now)
    assert once.merged(reading, now) == once
    assert {each.id for each in once.papers} == {paper_id(n) for n in (*old, *new)}


@given(numbers)
def test_of_papers_with_one_id_the_first_is_kept(sequence: list[int]) -> None:
    papers = [paper(n, upvotes=place) for place, n in enumerate(sequence)]
    kept = distinct(papers)
    assert [each.id for each in kept] == [paper_id(n) for n in dict.fromkeys(sequence)]
    assert all(each.upvotes == sequence.index(int(each.id.key[-5:])) for each in kept)
