import gzip
import json
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.papers import payload
from bot.domain.errors import SourceError
from bot.domain.papers import Paper, PaperId
from tests.doubles.huggingface import wire

from .examples import DAYS, FRIDAY, HERMES, shared


def read(*entries):
    return payload.papers(list(entries), "toy", "the list")


def entry(**fields):
    return {"paper": {"id": "2508.01234", "title": "A title", **fields}}


@pytest.mark.parametrize("paper", [paper for papers in DAYS.values() for paper in papers])
def test_a_full_entry_is_read_whole(paper):
    assert read(wire(paper, FRIDAY)) == (paper,)


def test_a_flat_paper_is_read_without_what_only_lists_tell():
    flat = payload.paper(wire(HERMES, FRIDAY)["paper"], "toy", "the paper")
    assert (flat.id, flat.title, flat.submitted_by) == (HERMES.id, HERMES.title, "LMD0311")
    assert (flat.comments, flat.thumbnail_url) == (None, None)


def test_only_id_and_title_are_needed():
    with capture_logs() as logs:
        assert read(entry()) == (Paper(PaperId("arxiv", "2508.01234"), "A title", ""),)
    assert logs == []


def test_the_date_of_the_wrapper_is_not_read():
    late = {**entry(), "publishedAt": "2026-04-29T20:00:00.000Z"}
    assert read(late)[0].published is None


def test_folded_lines_are_unfolded():
    (paper,) = read(entry(title=" FaSTA^*:\n  Fast-Slow  ", summary="One\ntwo.\n", ai_summary=" "))
    assert (paper.title, paper.abstract, paper.one_line) == ("FaSTA^*: Fast-Slow", "One two.", None)


def test_a_version_is_no_part_of_the_identity():
    assert read(entry(id="2508.01234v3"))[0].id == PaperId("arxiv", "2508.01234")


def test_shapes_of_before_are_read():
    old = {
        **entry(authors=[{"name": "Ann", "user": {"user": "ann", "fullname": "Ann A."}}]),
        "mediaUrl": "https://cdn.example/2508.01234.png",
        "submittedBy": {"fullname": "Akh A.", "user": "akhaliq", "type": "user"},
        "submitterOrganization": {"name": "facebook", "fullname": "AI at Meta"},
        "numComments": 3,
    }
    (paper,) = read(old)
    assert paper.authors == ("Ann",)
    assert paper.thumbnail_url == "https://cdn.example/2508.01234.png"
    assert (paper.submitted_by, paper.organization, paper.comments) == ("akhaliq", "AI at Meta", 3)


def test_hidden_and_nameless_authors_are_left_out():
    authors = [{"name": "Ann", "hidden": True}, {"name": " "}, {}, None, {"name": "Bob"}]
    assert read(entry(authors=authors))[0].authors == ("Bob",)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("upvotes", "63"),
        ("upvotes", True),
        ("upvotes", -1),
        ("upvotes", 10**20),
        ("publishedAt", 1_700_000_000),
        ("publishedAt", "yesterday"),
        ("summary", ["text"]),
        ("authors", "Ann, Bob"),
        ("ai_summary", 5),
        ("ai_keywords", {"a": 1}),
        ("organization", "Meta"),
        ("githubRepo", "javascript:alert(1)"),
        ("githubRepo", "https://"),
        ("projectPage", "https://[broken"),
        ("projectPage", "https://two words.example"),
        ("githubStars", 1.5),
    ],
)
def test_an_optional_field_of_a_wrong_type_is_unknown_and_logged(field, wrong):
    with capture_logs() as logs:
        assert read(entry(**{field: wrong})) == read(entry())
    (line,) = logs
    assert line["log_level"] == "warning"
    assert sum(line["fields"].values()) == 1


@pytest.mark.parametrize("address", [" https://a.example/x\n", "https://a.example/\nx"])
def test_an_address_may_have_line_breaks_in_it_and_space_around_it(address):
    assert read(entry(projectPage=address))[0].project_url == "https://a.example/x"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        None,
        "paper",
        [],
        {"paper": None},
        {"paper": {"id": "2508.01234"}},
        {"paper": {"title": "T"}},
        {"paper": {"id": 2508.01234, "title": "T"}},
        {"paper": {"id": "not-arxiv", "title": "T"}},
        {"paper": {"id": "2508.01234", "title": " \n "}},
        {"paper": {"id": "2508.01234", "title": None}},
    ],
)
def test_an_entry_without_id_or_title_is_skipped_alone_and_counted(wrong):
    with capture_logs() as logs:
        assert read(wrong, wire(HERMES, FRIDAY)) == (HERMES,)
    (line,) = logs
    assert (line["skipped"], line["listed"], line["source"]) == (1, 2, "toy")
    assert line["reasons"][0].startswith("0: ")


def test_a_flat_object_without_id_or_title_is_an_error():
    with pytest.raises(SourceError, match="the paper holds no paper with a usable id"):
        payload.paper({"error": "?"}, "toy", "the paper")


@pytest.mark.parametrize("value", [{}, "x", 1, 1.5, True, None])
def test_a_payload_that_is_no_list_is_an_error(value):
    with pytest.raises(SourceError, match="the list holds no list of papers but"):
        payload.papers(value, "toy", "the list")


def test_half_characters_do_not_pass():
    (paper,) = read(*json.loads('[{"paper": {"id": "2508.01234", "title": "a \\ud800 b"}}]'))
    assert paper.title == "a ? b"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'[{"paper": ', "no JSON from character 11 of 11 on"),
        (b'["\xff"]', "no text from byte 2 of 5 on"),
        (b"1" * 10_000, "no JSON that can be read"),
        (b"[" * 200_000, "no JSON that can be read"),
    ],
)
def test_broken_json_is_an_error_that_names_the_place_and_the_cure(data, words):
    with pytest.raises(SourceError, match=words) as error:
        payload.decode(data, "toy", "the list", "try again")
    assert str(error.value).endswith("; try again")


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

KEYS = st.sampled_from(
    [
        *["paper", "id", "title", "summary", "authors", "name", "hidden", "upvotes", "thumbnail"],
        *["publishedAt", "ai_summary", "ai_keywords", "organization", "submittedBy", "githubRepo"],
        *["projectPage", "mediaUrl", "numComments", "githubStars", "submittedOnDailyBy"],
    ]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "Zs", "Lu"])),
    st.sampled_from(
        ["2508.01234", "hep-th/9901001", "2025-13-45T", "https://a.example", "http://["]
    ),
)
JSON = st.recursive(
    VALUES, lambda inner: st.lists(inner) | st.dictionaries(KEYS | st.text(), inner), max_leaves=25
)
ENTRIES = st.dictionaries(KEYS, JSON).map(lambda fields: {**entry(**fields), **fields})


@unhurried
@given(JSON | st.lists(ENTRIES | JSON))
def test_no_json_breaks_the_reading(value):
    with capture_logs():
        try:
            found = payload.papers(value, "toy", "the list")
        except SourceError:
            assert not isinstance(value, list)
            return
    for paper in found:
        assert paper.title.encode()
        assert paper.id.archive == "arxiv"
        assert paper.published is None or isinstance(paper.published, date)


@unhurried
@given(JSON)
def test_no_json_breaks_the_reading_of_one_paper(value):
    with capture_logs():
        try:
            payload.paper(value, "toy", "the paper")
        except SourceError as error:
            assert str(error).startswith("toy: the paper ")  # noqa: PT017 - most values raise none


@unhurried
@given(st.binary())
def test_no_bytes_break_the_decoding(data):
    try:
        payload.decode(data, "toy", "the list", "try again")
    except SourceError as error:
        assert str(error).startswith("toy: the list ")  # noqa: PT017 - some bytes are JSON


def test_every_captured_entry_is_read():
    batches = entries = 0
    with capture_logs() as logs:
        for path in sorted(shared("hf").glob("*.json.gz")):
            for day, listed in json.loads(gzip.decompress(path.read_bytes())).items():
                papers = payload.papers(listed, "toy", f"{path.name} {day}")
                assert len(papers) == len(listed)
                assert all(paper.published and paper.abstract for paper in papers)
                batches, entries = batches + 1, entries + len(papers)
    assert (batches, entries) == (521, 8_507)
    assert logs == []
