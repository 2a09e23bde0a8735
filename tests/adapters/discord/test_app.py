"""The adapter on the real discord.py, against a Discord over loopback."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.discord.app import DiscordAdapter, probe, sync
from adapters.discord.calls import FORM_REFUSED
from adapters.discord.commands import ADMINS
from adapters.discord.ids import channel_ref, message_ref, user_ref
from adapters.discord.render import Style, is_marked
from adapters.storage.memory import MemoryStore
from bot.cards import sentence_reply
from bot.domain.channels import Layout, MessageRef
from bot.domain.deliveries import DeliveryState
from bot.domain.errors import Ambiguous, ConfigError, Gone, PlatformError, Refused, TryLater
from bot.domain.reply import Button, Controls, Reply, RunAction
from bot.domain.votes import Reaction, Tally
from bot.ports import Thread
from config.settings import DiscordSettings
from tests.adapters.discord.conftest import CREATE, NOW, PAPERS, Heard, Team
from tests.doubles.discord import (
    ApiError,
    DoubleError,
    RateLimited,
    Reset,
    ServerError,
    ServerErrorAfterEffect,
)

CALLBACK = "POST /interactions/{interaction_id}/{interaction_token}/callback"
ANSWER = "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original"
PUT_COMMANDS = "PUT /applications/{application_id}/commands"
EDIT = "PATCH /channels/{channel_id}/messages/{message_id}"
NEW_THREAD = "POST /channels/{channel_id}/messages/{message_id}/threads"
KEY = "0123456789abcdef" * 4


async def test_a_command_is_answered_to_the_caller_alone(team: Team) -> None:
    async with team.serving():
        exchange = await team.double.slash(team.ada, team.channel, "papers", "today")
        answer = await exchange.answer()
    assert exchange.ephemeral
    assert all(paper.title in answer.text for paper in PAPERS)
    assert team.double.messages(team.channel) == ()


async def test_a_shared_answer_stands_in_the_channel(team: Team) -> None:
    async with team.serving():
        options = {"query": "dreams", "limit": 2, "share": True}
        exchange = await team.double.slash(team.ada, team.channel, "papers", "search", options)
        await exchange.answer()
    (answer,) = team.double.messages(team.channel)
    assert not answer.ephemeral
    assert "3 papers for “dreams”" in answer.text


async def test_an_error_is_shown_to_the_caller_alone_though_the_answer_was_to_be_shared(
    team: Team,
) -> None:
    async with team.serving():
        options = {"paper": "#99", "share": True}
        exchange = await team.double.slash(team.ada, team.channel, "papers", "show", options)
        answer = await exchange.answer()
    assert answer.ephemeral
    assert "no digest has been posted here yet" in answer.text
    assert team.double.messages(team.channel) == ()


async def test_values_arrive_by_name_and_type(team: Team) -> None:
    async with team.serving():
        options = {"at": "08:30", "layout": "list", "limit": 5}
        exchange = await team.double.slash(team.admin, team.channel, ADMINS, "subscribe", options)
        await exchange.answer()
    (call,) = team.inbox.calls
    assert call.values == options
    order = await team.store.subscription(team.slot.channel)
    assert order
    assert (order.layout, order.limit) == (Layout.LIST, 5)


async def test_only_those_who_manage_the_server_may_subscribe(team: Team) -> None:
    async with team.serving():
        with pytest.raises(DoubleError, match="does not see"):
            await team.double.slash(team.ada, team.channel, ADMINS, "subscribe")
        team.double.open_to_all(ADMINS)  # as a server's admin may do
        exchange = await team.double.slash(team.ada, team.channel, ADMINS, "subscribe")
        answer = await exchange.answer()
    assert "for those who manage this channel" in answer.text
    assert not await team.store.subscriptions()


async def test_a_thread_counts_as_its_channel(team: Team) -> None:
    await team.plan()
    async with team.serving() as adapter:
        await team.deliver(adapter)
        (head,) = team.double.messages(team.channel)
        thread = team.double.thread(head.id)
        exchange = await team.double.slash(team.ada, thread, "papers", "show", {"paper": "#2"})
        answer = await exchange.answer()
    assert team.inbox.calls[0].caller.channel == team.slot.channel
    assert PAPERS[1].title in answer.text


async def test_papers_and_values_are_suggested(team: Team) -> None:
    async with team.serving():
        ask = team.double.autocomplete
        papers = await ask(team.ada, team.channel, "papers", "show", "paper", "part 2")
        hours = await ask(team.admin, team.channel, ADMINS, "subscribe", "at", "sett")
        nothing = await ask(team.ada, team.channel, "papers", "show", "paper", "zebra")
        chosen = await team.double.slash(
            team.ada, team.channel, "papers", "show", {"paper": papers[0].value}
        )
        answer = await chosen.answer()
    assert papers[0].value == "2605.00002 World models, part 2"
    assert [hour.value for hour in hours] == ["settled"]
    assert nothing == ()
    assert PAPERS[1].title in answer.text


async def test_suggestions_that_fail_are_none(team: Team) -> None:
    async def broken(*_: object) -> list[str]:
        raise RuntimeError("no index")

    team.inbox.suggest = broken  # type: ignore[method-assign]  # a broken inbox
    with capture_logs() as logs:
        async with team.serving():
            choices = await team.double.autocomplete(
                team.ada, team.channel, "papers", "show", "paper", "x"
            )
    assert choices == ()
    assert "no suggestions" in [entry["event"] for entry in logs]


async def test_commands_are_registered_once(team: Team) -> None:
    async with team.serving():
        pass
    async with team.serving():
        pass
    assert sum(request.route == PUT_COMMANDS for request in team.double.requests) == 1


async def test_commands_can_be_registered_in_one_server(team: Team) -> None:
    async with team.serving(guild=team.double.guild.id):
        exchange = await team.double.slash(team.ada, team.channel, "papers", "help")
        await exchange.answer()
    assert {one.get("guild_id") for one in team.double.commands} == {str(team.double.guild.id)}


async def test_commands_are_synced_and_taken_away_by_hand(team: Team) -> None:
    settings, guild = DiscordSettings(token=team.double.token), team.double.guild.id
    with team.double.redirect():
        everywhere = [
            await sync(settings, guild=None, clear=clear) for clear in (False, False, True, True)
        ]
        here = [await sync(settings, guild=guild, clear=clear) for clear in (False, False, True)]
        with pytest.raises(ConfigError, match="not in the server 1,"):
            await sync(settings, guild=1, clear=False)
    assert everywhere == [
        "commands in every server: registered",
        "commands in every server: as they should be",
        "commands in every server: taken away",
        "commands in every server: as they should be",
    ]
    assert [each.rpartition(": ")[2] for each in here] == [
        "registered",
        "as they should be",
        "taken away",
    ]


async def test_commands_that_show_twice_are_warned_of_with_the_cure(team: Team) -> None:
    async with team.serving():
        pass
    with capture_logs() as logs:
        async with team.serving(guild=team.double.guild.id):
            pass
    (warning,) = [each for each in logs if each["event"] == "every command shows twice"]
    assert "sync --clear" in warning["cure"]


async def test_a_server_without_the_bot_is_a_setting_to_correct(team: Team) -> None:
    settings = DiscordSettings(token=team.double.token, guild=12345)
    with team.double.redirect(), pytest.raises(ConfigError, match="DISCORD_GUILD"):
        await DiscordAdapter(settings).serve(team.inbox)


async def test_the_bot_starts_though_its_commands_are_refused(team: Team) -> None:
    team.double.fault(PUT_COMMANDS, ApiError(400, 30034, "Max daily creates"))
    with capture_logs() as logs:
        async with team.serving() as adapter:
            await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
    assert "commands not registered" in [entry["event"] for entry in logs]
    assert len(team.double.messages(team.channel)) == 1


async def test_an_expired_interaction_is_logged_and_runs_nothing(team: Team) -> None:
    team.double.fault(CALLBACK, ApiError(404, 10062, "Unknown interaction"))
    async with team.serving():
        with capture_logs() as logs:
            late = asyncio.create_task(team.double.slash(team.ada, team.channel, "papers", "today"))
            await team.double.until(
                lambda: [one for one in team.double.requests if one.status == 404]
            )
            late.cancel()
            exchange = await team.double.slash(team.ada, team.channel, "papers", "help")
            await exchange.answer()
    assert [entry["event"] for entry in logs] == ["interaction expired"]
    assert [call.name for call in team.inbox.calls] == ["help"]


async def test_an_answer_is_given_though_the_first_try_is_lost(team: Team) -> None:
    team.double.fault(ANSWER, Reset())
    team.double.fault(ANSWER, ServerError(503))
    async with team.serving():
        exchange = await team.double.slash(team.ada, team.channel, "papers", "today")
        assert PAPERS[0].title in (await exchange.answer()).text


async def test_an_answer_that_cannot_be_given_is_logged(team: Team) -> None:
    team.double.fault(ANSWER, ApiError(401, 50027, "Invalid Webhook Token"))
    with capture_logs() as logs:
        async with team.serving():
            await team.double.slash(team.ada, team.channel, "papers", "today")
    assert "interaction expired" in [entry["event"] for entry in logs]


async def test_a_digest_is_a_head_with_a_thread(team: Team) -> None:
    await team.plan()
    async with team.serving() as adapter:
        outcome = await team.deliver(adapter)
    (head,) = team.double.messages(team.channel)
    assert outcome.done
    assert team.double.thread(head.id).name == "Daily Papers · Thu 7 May 2026"
    _, *papers = team.double.messages(head.id)  # the first is Discord's own note
    assert [paper.title in each.text for paper, each in zip(PAPERS, papers, strict=True)] == [
        True,
        True,
        True,
    ]
    deliveries = await team.store.deliveries(team.slot)
    guild = team.double.guild.id
    assert [each.ref for each in deliveries] == [
        message_ref(guild, team.channel.id, head.id),
        *(message_ref(guild, head.id, each.id) for each in papers),
    ]
    assert sum(request.route == NEW_THREAD for request in team.double.requests) == 1


@pytest.mark.parametrize(
    "fault", [Reset(after_effect=True), ServerErrorAfterEffect(502), ServerErrorAfterEffect(503)]
)
async def test_a_lost_answer_posts_nothing_twice(team: Team, fault: Reset) -> None:
    await team.plan(Layout.LIST)
    async with team.serving() as adapter:
        team.double.fault(CREATE, fault)
        assert (await team.deliver(adapter)).done
    assert len(team.double.messages(team.channel)) == 1


async def test_an_error_that_discord_py_repeats_in_silence_is_not_forgotten(team: Team) -> None:
    """The first try is stored and answered by 502, the second refused for ten minutes."""
    await team.plan(Layout.LIST)
    async with team.serving(pauses=()) as adapter:
        team.double.fault(CREATE, ServerErrorAfterEffect(502))
        team.double.fault(CREATE, RateLimited(600))
        assert not (await team.deliver(adapter)).done
        team.double.advance(601)
        assert (await team.deliver(adapter)).done
    assert len(team.double.messages(team.channel)) == 1


async def test_a_digest_goes_on_where_it_was_interrupted(team: Team) -> None:
    await team.plan()
    async with team.serving(pauses=()) as adapter:
        team.double.fault(CREATE, Reset(after_effect=True))
        assert not (await team.deliver(adapter)).done
        team.double.fault(CREATE, ServerError(503))
    team.double.advance(3600)  # Discord has forgotten the nonce
    async with team.serving(pauses=()) as adapter:
        assert not (await team.deliver(adapter)).done
        assert (await team.deliver(adapter)).done
    (head,) = team.double.messages(team.channel)
    assert len(team.double.messages(head.id)) == 1 + len(PAPERS)


async def test_a_message_is_known_again_by_its_components_alone(team: Team) -> None:
    async with team.serving() as adapter:
        ref = await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        await adapter.post(team.slot.channel, sentence_reply("Hello"), key="other")
        found = await adapter.find(team.slot.channel, key=KEY, since=NOW)
        later = await adapter.find(team.slot.channel, key=KEY, since=NOW + timedelta(hours=1))
    first, second = team.double.messages(team.channel)
    assert ref == found
    assert later is None
    assert is_marked({"components": first.components}, KEY)
    assert not is_marked({"components": second.components}, KEY)


async def test_a_long_channel_is_read_to_its_end(team: Team) -> None:
    for number in range(230):
        await team.double.say(team.ada, team.channel, str(number))
    async with team.serving() as adapter:
        ref = await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        assert await adapter.find(team.slot.channel, key=KEY, since=NOW) == ref


async def test_a_thread_that_was_never_made_holds_nothing(team: Team) -> None:
    async with team.serving() as adapter:
        head = await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        thread = Thread(head, "Talk")
        assert await adapter.find(team.slot.channel, key="x", since=NOW, thread=thread) is None


async def test_a_thread_made_before_is_taken(team: Team) -> None:
    async with team.serving() as adapter:
        head = await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        thread = Thread(head, "Talk " * 50)
        await adapter.post(team.slot.channel, sentence_reply("One"), key="1", thread=thread)
    async with team.serving() as adapter:
        ref = await adapter.post(team.slot.channel, sentence_reply("Two"), key="2", thread=thread)
        found = await adapter.find(team.slot.channel, key="2", since=NOW, thread=thread)
    assert ref == found
    assert [request.status for request in team.double.requests if request.route == NEW_THREAD] == [
        200,
        400,
    ]


async def test_a_channel_that_may_not_be_read_back_is_refused(team: Team) -> None:
    team.channel.deny = {"READ_MESSAGE_HISTORY"}
    async with team.serving() as adapter:
        exchange = await team.double.slash(team.ada, team.channel, "papers", "help")
        await exchange.answer()  # by now the bot knows the channel
        with pytest.raises(Refused, match="Read Message History"):
            await adapter.find(team.slot.channel, key=KEY, since=NOW)


async def test_what_a_channel_lacks_for_a_digest_is_named_before_one_is_posted(team: Team) -> None:
    async with team.serving() as adapter:
        await adapter.check(team.slot.channel)
    team.channel.deny = {"EMBED_LINKS", "CREATE_PUBLIC_THREADS"}
    async with team.serving() as adapter:
        with pytest.raises(Refused, match="it lacks Embed Links, Create Public Threads"):
            await adapter.check(team.slot.channel)


async def test_a_person_is_written_to_in_private(team: Team) -> None:
    async with team.serving() as adapter:
        private = await adapter.direct(user_ref(team.double.guild.id, team.ada.id))
        assert private == await adapter.direct(user_ref(None, team.ada.id))
        ref = await adapter.post(private, sentence_reply("Hello"), key=KEY)
    assert ref.channel == private
    (message,) = team.double.messages(int(private.id))
    assert "Hello" in message.text


async def test_of_two_processes_one_has_the_gateway_and_both_post(team: Team) -> None:
    shared = MemoryStore(lease_seconds=60)
    first, second = (
        replace(team, inbox=Heard(replace(team.inbox.dispatcher, store=store, turn_pause=0.02)))
        for store in (shared, shared.replica())
    )
    settings = DiscordSettings(token=team.double.token)
    other = DiscordAdapter(settings, pauses=())
    async with first.serving():
        waiting = asyncio.create_task(other.serve(second.inbox))
        ref = await posted(other, team)
        assert await other.find(team.slot.channel, key=KEY, since=NOW) == ref
        team.channel.deny = {"READ_MESSAGE_HISTORY"}
        with pytest.raises(Refused, match="Read Message History"):
            await other.find(team.slot.channel, key=KEY, since=NOW)
        assert team.connections == 1
    with team.double.redirect():
        await team.double.until(lambda: team.connections == 2, what="the other process")
        waiting.cancel()
        await asyncio.wait([waiting])


async def posted(adapter: DiscordAdapter, team: Team) -> MessageRef:
    """Post as soon as the adapter has logged in."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
            except TryLater:
                await asyncio.sleep(0.02)


async def test_a_channel_closed_to_the_bot_is_parked(team: Team) -> None:
    await team.plan()
    async with team.serving() as adapter:
        team.channel.deny = {"SEND_MESSAGES"}
        outcome = await team.deliver(adapter)
    assert isinstance(outcome.gone, Gone)
    assert "Send Messages" in outcome.gone.cure
    states = {each.state for each in await team.store.deliveries(team.slot)}
    assert states == {DeliveryState.PARKED}


@pytest.mark.parametrize(
    ("denied", "cure", "error"),
    [
        ("VIEW_CHANNEL", "View Channel", Gone),
        ("CREATE_PUBLIC_THREADS", "Create Public Threads", Refused),  # other layouts still work
        ("SEND_MESSAGES_IN_THREADS", "Send Messages in Threads", Gone),
    ],
)
async def test_a_missing_permission_is_named(
    team: Team, denied: str, cure: str, error: type[PlatformError]
) -> None:
    async with team.serving() as adapter:
        head = await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        team.channel.deny = {denied}
        with pytest.raises(error, match=cure):
            await adapter.post(
                team.slot.channel, sentence_reply("One"), key="1", thread=Thread(head, "Talk")
            )


async def test_a_deleted_channel_is_gone_and_a_deleted_thread_refused(team: Team) -> None:
    async with team.serving() as adapter:
        head = await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        thread = Thread(head, "Talk")
        await adapter.post(team.slot.channel, sentence_reply("One"), key="1", thread=thread)
        await team.double.delete_channel(team.double.thread(int(head.id)))
        with pytest.raises(Refused, match="thread was deleted"):
            await adapter.post(team.slot.channel, sentence_reply("Two"), key="2", thread=thread)
        await team.double.delete_channel(team.channel)
        with pytest.raises(Gone, match="subscribe in another"):
            await adapter.post(team.slot.channel, sentence_reply("Hello"), key="3")


async def test_a_long_rate_limit_is_handed_on_and_a_short_one_waited_out(team: Team) -> None:
    async with team.serving() as adapter:
        team.double.fault(CREATE, RateLimited(retry_after=0.01))
        await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        team.double.fault(CREATE, RateLimited(retry_after=600))
        with pytest.raises(TryLater) as caught:
            await adapter.post(team.slot.channel, sentence_reply("Hello"), key="2")
        assert caught.value.retry_after == 600
        team.double.fault(CREATE, RateLimited(via=False))
        with pytest.raises(TryLater):
            await adapter.post(team.slot.channel, sentence_reply("Hello"), key="3")


async def test_an_answer_lost_again_and_again_is_ambiguous(team: Team) -> None:
    async with team.serving() as adapter:
        team.double.fault(CREATE, Reset(after_effect=True), times=2)
        team.double.fault(CREATE, ServerError(503))
        with pytest.raises(Ambiguous):
            await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        team.double.fault(CREATE, Reset())
        team.double.fault(CREATE, ApiError(403, 50013, "Missing Permissions"), times=2)
        with pytest.raises(Ambiguous, match="after an answer was lost"):
            await adapter.post(team.slot.channel, sentence_reply("Hello"), key="2")


async def test_nothing_is_posted_while_discord_is_out_of_reach(team: Team) -> None:
    adapter = DiscordAdapter(DiscordSettings(token="x"))
    with pytest.raises(TryLater, match="not connected"):
        await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
    async with team.serving() as adapter:
        import discord.http

        discord.http.Route.BASE = "http://127.0.0.1:1/api/v10"
        with pytest.raises(TryLater, match="out of reach"):
            await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)


REFUSED = ApiError(400, 50035, "Invalid Form Body")


async def test_messages_are_embeds_where_that_is_set(team: Team) -> None:
    await team.plan(Layout.LIST)
    async with team.serving(style="embeds") as adapter:
        await team.deliver(adapter)
        (head,) = team.double.messages(team.channel)
        exchange = await team.double.slash(team.ada, team.channel, "papers", "today")
        answer = await exchange.answer()
        found = await adapter.find(team.slot.channel, key=await head_key(team), since=NOW)
    assert head.embeds[0]["title"] == "Daily Papers · Thu 7 May 2026"
    assert [each["label"] for each in head.buttons] == ["👍 1", "👍 2", "👍 3"]
    assert answer.embeds
    assert answer.ephemeral
    assert found is not None
    assert found.id == str(head.id)


async def head_key(team: Team) -> str:
    return (await team.store.deliveries(team.slot))[0].key


async def test_a_message_refused_as_components_is_sent_as_embeds_once(team: Team) -> None:
    await team.plan(Layout.LIST)
    async with team.serving() as adapter:
        team.double.fault(CREATE, REFUSED)
        with capture_logs() as logs:
            await team.deliver(adapter)
        (head,) = team.double.messages(team.channel)
        team.double.fault(ANSWER, REFUSED)
        exchange = await team.double.slash(team.ada, team.channel, "papers", "today")
        answer = await exchange.answer()
    assert FORM_REFUSED in [each["event"] for each in logs]
    assert head.embeds
    assert answer.embeds


async def test_a_message_is_edited_in_the_style_in_which_it_stands(team: Team) -> None:
    async with team.serving(style="embeds") as adapter:
        old = await adapter.post(team.slot.channel, sentence_reply("Hello."), key=KEY)
    async with team.serving() as adapter:
        await adapter.edit(old, sentence_reply("Goodbye."))
        new = await adapter.post(team.slot.channel, sentence_reply("Hello."), key=KEY[::-1])
    async with team.serving(style="embeds") as adapter:
        await adapter.edit(new, sentence_reply("Goodbye."))
    first, second = team.double.messages(team.channel)
    assert "Goodbye." in str(first.embeds)
    assert "Goodbye." in second.text
    assert not second.embeds


@pytest.mark.parametrize(("before", "now"), [("components", "embeds"), ("embeds", "components")])
async def test_the_style_in_which_a_message_stands_is_learnt_once_and_quietly(
    team: Team, before: Style, now: Style
) -> None:
    async with team.serving(style=before) as adapter:
        old = await adapter.post(team.slot.channel, sentence_reply("Hello."), key=KEY)
        await adapter.edit(old, sentence_reply("Hello again."))
    async with team.serving(style=now) as adapter:
        with capture_logs() as logs:
            await adapter.edit(old, sentence_reply("Goodbye."))
            await adapter.edit(old, sentence_reply("Goodbye now."))
    assert edits(team) == [200, 400, 200, 200]
    assert {each["log_level"] for each in logs} <= {"debug", "info"}
    assert "Goodbye now." in team.double.messages(team.channel)[0].text


def edits(team: Team) -> list[int | None]:
    """Return what Discord said to each edit."""
    return [request.status for request in team.double.requests if request.route == EDIT]


async def test_the_style_of_a_message_is_known_once_it_was_read(team: Team) -> None:
    async with team.serving(style="embeds") as adapter:
        counted = await adapter.post(team.slot.channel, sentence_reply("Hello."), key=KEY)
        listed = await adapter.post(team.slot.channel, digest_like(), key=KEY[::-1])
    async with team.serving() as adapter:
        await adapter.reactions(counted)
        await adapter.edit(counted, sentence_reply("Goodbye."))
        assert await adapter.find(team.slot.channel, key=KEY[::-1], since=NOW) == listed
        await adapter.edit(listed, sentence_reply("Goodbye."))
    assert edits(team) == [200, 200]


def digest_like() -> Reply:
    """Return a reply with a button, by which its message is found again."""
    return Reply((Controls((Button("Help", RunAction("help")),)),), "Hello.")


async def test_an_edit_that_is_refused_in_either_style_is_logged(team: Team) -> None:
    async with team.serving(style="embeds") as adapter:
        old = await adapter.post(team.slot.channel, sentence_reply("Hello."), key=KEY)
    async with team.serving() as adapter:
        team.double.fault(EDIT, REFUSED, times=2)
        with capture_logs() as logs, pytest.raises(Refused):
            await adapter.edit(old, sentence_reply("Goodbye."))
    assert FORM_REFUSED in [each["event"] for each in logs]


async def test_a_message_is_edited_in_place(team: Team) -> None:
    async with team.serving() as adapter:
        ref = await adapter.post(team.slot.channel, sentence_reply("Before"), key=KEY)
        await adapter.edit(ref, sentence_reply("After"))
        (message,) = team.double.messages(team.channel)
        assert message.text == "After"
        await team.double.delete_message(message.id)
        with pytest.raises(Refused, match="deleted"):
            await adapter.edit(ref, sentence_reply("Later"))


async def test_a_button_works_before_and_after_a_restart(team: Team) -> None:
    await team.plan()
    async with team.serving() as adapter:
        await team.deliver(adapter)
        (head,) = team.double.messages(team.channel)
        message = team.double.messages(head.id)[1]
        exchange = await team.double.click(team.ada, message.id, f"vote|up|{PAPERS[0].id}")
        first = await exchange.answer()
    assert exchange.ephemeral
    assert team.inbox.presses[0].message == message_ref(team.double.guild.id, head.id, message.id)
    assert await tally(team) == Tally(up=1)
    async with team.serving():
        exchange = await team.double.click(team.ada, message.id, f"vote|up|{PAPERS[0].id}")
        second = await exchange.answer()
    assert first.text != second.text
    assert await tally(team) == Tally()


async def test_reactions_of_an_uncached_message_count_as_a_set(team: Team) -> None:
    await team.plan()
    async with team.serving() as adapter:
        await team.deliver(adapter)
    (head,) = team.double.messages(team.channel)
    message = team.double.messages(head.id)[1]
    async with team.serving():
        await team.double.react(team.ada, message.id, "👍")
        await team.inbox.next_reaction()
        await team.double.react(team.ada, head.id, "1️⃣")
        await team.inbox.next_reaction()
        assert await tally(team) == Tally(up=1)
        await team.double.unreact(team.ada, message.id, "👍")
        await team.inbox.next_reaction()
        assert await tally(team) == Tally(up=1)
        await team.double.unreact(team.ada, head.id, "1️⃣")
        await team.inbox.next_reaction()
        assert await tally(team) == Tally()


async def test_reactions_of_bots_and_custom_emoji_are_not_heard(team: Team) -> None:
    other = team.double.guild.add_user("other", bot=True)
    emoji = team.double.guild.add_emoji("parrot")
    async with team.serving() as adapter:
        ref = await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        number = int(ref.id)
        for user in (team.double.bot, other):
            await team.double.react(user, number, "👍")
            await team.double.unreact(user, number, "👍")
        await team.double.react(team.ada, number, emoji.key)
        await team.double.react(team.ada, number, "🔖")
        heard = await team.inbox.next_reaction()
    ada = user_ref(team.double.guild.id, team.ada.id)
    assert heard == Reaction(ref, ada, "🔖", added=True)
    assert team.inbox.reactions.empty()


async def test_standing_reactions_are_read_with_super_reactions_and_without_bots(
    team: Team,
) -> None:
    other = team.double.guild.add_user("other", bot=True)
    crowd = [team.double.guild.add_user(f"user{number}") for number in range(130)]
    async with team.serving() as adapter:
        ref = await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        for user in (*crowd, other, team.double.bot):
            await team.double.react(user, int(ref.id), "👍")
        await team.double.react(team.ada, int(ref.id), "🔖", burst=True)
        await team.double.react(team.ada, int(ref.id), "🦜")
        found = await adapter.reactions(ref)
    guild = team.double.guild.id
    assert set(found) == {
        *(Reaction(ref, user_ref(guild, user.id), "👍", added=True) for user in crowd),
        Reaction(ref, user_ref(guild, team.ada.id), "🔖", added=True),
    }


async def test_a_wrong_token_is_a_setting_to_correct(team: Team) -> None:
    with team.double.redirect(), pytest.raises(ConfigError, match="DISCORD_TOKEN") as caught:
        await DiscordAdapter(DiscordSettings(token="secret")).serve(team.inbox)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError, match="DISCORD_TOKEN is not set"):
        await DiscordAdapter(DiscordSettings()).serve(team.inbox)


async def test_an_address_for_interactions_is_a_setting_to_correct(team: Team) -> None:
    settings = DiscordSettings(token=SecretStr(team.double.token))
    team.double.set_endpoint("https://bot.example/interactions")
    with team.double.redirect():
        with pytest.raises(ConfigError, match="Interactions Endpoint URL"):
            await DiscordAdapter(settings).serve(team.inbox)
        with pytest.raises(ConfigError, match="Interactions Endpoint URL"):
            await probe(settings)


async def test_a_lost_network_and_an_event_of_unknown_shape_ask_for_a_new_try(team: Team) -> None:
    settings = DiscordSettings(token=team.double.token)
    with team.double.redirect():
        team.double.fault("GET /users/@me", Reset(), times=2)  # aiohttp repeats a GET itself
        with pytest.raises(PlatformError, match="connection lost"):
            await DiscordAdapter(settings).serve(team.inbox)
        serving = asyncio.create_task(DiscordAdapter(settings).serve(team.inbox))
        await team.double.until(lambda: team.connections)
        await team.double.send_raw_event("GUILD_CREATE", {"unheard": "of"})
        with pytest.raises(PlatformError, match="KeyError"):
            await serving


async def test_a_connection_survives_a_dropped_gateway(team: Team) -> None:
    async with team.serving() as adapter:
        ref = await adapter.post(team.slot.channel, sentence_reply("Hello"), key=KEY)
        await team.double.ask_to_reconnect()
        await team.double.react(team.ada, int(ref.id), "👍")
        assert (await team.inbox.next_reaction()).emoji == "👍"


async def test_a_running_answer_is_finished_before_the_end(team: Team) -> None:
    begun, finish = asyncio.Event(), asyncio.Event()
    answer = team.inbox.command

    async def slow(call: object) -> object:
        begun.set()
        await finish.wait()
        return await answer(call)  # type: ignore[arg-type]  # handed on

    team.inbox.command = slow  # type: ignore[assignment,method-assign]  # a slow inbox
    async with team.serving():
        exchange = await team.double.slash(team.ada, team.channel, "papers", "today")
        await begun.wait()
        asyncio.get_running_loop().call_later(0, finish.set)
    assert PAPERS[0].title in (await exchange.answer()).text


async def test_probe_says_who_the_bot_is(team: Team) -> None:
    with team.double.redirect():
        said = await probe(DiscordSettings(token=team.double.token))
        with pytest.raises(ConfigError):
            await probe(DiscordSettings(token="wrong"))
    assert "in 1 server" in said


async def test_a_digest_to_a_person_has_no_thread(team: Team) -> None:
    me = channel_ref(None, team.channel.id)
    async with team.serving() as adapter:
        head = await adapter.post(me, sentence_reply("Hello"), key=KEY)
        below = await adapter.post(me, sentence_reply("One"), key="1", thread=Thread(head, "Talk"))
    assert below.channel == head.channel


async def tally(team: Team) -> Tally:
    tallies = await team.store.tallies(team.slot.channel, [PAPERS[0].id])
    return tallies.get(PAPERS[0].id, Tally())
