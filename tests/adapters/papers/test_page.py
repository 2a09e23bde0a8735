from datetime import date

import pytest

from adapters.papers.page import Page
from adapters.papers.sample import Sample
from bot.domain.errors import SourceError
from bot.domain.papers import PaperId
from tests.contracts.paper_source import PaperSourceContract

from .examples import shared

TODAY = date(2026, 5, 8)
HEADER = "new\n\nSubscribe\n\nDaily Papers\n\nbyAK and the research community\n\n"
PAPERS = "Olmo 3\n\nA fully open family of models.\n\nLet's <think>\n\nModels think in the open."
TEXT = f"{HEADER}May 4\n\n{PAPERS}"


async def papers(page):
    (day,) = await page.days()
    return (await page.batch(day)).papers


class TestPage(PaperSourceContract):
    @pytest.fixture
    async def source(self):
        return Page(TEXT, today=TODAY)

    @pytest.fixture
    def day(self):
        return date(2026, 5, 4)


async def test_titles_and_abstracts_come_in_turn():
    assert [(paper.title, paper.abstract) for paper in await papers(Page(TEXT, today=TODAY))] == [
        ("Olmo 3", "A fully open family of models."),
        ("Let's <think>", "Models think in the open."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT.replace("\n\n", "\n \n\t\n\n"),
        "\ufeff" + TEXT + "\n\n\n",
        TEXT.replace("open family", "open\nfamily"),
        f"Daily Papers\nMay 4\n{PAPERS}",
    ],
)
async def test_line_ends_and_blank_lines_do_not_matter(text):
    page = Page(text, today=TODAY)
    assert await papers(page) == await papers(Page(TEXT, today=TODAY))
    assert await page.days() == [date(2026, 5, 4)]


@pytest.mark.parametrize(
    ("line", "given", "day"),
    [
        ("May 4", {}, date(2026, 5, 4)),
        ("May 8", {}, date(2026, 5, 8)),
        ("May 9", {}, date(2025, 5, 9)),
        ("Dec 31", {}, date(2025, 12, 31)),
        ("Feb 29", {}, date(2024, 2, 29)),
        ("Mon, May 4", {}, date(2026, 5, 4)),
        ("August 20, 2025", {}, date(2025, 8, 20)),
        ("Aug 20", {"year": 2023}, date(2023, 8, 20)),
        ("Aug 20", {"day": date(2022, 1, 3)}, date(2022, 1, 3)),
    ],
)
async def test_the_day_is_the_newest_of_its_date_unless_given(line, given, day):
    page = Page(TEXT.replace("May 4", line), today=TODAY, **given)
    assert await page.days() == [day]


async def test_a_page_without_a_date_line_needs_the_date():
    text = HEADER + PAPERS
    with pytest.raises(SourceError, match="no date line such as “Aug 20”; give the date"):
        Page(text, today=TODAY)
    assert len(await papers(Page(text, today=TODAY, day=TODAY))) == 2


@pytest.mark.parametrize(("line", "year"), [("Feb 30", None), ("Feb 29", 2025)])
def test_a_date_that_does_not_exist_is_an_error(line, year):
    with pytest.raises(SourceError, match=f"“{line}” names no day; give the date"):
        Page(TEXT.replace("May 4", line), today=TODAY, year=year)


def test_a_title_without_an_abstract_is_an_error_that_names_it():
    with pytest.raises(SourceError, match="ends after the title “Cut Short” without an abstract"):
        Page(f"{TEXT}\n\nCut Short", today=TODAY)


def test_a_missing_paragraph_in_the_middle_is_an_error():
    text = TEXT.replace("A fully open family of models.\n\n", "") + "\n\nNext"
    text = text.replace("Models think", "Models think " + "and think " * 50)
    with pytest.raises(SourceError, match="paragraph 3 should be a title but reads “Models think"):
        Page(text, today=TODAY)


def test_a_page_without_papers_is_an_error():
    with pytest.raises(SourceError, match="lists no papers"):
        Page(f"{HEADER}May 4\n", today=TODAY)


async def test_an_id_is_made_of_the_title_and_fits_a_button():
    first, second = await papers(Page(TEXT, today=TODAY))
    assert str(first.id).startswith("page:olmo-3-")
    assert str(second.id).startswith("page:let-s-think-")
    assert PaperId.parse(str(first.id)) == first.id
    assert PaperId.find(first.id.key) is None
    (long,) = await papers(Page(f"May 4\n\n{'Very Long ' * 29}\n\nText.", today=TODAY))
    assert len(str(long.id)) <= 60
    (bare,) = await papers(Page("May 4\n\n論文\n\nText.", today=TODAY))
    assert len(bare.id.key) == 8


@pytest.mark.parametrize(
    "text",
    [
        PAPERS.replace("Olmo 3", "Olmo 3\narXiv:2512.13961v2"),
        PAPERS.replace("models.", "models.\nhttps://huggingface.co/papers/2512.13961"),
    ],
)
async def test_an_id_on_a_line_of_its_own_is_taken(text):
    paper = (await papers(Page(f"May 4\n\n{text}", today=TODAY)))[0]
    assert paper.id == PaperId("arxiv", "2512.13961")
    assert (paper.title, paper.abstract) == ("Olmo 3", "A fully open family of models.")


async def test_an_id_in_running_text_is_another_papers():
    text = TEXT.replace("family of models", "family, see arXiv:2501.00656,")
    assert (await papers(Page(text, today=TODAY)))[0].id.archive == "page"


async def test_ids_can_be_given_by_title():
    ids = {"OLMO  3": PaperId("arxiv", "2512.13961")}
    first, second = await papers(Page(TEXT, today=TODAY, ids=ids))
    assert (first.id, second.id.archive) == (PaperId("arxiv", "2512.13961"), "page")


async def test_a_page_is_read_from_a_file(tmp_path):
    path = tmp_path / "page.txt"
    path.write_text(TEXT, encoding="utf-8")
    assert await papers(Page(path, today=TODAY)) == await papers(Page(TEXT, today=TODAY))
    path.write_bytes(b"May 4\n\n\xff")
    with pytest.raises(SourceError, match="no UTF-8 from byte 7 on"):
        Page(path, today=TODAY)
    with pytest.raises(SourceError, match="cannot be read"):
        Page(tmp_path / "gone.txt", today=TODAY)


async def test_the_saved_page_holds_the_titles_of_the_sample():
    page = Page(shared("daily-papers-page.txt"), today=date(2026, 1, 1))
    assert await page.days() == [date(2025, 8, 20)]
    sample = (await Sample().batch(date(2025, 8, 20))).papers
    found = await papers(page)
    assert len(found) == 74
    assert [paper.title for paper in found] == [paper.title for paper in sample]
    assert {paper.id.archive for paper in found} == {"page"}
