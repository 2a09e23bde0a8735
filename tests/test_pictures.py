from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from adapters.discord.limits import problems as message_problems
from adapters.slack.limits import problems
from docs import discord_pictures
from docs.pictures import FOLDER, THEMES, pictures
from tests.doubles.discord_limits import check_modal

PAGES = (FOLDER.parent / "slack.md", FOLDER.parent.parent / "README.md")


async def files() -> set[str]:
    return {f"slack-{each.name}-{theme}.png" for each in await pictures() for theme in THEMES}


def shown(page: Path) -> set[str]:
    return set(re.findall(r"pictures/(slack-[\w-]+\.png)", page.read_text(encoding="utf-8")))


async def test_what_a_picture_shows_is_what_slack_takes() -> None:
    found = {each.name: problems(each.payload, each.kind) for each in await pictures()}
    assert found == {name: [] for name in found}


async def test_every_picture_is_there_and_small_and_no_other() -> None:
    drawn = {file.name: file.stat().st_size for file in FOLDER.glob("slack-*.png")}
    assert set(drawn) == await files()
    assert max(drawn.values()) < 150_000, f"{drawn}: see docs/pictures/smaller.mjs"


async def test_the_documentation_shows_every_picture_and_no_other() -> None:
    assert set().union(*map(shown, PAGES)) == await files()


@pytest.mark.parametrize("page", PAGES, ids=lambda each: each.name)
def test_a_picture_is_shown_light_and_dark_and_told_in_words(page: Path) -> None:
    elements = re.findall("<picture>.*?</picture>", page.read_text(encoding="utf-8"), re.DOTALL)
    assert elements
    for each in elements:
        assert re.search(r'<source media="\(prefers-color-scheme: dark\)" srcset="[^"]+-dark', each)
        assert re.search(r'<img [^>]*src="[^"]+-light\.png"', each)
        assert re.search(r'alt="[^"]{20,}"', each)


def test_what_draws_them_is_pinned_with_hashes_and_names_no_registry() -> None:
    wanted = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["dependencies"]
    packages = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert packages.pop("")["dependencies"] == wanted
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, f"{name}: take `resolved` out, or see .npmrc"
        assert "hasInstallScript" not in package, name


DISCORD = (FOLDER.parent / "discord.md", FOLDER.parent.parent / "README.md")


async def test_what_a_picture_of_discord_shows_is_what_discord_takes() -> None:
    made = await discord_pictures.pictures()
    for each in made:
        if "title" in each.payload:
            check_modal(each.payload)
        else:
            assert message_problems(each.payload) == []
    drawn = {file.name: file.stat().st_size for file in FOLDER.glob("discord-*.png")}
    assert set(drawn) == {f"discord-{each.name}.png" for each in made}
    assert max(drawn.values()) < 150_000
    told = "".join(page.read_text(encoding="utf-8") for page in DISCORD)
    assert set(re.findall(r"pictures/(discord-[\w-]+\.png)", told)) == set(drawn)
    assert all(re.search(rf'{name}"[^>]* alt="[^"]{{20,}}"', told) for name in drawn)


@pytest.mark.parametrize(
    ("content", "drawn"),
    [
        ("## a **b**", "<h2>a <b>b</b></h2>"),
        ("[x](https://a.example) `y`", "<p><a>x</a> <code>y</code></p>"),
        (r"\*a\* <b>", "<p>*a* &lt;b&gt;</p>"),
    ],
)
def test_markup_is_drawn_as_discord_reads_it(content: str, drawn: str) -> None:
    assert discord_pictures.markdown(content) == drawn
