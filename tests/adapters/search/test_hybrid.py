"""Search by words and meaning: what meaning adds, and what becomes of its vectors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.search import open_encoder, open_index
from adapters.search.encoder import DIMENSIONS
from adapters.search.hybrid import HybridIndex
from adapters.search.lexical import LexicalIndex
from adapters.search.vectors import MARK, Vectors, VectorShelf
from adapters.storage.memory import MemoryStore
from bot.domain.papers import Paper
from bot.ports import Found
from bot.services.query import parse
from config.settings import SearchSettings
from tests.examples import TODAY, paper, paper_id

THEMES = {"car": 0, "automobile": 0, "vehicle": 0, "soup": 1, "broth": 1, "robot": 2}


class Themes:
    """An ``Encodes`` that knows a few words and what they are about."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fails: Exception | None = None
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.may_go_on.wait(30)
        if self.fails:
            raise self.fails
        self.texts += texts
        rows = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in enumerate(texts):
            for word in text.casefold().split():
                rows[row, THEMES.get(word, DIMENSIONS - 1)] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def titled(*titles: str) -> list[Paper]:
    return [
        paper(n, title=title, abstract="", authors=(), upvotes=n)
        for n, title in enumerate(titles, 1)
    ]


async def made_of(papers: Sequence[Paper], themes: Themes | None = None) -> HybridIndex:
    index = HybridIndex(LexicalIndex(), themes or Themes(), VectorShelf(None, ()))
    await index.add(papers)
    await index.settled()
    return index


async def asked(index: HybridIndex, line: str, **page: int) -> Found:
    return await index.search(parse(line, TODAY), **{"limit": 10, **page})


async def test_a_paper_is_found_by_other_words_after_those_with_the_same() -> None:
    index = await made_of(titled("automobile", "car", "soup"))
    found = await asked(index, "car")
    assert list(found.papers) == [paper_id(2), paper_id(1)]
    assert (found.total, found.whole, found.akin) == (2, 1, 1)
    await index.close()


async def test_what_is_like_nothing_finds_nothing() -> None:
    index = await made_of(titled("car", "soup"))
    found = await asked(index, "robot")
    assert (found.total, list(found.papers)) == (0, [])
    await index.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("car votes:>=2", [2]),
        ("car -automobile", [2]),
        ('car title:"vehicle"', [2]),
        ("car sort:new", []),
        ('"car"', []),
        ("car votes:>9", []),
    ],
)
async def test_what_narrows_a_query_down_holds_for_meaning_too(
    line: str, expected: list[int]
) -> None:
    index = await made_of(titled("automobile", "vehicle", "soup"))
    assert list((await asked(index, line)).papers) == [paper_id(n) for n in expected]
    await index.close()


async def test_only_some_papers_may_come_into_question() -> None:
    index = await made_of(titled("automobile", "vehicle", "car"))
    found = await index.search(parse("car", TODAY), limit=5, among={paper_id(2), paper_id(99)})
    assert list(found.papers) == [paper_id(2)]
    await index.close()


async def test_a_mistyped_word_means_what_it_was_corrected_to() -> None:
    index = await made_of(titled("automobile", "vehicle", "vehicle"))
    found = await asked(index, "vehicel")
    assert found.corrected == {"vehicel": "vehicle"}
    assert set(found.papers) == {paper_id(1), paper_id(2), paper_id(3)}
    await index.close()


async def test_pages_follow_one_another_without_gap_or_repeat() -> None:
    index = await made_of(titled(*["car"] * 130, *["vehicle"] * 70, *["soup"] * 5))
    total = (await asked(index, "car")).total
    pages = [await asked(index, "car", offset=offset) for offset in range(0, total, 10)]
    ids = [each for page in pages for each in page.papers]
    assert len(ids) == len(set(ids)) >= total >= 130
    assert all(page.papers for page in pages)
    await index.close()


@given(st.text(max_size=60), st.integers(1, 5), st.integers(0, 5))
async def test_any_input_is_a_query(line: str, limit: int, offset: int) -> None:
    index = await made_of(titled("automobile", "car", "soup"))
    found = await asked(index, f"car {line}", limit=limit, offset=offset)
    assert len(found.papers) <= min(limit, found.total)
    await index.close()


async def test_related_papers_are_alike_in_words_or_meaning() -> None:
    papers = titled("car engine", "automobile", "engine", "soup")
    index = await made_of(papers)
    assert set(await index.related(papers[0], limit=5)) == {paper_id(2), paper_id(3)}
    unknown = paper(9, title="broth", abstract="")
    assert await index.related(unknown, limit=5) == [paper_id(4)]
    await index.close()


async def test_words_are_found_before_anything_is_encoded() -> None:
    themes = Themes()
    themes.may_go_on.clear()
    index = HybridIndex(LexicalIndex(), themes, VectorShelf(None, ()))
    await index.add(titled("car"))
    assert index.encoded == 0
    assert (await index.search(parse("car sort:new", TODAY), limit=5)).total == 1
    themes.may_go_on.set()
    await index.settled()
    assert index.encoded == 1
    await index.close()


async def test_a_paper_is_encoded_anew_only_when_its_text_has_changed() -> None:
    themes = Themes()
    index = await made_of(titled("car"), themes)
    await index.add(titled("car"))
    await index.add([paper(1, title="soup", abstract="")])
    await index.settled()
    assert themes.texts == ["car ", "soup "]
    assert list((await asked(index, "broth")).papers) == [paper_id(1)]
    assert (await asked(index, "automobile")).total == 0
    await index.close()


async def test_an_encoder_that_fails_costs_meaning_alone() -> None:
    themes = Themes()
    themes.fails = RuntimeError("no memory")
    with capture_logs() as logs:
        index = await made_of(titled("car"), themes)
    assert [each["event"] for each in logs] == ["papers not encoded"]
    themes.fails = None
    assert (await asked(index, "car")).total == 1
    await index.close()


async def test_a_search_whose_encoding_fails_is_answered_by_words() -> None:
    themes = Themes()
    index = await made_of(titled("car"), themes)
    themes.fails = RuntimeError("no memory")
    with capture_logs() as logs:
        assert (await asked(index, "car")).total == 1
        assert await index.related(paper(5, title="car", abstract=""), limit=3) == [paper_id(1)]
    assert {each["event"] for each in logs} == {"searched by words alone"}
    await index.close()


# --- on disk ---


def shelf(folder: Path, papers: Sequence[Paper]) -> VectorShelf:
    return VectorShelf(folder, papers)


def filled(folder: Path, papers: Sequence[Paper]) -> None:
    kept = shelf(folder, papers)
    kept.add(papers, Themes().encode([each.title for each in papers]))


def test_vectors_last(tmp_path: Path) -> None:
    papers = titled("car", "soup")
    filled(tmp_path, papers)
    again = shelf(tmp_path, papers)
    assert not any(map(again.lacks, papers))
    (vector,) = Themes().encode(["broth"])
    assert again.nearest(vector, 5, 0.5) == [paper_id(2)]
    assert again.lacks(paper(1, title="another"))


@pytest.mark.parametrize("cut", [1, 400, 783])
def test_a_torn_record_is_left_out_and_the_next_is_whole(tmp_path: Path, cut: int) -> None:
    papers = titled("car", "soup", "robot")
    filled(tmp_path, papers)
    file = tmp_path / "vectors"
    file.write_bytes(file.read_bytes()[:-cut])
    again = shelf(tmp_path, papers)
    assert [again.lacks(each) for each in papers] == [False, False, True]
    filled(tmp_path, papers)
    assert not any(map(shelf(tmp_path, papers).lacks, papers))


@pytest.mark.parametrize("at", [0, len(MARK) + 3, len(MARK) + 20, len(MARK) + 700])
def test_a_damaged_byte_costs_no_more_than_it_has_to(tmp_path: Path, at: int) -> None:
    papers = titled("car", "soup", "robot")
    filled(tmp_path, papers)
    file = tmp_path / "vectors"
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    again = shelf(tmp_path, papers)
    assert [again.lacks(each) for each in papers] == [True, at == 0, at == 0]


def test_a_file_with_too_much_waste_is_written_anew(tmp_path: Path) -> None:
    papers = titled("car")
    for _ in range(3):
        filled(tmp_path, papers)
    size = (tmp_path / "vectors").stat().st_size
    assert not shelf(tmp_path, papers).lacks(papers[0])
    assert (tmp_path / "vectors").stat().st_size < size / 2


async def test_an_index_opened_again_encodes_only_what_is_new(tmp_path: Path) -> None:
    store, themes = MemoryStore(), Themes()
    await store.save_papers(titled("car", "soup"))
    first = await open_index(tmp_path / "search", store, encoder=themes)
    assert isinstance(first, HybridIndex)
    await first.settled()
    await first.close()
    await store.save_papers(titled("car", "broth", "robot"))
    again = await open_index(tmp_path / "search", store, encoder=themes)
    assert isinstance(again, HybridIndex)
    await again.settled()
    assert sorted(themes.texts) == ["broth ", "car ", "robot ", "soup "]
    assert list((await asked(again, "automobile")).papers) == [paper_id(1)]
    await again.close()


async def test_an_index_of_words_made_anew_keeps_the_vectors(tmp_path: Path) -> None:
    store, themes = MemoryStore(), Themes()
    await store.save_papers(titled("car"))
    folder = tmp_path / "search"
    first = await open_index(folder, store, encoder=themes)
    assert isinstance(first, HybridIndex)
    await first.settled()
    await first.close()
    (folder / "version").write_text("0", encoding="utf-8")
    (folder / "notes.txt").write_text("not ours", encoding="utf-8")
    again = await open_index(folder, store, encoder=themes)
    await again.close()
    assert themes.texts == ["car "]
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "not ours"


async def test_vectors_that_cannot_be_written_are_kept_in_memory(tmp_path: Path) -> None:
    store = MemoryStore()
    await store.save_papers(titled("car"))
    (tmp_path / "search" / "vectors").mkdir(parents=True)
    with capture_logs() as logs:
        index = await open_index(tmp_path / "search", store, encoder=Themes())
    assert [each["event"] for each in logs] == ["vectors kept in memory"]
    assert isinstance(index, HybridIndex)
    await index.settled()
    assert (await asked(index, "vehicle")).total == 1
    await index.close()


def test_why_there_is_no_meaning_is_said_once(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `semantic` is not installed")
    (tmp_path / "model").write_bytes(b"other weights")
    with capture_logs() as logs:
        assert open_encoder(SearchSettings(model=tmp_path / "model")) is None
    assert [each["log_level"] for each in logs] == ["warning"]
    assert "SEARCH_MODEL" in logs[0]["reason"]
    with capture_logs() as logs:
        assert open_encoder(SearchSettings(semantic="off")) is None
    assert logs == []
