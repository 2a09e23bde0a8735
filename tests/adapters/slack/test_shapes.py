"""What the bot reads in Slack's answers, and what the double says in its place, exists in Slack.

The captured shapes have every key of an answer, an event or an interaction, and blanked values.
Reads are noted while the bot works: its own modules get dictionaries that know who asks them.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import slack_bolt.request.async_request as bolt_request
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

import adapters.slack
from adapters.slack._dialogs import dialog_view
from adapters.slack.app import PAGE, probe
from adapters.slack.manifest import COMMAND, SHORTCUT, manifest
from bot import cards
from bot.domain.dialog import Dialog, Field
from bot.domain.errors import PlatformError
from bot.domain.votes import Tally
from bot.ports import Thread
from tests.adapters.slack.conftest import Office, office, settings_for
from tests.adapters.slack.house import house
from tests.doubles.slack import ApiError
from tests.doubles.slack_records import Sent
from tests.examples import NOW, paper, paper_id, subscription
from tests.fakes import FakeSource

Json = dict[str, Any]

SHAPES: Mapping[str, str] = {
    "slash_command": "interactive/slash_command",
    "block_actions": "interactive/block_actions",
    "message_action": "interactive/message_action",
    "view_submission": "interactive/block_actions",
    "app_home_opened": "events/AppHomeOpened",
    "app_mention": "events/AppMention",
    "message": "events/AppMention",
    "reaction_added": "events/ReactionAdded",
    "reaction_removed": "events/ReactionRemoved",
    "app_uninstalled": "events/AppUninstalled",
    "tokens_revoked": "events/TokensRevoked",
}
"""Where the shape is of what Slack sends by itself; an answer's shape has the method's name."""

VIEWED = "api/views.open"
"""Where the whole shape of a view is: those of interactions and events are cut short."""

BEYOND: Mapping[str, str] = {
    "message event.channel_type": "Messages have no shape of their own; mentions have no such key.",
    "view_submission response_urls": "Submissions have no shape of their own; presses lack it.",
    "response_url": "Its answers were not captured; the bot looks at their status alone.",
    "oauth.v2.access": "The method was not captured; Slack's page on it shows these keys.",
    "apps.manifest.export": "The method was not captured; the manifest is the one we ask for.",
}
"""What no captured shape has, each with the reason why it is true of Slack all the same."""

OUTGOING = {"_check", "_pieces", "_rich", "_shapes", "_table", "limits", "manifest", "render"}
"""Modules that draw or check what goes out, and so read nothing of Slack's."""

OURS: Mapping[str, str] = {
    "_dialogs.py: option['value']": "of an option that is drawn there",
    "_http.py: request.headers.get('X-Slack-Request-Timestamp')": "a header",
    "_http.py: request.headers.get('X-Slack-Signature', '')": "a header",
    "_socket.py: told.get('num_connections', 1)": "of a hello, which was not captured",
    "_socket.py: told.get('reason')": "of a disconnect, which was not captured",
    "_listeners.py: posted['channel']": "of what a language model writes again, a minute later",
    "_listeners.py: posted['ts']": "likewise; chat.postMessage has it",
    "_views.py: shown['view']": "likewise; views.open has it",
    "_views.py: shown['view']['id']": "likewise",
    "_views.py: told['channel']": "of the private_metadata that is packed there",
    "_views.py: told['name']": "of the private_metadata that is packed there",
    "_views.py: view['id']": "reached by an answer that takes seconds; views.open has it as well",
    "_web.py: error.response.headers.get('Retry-After', '')": "a header",
    "_web.py: response.headers.get('x-oauth-scopes', '')": "a header",
    "ids.py: mark['body']": "a group of a pattern",
    "ids.py: mark['kind']": "a group of a pattern",
    "ids.py: mark['label']": "a group of a pattern",
}
"""Look-ups in those modules that are not in Slack's JSON, or in what was not captured."""


@dataclass(slots=True)
class Notes:
    """What was read of Slack's JSON, and the lines of our modules that read it."""

    paths: set[str] = field(default_factory=set)
    lines: set[tuple[str, int, str]] = field(default_factory=set)


class Read(dict[str, Any]):
    """A part of what Slack sent, which notes what our own modules ask it for."""

    def __init__(self, value: Json, source: str, path: str, notes: Notes) -> None:
        """Take in everything below too."""
        super().__init__(
            (key, noting(each, source, f"{path}.{key}".lstrip("."), notes))
            for key, each in value.items()
        )
        self._source, self._path, self._notes = source, path, notes

    def _note(self, key: object) -> None:
        asking = sys._getframe(2)
        if asking.f_globals.get("__name__", "").startswith("adapters.slack."):
            name = Path(asking.f_code.co_filename).name
            self._notes.lines.add((name, asking.f_lineno, str(key)))
            self._notes.paths.add(f"{self._source} {f'{self._path}.{key}'.lstrip('.')}")

    def __getitem__(self, key: str) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._note(key)
        return super().__contains__(key)


def noting(value: Any, source: str, path: str, notes: Notes) -> Any:
    """Return a value whose dictionaries note what is read in them; lists add nothing to a path."""
    if isinstance(value, dict):
        return Read(value, source, path, notes)
    if isinstance(value, list):
        return [noting(each, source, path, notes) for each in value]
    return value


def kind_of(body: Json) -> str:
    """Return what Slack sent by itself."""
    if "command" in body:
        return "slash_command"
    event = body.get("event") or {}
    return str(event.get("type") or body["type"])


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Notes:
    """Note all that is read of Slack's JSON, where the libraries that we use hand it to us."""
    noted = Notes()
    parse, validate = bolt_request.parse_body, AsyncSlackResponse.validate

    def parsed(*given: Any) -> Any:
        body = parse(*given)
        return noting(body, kind_of(body), "", noted) if body else body

    def validated(response: AsyncSlackResponse) -> AsyncSlackResponse:
        method = response.api_url.rpartition("/")[2]
        response.data = noting(response.data, method, "", noted)
        return validate(response)

    monkeypatch.setattr(bolt_request, "parse_body", parsed)
    monkeypatch.setattr(AsyncSlackResponse, "validate", validated)
    return noted


async def use_everything(at: Office) -> None:
    """Do what people do, and what the bot does by itself, so that all that it reads is read."""
    slack, ann, room = at.slack, at.ann.id, at.papers.id
    at.inbox.sources = {"huggingface": FakeSource()}
    await at.store.save_subscription(subscription(at.channel, name="papers"))
    await at.deliver()
    head, first, *_ = at.messages
    for _ in range(PAGE):
        slack.workspace.say(ann, room, "Hello.")
    ref = await at.adapter.post(at.channel, cards.paper_message(paper(1), Tally()), key="k")
    await at.adapter.edit(ref, cards.paper_message(paper(1), Tally(up=1)))
    since = NOW.replace(year=2020)
    for key in ("k", "none"):
        await at.adapter.find(at.channel, key=key, since=since)
    thread = Thread((await at.store.deliveries(at.slot))[0].ref, "x")  # type: ignore[arg-type]
    await at.adapter.find(at.channel, key="none", since=since, thread=thread)
    for emoji in ("+1", "heart"):
        await slack.react(ann, room, first.ts, emoji)
    await slack.settled()
    await slack.unreact(ann, room, first.ts, "+1")
    await at.adapter.reactions((await at.store.deliveries(at.slot))[1].ref)  # type: ignore[arg-type]
    await at.adapter.check(at.channel)
    slack.fault("chat.postMessage", ApiError("invalid_arguments", ("[ERROR]",)))
    with pytest.raises(PlatformError):
        await at.adapter.post(at.channel, cards.sentence_reply("x"), key="l")
    slack.workspace.change_channel(room, archived=True)
    with pytest.raises(PlatformError):
        await at.adapter.check(at.channel)
    slack.workspace.change_channel(room, archived=False)
    await probe(settings_for(slack, config_token=slack.config_token))

    await slack.mention(ann, room, "help", thread_ts=head.ts)
    await slack.mention(ann, room, "show 2605.00001 --share")
    await slack.direct_message(ann, "help")
    said = slack.workspace.say(ann, room, "Hello.")
    for ts in (first.ts, said.ts):
        await (await slack.shortcut(ann, room, ts, SHORTCUT)).answer()
    pressed = await slack.click(ann, room, first.ts, f"vote|save|{paper_id(1)}")
    await pressed.answer()
    asked = await (await slack.slash(ann, room, COMMAND, "settings")).answer()
    await slack.click_ephemeral(ann, room, asked.ts, "open|settings|")
    dialog = await slack.wait_for(lambda: slack.modal(ann))
    values = {"at": "07:15", "layout": "cards", "include": "robots"}
    await slack.submit(ann, dialog.id, values)
    client = AsyncWebClient(slack.bot_token, base_url=slack.base_url)

    async def show(view: Json) -> str:
        opened = await client.views_open(trigger_id=slack.trigger(ann), view=view)
        return str(opened["view"]["id"])

    ticked = Dialog("top", "Top", (Field("share", "Share", "", kind="boolean"),))  # none has one
    packed = dialog.body["private_metadata"]
    shown = await show(dialog_view(ticked, private_metadata=packed))
    await slack.submit(ann, shown, {"share": ["yes"]})
    for _ in range(2):
        await slack.open_home(ann)
        await slack.settled()
    buttons = [button("Help", "run|help|"), button("Settings", f"open|settings|{room}")]
    blocks = [{"type": "actions", "elements": buttons}]
    home = await client.views_publish(user_id=ann, view={"type": "home", "blocks": blocks})
    for each in buttons:
        await slack.click_view(ann, home["view"]["id"], each["action_id"])
        await slack.settled()
    modal = {"type": "modal", "title": buttons[0]["text"], "blocks": blocks}
    await slack.click_view(ann, await show(modal), "run|help|")
    await slack.settled()


def button(label: str, value: str) -> Json:
    """Return a button."""
    words = {"type": "plain_text", "text": label}
    return {"type": "button", "text": words, "action_id": value, "value": value}


def shape(shared: Path, name: str) -> Any:
    """Return a captured shape, or ``None``."""
    folder = shared / "data" / "slack" / "shapes"
    plain, packed = folder / f"{name}.json", folder / f"{name}.json.gz"
    if plain.exists():
        return json.loads(plain.read_text(encoding="utf-8"))
    return json.loads(gzip.decompress(packed.read_bytes())) if packed.exists() else None


@cache
def shape_of(shared: Path, source: str) -> Any:
    """Return the shape of an answer of a method, or of what Slack sends by itself."""
    known = shape(shared, SHAPES.get(source, f"api/{source}"))
    if source in SHAPES and known:
        for holder in (known, known.get("event", {})):
            if "view" in holder or source == "view_submission":
                holder["view"] = shape(shared, VIEWED)["view"]
    return known


def has(known: Any, path: list[str]) -> bool:
    """Tell whether a shape has a path; ``{}`` stands for anything."""
    if isinstance(known, list):
        return any(has(each, path) for each in known)
    if not path or known == {}:
        return True
    return isinstance(known, dict) and path[0] in known and has(known[path[0]], path[1:])


def paths_of(body: object, path: str = "") -> Iterator[str]:
    """Yield every path of a document; what is in blocks is the app's own."""
    if isinstance(body, dict):
        for key, value in body.items():
            here = f"{path}.{key}".lstrip(".")
            yield here
            if key != "blocks":
                yield from paths_of(value, here)
    elif isinstance(body, list):
        for item in body:
            yield from paths_of(item, path)


def beyond(shared: Path, found: set[str]) -> set[str]:
    """Return those of the found paths that no captured shape has."""
    strange = set()
    for each in found:
        source, _, path = each.partition(" ")
        known = shape_of(shared, source)
        if known is None or not has(known, path.split(".")):
            strange.add(each)
    return strange


def explained(paths: set[str]) -> dict[str, set[str]]:
    """Return the paths by the entry of ``BEYOND`` that is about them, or by ``""``."""
    found: dict[str, set[str]] = {}
    for path in paths:
        about = (each for each in BEYOND if re.match(rf"{re.escape(each)}(?![^ .])", path))
        found.setdefault(next(about, ""), set()).add(path)
    return found


async def come_and_go(folder: Path) -> list[Sent]:
    """Let two workspaces install the app and one leave; return what was sent meanwhile."""
    async with house(folder, install=False) as made:
        made.teams[0].slack.fault("oauth.v2.access", ApiError("invalid_code"))
        with pytest.raises(AssertionError):
            await made.install(made.teams[0])
        for team in made.teams:
            await made.install(team)
        await made.teams[0].slack.uninstall()
        for team in made.teams:
            await team.slack.settled()
        return [each for team in made.teams for each in team.slack.sent]


async def test_slack_has_every_field_that_the_bot_reads(
    shared: Path, notes: Notes, tmp_path: Path
) -> None:
    async with office("http", manifest=manifest("socket")) as at:
        await use_everything(at)
    await come_and_go(tmp_path)
    assert explained(beyond(shared, notes.paths)).get("", set()) == set()


async def test_slack_has_every_field_that_the_double_sends(shared: Path, tmp_path: Path) -> None:
    async with office("http", manifest=manifest("socket")) as at:
        await use_everything(at)
        sent = list(at.slack.sent)
    sent += await come_and_go(tmp_path)
    found = {
        f"{kind_of(each.body) if each.kind != 'api' else each.name} {path}"
        for each in sent
        if each.kind != "control"
        for path in paths_of(each.body)
    }
    strange = explained(beyond(shared, found))
    assert strange.get("", set()) == set()
    assert set(BEYOND) <= set(strange), "these need no reason any more"


def look_ups() -> Iterator[tuple[str, int, int, str, str]]:
    """Yield each look-up of a constant name in a module that reads Slack's JSON.

    A look-up is the module, its first and last line, the name, and its source.
    """
    for path in sorted(Path(adapters.slack.__path__[0]).glob("*.py")):
        if path.stem in OUTGOING:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case (
                    ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Load())
                    | ast.Call(
                        func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]
                    )
                    | ast.Compare(left=ast.Constant(value=str(name)), ops=[ast.In() | ast.NotIn()])
                ):
                    last = node.end_lineno or node.lineno
                    yield path.name, node.lineno, last, name, ast.unparse(node)


async def test_what_is_noted_is_all_that_the_modules_read(notes: Notes, tmp_path: Path) -> None:
    """A look-up that the scenarios above do not reach is not held against the shapes."""
    async with office("http", manifest=manifest("socket")) as at:
        await use_everything(at)
    await come_and_go(tmp_path)
    missed = {
        f"{module}: {source}"
        for module, first, last, name, source in look_ups()
        if not any((module, line, name) in notes.lines for line in range(first, last + 1))
    }
    assert missed - set(OURS) == set(), "let `use_everything` reach them, or say in `OURS` why not"
    assert set(OURS) - missed == set(), "these are not there, or are reached"
