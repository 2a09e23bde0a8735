"""Ask Slack's own types, through TypeScript, whether what the bot sends is what Slack takes.

``python -m tests.peers.slack_types [folder]`` asks about the golden files, and about every message
to Slack of a replay of the folder's captured batches. The types know structure, but no lengths.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from adapters.papers import open_file
from bot import logs
from tests.peers import CURE, FOLDER, node
from tests.replay import replay, subscriptions

Json = dict[str, Any]

ROOT = FOLDER.parents[1]
GOLDEN = ROOT / "tests" / "golden" / "slack"
SHARED = Path(os.environ.get("DAILY_PAPERS_SHARED", ROOT.parent / "shared"))
MODULES = FOLDER / "node_modules"

HEAD = (
    'import type { HomeView, KnownBlock, MessageMetadata, ModalView } from "@slack/types";',
    "interface Message {",
    "  channel?: string; thread_ts?: string; text: string; blocks: KnownBlock[];",
    "  metadata?: MessageMetadata; unfurl_links?: boolean; unfurl_media?: boolean;",
    '  response_type?: "ephemeral" | "in_channel"; replace_original?: boolean;',
    "}",
)
"""A message is what chat.postMessage and a ``response_url`` take; the package has no type of it."""

OPTIONS: Json = {
    "strict": True,
    "noEmit": True,
    "skipLibCheck": True,
    "target": "es2022",
    "module": "nodenext",
    "types": [],
    "paths": {"@slack/types": [str(MODULES / "@slack" / "types" / "dist" / "index.d.ts")]},
}

NAME = re.compile("[a-z_]+")
"""What a type may mean literally: ``button``, ``in_channel``."""

ERROR = re.compile(r"payloads\.ts\((\d+),(\d+)\): error (TS\d+: .*)")


def mistakes(payloads: Mapping[str, Json], program: str) -> list[str]:
    """Return what the types have against payloads, each with the payload's name and the place."""
    lines = list(HEAD)
    names = {}
    for number, (name, payload) in enumerate(payloads.items()):
        kind = {"modal": "ModalView", "home": "HomeView"}.get(payload.get("type", ""), "Message")
        lines.append(f"export const p{number}: {kind} = {json.dumps(payload)};")
        names[len(lines)] = name
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        (made / "payloads.ts").write_text("\n".join(lines), encoding="utf-8")
        config = {"compilerOptions": OPTIONS, "files": ["payloads.ts"]}
        (made / "tsconfig.json").write_text(json.dumps(config), encoding="utf-8")
        run = subprocess.run(
            [
                program,
                MODULES / "typescript" / "bin" / "tsc",
                "--project",
                folder,
                "--pretty",
                "false",
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    found = []
    for error in ERROR.finditer(run.stdout):
        line, column = int(error[1]), int(error[2]) - 1
        place = lines[line - 1][max(0, column - 30) : column + 50]
        found.append(f"{names.get(line, 'the program itself')}: {error[3]} At …{place}…")
    if run.returncode and not found:
        raise RuntimeError(f"tsc ended with {run.returncode}: {run.stdout}{run.stderr}")
    return found


def shape(value: object) -> object:
    """Return what a type can tell of a value: two values of one shape are alike to it.

    A list is taken for the kinds of things in it, for TypeScript looks at one after the other; a
    text for nothing, unless it is a word that may be one of a few.
    """
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        kinds = {json.dumps(kind, sort_keys=True): kind for kind in map(shape, value)}
        return [kinds[key] for key in sorted(kinds)]
    if isinstance(value, str):
        return value if NAME.fullmatch(value) else ""
    return value


def golden() -> dict[str, Json]:
    """Return what the golden files of Slack hold."""
    return {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(GOLDEN.glob("*.json"))
    }


async def replayed(folder: Path) -> tuple[int, dict[str, Json]]:
    """Return how many messages to Slack a replay draws, in either style, and one of each shape."""
    source = open_file("folder", folder, None, date.today())  # noqa: DTZ011 - only a page needs it
    batches = [await source.batch(day) for day in await source.days()]
    shapes: dict[str, str] = {}
    count = 0

    def take(name: str, body: Json) -> None:
        nonlocal count
        count += 1
        shapes.setdefault(json.dumps(shape(body), sort_keys=True), f"{name}, message {count}")

    orders = [each for each in subscriptions() if each.channel.platform == "slack"]
    await replay(batches, orders=orders, on_post=take)
    return count, {name: json.loads(shaped) for shaped, name in shapes.items()}


def main() -> None:
    screen = Console(highlight=False)
    program = node()
    if program is None:
        screen.print(CURE)
        sys.exit(os.environ.get("REQUIRE_NODE") == "1")
    logs.configure("warning", "console")
    started = time.perf_counter()
    payloads, messages, folder = golden(), 0, SHARED / "data" / "hf"
    screen.print(f"golden      {len(payloads):>8,}")
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
    if folder.is_dir():
        messages, shapes = asyncio.run(replayed(folder))
        payloads |= shapes
        screen.print(f"messages    {messages:>8,}  of {len(shapes):,} shapes")
    else:
        screen.print(f"no replay: no captured batches at {folder}; name a folder: CORPUS=…")
    drawn = time.perf_counter()
    found = mistakes(payloads, program)
    screen.print(f"mistakes    {len(found):>8,}")
    screen.print(
        f"seconds     {drawn - started:>8.1f}  and {time.perf_counter() - drawn:.1f} of tsc"
    )
    for mistake in found[:20]:
        screen.print(mistake, markup=False)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
