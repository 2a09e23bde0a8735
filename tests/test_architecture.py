"""The shape of the project: what would otherwise be a rule that people have to remember."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest

from bot import cards, commands, ports
from bot.commands import Context, all_commands, command
from bot.commands.parsing import Range
from bot.domain.reply import Reply
from config.settings import Settings
from tests.bot.inbox import TestInbox, words

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bot", "adapters", "config")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLATFORMS = sorted(
    folder.name for folder in (ROOT / "adapters").iterdir() if (folder / "render.py").is_file()
)
REMOTE = [name for name in PLATFORMS if name in Settings.model_fields]
LAYERS = (
    "bot.cli",
    "bot.demo | bot.preview | bot.doctor | bot.exports",
    "bot.app",
    "adapters",
    "config",
    "bot.scheduler",
    "bot.dispatch",
    "bot.commands",
    "bot.services",
    "bot.cards",
    "bot.sentences",
    "bot.text",
    "bot.ports",
    "bot.domain",
)
VAGUE = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def public(path: Path) -> dict[str, ast.stmt]:
    """Return a module's own public functions and classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {
        node.name: node
        for node in tree(path).body
        if isinstance(node, kinds) and not node.name.startswith("_")
    }


def verbs(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


def imported(path: Path) -> set[str]:
    """Return the first words of what a module imports."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_dependencies_point_inwards() -> None:
    """The contracts of pyproject.toml, as ``make layers`` checks them."""
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_layers_are_the_documented_ones() -> None:
    contract = PROJECT["tool"]["importlinter"]["contracts"][0]
    assert tuple(contract["layers"]) == LAYERS


def test_every_module_of_the_core_has_its_layer() -> None:
    named = set(re.findall(r"bot\.(\w+)", " ".join(LAYERS)))
    outside = {"__init__", "__main__", "logs"}
    there = {path.stem for path in (ROOT / "bot").iterdir() if not path.name.startswith("__pyc")}
    assert there - outside == named


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_a_name_of_the_domain_and_says_its_rule(path: Path) -> None:
    assert path.stem.strip("_") not in VAGUE
    docstring = ast.get_docstring(tree(path)) or ""
    first = docstring.split("\n\n")[0]
    assert first.rstrip().endswith("."), f"{path} begins without a sentence that says its rule"


def test_the_present_is_a_parameter_below_the_app() -> None:
    outer = {"app.py", "cli.py", "demo.py", "logs.py", "doctor.py", "preview.py"}
    for path in (ROOT / "bot").rglob("*.py"):
        if path.name not in outer:
            assert not re.search(r"\b(utcnow|now|today)\(\)|time\.time\(", path.read_text()), path


def test_there_are_three_platforms() -> None:
    assert PLATFORMS == ["console", "discord", "slack"]
    assert REMOTE == ["discord", "slack"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_has_the_same_four_files(platform: str) -> None:
    folder = ROOT / "adapters" / platform
    for name in ("app.py", "render.py", "limits.py", "ids.py"):
        assert (folder / name).is_file(), f"adapters/{platform}/{name} is missing"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_offers_the_same_entry_points(platform: str) -> None:
    folder = ROOT / "adapters" / platform
    assert {"render", "post_body"} <= set(public(folder / "render.py"))
    assert "message_ref" in public(folder / "ids.py")
    adapter = public(folder / "app.py")[f"{platform.title()}Adapter"]
    assert isinstance(adapter, ast.ClassDef)
    offered = {node.name for node in adapter.body if isinstance(node, ast.AsyncFunctionDef)}
    assert verbs(ports.ChatAdapter) - {"platform"} <= offered
    if platform in REMOTE:
        assert "problems" in public(folder / "limits.py")
        assert "probe" in public(folder / "app.py")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_renderer_does_no_io_and_draws_every_node(platform: str) -> None:
    path = ROOT / "adapters" / platform / "render.py"
    assert not {each.split(".")[0] for each in imported(path)} & {
        "asyncio", "httpx", "aiohttp", "slack_sdk", "slack_bolt", "discord", "structlog",
    }  # fmt: skip
    assert "assert_never" in path.read_text(encoding="utf-8")
    assert not any(isinstance(node, ast.Await) for node in ast.walk(tree(path)))


def test_ports_stay_small() -> None:
    for port in (ports.PaperSource, ports.Summarizer, ports.SearchIndex, ports.LanguageModel):
        assert len(verbs(port)) <= 7, port
    for port in (ports.ChatAdapter, ports.Inbox):
        assert len(verbs(port)) <= 8, port


def test_every_command_lives_in_a_file_of_its_own() -> None:
    for spec in all_commands().values():
        assert spec.handler.__module__ == f"bot.commands.{spec.name}"


@pytest.fixture
def _authors_command() -> Iterator[None]:
    """Add the toy command of docs/adding-a-command.md, for as long as the test runs."""
    guide = (ROOT / "docs" / "adding-a-command.md").read_text(encoding="utf-8")
    source = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    assert source
    exec(compile(source[1], "authors.py", "exec", dont_inherit=True), {"__name__": "authors"})
    yield
    del commands._registry["authors"]


@pytest.mark.usefixtures("_authors_command")
async def test_a_command_added_as_the_guide_says_is_parsed_answered_and_listed() -> None:
    inbox = TestInbox()
    await inbox.fill()
    assert "authors" in all_commands()
    assert words(await inbox.say("authors #1")) == "Ann Author, Bob Writer"
    assert "paper is missing." in words(await inbox.say("authors"))
    assert "Name everybody who wrote a paper." in words(await inbox.say("help"))
    page = words(await inbox.say("help authors"))
    assert "authors <paper> [--share]" in page
    assert "Example: authors #1" in page
    assert "Did you mean authors?" in words(await inbox.say("autors"))


async def test_two_commands_of_one_name_fail_at_import() -> None:
    assert "top" in all_commands()

    async def top(ctx: Context, days: Annotated[int, Range(1, 2)] = 1) -> Reply:  # noqa: D417
        """Be top.

        Args:
            days: How long.
        """
        return cards.sentence_reply("")

    with pytest.raises(TypeError, match="two commands are named top: rename one"):
        command()(top)


@pytest.mark.parametrize("page", ["command", "platform", "source"])
def test_there_is_a_page_for_whoever_adds_something(page: str) -> None:
    assert (ROOT / "docs" / f"adding-a-{page}.md").is_file()


def test_a_slack_only_install_never_imports_discord() -> None:
    code = "import sys, bot.cli, bot.app; print({'discord', 'slack_sdk'} & set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"
