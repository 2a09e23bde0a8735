"""Write the parts of the documentation that follow from the code, or check that they are current.

python docs/generate.py            writes
python docs/generate.py --check    exits 1 and names what differs
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from rich.console import Console

from adapters.console.render import render
from bot.commands import all_commands
from bot.commands.parsing import CommandSpec
from bot.domain.channels import Layout
from bot.preview import Preview, preview_of
from config.settings import Settings, SourcesSettings

ROOT = Path(__file__).resolve().parent.parent
MADE = "made by `make docs`; change the code, not this"


def main() -> None:
    """Write the pages, or with ``--check`` tell which differ."""
    check = "--check" in sys.argv[1:]
    stale = [path for path, text in pages() if not _same(path, text)]
    for path, text in pages():
        if path in stale and not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{'differs' if check else 'written'}: {path.relative_to(ROOT)}")
    if check and stale:
        print("run `make docs` and commit what it writes")
        sys.exit(1)


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every generated file with its text."""
    yield ROOT / "docs" / "commands.md", commands_page()
    yield ROOT / "docs" / "settings.md", settings_page()
    yield ROOT / "config" / "example.env", example_env()
    yield ROOT / "docs" / "pictures" / "digest.svg", picture()
    yield ROOT / "README.md", readme()


def readme() -> str:
    """Return README.md with its tables made anew."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = _between(text, "commands", "\n".join(_command_rows()))
    return _between(text, "settings", "\n".join(_settings_rows(all_settings=False)))


def _between(text: str, name: str, content: str) -> str:
    start, end = f"<!-- {name}: {MADE} -->", f"<!-- end of {name} -->"
    head, _, rest = text.partition(start)
    _, _, tail = rest.partition(end)
    if not (rest and tail):
        raise SystemExit(f"README.md lacks the marks {start} … {end}")
    return f"{head}{start}\n{content}\n{end}{tail}"


def _command_rows() -> Iterator[str]:
    yield "| command | what it does |"
    yield "| --- | --- |"
    for spec in all_commands().values():
        example = spec.examples[-1] if spec.examples else spec.name
        yield f"| `/papers {example}` | {spec.summary} |"


def commands_page() -> str:
    """Return the page of all commands."""
    lines = [
        "# Commands",
        "",
        f"<!-- {MADE} -->",
        "",
        "The same in Slack (`/papers …`, or `@papers …` in a thread), in Discord (`/papers …`) and",
        "in the console. Answers are private; `--share` shows one to the channel. Words with",
        "spaces go into quotation marks.",
        "",
    ]
    for spec in all_commands().values():
        lines += [*_command_section(spec), ""]
    return "\n".join(lines).rstrip() + "\n"


def _command_section(spec: CommandSpec) -> Iterator[str]:
    yield f"## {spec.name}"
    yield ""
    yield spec.summary + (" For those who manage the channel." if spec.admin else "")
    if spec.description:
        yield ""
        yield spec.description
    yield ""
    yield f"    /papers {spec.usage}"
    if spec.options:
        yield ""
        yield "| option | takes | meaning | default |"
        yield "| --- | --- | --- | --- |"
        for option in spec.options:
            takes = "yes or no" if option.kind == "boolean" else option.placeholder
            default = "required" if option.required else _default(option.default)
            cell = takes.replace("|", r"\|")
            yield f"| `{option.name}` | {cell} | {option.description} | {default} |"
    if spec.examples:
        yield ""
        yield "For example: " + ", ".join(f"`/papers {each}`" for each in spec.examples) + "."


def _default(value: object) -> str:
    return f"{value}" if isinstance(value, int | str) and not isinstance(value, bool) else ""


def settings_page() -> str:
    """Return the page of all settings."""
    lines = [
        "# Settings",
        "",
        f"<!-- {MADE} -->",
        "",
        "Read once at the start, from environment variables, from a file `.env` in the working",
        "folder, and from files named like the variables in `/run/secrets`.",
        "",
        *_settings_rows(all_settings=True),
    ]
    return "\n".join(lines) + "\n"


def _settings() -> Iterator[tuple[str, str, FieldInfo]]:
    for section, outer in Settings.model_fields.items():
        model = cast(type[BaseModel], outer.annotation)
        for name, field in model.model_fields.items():
            yield f"{section}_{name}".upper(), model.__doc__ or "", field


IMPORTANT = (
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_MODE",
    "DISCORD_TOKEN",
    "DISCORD_GUILD",
    "STORE_URL",
    "SOURCES_ENABLED",
    "HF_TOKEN",
    "DIGEST_AT",
    "DIGEST_TIMEZONE",
    "DIGEST_LAYOUT",
    "LOG_LEVEL",
)


def _settings_rows(*, all_settings: bool) -> Iterator[str]:
    yield "| variable | meaning | default |"
    yield "| --- | --- | --- |"
    for name, _, field in _settings():
        if all_settings or name in IMPORTANT:
            shown = _shown(field)
            yield f"| `{name}` | {field.description} | {f'`{shown}`' if shown else ''} |"


def _shown(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    if hasattr(default, "strftime"):
        return f"{default:%H:%M}"
    return str(default)


def example_env() -> str:
    """Return every setting as a line of an environment file, commented out."""
    lines = [f"# Every setting with its default; {MADE}. Copy to .env and fill in.", ""]
    section = ""
    for name, title, field in _settings():
        if title != section:
            lines += ["", f"# {title.splitlines()[0]}"]
            section = title
        lines += [f"# {field.description}", f"# {name}={_example(field)}"]
    return "\n".join(lines) + "\n"


def _example(field: FieldInfo) -> str:
    return "" if SecretStr in getattr(field.annotation, "__args__", ()) else _shown(field)


def picture() -> str:
    """Return the digest of the sample batch as a terminal shows it."""
    wanted = Preview("console", "sample", None, None, Layout.THREAD, 5)
    settings = Settings(_env_file=None, sources=SourcesSettings(enabled=("sample",)))
    messages = asyncio.run(preview_of(settings, wanted, now=datetime(2025, 8, 21, tzinfo=UTC)))
    screen = Console(width=80, record=True, file=open("/dev/null", "w"), highlight=False)  # noqa: SIM115
    screen.print(render(messages[0].reply, title="#papers"))
    screen.print(render(messages[1].reply, title="in its thread"))
    drawn = screen.export_svg(title="daily-papers", unique_id="digest")
    return re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)  # fonts of other hosts


if __name__ == "__main__":
    main()
