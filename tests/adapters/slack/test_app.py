from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.search.lexical import LexicalIndex
from adapters.slack._listeners import Memory
from adapters.slack._pace import LIMITS
from adapters.slack.app import LAG_SECONDS, SlackAdapter, probe
from adapters.slack.ids import channel_ref, message_ref, user_ref
from adapters.slack.manifest import COMMAND, SCOPES
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot import cards
from bot.dispatch import Dispatcher
from bot.domain.command import CommandCall
from bot.domain.deliveries import DeliveryState
from bot.domain.errors import Ambiguous, ConfigError, Gone, PlatformError, Refused, TryLater
from bot.domain.reply import Reply
from bot.domain.votes import Reaction, Tally
from bot.ports import Found, Thread
from bot.services.health import Health
from bot.services.writer import Budget, Writer
from config.settings import SlackSettings
from tests.adapters.slack.conftest import Office, office, settings_for
from tests.doubles.slack import (
    AnswerLost,
    ApiError,
    Message,
    RateLimited,
    Reset,
    ServerError,
    SlackDouble,
    Timeout,
)
from tests.examples import NOW, paper
from tests.fakes import FakeModel

HELLO = cards.sentence_reply("Hello.")
UP = "vote|up|arxiv:2605.00001"


@pytest.fixture(params=["socket", "http"])
async def at(request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    async with office(request.param) as made:
        yield made


@pytest.fixture
async def here() -> AsyncIterator[Office]:
    """A workspace over Socket Mode alone, for what does not depend on the transport."""
    async with office() as made:
        yield made


# Commands


async def test_a_command_is_acknowledged_and_answered_to_the_caller_alone(at: Office) -> None:
    exchange = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "search paper --limit 2")
    assert exchange.acked_within is not None
    answer = await exchange.answer()
    assert answer.effect == "ephemeral"
    assert "3 papers for" in answer.text
    assert at.messages == ()


async def test_share_shows_the_answer_to_the_channel(at: Office) -> None:
    exchange = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "show 2605.00001 --share")
    answer = await exchange.answer()
    assert answer.effect == "posted"
    assert "Paper 1" in at.messages[0].text


async def test_an_unknown_command_is_answered_with_the_nearest(at: Office) -> None:
    exchange = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "serach foo")
    answer = await exchange.answer()
    assert "There is no command serach" in answer.text.replace("`", "")
    assert "`search`" in str(answer.blocks)


async def test_a_bare_command_is_help_under_whatever_name_it_has(at: Office) -> None:
    answer = await (await at.slack.slash(at.ann.id, at.papers.id, "/lab-papers")).answer()
    assert answer.text.startswith("Commands:")


async def test_every_member_may_set_a_channel_up(at: Office) -> None:
    await (await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "subscribe --at 08:30")).answer()
    order = await at.store.subscription(at.channel)
    assert order
    assert order.owner == user_ref(at.team, at.ann.id)


async def test_a_mention_is_answered_where_only_its_author_sees_it(at: Office) -> None:
    await at.slack.mention(at.ann.id, at.papers.id, "search paper")
    (shown,) = await at.slack.wait_for(lambda: at.slack.ephemerals(at.ann.id))
    assert "3 papers for" in shown.text
    assert shown.thread_ts is None


async def test_a_shared_answer_to_a_mention_stands_in_its_thread(at: Office) -> None:
    await at.slack.mention(at.ann.id, at.papers.id, "search paper --share")
    await at.slack.wait_for(lambda: len(at.messages) == 2)
    asked, answered = at.messages
    assert answered.thread_ts == asked.ts
    assert answered.arguments["unfurl_links"] is False


def writing(at: Office) -> FakeModel:
    """Let the bot have a language model that waits until it may write."""
    model = FakeModel("Papers have two sentences.", "The first sentence of paper 1")
    at.inbox.writer = Writer(model, at.store, Budget())
    return model


async def test_what_a_model_writes_later_stands_below_a_private_answer(at: Office) -> None:
    model = writing(at)
    asked = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "summarize 2605.00001")
    first = await asked.answer()
    assert "The first sentence of paper 1." in first.text
    assert "small is writing" in str(first.blocks)
    model.may_write.set()
    await at.slack.wait_for(lambda: len(asked.ephemeral) == 2)
    assert "Papers have two sentences." in str(asked.ephemeral[1].blocks)
    assert at.messages == ()


async def test_what_a_model_writes_later_takes_the_place_of_a_shared_answer(at: Office) -> None:
    model = writing(at)
    await at.slack.mention(at.ann.id, at.papers.id, "summarize 2605.00001 --share")
    await at.slack.wait_for(lambda: len(at.messages) == 2)
    assert "small is writing" in str(at.messages[1].blocks)
    model.may_write.set()
    await at.slack.wait_for(lambda: "two sentences" in str(at.messages[1].blocks))
    assert len(at.messages) == 2


async def test_a_mention_in_a_thread_is_answered_there(here: Office) -> None:
    root = here.slack.workspace.say(here.ann.id, here.papers.id, "What is new?")
    await here.slack.mention(here.ann.id, here.papers.id, "help", root.ts)
    (shown,) = await here.slack.wait_for(lambda: here.slack.ephemerals(here.ann.id))
    assert shown.thread_ts == root.ts


async def test_a_direct_message_is_a_command(at: Office) -> None:
    await at.slack.direct_message(at.ann.id, "show <https://arxiv.org/abs/2605.00001>")
    im = at.slack.workspace.im_with(at.ann.id)
    await at.slack.wait_for(lambda: len(at.slack.messages(im.id)) == 2)
    await at.slack.settled()
    _, answered = at.slack.messages(im.id)  # the bot does not answer itself
    assert answered.bot_id == at.slack.workspace.bot_id
    assert "Paper 1" in answered.text


async def test_an_event_told_twice_is_answered_once(here: Office) -> None:
    here.slack.duplicate()
    told = await here.slack.direct_message(here.ann.id, "help")
    await here.slack.redeliver(told.event_id)
    await here.slack.settled()
    assert len(here.slack.messages(here.slack.workspace.im_with(here.ann.id).id)) == 2


async def test_a_guest_of_another_workspace_may_ask_but_not_set_up(here: Office) -> None:
    event = {
        "type": "app_mention",
        "user": here.ann.id,
        "user_team": "T_ELSEWHERE",
        "channel": here.papers.id,
        "ts": "1778144400.000001",
        "text": f"<@{here.slack.workspace.bot_user_id}> subscribe",
    }
    await here.slack.emit(event, channel=here.papers.id)
    (shown,) = await here.slack.wait_for(lambda: here.slack.ephemerals(here.ann.id))
    assert "for those who manage this channel" in shown.text
    assert await here.store.subscription(here.channel) is None


async def test_an_answer_that_cannot_be_shown_is_logged_and_the_bot_lives(here: Office) -> None:
    here.slack.fault("response_url", ServerError(500))
    with capture_logs() as logs:
        await here.slack.slash(here.ann.id, here.papers.id, COMMAND, "help")
        await here.slack.wait_for(
            lambda: "slack answer not shown" in [each["event"] for each in logs]
        )
    assert "/response/" not in str(logs)  # the address is a secret
    exchange = await here.slack.slash(here.ann.id, here.papers.id, COMMAND, "help")
    assert (await exchange.answer()).effect == "ephemeral"


class BrokenInbox(Dispatcher):
    """An inbox with a bug: it raises, which no inbox may."""

    async def command(self, call: CommandCall) -> Reply:
        raise ZeroDivisionError


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_a_bug_behind_a_listener_is_logged_and_the_bot_lives(mode: str) -> None:
    async with office(mode, inbox=BrokenInbox) as at:
        with capture_logs() as logs:
            exchange = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "help")
            await at.slack.direct_message(at.ann.id, "help")
            await at.slack.settled()
        assert exchange.acked_within is not None
        failed = [each["kind"] for each in logs if each["event"] == "slack listener failed"]
        assert failed == ["command", "message"]
        ref = await at.adapter.post(at.channel, cards.paper_message(paper(1), Tally()), key="k")
        assert (await (await at.slack.click(at.ann.id, at.papers.id, ref.id, UP)).answer()).text


def test_events_are_remembered_for_a_day_and_not_without_end() -> None:
    now = 0.0
    memory = Memory(lambda: now, seconds=100, most=2)
    assert [memory.has(name) for name in ("a", "a", "b")] == [False, True, False]
    now = 100.0
    assert [memory.has(name) for name in ("a", "b")] == [False, False]
    memory.has("c")
    memory.has("d")
    assert not memory.has("a")


# Buttons


async def test_a_press_counts_and_a_second_one_takes_it_back(at: Office) -> None:
    ref = await at.adapter.post(at.channel, cards.paper_message(paper(1), Tally()), key="k")
    pressed = await at.slack.click(at.ann.id, at.papers.id, ref.id, UP)
    answer = await pressed.answer()
    assert (answer.effect, answer.text) == (
        "ephemeral",
        "Your vote counts: 1 vote in this channel.",
    )
    assert await at.votes() == Tally(up=1)
    await (await at.slack.click(at.ann.id, at.papers.id, ref.id, UP)).answer()
    assert await at.votes() == Tally()
    assert len(at.messages) == 1  # the message itself stays as it is


async def test_another_page_of_an_answer_that_only_one_sees_takes_its_place(at: Office) -> None:
    shown = await (
        await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "search paper --limit 2")
    ).answer()
    more = "turn|search|--limit 2 --page 2 paper"
    pressed = await at.slack.click_ephemeral(at.ann.id, at.papers.id, shown.ts, more)
    answer = await pressed.answer()
    assert answer.ts == shown.ts
    assert "Paper" in answer.text
    assert len(at.slack.ephemerals(at.ann.id)) == 1


async def test_a_button_that_opens_a_page_is_acknowledged_in_silence(at: Office) -> None:
    ref = await at.adapter.post(at.channel, cards.paper_message(paper(1), Tally()), key="k")
    pressed = await at.slack.click(at.ann.id, at.papers.id, ref.id, "open")
    await at.slack.settled()
    assert pressed.acked_within is not None
    assert pressed.answers == ()


async def test_a_button_of_an_older_version_is_explained(here: Office) -> None:
    old = {"type": "button", "text": {"type": "plain_text", "text": "x"}, "action_id": "old"}
    blocks = ({"type": "actions", "elements": [old | {"value": "gone|x"}]},)
    workspace = here.slack.workspace
    stale = workspace.store(
        Message(here.papers.id, workspace.new_ts(), "x", workspace.bot_user_id, blocks=blocks)
    )
    pressed = await here.slack.click(here.ann.id, here.papers.id, stale.ts, "old")
    assert "older version" in (await pressed.answer()).text


async def test_an_answer_to_a_button_in_a_thread_stands_there(here: Office) -> None:
    head = await here.adapter.post(here.channel, HELLO, key="head")
    thread = Thread(head, "Daily Papers")
    ref = await here.adapter.post(
        here.channel, cards.paper_message(paper(1), Tally()), key="k", thread=thread
    )
    pressed = await here.slack.click(here.ann.id, here.papers.id, ref.id, UP)
    assert (await pressed.answer()).thread_ts == head.id


# Reactions


async def test_a_reaction_counts_once_whatever_its_skin_tone(at: Office) -> None:
    await at.deliver()
    ts = at.messages[1].ts
    await at.slack.react(at.ann.id, at.papers.id, ts, "thumbsup::skin-tone-3")
    await at.slack.react(at.ann.id, at.papers.id, ts, "heart")
    assert await at.counted(1) == Tally(up=1)
    await at.slack.unreact(at.ann.id, at.papers.id, ts, "heart")
    await at.slack.settled()
    assert await at.votes() == Tally(up=1)
    await at.slack.unreact(at.ann.id, at.papers.id, ts, "thumbsup::skin-tone-3")
    await at.slack.settled()
    assert await at.votes() == Tally()


async def test_a_number_on_the_head_counts_for_the_paper_of_that_rank(at: Office) -> None:
    await at.deliver()
    await at.slack.react(at.ann.id, at.papers.id, at.messages[0].ts, "two")
    assert await at.counted(1, n=2) == Tally(up=1)
    assert await at.votes(1) == Tally()


async def test_reactions_of_bots_other_messages_and_other_emoji_do_not_count(at: Office) -> None:
    await at.deliver()
    ts, workspace = at.messages[1].ts, at.slack.workspace
    robot = workspace.add_user("robot", bot=True)
    said = workspace.say(at.ann.id, at.papers.id, "I like it")
    await at.slack.react(workspace.bot_user_id, at.papers.id, ts, "+1")
    await at.slack.react(robot.id, at.papers.id, ts, "+1")
    await at.slack.react(at.ann.id, at.papers.id, ts, "tada")
    await at.slack.react(at.ann.id, at.papers.id, said.ts, "+1")
    await at.slack.settled()
    assert await at.votes() == Tally()


async def test_a_person_is_asked_about_once(here: Office) -> None:
    await here.deliver()
    for name in ("+1", "heart", "bookmark"):
        await here.slack.react(here.ann.id, here.papers.id, here.messages[1].ts, name)
    await here.slack.settled()
    assert await here.votes() == Tally(up=1, save=1)
    assert len(here.slack.calls_of("users.info")) == 1


async def test_one_of_whom_slack_says_nothing_counts_as_a_person(here: Office) -> None:
    await here.deliver()
    here.slack.fault("users.info", ApiError("user_not_found"))
    with capture_logs() as logs:
        await here.slack.react(here.ann.id, here.papers.id, here.messages[1].ts, "+1")
        await here.slack.settled()
    assert await here.votes() == Tally(up=1)
    assert "slack user unknown" in [each["event"] for each in logs]


async def test_reactions_are_read_back_without_those_of_bots(here: Office) -> None:
    ref = await here.adapter.post(here.channel, HELLO, key="k")
    workspace = here.slack.workspace
    robot = workspace.add_user("robot", bot=True)
    for user, name in [
        (here.ann.id, "+1::skin-tone-2"),
        (here.ann.id, "tada"),
        (robot.id, "+1"),
        (workspace.bot_user_id, "one"),
    ]:
        workspace.react(user, here.papers.id, ref.id, name)
    found = await here.adapter.reactions(ref)
    assert found == [Reaction(ref, user_ref(here.team, here.ann.id), "👍", added=True)]


# Digests


async def test_a_digest_is_a_head_and_one_message_per_paper_in_its_thread(at: Office) -> None:
    outcome = await at.deliver()
    assert outcome.done
    head, *rest = at.messages
    planned = await at.store.deliveries(at.slot)
    assert [each.thread_ts for each in rest] == [head.ts, head.ts]
    assert [each.metadata for each in at.messages] == [
        {"event_type": "daily_papers_delivery", "event_payload": {"key": each.key}}
        for each in planned
    ]
    assert [each.ref for each in planned] == [
        message_ref(at.team, at.papers.id, each.ts) for each in at.messages
    ]
    assert all(
        each.arguments["unfurl_links"] is each.arguments["unfurl_media"] is False
        for each in at.messages
    )


async def test_posts_to_one_channel_keep_a_second_apart(here: Office) -> None:
    for key in ("a", "b", "c"):
        await here.adapter.post(here.channel, HELLO, key=key)
    apart = LIMITS.channel_seconds + LIMITS.spare_seconds
    assert here.waits == [apart, 2 * apart]  # on a clock that stands still


@pytest.mark.parametrize("fault", [AnswerLost(), ApiError("internal_error", stored=True)])
async def test_a_message_whose_answer_was_lost_is_adopted_not_sent_again(
    here: Office, fault: Any
) -> None:
    here.slack.fault("chat.postMessage", fault)
    assert not (await here.deliver()).done
    assert (await here.states())[0] is DeliveryState.AMBIGUOUS
    assert len(here.messages) == 1
    assert (await here.deliver()).done
    assert len(here.messages) == 3
    assert set(await here.states()) == {DeliveryState.SENT}
    (head, *_) = await here.store.deliveries(here.slot)
    assert head.ref == message_ref(here.team, here.papers.id, here.messages[0].ts)


async def test_a_lost_message_of_a_thread_is_found_in_it(here: Office) -> None:
    head = await here.adapter.post(here.channel, HELLO, key="head")
    thread = Thread(head, "Daily Papers")
    here.slack.fault("chat.postMessage", AnswerLost())
    with pytest.raises(Ambiguous):
        await here.adapter.post(here.channel, HELLO, key="part", thread=thread)
    since = datetime.now(UTC) - timedelta(minutes=1)
    found = await here.adapter.find(here.channel, key="part", since=since, thread=thread)
    assert found == message_ref(here.team, here.papers.id, here.messages[1].ts)
    assert len(here.waits) == 1


async def test_only_a_message_of_our_own_is_adopted(here: Office) -> None:
    workspace = here.slack.workspace
    forged = {"event_type": "daily_papers_delivery", "event_payload": {"key": "k"}}
    workspace.store(
        Message(here.papers.id, workspace.new_ts(), "x", bot_id="B_OTHER", metadata=forged)
    )
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert await here.adapter.find(here.channel, key="k", since=since) is None
    assert here.waits == [LAG_SECONDS]  # history may lag: it was read twice
    assert len(here.slack.calls_of("conversations.history")) == 2


async def test_a_channel_is_read_back_page_by_page_but_not_without_end(here: Office) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    for _ in range(40):
        here.slack.workspace.say(here.ann.id, here.papers.id, "chatter")
    ref = await here.adapter.post(here.channel, HELLO, key="k")
    assert await here.adapter.find(here.channel, key="k", since=since) == ref
    assert len(here.slack.calls_of("conversations.history")) == 3
    for _ in range(300):
        here.slack.workspace.say(here.ann.id, here.papers.id, "chatter")
    with pytest.raises(Refused, match="more than 300 messages"):
        await here.adapter.find(here.channel, key="other", since=since)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ServerError(503), Ambiguous),
        (Reset(), Ambiguous),
        (ApiError("missing_scope"), Refused),
        (ApiError("channel_not_found"), Gone),
    ],
)
async def test_a_channel_that_is_not_read_back_says_why(
    here: Office, fault: Any, error: type[PlatformError]
) -> None:
    here.slack.fault("conversations.history", fault, times=2)  # aiohttp repeats a GET once
    with pytest.raises(error):
        await here.adapter.find(here.channel, key="k", since=NOW)


async def test_a_rate_limit_while_reading_back_leaves_the_matter_open(here: Office) -> None:
    here.slack.fault("conversations.history", RateLimited(0), times=2)
    with pytest.raises(Ambiguous, match="not read back"):
        await here.adapter.find(here.channel, key="k", since=NOW)


async def test_a_channel_that_is_gone_parks_the_digest_with_its_cure(here: Office) -> None:
    here.slack.workspace.leave(here.papers.id, here.slack.workspace.bot_user_id)
    outcome = await here.deliver()
    assert outcome.gone
    assert "/invite @papers" in outcome.gone.cure
    assert set(await here.states()) == {DeliveryState.PARKED}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ApiError("is_archived"), Gone),
        (ApiError("token_revoked"), TryLater),
        (ApiError("org_login_required"), TryLater),
        (ApiError("msg_too_long"), Refused),
        (ApiError("no_such_code_yet"), Refused),
        (ApiError("fatal_error"), Ambiguous),
        (ApiError("service_unavailable"), Ambiguous),
        (ServerError(500), Ambiguous),
        (ServerError(502, stored=True), Ambiguous),
        (ServerError(407), TryLater),
        (Reset(), Ambiguous),
        (Timeout(0, stored=True), Ambiguous),
    ],
)
async def test_what_slack_answers_to_a_post_has_one_meaning(
    here: Office, fault: Any, error: type[PlatformError]
) -> None:
    here.slack.fault("chat.postMessage", fault)
    with pytest.raises(PlatformError) as caught:
        await here.adapter.post(here.channel, HELLO, key="k")
    assert type(caught.value) is error
    assert len(here.slack.calls_of("chat.postMessage")) == 1  # the adapter never sends twice


async def test_a_rate_limit_is_waited_for_once_and_then_reported(here: Office) -> None:
    here.slack.fault("chat.postMessage", RateLimited(0), times=2)
    with pytest.raises(TryLater) as caught:
        await here.adapter.post(here.channel, HELLO, key="k")
    assert caught.value.retry_after == 0
    assert here.messages == ()


async def test_a_missing_scope_is_named() -> None:
    async with office(scopes=frozenset(SCOPES) - {"channels:history"}) as poor:
        with pytest.raises(Refused, match="Add the scope channels:history"):
            await poor.adapter.find(poor.channel, key="k", since=NOW)


async def test_a_slack_that_cannot_be_reached_is_tried_later() -> None:
    async with SlackDouble() as slack:
        settings = settings_for(slack)
    adapter = SlackAdapter(settings)
    with pytest.raises(TryLater, match="cannot be reached"):
        await adapter.post(channel_ref("T1", "C1"), HELLO, key="k")


async def test_a_picture_that_slack_cannot_fetch_costs_the_picture_alone(here: Office) -> None:
    shown = cards.paper_message(paper(1, thumbnail_url="https://cdn.example/1.png"), Tally())
    here.slack.fault("chat.postMessage", ApiError("invalid_blocks", ("downloading image failed",)))
    with capture_logs() as logs:
        await here.adapter.post(here.channel, shown, key="k")
    (message,) = here.messages
    assert "image" not in str(message.blocks)
    assert UP in str(message.blocks)
    assert "downloading image failed" in logs[0]["reason"]


async def test_blocks_that_slack_does_not_take_at_all_leave_the_words(here: Office) -> None:
    here.slack.fault("chat.postMessage", ApiError("invalid_blocks"))
    await here.adapter.post(here.channel, HELLO, key="k")
    (message,) = here.messages
    assert (message.text, message.blocks) == ("Hello.", ())


async def test_an_edit_replaces_words_and_blocks_and_keeps_the_key(here: Office) -> None:
    ref = await here.adapter.post(here.channel, HELLO, key="k")
    (before,) = here.messages
    await here.adapter.edit(ref, cards.sentence_reply("Goodbye."))
    (after,) = here.messages
    assert after.text == "Goodbye."
    assert "Goodbye." in str(after.blocks)
    assert (after.metadata, after.edited) == (before.metadata, None)


async def test_an_edit_of_what_is_deleted_is_refused(here: Office) -> None:
    ref = message_ref(here.team, here.papers.id, "1778144400.000001")
    with pytest.raises(Refused, match="message_not_found"):
        await here.adapter.edit(ref, HELLO)


# Start and end


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"bot_token": SecretStr("xoxb-wrong")}, "SLACK_BOT_TOKEN"),
        ({"bot_token": SecretStr("xapp-double")}, "SLACK_BOT_TOKEN"),
        ({"app_token": SecretStr("xapp-wrong")}, "SLACK_APP_TOKEN"),
        ({"app_token": SecretStr("xoxb-double")}, "SLACK_APP_TOKEN"),
        ({"app_token": None}, "SLACK_APP_TOKEN"),
        ({"mode": "http", "signing_secret": None}, "SLACK_SIGNING_SECRET"),
        ({"mode": "http", "host": "192.0.2.1"}, "SLACK_HOST"),
    ],
)
async def test_a_wrong_setting_ends_the_start_and_is_named(
    changes: dict[str, Any], setting: str
) -> None:
    async with SlackDouble() as slack:
        inbox = Dispatcher(
            MemoryStore(),
            LexicalIndex(),
            ExtractiveSummarizer(),
            {},
            clock=lambda: NOW,
            health=Health(NOW),
        )
        with pytest.raises(ConfigError, match=setting) as caught:
            await SlackAdapter(settings_for(slack, **changes)).serve(inbox)
        assert "wrong" not in str(caught.value)  # never the value


async def test_neither_tokens_nor_answer_addresses_reach_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-double")
    async with office() as made:
        await (await made.slack.slash(made.ann.id, made.papers.id, COMMAND, "help")).answer()
        await made.adapter.post(made.channel, HELLO, key="k")
    for secret in ("xoxb-", "xapp-", "/response/", "ticket=", "will be unused"):
        assert secret not in caplog.text


def test_without_a_bot_token_there_is_no_adapter() -> None:
    with pytest.raises(ConfigError, match="SLACK_BOT_TOKEN"):
        SlackAdapter(SlackSettings())


async def test_a_slack_in_trouble_at_the_start_is_tried_later() -> None:
    async with SlackDouble() as slack:
        slack.fault("auth.test", ServerError(503))
        inbox = Dispatcher(
            MemoryStore(),
            LexicalIndex(),
            ExtractiveSummarizer(),
            {},
            clock=lambda: NOW,
            health=Health(NOW),
        )
        with pytest.raises(TryLater, match="503"):
            await SlackAdapter(settings_for(slack)).serve(inbox)


async def test_a_forged_request_is_turned_away_and_the_address_can_be_verified() -> None:
    async with office("http") as made:
        assert (await made.slack.verify_url()).ok
        made.slack.use_http(f"http://127.0.0.1:{made.adapter.port}/slack/events", "forged")
        exchange = await made.slack.slash(made.ann.id, made.papers.id, COMMAND, "help")
        assert exchange.acked_within is None
        assert made.slack.acks[-1].status == 401


async def test_what_was_begun_is_finished_before_the_end(at: Office) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(query: object, **_: Any) -> Found:
        begun.set()
        await go_on.wait()
        return Found(0, ())

    at.inbox.index.search = slow  # type: ignore[method-assign]
    exchange = await at.slack.slash(at.ann.id, at.papers.id, COMMAND, "search x")
    await begun.wait()
    at.task.cancel()
    await asyncio.sleep(0)
    assert not at.task.done()
    go_on.set()
    assert "No paper fits" in (await exchange.answer()).text
    with pytest.raises(asyncio.CancelledError):
        await at.task


async def test_a_slack_out_of_reach_while_reading_back_leaves_the_matter_open() -> None:
    async with SlackDouble() as slack:
        settings = settings_for(slack)
    with pytest.raises(Ambiguous, match="not read back"):
        await SlackAdapter(settings).find(channel_ref("T1", "C1"), key="k", since=NOW)


async def test_a_probe_says_who_the_bot_is_or_which_token_is_wrong() -> None:
    async with SlackDouble() as slack:
        right = settings_for(slack)
        assert slack.workspace.team_id in await probe(right)
        for name in ("bot_token", "app_token"):
            wrong = right.model_copy(update={name: SecretStr("x-wrong")})
            with pytest.raises(ConfigError, match=f"SLACK_{name.upper()}"):
                await probe(wrong)
