"""A guided tour of the real product: console for chat, a bundled batch for news, TinyDB for state.

Nothing here is staged: the scheduler posts, and every command, reaction and button goes through the
same dispatcher as on Slack and Discord.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from adapters.console.app import ConsoleAdapter
from adapters.console.ids import CHANNEL
from adapters.console.limits import COLUMNS
from bot import logs
from bot.app import App, build, temporary_folder, utc_now
from bot.domain.deliveries import Delivery, DeliveryState
from bot.domain.errors import DailyPapersError
from bot.domain.votes import Tally
from config.settings import LlmSettings, SearchSettings, Settings, SourcesSettings, StoreSettings

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05
SEARCH = "search long context --limit 3"
VOTE = "👍"


async def demo(console: Console | None = None, *, interactive: bool | None = None) -> None:
    """Run the tour; on a terminal, leave a prompt at its end.

    Raises:
        DailyPapersError: if the product does not do what the tour shows.
    """
    screen = console or Console(width=min(Console().width, COLUMNS), highlight=False)
    prompts = sys.stdin.isatty() and sys.stdout.isatty() if interactive is None else interactive
    logs.configure("warning", "console")
    with tempfile.TemporaryDirectory(prefix="daily-papers-demo-", dir=temporary_folder()) as folder:
        settings = Settings.model_construct(  # what is set on this machine has no say here
            store=StoreSettings(url=SecretStr(f"tinydb://{folder}")),
            sources=SourcesSettings(enabled=("sample",)),
            search=SearchSettings(semantic="off"),
            llm=LlmSettings(base_url=None),
        )
        adapter = ConsoleAdapter(screen, clock=utc_now, interactive=prompts)
        async with build(settings, adapters={adapter.platform: adapter}) as app:
            try:
                await _tour(app, adapter, screen)
                _farewell(screen, Path(folder), prompts)
                if prompts:
                    await adapter.serve(app.inbox)
            finally:
                await app.scheduler.stop()


async def _tour(app: App, adapter: ConsoleAdapter, screen: Console) -> None:
    _chapter(screen, 1, "A channel subscribes; the scheduler posts the newest batch")
    await app.scheduler.start()
    await _type(app, adapter, screen, "subscribe --at settled --weekdays daily")
    first, *_ = await _digest(app)
    _chapter(screen, 2, "Anybody searches")
    await _type(app, adapter, screen, SEARCH)
    _chapter(screen, 3, "…and asks what a paper says")
    await _type(app, adapter, screen, "summarize #1")
    _chapter(screen, 4, "A reaction is a vote")
    before = await _votes(app, first)
    message = first.ref.id if first.ref else ""
    await adapter.say(f"react {message} {VOTE}", app.inbox)
    after = await _votes(app, first)
    await app.scheduler.refresh()
    screen.print(f"Team votes for the first paper went from {before} to {after}.\n", style="green")
    if (before, after) != (0, 1):
        raise DailyPapersError(f"the vote was not counted: {before} became {after}, not 0 to 1")
    _chapter(screen, 5, "What does this channel like?")
    await _type(app, adapter, screen, "top")


async def _digest(app: App) -> list[Delivery]:
    """Wait for the digest, and return its messages of one paper each."""
    for _ in range(round(WAIT_SECONDS / POLL_SECONDS)):
        slot = await app.store.latest_slot(CHANNEL)
        sent = await app.store.deliveries(slot) if slot else ()
        if sent and all(each.state is DeliveryState.SENT for each in sent):
            return [each for each in sent if each.in_thread]
        await asyncio.sleep(POLL_SECONDS)
    raise DailyPapersError(f"no digest within {WAIT_SECONDS:.0f} s: is this machine very busy?")


async def _votes(app: App, delivery: Delivery) -> int:
    (paper,) = delivery.papers
    return (await app.store.tallies(CHANNEL, [paper])).get(paper, Tally()).up


async def _type(app: App, adapter: ConsoleAdapter, screen: Console, line: str) -> None:
    screen.print(Text.assemble(("you> ", "bold green"), (f"/papers {line}", "bold")))
    await adapter.say(f"/papers {line}", app.inbox)


def _chapter(screen: Console, number: int, title: str) -> None:
    screen.print()
    screen.print(Rule(Text(f"{number}. {title}", style="bold"), align="left", style="cyan"))


def _farewell(screen: Console, folder: Path, prompts: bool) -> None:
    screen.print()
    screen.print(Rule(Text("That was the real bot", style="bold"), align="left", style="cyan"))
    kept = ", ".join(sorted(file.name for file in folder.iterdir() if file.suffix == ".json"))
    screen.print(f"State was kept by TinyDB in {folder} ({kept}),")
    screen.print("a temporary folder that goes when the demo ends.")
    screen.print("Next: README.md sets up Slack or Discord in five minutes;")
    screen.print("`daily-papers preview` shows the digest of any day without posting it.")
    if prompts:
        screen.print(
            f"\nGo on typing: /papers help, react 3 {VOTE}, press 2 1; quit leaves. Tab completes.",
            style="bold",
        )
