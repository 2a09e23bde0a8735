"""The command line: read arguments, call the product, turn its errors into one line.

Exit codes: 0 done, 1 a check found something wrong, 2 something was asked or set up wrongly, 75 the
state can be written again only after a new start, or no platform has been up for long: a supervisor
should start it again.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
import typer
from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress, track
from rich.text import Text

from adapters.papers import open_file
from adapters.storage import folder_of, keeps_files, place_of
from adapters.storage.backup import backup as write_backup
from adapters.storage.backup import restore as read_backup
from adapters.storage.copies import reading
from adapters.storage.salvage import salvage as salvage_state
from adapters.storage.transfer import transfer
from bot import __version__, logs
from bot import doctor as checks
from bot.app import HEALTH_OLD, App, build, configured_adapters, health_file, utc_now
from bot.commands import status as status_lines
from bot.commands.settings import last_run
from bot.demo import demo as run_demo
from bot.domain.channels import ChannelRef, Layout
from bot.domain.deliveries import Slot
from bot.domain.errors import ConfigError, DailyPapersError, StorePoisoned, Unreachable
from bot.domain.papers import Batch, Paper, distinct
from bot.domain.reply import plain
from bot.exports import FORMATS
from bot.preview import Preview, preview_of
from bot.services.health import Condition, Health
from bot.services.status import channel_status
from bot.services.summaries import described_batch
from bot.text import count
from config.settings import Settings, load_settings

log = structlog.get_logger()

cli = typer.Typer(
    help="Bring each day's Hugging Face Daily Papers to Slack and Discord channels.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
bring_in = typer.Typer(help="Bring papers from files into the library.", no_args_is_help=True)
cli.add_typer(bring_in, name="import")

START_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h."""

CONNECT_SECONDS = 60.0

SHOWN_FROM = 3
"""Batches of papers from which on it is shown how far a search index is."""


class Platform(StrEnum):
    """Where a digest can be drawn."""

    CONSOLE = "console"
    SLACK = "slack"
    DISCORD = "discord"


class Manifest(StrEnum):
    """What can be registered with a platform."""

    SLACK = "slack"
    DISCORD = "discord"


class Format(StrEnum):
    """What papers can be written as; the names of ``exports.FORMATS``."""

    JSON = "json"
    CSV = "csv"
    BIBTEX = "bibtex"


def _date(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is no date; write it as in 2026-05-07") from None


Day = Annotated[
    date | None, typer.Option("--date", parser=_date, metavar="YYYY-MM-DD", help="Which day.")
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default that of the process, and exit."""
    try:
        cli(arguments)
    except DailyPapersError as error:
        print(f"daily-papers: {logs.redact(str(error))}", file=sys.stderr)  # noqa: T201 - the terminal
        sys.exit(START_AGAIN if isinstance(error, StorePoisoned | Unreachable) else 2)
    except KeyboardInterrupt:
        sys.exit(130)


def _run(work: Coroutine[None, None, None]) -> None:
    try:
        asyncio.run(work)
    except asyncio.CancelledError:
        log.info("stopped")


def _settings() -> Settings:
    settings = load_settings()
    logs.configure(settings.log.level, settings.log.format)
    return settings


def _out() -> Console:
    return Console(highlight=False, soft_wrap=True)


@cli.command()
def version() -> None:
    """Print the version."""
    _out().print(__version__)


@cli.command()
def demo() -> None:
    """Tour the product here: no account, no network, no traces."""
    _run(run_demo())


@cli.command()
def run(
    console: Annotated[
        bool, typer.Option("--console", help="Also chat on this terminal; needs no token.")
    ] = False,
) -> None:
    """Run the bot on every platform that has a token."""
    _run(_serve(_settings(), console))


async def _serve(settings: Settings, with_console: bool) -> None:
    adapters = configured_adapters(settings)
    if with_console:
        module = importlib.import_module("adapters.console.app")
        url = settings.store.address
        folder = folder_of(url) if keeps_files(url) else None
        adapters["console"] = module.ConsoleAdapter(
            clock=utc_now,
            log=folder / "console.jsonl" if folder else None,
            interactive=sys.stdin.isatty(),
        )
    if not adapters:
        raise ConfigError(
            "no platform is set up: set SLACK_BOT_TOKEN or DISCORD_TOKEN (README.md shows how to "
            "get one), or look around with `daily-papers demo` or `daily-papers run --console`"
        )
    async with build(settings, adapters=adapters, progress=_indexing) as app:
        await app.run()


@cli.command()
def preview(
    platform: Annotated[Platform, typer.Option(help="Where it would be posted.")] = (
        Platform.CONSOLE
    ),
    source: Annotated[
        str | None, typer.Option(help="Source of the papers; by default the first enabled one.")
    ] = None,
    path: Annotated[
        Path | None, typer.Option(help="File or folder of the source `page` or `folder`.")
    ] = None,
    day: Day = None,
    layout: Annotated[Layout, typer.Option(help="How it is laid out.")] = Layout.THREAD,
    limit: Annotated[int, typer.Option(min=1, max=25, help="Papers at the most.")] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the exact request bodies, in order.")
    ] = False,
) -> None:
    """Show the digest of a day without posting it."""
    if path and source is None:
        raise ConfigError("--path needs --source page or --source folder, to tell what it is")
    _run(_preview(_settings(), Preview(platform.value, source, path, day, layout, limit), as_json))


async def _preview(settings: Settings, wanted: Preview, as_json: bool) -> None:
    messages = await preview_of(settings, wanted, now=utc_now())
    out = _out()
    if as_json:
        out.out(json.dumps([each.body for each in messages], ensure_ascii=False, indent=1))
        return
    render = importlib.import_module("adapters.console.render").render
    screen = Console(width=min(out.width, 80), highlight=False)
    for number, message in enumerate(messages, start=1):
        screen.print(render(message.reply, title=f"message {number} · {message.place}"))


def _indexing(batches: Sequence[Sequence[Paper]]) -> Iterable[Sequence[Paper]]:
    """Show how far a search index is that is made anew."""
    if len(batches) < SHOWN_FROM:
        return batches
    screen = Console(stderr=True)
    return track(batches, description="Making the search index", console=screen, transient=True)


@cli.command()
def post(
    day: Annotated[
        date,
        typer.Option("--date", parser=_date, metavar="YYYY-MM-DD", help="The batch to post."),
    ],
    channel: Annotated[
        str | None,
        typer.Option(help="One channel, as in slack:T1/C1; by default all subscribed ones."),
    ] = None,
) -> None:
    """Post one day's digest now; stop the bot first.

    Papers that a channel has seen are left out, as always.
    """
    _run(_post(_settings(), day, channel))


async def _post(settings: Settings, day: date, channel: str | None) -> None:
    async with build(settings) as app:
        orders = [each for each in await app.store.subscriptions() if each.parked is None]
        if channel is not None:
            try:
                wanted = ChannelRef.parse(channel)
            except ValueError as error:
                raise ConfigError(f"--channel: {error}") from error
            orders = [each for each in orders if each.channel == wanted]
        if not orders:
            whose = f"{channel} has no subscription" if channel else "no channel is subscribed"
            raise ConfigError(f"{whose}: run `/papers subscribe` in the channel first")
        batches = {
            name: await described_batch(await source.batch(day), app.inbox.summarizer)
            for name, source in app.sources.items()
        }
        for batch in batches.values():
            await app.store.save_batch(batch, app.clock())
        serving = [asyncio.create_task(each.serve(app.inbox)) for each in app.adapters.values()]
        try:
            for order in orders:
                chosen = tuple(batches[name] for name in order.sources if name in batches)
                if not any(batch.papers for batch in chosen):
                    raise ConfigError(f"{order.channel}: its sources list nothing on {day}")
                if order.channel.platform not in app.adapters:
                    raise ConfigError(
                        f"{order.channel}: {order.channel.platform} has no token here; "
                        "set it, then post again"
                    )
                await _post_one(app, order.channel, day, chosen, serving)
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)


async def _post_one(
    app: App,
    channel: ChannelRef,
    day: date,
    batches: tuple[Batch, ...],
    serving: list[asyncio.Task[None]],
) -> None:
    """Post one channel's digest, waiting while its platform connects."""
    order = await app.store.subscription(channel)
    slot = Slot(channel, day)
    before = await app.store.receipt(slot)
    deadline = app.clock().timestamp() + CONNECT_SECONDS
    while order:
        for task in serving:
            if task.done() and (problem := task.exception()):
                raise problem
        again = await app.scheduler.runs.run(order, day, batches)
        if again is None:
            break
        if app.clock().timestamp() + again > deadline:
            raise ConfigError(f"{channel}: not posted within {CONNECT_SECONDS:.0f} s; see the log")
        await asyncio.sleep(again)
    receipt = await app.store.receipt(slot)
    if receipt is None:
        said = f"nothing of {day} is new here; nothing was posted."
    elif before and receipt.ran_at == before.ran_at:
        said = f"{day} was run already, {before.posted} posted then; nothing was posted now."
    else:
        said = f"{receipt.note} Posted {receipt.posted}."
    _out().print(f"{channel}: {said}", markup=False)


@bring_in.command("page")
def import_page(
    file: Annotated[Path, typer.Argument(help="A saved Daily Papers page, as text.")],
    day: Day = None,
) -> None:
    """Import the papers of one saved page; stop the bot first."""
    _run(_import("page", file, day))


@bring_in.command("folder")
def import_folder(
    folder: Annotated[Path, typer.Argument(help="Captured payloads, YYYY-MM.json or .json.gz.")],
) -> None:
    """Import every batch of captured payloads; stop the bot first."""
    _run(_import("folder", folder, None))


async def _import(kind: Literal["page", "folder"], path: Path, day: date | None) -> None:
    settings = _settings()
    source = open_file(kind, path, day, utc_now().date())
    days = await source.days()
    papers = added = 0
    async with build(settings, sources={}, adapters={}) as app:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            for each in progress.track(days, description=f"Importing {path.name}"):
                batch = await described_batch(await source.batch(each), app.inbox.summarizer)
                papers += len(batch.papers)
                added += await app.store.save_batch(batch, app.clock())
    _out().print(
        f"{count(len(days), 'batch', 'batches')}, {count(papers, 'paper')} read, "
        f"{added:,} new in the library."
    )


@cli.command()
def export(
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.JSON,
    since: Annotated[
        date | None,
        typer.Option(parser=_date, metavar="YYYY-MM-DD", help="Only batches of this day or later."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write; by default the screen.")] = (
        None
    ),
) -> None:
    """Write the library's papers for others."""
    papers = asyncio.run(_library(_settings(), since))
    written = FORMATS[form.value](papers)
    if output is None:
        sys.stdout.write(written)
        return
    try:
        output.write_text(written, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--output: {output} cannot be written ({error.strerror})") from error
    Console(stderr=True).print(f"{len(papers):,} papers in {output}", markup=False)


async def _library(settings: Settings, since: date | None) -> tuple[Paper, ...]:
    async with reading(settings.store.address) as store:
        if since is None:
            papers = tuple((await store.papers()).values())
        else:
            batches = await store.batches(None, since=since, limit=sys.maxsize)
            papers = distinct(paper for batch in batches for paper in batch.papers)
    return tuple(sorted(papers, key=lambda paper: paper.id))


@cli.command()
def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody over the network.")] = (
        False
    ),
    live: Annotated[
        bool,
        typer.Option("--live", help="Also ask the platforms whether they would take a digest."),
    ] = False,
    salvage: Annotated[
        bool,
        typer.Option(
            "--salvage", help="Keep what is whole in a damaged state, set the rest aside."
        ),
    ] = False,
) -> None:
    """Check everything the bot needs; a failure names its cure."""
    settings = _settings()
    if salvage:
        _salvage(settings)
        return
    samples = asyncio.run(_samples(settings)) if live else {}
    findings = asyncio.run(
        checks.examine(settings, offline=offline, now=utc_now(), samples=samples)
    )
    out = _out()
    for finding in findings:
        mark, style = ("ok  ", "green") if finding.ok else ("FAIL", "bold red")
        out.print(Text.assemble((mark, style), f"  {finding.what}: {finding.detail}"))
        if not finding.ok:
            out.print(f"      cure: {finding.cure}", markup=False)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


async def _samples(settings: Settings) -> dict[str, list[Mapping[str, Any]]]:
    """Return a digest of the bundled papers as each platform would be asked to post it."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for platform in (Platform.SLACK, Platform.DISCORD):
        for layout in (Layout.THREAD, Layout.CARDS):
            wanted = Preview(platform.value, "sample", None, None, layout, 10)
            messages = await preview_of(settings, wanted, now=utc_now())
            found.setdefault(platform.value, []).extend(each.body for each in messages)
    return found


def _salvage(settings: Settings) -> None:
    done = salvage_state(folder_of(settings.store.address), utc_now())
    out = _out()
    if done.aside is None:
        out.print(f"nothing is damaged: {count(done.kept, 'document')}", markup=False)
        return
    out.print(f"kept {count(done.kept, 'document')}; lost:", markup=False)
    for sentence in done.lost:
        out.print(f"  {sentence}", markup=False)
    out.print(f"the damaged files are in {done.aside}", markup=False)


@cli.command()
def backup(
    to: Annotated[
        Path | None, typer.Option("--to", help="File to write; by default named after the moment.")
    ] = None,
) -> None:
    """Write all state to one file, with checksums; the bot may be running."""
    settings = _settings()
    file = to or Path(f"daily-papers-{utc_now():%Y%m%dT%H%M%S}.tar")
    documents = write_backup(folder_of(settings.store.address), file)
    _out().print(f"{count(documents, 'document')} in {file}", markup=False)


@cli.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Set aside the state that is there, first.")
    ] = False,
) -> None:
    """Put a backup in the place of the state. The bot must be stopped meanwhile."""
    settings = _settings()
    folder = folder_of(settings.store.address)
    documents, aside = read_backup(file, folder, force=force, now=utc_now())
    _out().print(f"{count(documents, 'document')} in {folder}", markup=False)
    if aside:
        _out().print(f"the state that was there is in {aside}", markup=False)


@cli.command()
def migrate(
    source: Annotated[
        str | None, typer.Option("--from", help="Where the state is, as in STORE_URL.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", help="Where it is to be, as in STORE_URL.")
    ] = None,
) -> None:
    """Carry all state to another kind of store, and check that it is the same there.

    One side is STORE_URL, the other is named here. Every bot on either must be stopped meanwhile.
    """
    if (source is None) == (target is None):
        raise ConfigError(
            "name one of --from and --to; the other side is STORE_URL, which may hold a password"
        )
    here = _settings().store.address
    carried = asyncio.run(transfer(source or here, target or here))
    out = _out()
    for table, number in carried.counts.items():
        out.print(f"{number:>9,} {table}", markup=False)
    out.print(f"sha256 {carried.checksum}, the same on both sides", markup=False)
    out.print(f"set STORE_URL to where the state is now: {place_of(target or here)}", markup=False)


@cli.command()
def manifest(
    platform: Annotated[Manifest, typer.Argument(help="`slack` or `discord`.")],
    mode: Annotated[
        str, typer.Option(help="Slack: `socket`, or `http` for events by a public address.")
    ] = "socket",
    url: Annotated[
        str | None,
        typer.Option(help="Slack, http or several: the public address, https://…."),
    ] = None,
    several: Annotated[
        bool, typer.Option("--several", help="Slack: for several workspaces to install.")
    ] = False,
    application_id: Annotated[
        int | None, typer.Option(min=1, help="Discord: the application's id, for the link.")
    ] = None,
    personal: Annotated[
        bool,
        typer.Option("--personal", help="Discord: for a person, who takes the bot anywhere."),
    ] = False,
) -> None:
    """Print Slack's app manifest, or Discord's invite link."""
    out = _out()
    if platform is Manifest.DISCORD:
        if application_id is None:
            raise ConfigError(
                "--application-id is missing: it is on the page “General Information” of your "
                "application in Discord's developer portal"
            )
        ids = importlib.import_module("adapters.discord.ids")
        out.out(ids.invite_url(application_id, personal=personal))
        return
    if mode not in ("socket", "http"):
        raise ConfigError(f"--mode is socket or http, not {mode!r}")
    if (mode == "http" or several) and not (url or "").startswith("https://"):
        given = f"is {url}" if url else "is missing"
        raise ConfigError(f"--url {given}; Slack calls an https:// address of yours")
    made = importlib.import_module("adapters.slack.manifest").manifest(mode, url, several=several)
    out.out(json.dumps(made, ensure_ascii=False, indent=2))


@cli.command()
def sync(
    guild: Annotated[
        int | None, typer.Option(min=1, help="In this server alone, by its id; at once.")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Take the commands away there instead.")
    ] = False,
) -> None:
    """Register the commands with Discord, which a start does where they have changed."""
    discord = importlib.import_module("adapters.discord.app")
    settings = _settings().discord
    _out().print(asyncio.run(discord.sync(settings, guild=guild, clear=clear)), markup=False)


@cli.command()
def status() -> None:
    """Tell what was posted where, what was not and why; exit 0 if all is well.

    The bot may be running.
    """
    if not asyncio.run(_status(_settings())):
        raise typer.Exit(1)


async def _status(settings: Settings) -> bool:
    out, now = Console(highlight=False), utc_now()
    well = _print_running(_running_bot(health_file(settings)), out, now)
    async with reading(settings.store.address) as store:
        orders = await store.subscriptions()
        for order in orders:
            found = await channel_status(order.channel, store, now)
            well = well and found.is_well
            out.print(f"\n{order.channel}", style="bold", markup=False)
            for line in status_lines.channel_lines(found):
                out.print(Padding(_named(line), (0, 0, 0, 2)))
            for receipt in found.receipts:
                out.print(Padding(Text(plain(last_run(receipt))), (0, 0, 0, 2)))
    if not orders:
        out.print("No channel is subscribed: run `/papers subscribe` in one.", markup=False)
    return well


def _named(line: tuple[str, str]) -> Text:
    name, told = line
    return Text.assemble((f"{name}: ", "bold"), told)


@dataclass(frozen=True, slots=True)
class _Running:
    """What a running bot last said of itself."""

    at: datetime
    health: Health


def _running_bot(file: Path) -> _Running | str:
    """Return what a running bot said, or why nothing is known."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        at = datetime.fromisoformat(told["at"])
        return _Running(at, Health.decode(told["health"]))
    except FileNotFoundError:
        return f"no bot is running: {file} is not there"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{file} cannot be read: {error}"


def _print_running(running: _Running | str, out: Console, now: datetime) -> bool:
    """Print what is known of the bot; tell whether it can be reached."""
    if isinstance(running, str):
        out.print(running, markup=False)
        return False
    for line in status_lines.health_lines(running.health, now):
        out.print(_named(line))
    age = now - running.at
    if silent := age > HEALTH_OLD:
        out.print(f"No sign of life for {age.total_seconds():.0f} s.", markup=False)
    return not silent and running.health.condition is not Condition.DOWN


@cli.command()
def health() -> None:
    """Exit 0 if a bot is running here and can be reached; for containers."""
    if not _print_running(_running_bot(health_file(_settings())), _out(), utc_now()):
        raise typer.Exit(1)
