"""Draw what people see in Slack as pictures, light and dark, made of the bundled sample alone.

python docs/pictures.py            (or: make pictures)

The bot itself makes the blocks, slack-blocks-to-jsx makes HTML of them, headless Chromium PNG.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path

from adapters.papers.sample import Sample
from adapters.slack._dialogs import dialog_view
from adapters.slack.limits import Json, Surface
from adapters.slack.render import render, view_blocks
from adapters.storage.memory import MemoryStore
from bot import logs
from bot.app import App, build
from bot.domain.channels import ChannelRef, Layout, MessageRef, Schedule, Subscription, UserRef
from bot.domain.command import Caller, CommandCall
from bot.domain.deliveries import Delivery, DeliveryState
from bot.domain.dialog import Dialog
from bot.domain.papers import Batch
from bot.domain.reply import Reply
from bot.domain.votes import Reaction
from bot.ports import Store
from bot.services.deliveries import message_of
from bot.services.digest import Plan, plan_digest
from config.settings import Settings

FOLDER = Path(__file__).with_name("pictures")
THEMES = ("light", "dark")

NOW = datetime(2025, 8, 21, 7, tzinfo=UTC)
CHANNEL = ChannelRef("slack", "T1", "C1")
ANN, BOB, EVE = (UserRef("slack", "T1", f"U{number}") for number in (1, 2, 3))
CALLER = Caller(ANN, CHANNEL, is_admin=True, channel_name="papers")
ORDER = Subscription(
    channel=CHANNEL,
    owner=ANN,
    created_at=NOW,
    schedule=Schedule(time(9), "Europe/Berlin"),
    sources=("sample",),
    limit=3,
    name="papers",
)
REACTIONS = {"1️⃣": (ANN, BOB, EVE), "3️⃣": (ANN, BOB), "2️⃣": (EVE,)}
SEARCH = "fine-tuning --limit 3 --page 2"

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--default-background-color=00000000",
    "--force-device-scale-factor=2",
)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture shows: what Slack is sent, and what stands around it.

    Attributes:
        payload: ``text`` and ``blocks`` of a message, or a view.
        place: Where a message stands.
        reactions: Emoji below a message, with how many people gave each.
        replies: How many messages its thread holds.
        whisper: Whether one person alone sees it.
    """

    name: str
    kind: Surface
    payload: Json
    place: str = "# papers"
    time: str = "9:00 AM"
    reactions: Sequence[tuple[str, int]] = ()
    replies: int = 0
    whisper: bool = False


async def pictures() -> list[Picture]:
    """Return all pictures, of a channel in which a digest was posted and voted on."""
    store = MemoryStore()
    await store.save_batch(await drawn_batch(), NOW)
    await store.save_subscription(ORDER)
    settings = Settings.model_construct()  # what is set on this machine has no say here
    sources = {"sample": Sample()}
    async with build(settings, store=store, sources=sources, adapters={}, clock=lambda: NOW) as app:
        head, first, *others = await _posted(await _plan(store, Layout.THREAD), store)
        await _react(app, head, first)
        in_cards = (await _plan(store, Layout.CARDS)).deliveries[0]
        dialog = await app.inbox.dialog(CommandCall(CALLER, "settings"))
        if not isinstance(dialog, Dialog):
            raise SystemExit(f"no dialog: {dialog.summary}")
        home = view_blocks(await _answer(app, "home"), "home")
        return [
            Picture(
                "digest",
                "message",
                render(await message_of(head, store)),
                reactions=[(emoji, len(people)) for emoji, people in REACTIONS.items()],
                replies=1 + len(others),
            ),
            Picture(
                "paper", "message", render(await message_of(first, store)), "Thread · # papers"
            ),
            Picture("cards", "message", render(await message_of(in_cards, store), style="rich")),
            Picture(
                "search", "message", render(await _answer(app, "search", SEARCH)), whisper=True
            ),
            Picture("settings", "modal", dialog_view(dialog, private_metadata="")),
            Picture("home", "home", {"type": "home", "blocks": home}),
        ]


async def drawn_batch() -> Batch:
    """Return the sample's batch, each paper with a picture; a drawing will stand for all of them.

    Papers of Hugging Face have one, those of the sample have none.
    """
    batch = await Sample().newest(NOW.date())
    if batch is None:
        raise SystemExit("the bundled sample lists nothing")
    papers = (
        replace(paper, thumbnail_url=f"https://papers.example/{paper.id.key}.png")
        for paper in batch.papers
    )
    return replace(batch, papers=tuple(papers))


async def _plan(store: Store, layout: Layout) -> Plan:
    order = replace(ORDER, layout=layout)
    return plan_digest(order, NOW.date(), await store.batches(order.sources), {}, now=NOW)


async def _posted(plan: Plan, store: Store) -> Sequence[Delivery]:
    """Let a digest stand in the channel, and return its messages."""
    await store.plan(plan.deliveries, plan.receipt)
    for number, each in enumerate(plan.deliveries):
        await store.advance(each.key, DeliveryState.SENDING, at=NOW)
        at = MessageRef(CHANNEL, f"1755759600.{number:06d}")
        await store.advance(each.key, DeliveryState.SENT, ref=at)
    return await store.deliveries(plan.receipt.slot)


async def _react(app: App, head: Delivery, first: Delivery) -> None:
    given = [(head, emoji, user) for emoji, people in REACTIONS.items() for user in people]
    for message, emoji, user in [*given, (first, "🔖", ANN)]:
        if message.ref:
            await app.inbox.reaction(Reaction(message.ref, user, emoji, added=True))


async def _answer(app: App, command: str, typed: str = "") -> Reply:
    return await app.inbox.command(CommandCall(CALLER, command, typed))


def main() -> None:
    """Write the PNG files."""
    logs.configure("warning", "console")
    node, chromium = program("node", "nodejs npm"), program("chromium", "chromium")
    shown = json.dumps([asdict(each) for each in asyncio.run(pictures())])
    with tempfile.TemporaryDirectory(prefix="daily-papers-pictures-") as folder:
        page = Path(folder, "page.html")
        page.write_text(run([node, f"{FOLDER}/render.mjs"], shown), encoding="utf-8")
        browser = [chromium, *FLAGS, f"--user-data-dir={folder}/profile"]
        measured = run([*browser, "--dump-dom", page.as_uri()])
        for name, size in re.findall(
            r'<article id="([\w-]+)"[^>]* data-size="(\d+,\d+)"', measured
        ):
            file = FOLDER / f"slack-{name}.png"
            window = [f"--window-size={size}", f"--screenshot={file}"]
            run([*browser, *window, f"{page.as_uri()}#{name}"])
            run([node, f"{FOLDER}/smaller.mjs", str(file)])
            print(f"{file.name}: {size}, {file.stat().st_size // 1000} kB")


def program(name: str, packages: str) -> str:
    """Return where a program is, or end with the packages that bring it."""
    if found := shutil.which(name):
        return found
    sys.exit(f"{name} is needed: apt-get install {packages}")


def run(command: Sequence[str], given: str = "") -> str:
    """Run a program and return what it said, or end with its complaint."""
    done = subprocess.run(  # noqa: S603 (programs found by name, with files that are ours)
        command, input=given, capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr.strip()[-2_000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
