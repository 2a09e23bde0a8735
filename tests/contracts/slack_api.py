"""What the bot counts on in Slack, held against whatever passes for Slack.

``SlackContract`` runs the real adapter, over HTTP, against a peer, and looks at the rules that the
peer breaks where it has to. That list has to be exact: a rule that a peer breaks unlisted fails,
and so does one that it keeps although it is listed.

A subclass supplies ``open_slack``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from adapters.search.lexical import LexicalIndex
from adapters.slack._dialogs import command_of
from adapters.slack._views import Views
from adapters.slack._web import SlackWeb
from adapters.slack.app import LAG_SECONDS, SlackAdapter
from adapters.slack.ids import channel_ref, message_ref, user_ref
from adapters.slack.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH, SCOPES
from adapters.slack.render import post_body
from adapters.storage.memory import MemoryStore
from adapters.summarizers.extractive import ExtractiveSummarizer
from bot import cards
from bot.dispatch import Dispatcher
from bot.domain.channels import ChannelRef, Layout
from bot.domain.command import Caller
from bot.domain.deliveries import DeliveryState, Slot
from bot.domain.errors import Ambiguous, ConfigError, Gone, Refused, TryLater
from bot.domain.votes import Reaction, Tally
from bot.ports import Thread
from bot.services import deliveries
from bot.services.digest import plan_digest
from bot.services.health import Health
from config.settings import SlackSettings
from tests.contracts.slack_peers import (
    CLIENT_ID,
    CLIENT_SECRET,
    HOME,
    KEY,
    MODAL,
    REDIRECT,
    RULES,
    SECRET,
    Failure,
    Json,
    OpenSlack,
    Probe,
    Site,
    SlackPeer,
    access,
    code_of,
    installs,
    need,
    private_unknown,
    public_post,
    scopes_named,
    sentence,
    told_of_mention,
    told_where,
    window,
    wrong_secret,
    wrong_token,
)
from tests.examples import NOW, TODAY, batch, paper, paper_id, subscription
from tests.fakes import FakeSource

HELLO = cards.sentence_reply("Hello.")
GOODBYE = cards.sentence_reply("Goodbye.")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Desk:
    """The real adapter at work in a peer, and what the bot keeps."""

    slack: SlackPeer
    adapter: SlackAdapter
    inbox: Dispatcher
    store: MemoryStore
    room: str
    ann: str
    waits: list[float] = field(default_factory=list)

    @property
    def client(self) -> AsyncWebClient:
        return AsyncWebClient(self.slack.bot_token, base_url=self.slack.base_url)

    @property
    def channel(self) -> ChannelRef:
        return channel_ref(self.slack.team, self.room)

    @property
    def caller(self) -> Caller:
        return Caller(user_ref(self.slack.team, self.ann), self.channel, is_admin=True)

    @property
    def views(self) -> Views:
        return Views(self.inbox, SlackWeb(self.slack.bot_token, self.slack.base_url))

    @property
    def slot(self) -> Slot:
        return Slot(self.channel, TODAY)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.adapter.port}{EVENTS_PATH}"

    def breaks(self, broken: Probe) -> bool:
        """Tell whether the peer breaks a rule."""
        return sentence(broken) in self.slack.breaks

    def need(self, needed: Probe) -> None:
        """Skip the test where the peer breaks a rule."""
        need(self.slack, needed)

    async def history(self) -> list[Json]:
        """Return what stands in the channel, oldest first."""
        answer = await self.client.conversations_history(
            channel=self.room, include_all_metadata=True
        )
        return list(reversed(answer["messages"]))

    async def replies(self, ts: str) -> list[Json]:
        """Return a thread, its head first."""
        answer = await self.client.conversations_replies(
            channel=self.room, ts=ts, include_all_metadata=True
        )
        return list(answer["messages"])

    async def deliver(self) -> deliveries.Outcome:
        """Post the day's digest of two papers, or what is left of it."""
        listed = batch(papers=2)
        await self.store.save_batch(listed, NOW)
        order = subscription(self.channel, layout=Layout.THREAD)
        plan = plan_digest(order, TODAY, [listed], {}, now=NOW)
        await self.store.plan(plan.deliveries, plan.receipt)
        return await deliveries.deliver(
            self.slot, store=self.store, adapter=self.adapter, clock=lambda: datetime.now(UTC)
        )

    async def votes(self, n: int = 1) -> Tally:
        tallies = await self.store.tallies(self.channel, [paper_id(n)])
        return tallies.get(paper_id(n), Tally())

    async def counted(self, tally: Tally, n: int = 1) -> bool:
        """Tell whether the votes on a paper come to this: Bolt works on after it has answered."""
        async with asyncio.timeout(5):
            while await self.votes(n) != tally:
                await asyncio.sleep(0.01)
        return True


def settings_for(slack: SlackPeer, **changes: Any) -> SlackSettings:
    """Return the settings with which the bot works in a peer, over HTTP."""
    plain = {
        "bot_token": SecretStr(slack.bot_token),
        "signing_secret": SecretStr(SECRET),
        "mode": "http",
        "port": 0,
        "api_url": slack.base_url,
    }
    return SlackSettings.model_validate(plain | changes)


@asynccontextmanager
async def desk_in(slack: SlackPeer) -> AsyncIterator[Desk]:
    """Let the bot work in a peer, as its manifest would have it, but sleep through no wait."""
    ann, room, waits = await slack.add_person("ann"), await slack.add_channel("papers"), []
    store, index = MemoryStore(), LexicalIndex()
    await index.add(batch(papers=3).papers)
    await store.save_papers(batch(papers=3).papers)
    inbox = Dispatcher(
        store, index, ExtractiveSummarizer(), {}, clock=lambda: NOW, health=Health(NOW)
    )

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    adapter = SlackAdapter(settings_for(slack), clock=lambda: 0.0, sleep=sleep)
    serving = asyncio.create_task(adapter.serve(inbox))
    desk = Desk(slack, adapter, inbox, store, room, ann, waits)
    try:
        async with asyncio.timeout(10):
            while adapter.port is None:
                if serving.done():
                    serving.result()  # raises why it did not start
                await asyncio.sleep(0.01)
        await slack.tell(desk.address, SECRET)
        yield desk
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def without_ids(blocks: Sequence[Json]) -> list[Json]:
    """Return blocks as they were sent: Slack gives each an id."""
    return [{key: value for key, value in each.items() if key != "block_id"} for each in blocks]


# slack-sdk sends the client's id and secret in a way that aiohttp is about to drop
@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
class SlackContract:
    """Every test begins with an empty workspace."""

    @pytest.fixture
    async def slack(self, open_slack: OpenSlack) -> AsyncIterator[SlackPeer]:
        async with open_slack(SCOPES) as peer:
            yield peer

    @pytest.fixture
    async def desk(self, slack: SlackPeer) -> AsyncIterator[Desk]:
        async with desk_in(slack) as desk:
            yield desk

    # The peer itself

    @pytest.mark.parametrize("rule_", RULES)
    async def test_what_is_true_of_slack_holds_here_or_is_listed(
        self, slack: SlackPeer, rule_: str
    ) -> None:
        client = AsyncWebClient(slack.bot_token, base_url=slack.base_url)
        person, channel = await slack.add_person("ann"), await slack.add_channel("papers")
        ts = await slack.say(person, channel, "Hello.")
        holds = await RULES[rule_](Site(slack, client, channel, person, ts))
        assert holds is (rule_ not in slack.breaks)

    def test_every_listed_rule_is_one(self, slack: SlackPeer) -> None:
        assert set(slack.breaks) <= set(RULES)
        assert all(reason.endswith(".") for reason in slack.breaks.values())

    # Who the bot is

    async def test_the_bot_learns_who_it_is(self, desk: Desk) -> None:
        who = (await desk.client.auth_test()).data
        assert isinstance(who, dict)
        assert (who["team_id"], who["user_id"]) == (desk.slack.team, desk.slack.bot_user)
        assert who["bot_id"]

    async def test_a_wrong_token_ends_the_start_and_is_named(self, slack: SlackPeer) -> None:
        settings = settings_for(slack, bot_token=SecretStr("xoxb-nobodys"))
        inbox = Dispatcher(
            MemoryStore(),
            LexicalIndex(),
            ExtractiveSummarizer(),
            {},
            clock=lambda: NOW,
            health=Health(NOW),
        )
        with pytest.raises(ConfigError, match="SLACK_BOT_TOKEN"):
            await SlackAdapter(settings).serve(inbox)

    async def test_a_token_that_is_no_good_any_more_is_no_fault_of_the_channel(
        self, desk: Desk
    ) -> None:
        settings = settings_for(desk.slack, bot_token=SecretStr("xoxb-nobodys"))
        with pytest.raises(TryLater) as caught:
            await SlackAdapter(settings).post(desk.channel, HELLO, key="k")
        code = "not_authed" if desk.breaks(wrong_token) else "invalid_auth"
        assert caught.value.problem == code

    async def test_a_missing_scope_is_named(self, open_slack: OpenSlack) -> None:
        async with open_slack(set(SCOPES) - {"chat:write"}) as poor:
            channel = channel_ref(poor.team, await poor.add_channel("papers"))
            with pytest.raises(Refused, match="Add the scope chat:write"):
                await SlackAdapter(settings_for(poor)).post(channel, HELLO, key="k")

    async def test_a_start_without_a_scope_that_it_needs_says_so(
        self, open_slack: OpenSlack
    ) -> None:
        async with open_slack(set(SCOPES) - {"chat:write"}) as poor:
            need(poor, scopes_named)
            with pytest.raises(ConfigError, match="lacks the scopes chat:write"):
                async with desk_in(poor):
                    pass

    # Posting

    async def test_what_is_posted_stands_there_as_it_was_drawn(self, desk: Desk) -> None:
        shown = cards.paper_message(paper(1, thumbnail_url="https://cdn.example/1.png"), Tally())
        ref = await desk.adapter.post(desk.channel, shown, key="k")
        (message,) = await desk.history()
        body = post_body(desk.channel, shown, key="k")
        assert (message["ts"], message["text"]) == (ref.id, body["text"])
        assert without_ids(message["blocks"]) == body["blocks"]
        assert message["metadata"] == body["metadata"] == KEY
        assert message["bot_id"]

    async def test_a_reply_stands_in_its_thread_and_not_in_the_channel(self, desk: Desk) -> None:
        head = await desk.adapter.post(desk.channel, HELLO, key="head")
        thread = Thread(head, "Daily Papers")
        reply = await desk.adapter.post(desk.channel, GOODBYE, key="k", thread=thread)
        (alone,) = await desk.history()
        assert (alone["ts"], alone["reply_count"]) == (head.id, 1)
        above, under = await desk.replies(head.id)
        assert above["ts"] == head.id
        assert (under["ts"], under["thread_ts"]) == (reply.id, head.id)

    async def test_what_one_person_is_shown_stands_nowhere(self, desk: Desk) -> None:
        shown = desk.client.chat_postEphemeral(channel=desk.room, user=desk.ann, text="Psst.")
        assert (await shown)["message_ts"]
        assert await desk.slack.whispers(desk.ann) == ["Psst."]
        assert await desk.history() == []

    async def test_nothing_is_shown_to_who_is_not_there(self, desk: Desk) -> None:
        elsewhere = await desk.slack.add_person("bob")
        shown = desk.client.chat_postEphemeral(channel=desk.room, user=elsewhere, text="Psst.")
        assert await code_of(shown) == "user_not_in_channel"

    async def test_a_message_of_nothing_is_refused(self, desk: Desk) -> None:
        nothing = {"channel": desk.room, "text": ""}
        post = desk.client.api_call("chat.postMessage", json=nothing)
        assert await code_of(post) == "no_text"

    async def test_a_digest_is_a_head_and_a_thread_and_all_of_it_is_found_again(
        self, desk: Desk
    ) -> None:
        assert (await desk.deliver()).done
        (head,) = await desk.history()
        thread = await desk.replies(head["ts"])
        planned = await desk.store.deliveries(desk.slot)
        assert [each["metadata"]["event_payload"]["key"] for each in thread] == [
            each.key for each in planned
        ]
        for message, sent in zip(thread, planned, strict=True):
            assert sent.ref == message_ref(desk.slack.team, desk.room, message["ts"])
            place = None if message is thread[0] else Thread(planned[0].ref, "")  # type: ignore[arg-type]
            found = await desk.adapter.find(
                desk.channel, key=sent.key, since=LONG_AGO, thread=place
            )
            assert found == sent.ref

    # What goes wrong with a post

    async def test_a_message_whose_answer_was_lost_is_adopted_not_sent_again(
        self, desk: Desk
    ) -> None:
        await desk.slack.fail("chat.postMessage", Failure.LOST)
        assert not (await desk.deliver()).done
        (head, *_) = await desk.store.deliveries(desk.slot)
        assert head.state is DeliveryState.AMBIGUOUS
        assert len(await desk.history()) == 1
        assert (await desk.deliver()).done
        (alone,) = await desk.history()
        assert len(await desk.replies(alone["ts"])) == 3

    async def test_a_server_in_trouble_leaves_the_matter_open(self, desk: Desk) -> None:
        await desk.slack.fail("chat.postMessage", Failure.BROKEN)
        with pytest.raises(Ambiguous):
            await desk.adapter.post(desk.channel, HELLO, key="k")
        assert await desk.history() == []
        assert await desk.adapter.find(desk.channel, key="k", since=LONG_AGO) is None

    async def test_a_rate_limit_is_waited_for_once_and_then_reported(self, desk: Desk) -> None:
        await desk.slack.fail("chat.postMessage", Failure.LIMITED)
        await desk.adapter.post(desk.channel, HELLO, key="k")
        for _ in range(2):
            await desk.slack.fail("chat.postMessage", Failure.LIMITED)
        with pytest.raises(TryLater) as caught:
            await desk.adapter.post(desk.channel, HELLO, key="l")
        assert caught.value.retry_after == 0
        assert len(await desk.history()) == 1

    # Editing

    async def test_an_edit_replaces_words_and_blocks_and_keeps_the_key(self, desk: Desk) -> None:
        ref = await desk.adapter.post(desk.channel, HELLO, key="k")
        await desk.adapter.edit(ref, GOODBYE)
        (message,) = await desk.history()
        assert message["text"] == "Goodbye."
        assert without_ids(message["blocks"]) == post_body(desk.channel, GOODBYE, key="k")["blocks"]
        assert message["metadata"] == KEY

    async def test_words_without_blocks_take_the_blocks_away(self, desk: Desk) -> None:
        ref = await desk.adapter.post(desk.channel, HELLO, key="k")
        await desk.client.chat_update(channel=desk.room, ts=ref.id, text="Goodbye.")
        (message,) = await desk.history()
        assert (message["text"], message.get("blocks") or []) == ("Goodbye.", [])

    async def test_an_edit_of_what_is_not_there_is_refused(self, desk: Desk) -> None:
        nowhere = message_ref(desk.slack.team, desk.room, "1778144400.000001")
        with pytest.raises(Refused, match="message_not_found"):
            await desk.adapter.edit(nowhere, HELLO)

    async def test_an_edit_of_what_somebody_else_wrote_is_refused(self, desk: Desk) -> None:
        ts = await desk.slack.say(desk.ann, desk.room, "Mine.")
        with pytest.raises(Refused, match="cant_update_message"):
            await desk.adapter.edit(message_ref(desk.slack.team, desk.room, ts), HELLO)

    # Reading back

    async def test_a_message_is_found_by_its_key_and_by_no_other(self, desk: Desk) -> None:
        ref = await desk.adapter.post(desk.channel, HELLO, key="k")
        assert await desk.adapter.find(desk.channel, key="k", since=LONG_AGO) == ref
        assert desk.waits == []
        assert await desk.adapter.find(desk.channel, key="l", since=LONG_AGO) is None
        assert desk.waits == [LAG_SECONDS]  # history may lag: it was read twice

    async def test_a_message_is_sought_no_earlier_than_it_was_sent(self, desk: Desk) -> None:
        desk.need(window)
        await desk.adapter.post(desk.channel, HELLO, key="k")
        later = datetime.now(UTC) + timedelta(hours=1)
        assert await desk.adapter.find(desk.channel, key="k", since=later) is None

    async def test_only_a_message_of_our_own_is_adopted(self, desk: Desk) -> None:
        await desk.slack.say(desk.ann, desk.room, "x", metadata=KEY)
        (forged,) = await desk.history()
        assert forged["metadata"] == KEY
        assert await desk.adapter.find(desk.channel, key="k", since=LONG_AGO) is None

    async def test_a_channel_is_read_back_page_by_page(self, desk: Desk) -> None:
        ref = await desk.adapter.post(desk.channel, HELLO, key="k")
        for _ in range(20):
            await desk.slack.say(desk.ann, desk.room, "chatter")
        last = await desk.adapter.post(desk.channel, HELLO, key="l")
        for key, sought in (("k", ref), ("l", last)):
            assert await desk.adapter.find(desk.channel, key=key, since=LONG_AGO) == sought

    async def test_a_thread_that_is_not_there_is_not_read(self, desk: Desk) -> None:
        nowhere = Thread(message_ref(desk.slack.team, desk.room, "1778144400.000001"), "x")
        try:
            found = await desk.adapter.find(desk.channel, key="k", since=LONG_AGO, thread=nowhere)
        except Refused:
            found = None
        assert found is None

    # Channels

    async def test_an_unknown_channel_is_gone(self, desk: Desk) -> None:
        nowhere = channel_ref(desk.slack.team, "C0NOWHERE")
        with pytest.raises(Gone, match="channel_not_found") as caught:
            await desk.adapter.post(nowhere, HELLO, key="k")
        assert "/invite @papers" in caught.value.cure
        with pytest.raises(Gone):
            await desk.adapter.find(nowhere, key="k", since=LONG_AGO)

    async def test_an_archived_channel_is_gone(self, desk: Desk) -> None:
        archived = await desk.slack.add_channel("old", archived=True)
        with pytest.raises(Gone, match="is_archived") as caught:
            await desk.adapter.post(channel_ref(desk.slack.team, archived), HELLO, key="k")
        assert "Unarchive" in caught.value.cure

    async def test_a_private_channel_without_the_bot_is_gone(self, desk: Desk) -> None:
        secret = await desk.slack.add_channel("secret", private=True, joined=False)
        code = "not_in_channel" if desk.breaks(private_unknown) else "channel_not_found"
        with pytest.raises(Gone, match=code):
            await desk.adapter.post(channel_ref(desk.slack.team, secret), HELLO, key="k")
        with pytest.raises(Gone, match=code):
            await desk.adapter.find(channel_ref(desk.slack.team, secret), key="k", since=LONG_AGO)

    async def test_a_private_channel_with_the_bot_is_like_any_other(self, desk: Desk) -> None:
        secret = await desk.slack.add_channel("secret", private=True)
        channel = channel_ref(desk.slack.team, secret)
        ref = await desk.adapter.post(channel, HELLO, key="k")
        assert await desk.adapter.find(channel, key="k", since=LONG_AGO) == ref

    async def test_a_public_channel_without_the_bot_is_gone(self, desk: Desk) -> None:
        desk.need(public_post)
        elsewhere = await desk.slack.add_channel("elsewhere", joined=False)
        with pytest.raises(Gone, match="not_in_channel") as caught:
            await desk.adapter.post(channel_ref(desk.slack.team, elsewhere), HELLO, key="k")
        assert "/invite @papers" in caught.value.cure

    async def test_whether_the_bot_may_post_is_known_without_posting(self, desk: Desk) -> None:
        await desk.adapter.check(desk.channel)
        assert await desk.history() == []
        for code, channel in (
            ("channel_not_found", "C0NOWHERE"),
            ("is_archived", await desk.slack.add_channel("old", archived=True)),
            ("not_in_channel", await desk.slack.add_channel("elsewhere", joined=False)),
        ):
            with pytest.raises(Gone, match=code):
                await desk.adapter.check(channel_ref(desk.slack.team, channel))

    async def test_a_person_is_written_to_in_private(self, desk: Desk) -> None:
        private = await desk.adapter.direct(user_ref(desk.slack.team, desk.ann))
        ref = await desk.adapter.post(private, HELLO, key="k")
        assert await desk.history() == []
        opened = await desk.slack.write_to_bot(desk.ann, "Thanks.")
        answer = await desk.client.conversations_history(channel=opened)
        assert ref.id in [each["ts"] for each in answer["messages"]]

    # Reactions, which are told as signed events

    async def test_a_reaction_counts_while_it_stands(self, desk: Desk) -> None:
        await desk.deliver()
        (_, first, _) = await desk.replies((await desk.history())[0]["ts"])
        await desk.slack.react(desk.ann, desk.room, first["ts"], "+1")
        assert await desk.counted(Tally(up=1))
        await desk.slack.react(desk.ann, desk.room, first["ts"], "bookmark")
        assert await desk.counted(Tally(up=1, save=1))
        await desk.slack.unreact(desk.ann, desk.room, first["ts"], "+1")
        assert await desk.counted(Tally(save=1))
        assert set(await desk.slack.told()) == {200}

    async def test_a_number_under_the_head_counts_for_the_paper_of_that_rank(
        self, desk: Desk
    ) -> None:
        await desk.deliver()
        (head,) = await desk.history()
        await desk.slack.react(desk.ann, desk.room, head["ts"], "two")
        assert await desk.counted(Tally(up=1), n=2)
        assert await desk.votes(1) == Tally()

    async def test_a_forged_event_is_turned_away_and_changes_nothing(self, desk: Desk) -> None:
        await desk.deliver()
        (_, first, _) = await desk.replies((await desk.history())[0]["ts"])
        await desk.slack.tell(desk.address, "forged")
        await desk.slack.react(desk.ann, desk.room, first["ts"], "+1")
        assert (await desk.slack.told())[-1] == 401
        await desk.slack.tell(desk.address, SECRET)
        await desk.slack.react(desk.ann, desk.room, first["ts"], "bookmark")
        assert await desk.counted(Tally(save=1))

    async def test_what_the_bot_reacts_itself_does_not_count(self, desk: Desk) -> None:
        await desk.deliver()
        (_, first, _) = await desk.replies((await desk.history())[0]["ts"])
        await desk.slack.react(desk.slack.bot_user, desk.room, first["ts"], "+1")
        await desk.slack.react(desk.ann, desk.room, first["ts"], "bookmark")
        assert await desk.counted(Tally(save=1))

    async def test_the_reactions_that_stand_are_read_back(self, desk: Desk) -> None:
        ref = await desk.adapter.post(desk.channel, HELLO, key="k")
        assert await desk.adapter.reactions(ref) == []
        bob = await desk.slack.add_person("bob")
        for person, emoji in (
            (desk.ann, "thumbsup"),
            (bob, "heart"),
            (desk.ann, "tada"),
            (desk.slack.bot_user, "one"),
        ):
            await desk.slack.react(person, desk.room, ref.id, emoji)
        found = await desk.adapter.reactions(ref)
        assert set(found) == {
            Reaction(ref, user_ref(desk.slack.team, desk.ann), "👍", added=True),
            Reaction(ref, user_ref(desk.slack.team, bob), "❤️", added=True),
        }

    async def test_the_reactions_to_what_is_not_there_are_refused(self, desk: Desk) -> None:
        nowhere = message_ref(desk.slack.team, desk.room, "1778144400.000001")
        with pytest.raises(Refused, match="message_not_found"):
            await desk.adapter.reactions(nowhere)

    # Messages, which are told as events too

    async def test_the_bot_does_not_answer_itself(self, desk: Desk) -> None:
        await desk.adapter.post(desk.channel, cards.sentence_reply("help"), key="k")
        await desk.slack.react(desk.ann, desk.room, (await desk.history())[0]["ts"], "+1")
        assert len(await desk.history()) == 1
        assert await desk.slack.whispers(desk.ann) == []

    async def test_a_mention_is_answered_to_its_author_alone(self, desk: Desk) -> None:
        desk.need(told_of_mention)
        await desk.slack.mention(desk.ann, desk.room, "search paper")
        async with asyncio.timeout(5):
            while not await desk.slack.whispers(desk.ann):
                await asyncio.sleep(0.01)
        (shown,) = await desk.slack.whispers(desk.ann)
        assert "3 papers for" in shown

    async def test_a_direct_message_is_answered(self, desk: Desk) -> None:
        desk.need(told_where)
        private = await desk.slack.write_to_bot(desk.ann, "show 2605.00001")
        found: list[Json] = []
        async with asyncio.timeout(5):
            while len(found) < 2:
                answer = await desk.client.conversations_history(channel=private)
                found = answer["messages"]
        assert "Paper 1" in found[0]["text"]

    # People

    async def test_people_are_told_from_bots(self, desk: Desk) -> None:
        for user, is_bot in ((desk.ann, False), (desk.slack.bot_user, True)):
            answer = await desk.client.users_info(user=user)
            assert (answer["user"]["id"], answer["user"]["is_bot"]) == (user, is_bot)
        assert await code_of(desk.client.users_info(user="U0NOBODY")) == "user_not_found"

    # Views

    async def test_a_modal_opens_with_a_trigger_that_is_good_once(self, desk: Desk) -> None:
        trigger = await desk.slack.trigger(desk.ann)
        view = (await desk.client.views_open(trigger_id=trigger, view=MODAL))["view"]
        assert view["id"] == view["root_view_id"]
        assert (view["type"], view["callback_id"], view["private_metadata"]) == (
            "modal",
            "settings",
            "C1",
        )
        assert without_ids(view["blocks"]) == MODAL["blocks"]
        again = desk.client.views_open(trigger_id=trigger, view=MODAL)
        assert await code_of(again) == "exchanged_trigger_id"
        made_up = desk.client.views_open(trigger_id="1.2.made-up", view=MODAL)
        assert await code_of(made_up) == "invalid_trigger_id"

    async def test_a_modal_changes_for_who_knows_how_it_is(self, desk: Desk) -> None:
        trigger = await desk.slack.trigger(desk.ann)
        view = (await desk.client.views_open(trigger_id=trigger, view=MODAL))["view"]
        changed = {**MODAL, "title": {"type": "plain_text", "text": "Saved"}}
        known = {"view_id": view["id"], "hash": view["hash"], "view": changed}
        after = (await desk.client.views_update(**known))["view"]
        assert after["title"]["text"] == "Saved"
        assert (after["id"], after["hash"] != view["hash"]) == (view["id"], True)
        assert await code_of(desk.client.views_update(**known)) == "hash_conflict"
        closed = desk.client.views_update(view_id="V0NOWHERE", view=changed)
        assert await code_of(closed) == "not_found"

    async def test_modals_stand_on_each_other_up_to_three(self, desk: Desk) -> None:
        trigger = await desk.slack.trigger(desk.ann)
        first = (await desk.client.views_open(trigger_id=trigger, view=MODAL))["view"]
        top = first
        for _ in range(2):
            trigger = await desk.slack.trigger(desk.ann, top["id"])
            pushed = (await desk.client.views_push(trigger_id=trigger, view=MODAL))["view"]
            assert (pushed["previous_view_id"], pushed["root_view_id"]) == (top["id"], first["id"])
            top = pushed
        trigger = await desk.slack.trigger(desk.ann, top["id"])
        fourth = desk.client.views_push(trigger_id=trigger, view=MODAL)
        assert await code_of(fourth) == "push_limit_reached"

    async def test_a_home_tab_is_one_view_however_often_it_is_published(self, desk: Desk) -> None:
        first = (await desk.client.views_publish(user_id=desk.ann, view=HOME))["view"]
        known = {"user_id": desk.ann, "hash": first["hash"], "view": HOME}
        second = (await desk.client.views_publish(**known))["view"]
        assert (first["id"], first["type"]) == (second["id"], "home")
        assert await code_of(desk.client.views_publish(**known)) == "hash_conflict"
        nobodys = desk.client.views_publish(user_id="U0NOBODY", view=HOME)
        assert await code_of(nobodys) == "user_not_found"

    async def test_a_dialog_opens_once_for_what_was_pressed(self, desk: Desk) -> None:
        desk.inbox.sources = {"huggingface": FakeSource()}
        await desk.store.save_subscription(subscription(desk.channel))
        trigger = await desk.slack.trigger(desk.ann)
        await desk.views.open(desk.caller, "settings", trigger)
        (view,) = await desk.slack.views(desk.ann)
        assert command_of(view["callback_id"]) == "settings"
        assert len({each["block_id"] for each in view["blocks"]}) == len(view["blocks"]) > 5
        with pytest.raises(Refused, match="exchanged_trigger_id"):
            await desk.views.open(desk.caller, "settings", trigger)

    async def test_a_home_is_drawn_but_not_over_a_newer_one(self, desk: Desk) -> None:
        await desk.views.home(desk.caller, None)
        (first,) = await desk.slack.views(desk.ann)
        assert first["type"] == "home"
        await desk.views.home(desk.caller, first["hash"])
        (second,) = await desk.slack.views(desk.ann)
        assert (second["id"], second["hash"] != first["hash"]) == (first["id"], True)
        await desk.views.home(desk.caller, first["hash"])
        assert await desk.slack.views(desk.ann) == [second]

    # Installation

    async def test_a_code_is_good_for_one_token_which_works(self, desk: Desk) -> None:
        desk.need(installs)
        code = await desk.slack.authorize(desk.ann)
        answer = (await access(desk.slack, code)).data
        assert answer["team"]["id"] == desk.slack.team
        assert answer["authed_user"]["id"] == desk.ann
        assert set(answer["scope"].split(",")) == set(SCOPES)
        installed = AsyncWebClient(answer["access_token"], base_url=desk.slack.base_url)
        who = await installed.auth_test()
        assert (who["user_id"], who["team_id"]) == (answer["bot_user_id"], desk.slack.team)
        await installed.chat_postMessage(channel=desk.room, text="I am new.")
        assert await code_of(access(desk.slack, code)) == "invalid_code"

    async def test_a_workspace_installs_the_app_and_is_served_with_its_token(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        desk.need(installs)
        several = {"bot_token": None, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        public = REDIRECT.removesuffix(REDIRECT_PATH)
        settings = settings_for(desk.slack, public_url=public, **several)
        adapter = SlackAdapter(settings, tmp_path)
        serving = asyncio.create_task(adapter.serve(desk.inbox))
        try:
            while adapter.port is None and not serving.done():
                await asyncio.sleep(0.01)
            at = f"http://127.0.0.1:{adapter.port}"
            with pytest.raises(Gone, match="not installed"):
                await adapter.post(desk.channel, HELLO, key="k")
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as browser:
                async with browser.get(at + INSTALL_PATH) as page:
                    (state,) = [each.value for each in page.cookies.values()]
                code = await desk.slack.authorize(desk.ann)
                back = f"{at}{REDIRECT_PATH}?code={code}&state={state}"
                held = {"Cookie": f"slack-app-oauth-state={state}"}
                async with browser.get(back, headers=held) as page:
                    assert page.status == 200
            await adapter.post(desk.channel, HELLO, key="k")
            await desk.slack.tell(f"{at}{EVENTS_PATH}", SECRET)
            await desk.slack.react(desk.ann, desk.room, (await desk.history())[0]["ts"], "+1")
            assert (await desk.slack.told())[-1] == 200
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def test_a_code_is_good_for_nobody_else(self, desk: Desk) -> None:
        desk.need(installs)
        code = await desk.slack.authorize(desk.ann)
        secret = "invalid_client_id" if desk.breaks(wrong_secret) else "bad_client_secret"
        assert await code_of(access(desk.slack, code, secret="wrong")) == secret
        elsewhere = access(desk.slack, code, redirect="https://evil.example.org/")
        assert await code_of(elsewhere) == "bad_redirect_uri"
        assert await code_of(access(desk.slack, "made-up")) == "invalid_code"
