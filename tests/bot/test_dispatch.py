from __future__ import annotations

import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.storage.memory import MemoryStore
from bot.commands import Context
from bot.commands.parsing import spec_of
from bot.domain.command import CommandCall
from bot.domain.deliveries import Slot
from bot.domain.errors import PlatformError, SourceError, StoreError, UserError
from bot.domain.reply import Reply, RunAction, VoteAction
from bot.domain.votes import Ballot, Reaction, Tally, VoteKind
from tests.bot.inbox import TestInbox, caller, words
from tests.bot.posted import post
from tests.examples import ANN, CHANNEL, delivery, message, paper_id, slot


class BrokenStore(MemoryStore):
    """A store whose disk is full."""

    async def cast(self, ballot: Ballot) -> None:
        raise StoreError("/data/votes.json: no space left on the device: make room")

    async def batches(self, *args: Any, **fields: Any) -> Any:
        raise StoreError("/data/papers.json: no space left on the device: make room")


@pytest.fixture
async def inbox() -> TestInbox:
    inbox = TestInbox()
    await inbox.fill()
    return inbox


def failing(inbox: TestInbox, error: Exception) -> None:
    """Add a command ``fail`` that raises."""

    async def fail(ctx: Context) -> Reply:
        """Fail."""
        raise error

    inbox.inbox.commands = {**inbox.inbox.commands, "fail": spec_of(fail)}


@pytest.mark.parametrize(
    ("said", "hint"),
    [("serch", "Did you mean search?"), ("xyzzy", "help lists the commands."), ("Tody", "today?")],
)
async def test_an_unknown_command_is_answered_with_the_nearest(
    said: str, hint: str, inbox: TestInbox
) -> None:
    answer = words(await inbox.say(said))
    assert f"There is no command {said}." in answer
    assert hint in answer


@pytest.mark.parametrize(
    ("line", "beginning"),
    [
        ("", "What you can ask"),
        ("HELP", "What you can ask"),
        ("find paper", "4 papers"),
        ("tldr #1", "Paper 1"),
        ("summarise #1", "Paper 1"),
    ],
)
async def test_a_command_has_other_names_and_no_case(
    line: str, beginning: str, inbox: TestInbox
) -> None:
    assert words(await inbox.say(line)).startswith(beginning)


async def test_everybody_sees_the_settings_and_some_change_them(inbox: TestInbox) -> None:
    await inbox.say("subscribe")
    assert words(await inbox.say("settings", admin=False)).startswith("Settings of this channel")
    refused = words(await inbox.say("settings --limit 3", admin=False))
    assert refused.startswith("Settings are changed by those who manage this channel.")
    (order,) = await inbox.store.subscriptions()
    assert order.limit != 3


@pytest.mark.parametrize("name", ["subscribe", "unsubscribe"])
async def test_what_changes_a_channel_is_for_those_who_manage_it(
    name: str, inbox: TestInbox
) -> None:
    assert words(await inbox.say(name, admin=False)) == (
        f"{name} is for those who manage this channel.\nAsk one of them to run it."
    )
    assert await inbox.store.subscriptions() == []


async def test_an_answer_is_private_until_it_is_shared(inbox: TestInbox) -> None:
    assert (await inbox.say("today")).private
    assert not (await inbox.say("today --share")).private
    assert not (await inbox.say("today", share=True)).private
    assert (await inbox.say("settings --share")).private
    assert (await inbox.say("serch --share")).private


async def test_values_from_the_platform_win_over_the_typed_line(inbox: TestInbox) -> None:
    assert "1 of 3 papers" in words(await inbox.say("today --limit 2", limit=1))


async def test_a_users_mistake_is_answered_with_its_sentence_and_hint(inbox: TestInbox) -> None:
    failing(inbox, UserError("You cannot `fail`.", hint="Try `help`."))
    assert words(await inbox.say("fail")) == "You cannot fail.\nTry help."


async def test_a_source_in_trouble_is_named(inbox: TestInbox) -> None:
    failing(inbox, SourceError("huggingface", "HTTP 503", retry_after=60))
    assert words(await inbox.say("fail")) == (
        "huggingface did not answer: HTTP 503.\nNothing is lost; try again in a few minutes."
    )


@pytest.mark.parametrize(
    "error", [StoreError("/data/x.json: disk full"), PlatformError("slack", "invalid_auth")]
)
async def test_an_operators_trouble_is_none_of_the_callers_business(
    error: Exception, inbox: TestInbox
) -> None:
    failing(inbox, error)
    answer = words(await inbox.say("fail"))
    assert "cannot do this at the moment" in answer
    assert str(error) not in answer


async def test_a_bug_is_answered_with_an_id_that_the_log_explains(
    inbox: TestInbox,
) -> None:
    failing(inbox, RuntimeError("canary"))
    with capture_logs() as logged:
        answer = words(await inbox.say("fail"))
    found = re.search(r"id ([0-9a-f]{8})", answer)
    assert found
    assert "canary" not in answer
    (bug,) = (each for each in logged if each["event"] == "bug")
    assert (bug["id"], bug["log_level"]) == (found[1], "error")


async def test_a_button_votes_and_takes_back(inbox: TestInbox) -> None:
    action = VoteAction(VoteKind.UP, paper_id(1)).pack()
    assert words(await inbox.press(action)) == "Your vote counts: 1 vote in this channel."
    assert inbox.inbox.stale == {slot()}
    assert words(await inbox.press(action)) == "Your vote is taken back: 0 votes in this channel."


async def test_a_button_saves_and_unsaves(inbox: TestInbox) -> None:
    action = VoteAction(VoteKind.SAVE, paper_id(1)).pack()
    assert words(await inbox.press(action)) == "Saved."
    assert words(await inbox.press(action)) == "No longer saved."


async def test_a_button_runs_a_command_for_its_presser_alone(inbox: TestInbox) -> None:
    reply = await inbox.press(RunAction("summarize", str(paper_id(2))).pack())
    assert words(reply).startswith("Paper 2")
    assert reply.private


@pytest.mark.parametrize("packed", ["", "vote|up|", "vote|sideways|arxiv:1", "old-button"])
async def test_a_button_of_an_older_version_says_so(packed: str, inbox: TestInbox) -> None:
    assert "older version" in words(await inbox.press(packed))


async def test_a_button_of_a_command_that_is_gone_says_so(inbox: TestInbox) -> None:
    assert "There is no command dance." in words(await inbox.press("run|dance|"))


async def test_a_reaction_counts_and_makes_its_head_stale(inbox: TestInbox) -> None:
    await inbox.inbox.reaction(Reaction(message(1), ANN, "2️⃣", added=True))
    assert await inbox.store.tallies(CHANNEL) == {paper_id(2): Tally(up=1)}
    assert inbox.inbox.stale == {slot()}


async def test_a_reaction_that_means_nothing_changes_nothing(inbox: TestInbox) -> None:
    for event in (
        Reaction(message(1), ANN, "🎉", added=True),
        Reaction(message(99), ANN, "👍", added=True),
    ):
        await inbox.inbox.reaction(event)
    assert inbox.inbox.stale == set()


async def test_a_reaction_never_raises() -> None:
    inbox = TestInbox(store=BrokenStore())
    await post([delivery()], inbox.store)
    await inbox.inbox.reaction(Reaction(message(1), ANN, "1️⃣", added=True))
    assert inbox.inbox.stale == set()


async def suggested(inbox: TestInbox, command: str, parameter: str, typed: str) -> list[str]:
    call = CommandCall(caller(), command)
    return list(await inbox.inbox.suggest(call, parameter, typed))


async def test_values_are_suggested_from_choices_and_forms(inbox: TestInbox) -> None:
    assert await suggested(inbox, "today", "period", "mo") == ["month"]
    assert await suggested(inbox, "subscribe", "timezone", "EUROPE") == [
        "Europe/Berlin",
        "Europe/London",
    ]
    assert await suggested(inbox, "subscribe", "layout", "") == [
        "thread",
        "list",
        "cards",
        "papers",
    ]
    assert await suggested(inbox, "today", "limit", "1") == []


async def test_papers_are_suggested_by_words_or_as_listed_last(inbox: TestInbox) -> None:
    assert await suggested(inbox, "show", "paper", "robot") == ["2605.00004 Walking Robots"]
    assert await suggested(inbox, "show", "paper", " ") == [
        f"2605.0000{n} Paper {n}" for n in (1, 2, 3)
    ]


async def test_what_is_suggested_can_be_used(inbox: TestInbox) -> None:
    (found,) = await suggested(inbox, "show", "paper", "robot")
    assert words(await inbox.say("show", paper=found)).startswith("Walking Robots")


async def test_nothing_is_suggested_rather_than_an_error_raised(inbox: TestInbox) -> None:
    assert await suggested(inbox, "nothing", "paper", "x") == []
    assert await suggested(inbox, "show", "nothing", "x") == []
    broken = TestInbox(store=BrokenStore())
    assert await suggested(broken, "show", "paper", "") == []


class UnsureStore(MemoryStore):
    """A store with leases that cannot always be asked for one."""

    def __init__(self) -> None:
        super().__init__(lease_seconds=90)
        self.refusals = 0

    async def claim(self, right: Slot | str) -> bool:
        if self.refusals:
            self.refusals -= 1
            raise StoreError("PostgreSQL at 127.0.0.1:5432 is not running: start it")
        return await super().claim(right)


async def test_a_turn_is_waited_for_while_the_store_is_gone_and_told_of_once_it_is_taken() -> None:
    inbox, taken = TestInbox(store=UnsureStore()), list[str]()
    inbox.inbox.turn_pause = 0
    inbox.inbox.reconnected = lambda: taken.append("turn")
    assert isinstance(inbox.store, UnsureStore)
    inbox.store.refusals = 3
    async with inbox.inbox.turn("gateway"):
        assert taken == ["turn"]
    assert inbox.store.refusals == 0


async def test_a_turn_ends_with_what_its_body_raises() -> None:
    inbox = TestInbox(store=UnsureStore())
    with pytest.raises(StoreError, match="no room"):
        async with inbox.inbox.turn("gateway"):
            raise StoreError("no room")
    async with inbox.inbox.turn("gateway"):  # it was let go of
        pass
