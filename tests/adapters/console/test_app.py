from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from rich.console import Console

from adapters.console.app import ConsoleAdapter, _Completer
from adapters.console.ids import CHANNEL, YOU, message_ref
from adapters.console.limits import COLUMNS
from bot.domain.errors import Refused, StoreError
from bot.domain.reply import Button, Controls, Paragraph, Reply, RunAction, VoteAction, text
from bot.domain.votes import Reaction, VoteKind
from bot.ports import Thread
from tests.bot.inbox import TestInbox
from tests.examples import NOW, paper_id
from tests.fakes import Clock

REPLY = Reply(
    (
        Paragraph(text("A digest of papers")),
        Controls(
            (
                Button("Vote", VoteAction(VoteKind.UP, paper_id(1))),
                Button("More", RunAction("show", "#1")),
            )
        ),
    ),
    "A digest in one line",
)


def screen() -> Console:
    return Console(width=COLUMNS, file=io.StringIO(), color_system=None)


@pytest.fixture
def adapter() -> ConsoleAdapter:
    return ConsoleAdapter(screen(), clock=Clock())


@pytest.fixture
async def inbox() -> TestInbox:
    inbox = TestInbox()
    await inbox.fill()
    return inbox


def shown(adapter: ConsoleAdapter) -> str:
    assert isinstance(adapter.console.file, io.StringIO)
    return adapter.console.file.getvalue()


async def test_a_message_is_drawn_and_numbered(adapter: ConsoleAdapter) -> None:
    assert await adapter.post(CHANNEL, REPLY, key="k1") == message_ref(CHANNEL, 1)
    assert await adapter.post(CHANNEL, REPLY, key="k2") == message_ref(CHANNEL, 2)
    assert "m1 · #papers" in shown(adapter)
    assert shown(adapter).count("A digest of papers") == 2


async def test_a_message_of_one_key_is_posted_once(adapter: ConsoleAdapter) -> None:
    first = await adapter.post(CHANNEL, REPLY, key="k1")
    assert await adapter.post(CHANNEL, REPLY, key="k1") == first
    assert await adapter.find(CHANNEL, key="k1", since=NOW) == first
    assert await adapter.find(CHANNEL, key="k2", since=NOW) is None
    assert shown(adapter).count("A digest of papers") == 1


async def test_a_message_is_found_after_a_restart(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    first = await ConsoleAdapter(screen(), clock=Clock(), log=log).post(CHANNEL, REPLY, key="k1")
    again = ConsoleAdapter(screen(), clock=Clock(), log=log)
    assert await again.find(CHANNEL, key="k1", since=NOW) == first
    assert await again.post(CHANNEL, REPLY, key="k2") == message_ref(CHANNEL, 2)


async def test_a_log_cut_off_by_a_crash_is_named_with_its_cure(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text('["k1", "console:lo')
    with pytest.raises(StoreError, match=r"console\.log cannot be read .* delete it"):
        ConsoleAdapter(screen(), clock=Clock(), log=log)


async def test_of_a_thread_only_the_first_message_is_drawn_in_full(
    adapter: ConsoleAdapter,
) -> None:
    head = await adapter.post(CHANNEL, REPLY, key="head")
    thread = Thread(head, "Daily Papers")
    for key in ("a", "b"):
        await adapter.post(CHANNEL, REPLY, key=key, thread=thread)
    assert "in the thread of m1" in shown(adapter)
    assert "m3 · in the same thread · A digest in one line" in shown(adapter)


async def test_an_edit_is_told_in_a_line_and_a_needless_one_not_at_all(
    adapter: ConsoleAdapter,
) -> None:
    first = await adapter.post(CHANNEL, REPLY, key="k1")
    await adapter.edit(first, REPLY)
    assert "new counts" not in shown(adapter)
    await adapter.edit(first, Reply((), "Other"))
    assert "m1 now shows new counts" in shown(adapter)
    with pytest.raises(Refused, match="m9"):
        await adapter.edit(message_ref(CHANNEL, 9), REPLY)


@pytest.mark.parametrize("line", ["/papers today", "today"])
async def test_a_line_is_a_command(line: str, adapter: ConsoleAdapter, inbox: TestInbox) -> None:
    await adapter.say(line, inbox.inbox)
    assert "Daily Papers · Thu 7 May 2026" in shown(adapter)
    assert "only you see this" in shown(adapter)
    await adapter.say("today --share", inbox.inbox)
    assert "#papers" in shown(adapter)


async def test_a_reaction_is_made_and_taken_back(adapter: ConsoleAdapter, inbox: TestInbox) -> None:
    first = await adapter.post(CHANNEL, REPLY, key="k1")
    await adapter.say("react 1 👍", inbox.inbox)
    assert list(await adapter.reactions(first)) == [Reaction(first, YOU, "👍", added=True)]
    await adapter.say("react m1 👍", inbox.inbox)
    assert list(await adapter.reactions(first)) == []
    assert "You reacted on m1" in shown(adapter)
    assert "You took back a reaction on m1" in shown(adapter)


async def test_a_button_is_pressed_by_its_number(adapter: ConsoleAdapter, inbox: TestInbox) -> None:
    await adapter.post(CHANNEL, REPLY, key="k1")
    await adapter.say("press 1 1", inbox.inbox)
    assert "Your vote counts: 1 vote in this channel." in shown(adapter)


@pytest.mark.parametrize(
    "line", ["react", "react 9 👍", "react 1", "press", "press 1 9", "press 9 1"]
)
async def test_what_cannot_be_done_is_answered_with_how_to_say_it(
    line: str, adapter: ConsoleAdapter, inbox: TestInbox
) -> None:
    await adapter.post(CHANNEL, REPLY, key="k1")
    await adapter.say(line, inbox.inbox)
    assert "Say it as in: " in shown(adapter)


async def test_an_empty_line_says_nothing(adapter: ConsoleAdapter, inbox: TestInbox) -> None:
    await adapter.say("  ", inbox.inbox)
    assert shown(adapter) == ""


async def test_without_a_person_it_serves_until_it_is_cancelled(
    adapter: ConsoleAdapter, inbox: TestInbox
) -> None:
    serving = asyncio.create_task(adapter.serve(inbox.inbox))
    await asyncio.sleep(0)
    assert not serving.done()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("sub", ["subscribe"]),
        ("/papers sum", ["summarize"]),
        ("rea", ["react"]),
        ("today --p", ["--period"]),
        ("today --period w", ["week"]),
        ("show robot", ["2605.00004 Walking Robots"]),
        ("nothing x", []),
        ("today x", []),
    ],
)
async def test_lines_are_completed(typed: str, expected: list[str], inbox: TestInbox) -> None:
    completer = _Completer(inbox.inbox)
    found = completer.get_completions_async(Document(typed), CompleteEvent())
    assert [each.text async for each in found] == expected
