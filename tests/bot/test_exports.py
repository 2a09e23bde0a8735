from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import Format
from bot.domain.papers import Paper
from bot.exports import FIELDS, FORMATS, to_bibtex, to_csv, to_json
from tests.examples import paper

hostile = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "} , evil = {x", "{{{", '"quoted", and', "a\nb"]
    ),
)
papers = st.lists(
    st.builds(
        lambda n, **fields: paper(n, **fields),
        st.integers(1, 99),
        title=hostile,
        abstract=hostile,
        authors=st.lists(hostile, max_size=3).map(tuple),
        organization=st.one_of(st.none(), hostile),
        keywords=st.lists(hostile, max_size=3).map(tuple),
    ),
    max_size=5,
)


def test_the_command_line_offers_every_format() -> None:
    assert [each.value for each in Format] == list(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
@given(found=papers)
def test_any_papers_can_be_written(name: str, found: list[Paper]) -> None:
    assert isinstance(FORMATS[name](found), str)
    FORMATS[name](found).encode()


@given(papers)
def test_json_is_an_array_of_objects_with_every_field(found: list[Paper]) -> None:
    read = json.loads(to_json(found))
    assert [each["id"] for each in read] == [str(each.id) for each in found]
    assert all(tuple(each) == FIELDS for each in read)


def test_raw_texts_are_written_where_they_differ() -> None:
    (told,) = json.loads(to_json([paper(1, title="a b", raw_title="a~b")]))
    assert (told["title"], told["raw_title"], told["raw_abstract"]) == ("a b", "a~b", None)


@given(papers)
def test_csv_has_a_row_a_paper_and_no_cell_that_a_spreadsheet_would_run(found: list[Paper]) -> None:
    rows = list(csv.reader(io.StringIO(to_csv(found), newline="")))
    assert tuple(rows[0]) == FIELDS
    assert [row[0] for row in rows[1:]] == [str(each.id) for each in found]
    for row in rows[1:]:
        assert len(row) == len(FIELDS)
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


@given(papers)
def test_bibtex_fields_cannot_be_broken_out_of(found: list[Paper]) -> None:
    """BibTeX counts every brace, escaped ones too."""
    depth = entries = 0
    written = to_bibtex(found)
    for character in written:
        depth += {"{": 1, "}": -1}.get(character, 0)
        entries += character == "}" and depth == 0
        assert depth >= 0
    assert (depth, entries) == (0, len(found))
    keys = re.findall(r"^@misc\{([^,]+),$", written, re.MULTILINE)
    assert len(keys) == len(set(keys)) == len(found)


def test_a_bibtex_entry_reads_as_arxiv_writes_them() -> None:
    found = paper(1, title="On 100% of C&C_x", authors=("Ana María Núñez", "Bob Writer"))
    assert to_bibtex([found, found]) == (
        "@misc{nunez2026,\n"
        "  title = {{On 100\\% of C\\&C\\_x}},\n"
        "  author = {Ana María Núñez and Bob Writer},\n"
        "  year = {2026},\n"
        "  eprint = {2605.00001},\n"
        "  archivePrefix = {arXiv},\n"
        "  url = {https://huggingface.co/papers/2605.00001}\n"
        "}\n"
        "\n"
        "@misc{nunez2026-2,\n"
        "  title = {{On 100\\% of C\\&C\\_x}},\n"
        "  author = {Ana María Núñez and Bob Writer},\n"
        "  year = {2026},\n"
        "  eprint = {2605.00001},\n"
        "  archivePrefix = {arXiv},\n"
        "  url = {https://huggingface.co/papers/2605.00001}\n"
        "}\n"
    )


def test_unknown_is_null_in_json_and_empty_in_csv() -> None:
    found = paper(1, upvotes=None, published=None, authors=())
    (read,) = json.loads(to_json([found]))
    assert (read["upvotes"], read["published"], read["authors"]) == (None, None, [])
    _, row = csv.reader(io.StringIO(to_csv([found])))
    assert row[2:5] == ["", "", ""]
