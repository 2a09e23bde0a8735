"""The Discord double, driven by the real discord.py over loopback."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands, ui
from discord.ext import commands

from . import discord_openapi
from .discord import (
    ApiError,
    DiscordDouble,
    DoubleError,
    RateLimited,
    Reset,
    ServerError,
    ServerErrorAfterEffect,
    Timeout,
)

CREATE = "POST /channels/{channel_id}/messages"


class Vote(ui.DynamicItem[ui.Button[Any]], template=r"vote\|(?P<paper>.+)"):
    def __init__(self, paper: str) -> None:
        super().__init__(ui.Button(label="Vote", custom_id=f"vote|{paper}"))
        self.paper = paper

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,
        item: ui.Item[Any],
        match: re.Match[str],
    ) -> Vote:
        return cls(match["paper"])

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"voted {self.paper}", ephemeral=True)


class Ask(ui.Modal, title="Ask"):
    question: ui.Label[ui.Modal] = ui.Label(
        text="Question", component=ui.TextInput(custom_id="question", max_length=50)
    )
    kind: ui.Label[ui.Modal] = ui.Label(
        text="Kind",
        component=ui.Select(
            custom_id="kind",
            options=[discord.SelectOption(label="A", value="a"), discord.SelectOption(label="B")],
        ),
    )

    def __init__(self) -> None:
        super().__init__(custom_id="ask")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        assert isinstance(self.question.component, ui.TextInput)
        assert isinstance(self.kind.component, ui.Select)
        said = f"{self.question.component.value} {self.kind.component.values[0]}"
        await interaction.response.send_message(said)


class Bot(commands.Bot):
    """A small bot with the habits of the real one."""

    def __init__(self, *, intents: discord.Intents | None = None) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents or discord.Intents(guilds=True, guild_reactions=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            guild_ready_timeout=0.01,
        )
        self.events: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
        self.may_answer = asyncio.Event()
        _add_commands(self)

    async def setup_hook(self) -> None:
        self.add_dynamic_items(Vote)
        await self.tree.sync()

    def dispatch(self, event_name: str, /, *args: object, **kwargs: object) -> None:
        if event_name.startswith(("raw_", "ready", "resumed")):
            self.events.put_nowait((event_name, args[0] if args else None))
        super().dispatch(event_name, *args, **kwargs)

    async def next(self, *names: str) -> object:
        async with asyncio.timeout(5):
            while True:
                name, data = await self.events.get()
                if name in names:
                    return data


def _add_commands(bot: Bot) -> None:
    papers = app_commands.Group(name="papers", description="Papers")

    @papers.command(description="Search")
    async def search(
        interaction: discord.Interaction,
        query: app_commands.Range[str, 1, 20],
        days: int = 7,
    ) -> None:
        await interaction.response.defer(thinking=True)
        await bot.may_answer.wait()
        await interaction.followup.send(f"{query} in {days} days")
        await interaction.followup.send("and more")

    @search.autocomplete("query")
    async def complete(
        interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=current.upper(), value=current)]

    @bot.tree.command(description="Hello")
    async def hello(interaction: discord.Interaction, who: discord.Member) -> None:
        await interaction.response.send_message(f"hello {who.name}", ephemeral=True)

    @bot.tree.command(description="Opens a modal")
    async def ask(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Ask())

    @bot.tree.command(description="Never answers")
    async def silent(interaction: discord.Interaction) -> None:
        await bot.may_answer.wait()
        try:
            await interaction.response.send_message("too late")
        except discord.NotFound as error:
            bot.dispatch("raw_late", error.code)

    @bot.tree.command(description="Answers twice")
    async def twice(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("once")
        interaction.response._response_type = None  # discord.py would refuse by itself
        try:
            await interaction.response.send_message("twice")
        except discord.HTTPException as error:
            bot.dispatch("raw_twice", error.code)

    @bot.tree.command(description="Edits and deletes")
    @app_commands.default_permissions(manage_guild=True)
    async def webhook(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.edit_original_response(content="edited")
        extra = await interaction.followup.send("gone soon", wait=True)
        await extra.delete()
        assert (await interaction.original_response()).content == "edited"

    @bot.tree.context_menu(name="Summarise")
    async def summarise(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"sum of {message.content}")

    bot.tree.add_command(papers)


@asynccontextmanager
async def running(double: DiscordDouble, bot: Bot) -> AsyncIterator[Bot]:
    with double.redirect():
        async with asyncio.TaskGroup() as group:
            group.create_task(bot.start(double.token))
            await bot.next("ready")
            try:
                yield bot
            finally:
                await bot.close()


@pytest.fixture
async def double() -> AsyncIterator[DiscordDouble]:
    async with DiscordDouble() as made:
        yield made


def text_channel(bot: Bot, channel_id: int) -> discord.TextChannel:
    found = bot.get_channel(channel_id)
    assert isinstance(found, discord.TextChannel)
    return found


async def test_logs_in_syncs_and_knows_its_guild(double: DiscordDouble) -> None:
    channel = double.guild.add_text("papers")
    async with running(double, Bot()) as bot:
        seen = text_channel(bot, channel.id)
        assert seen.permissions_for(seen.guild.me).send_messages
        assert bot.latency < 5
    names = {command["name"] for command in double.commands}
    assert names == {"papers", "hello", "ask", "silent", "twice", "webhook", "Summarise"}
    assert double.received[0].op == 1  # discord.py beats its heart before it identifies


async def test_a_deferred_command_is_answered_by_its_followup(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    async with running(double, Bot()) as bot:
        exchange = await double.slash(ada, channel, "papers", "search", {"query": "rag"})
        assert (exchange.ack_type, exchange.ephemeral, exchange.messages) == (5, False, ())
        assert exchange.acked_within is not None
        assert exchange.acked_within < 3
        bot.may_answer.set()
        assert (await exchange.answer()).content == "rag in 7 days"
        await double.until(lambda: len(exchange.messages) == 2)
    assert [one.content for one in double.messages(channel)] == ["rag in 7 days", "and more"]


async def test_the_client_offers_only_what_was_synced(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    async with running(double, Bot()):
        for options in ({"query": 3}, {"query": "x" * 21}, {}, {"query": "a", "nope": 1}):
            with pytest.raises(DoubleError):
                await double.slash(ada, channel, "papers", "search", options)
        with pytest.raises(DoubleError, match="never synced"):
            await double.slash(ada, channel, "nope")
        with pytest.raises(DoubleError, match="default_member_permissions"):
            await double.slash(ada, channel, "webhook")
        offered = await double.autocomplete(ada, channel, "papers", "search", "query", "ra")
    assert [(one.name, one.value) for one in offered] == [("RA", "ra")]


async def test_an_ephemeral_answer_stays_out_of_the_channel(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    async with running(double, Bot()):
        exchange = await double.slash(ada, channel, "hello", None, {"who": ada})
        answer = await exchange.answer()
    assert exchange.ephemeral
    assert answer.ephemeral
    assert answer.content == "hello ada"
    assert double.messages(channel) == ()


async def test_webhook_calls_edit_delete_and_read_back(double: DiscordDouble) -> None:
    channel = double.guild.add_text("papers")
    boss = double.guild.add_user("boss", permissions=["MANAGE_GUILD"])
    async with running(double, Bot()):
        exchange = await double.slash(boss, channel, "webhook")
        await double.until(
            lambda: double.requests[-1].method == "GET" and double.requests[-1].status
        )
    assert [one.content for one in exchange.messages] == ["edited"]
    assert all(request.status in (200, 204) for request in double.requests)


async def test_a_late_or_double_response_is_refused(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    async with running(double, Bot()) as bot:
        await double.slash(ada, channel, "twice")
        assert await bot.next("raw_twice") == 40060
    async with DiscordDouble(ack_seconds=0.1) as hasty:
        channel, ada = hasty.guild.add_text("papers"), hasty.guild.add_user("ada")
        async with running(hasty, Bot()) as bot:
            exchange = await hasty.slash(ada, channel, "silent")
            assert exchange.acked_within is None
            bot.may_answer.set()
            assert await bot.next("raw_late") == 10062


async def test_a_modal_is_filled_in_and_answered(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    async with running(double, Bot()):
        opened = await double.slash(ada, channel, "ask")
        assert opened.modal is not None
        with pytest.raises(DoubleError, match="characters"):
            await double.submit_modal(ada, "ask", {"kind": "a"})
        sent = await double.submit_modal(ada, "ask", {"question": "why", "kind": "B"})
        assert (await sent.answer()).content == "why B"


async def test_a_context_menu_gets_its_message(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    said = await double.say(ada, channel, "a long story")
    async with running(double, Bot()):
        exchange = await double.context_menu(ada, said.id, "Summarise")
        assert (await exchange.answer()).content == "sum of a long story"


async def test_a_dynamic_button_works_in_both_message_forms(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    async with running(double, Bot()) as bot:
        place = text_channel(bot, channel.id)
        old = ui.View(timeout=None)
        old.add_item(Vote("arxiv:1"))
        await place.send("embeds", embed=discord.Embed(title="One"), view=old)
        new = ui.LayoutView(timeout=None)
        section: ui.Section[ui.LayoutView] = ui.Section(
            "**Two**",
            accessory=Vote("arxiv:2"),  # type: ignore[arg-type]  # as its stubs have it
        )
        new.add_item(ui.Container(section, ui.Separator(), ui.TextDisplay("end")))
        await place.send(view=new)
    async with running(double, Bot()):  # a restart: nothing but the custom id is left
        for posted in double.messages(channel):
            (custom_id,) = posted.custom_ids
            exchange = await double.click(ada, posted.id, custom_id)
            assert (await exchange.answer()).content == custom_id.replace("vote|", "voted ")
        with pytest.raises(DoubleError, match="only"):
            await double.click(ada, posted.id, "vote|arxiv:9")
    assert "**Two**" in posted.text


async def test_select_menus_bring_their_values(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    async with running(double, Bot()) as bot:
        view = ui.View(timeout=None)
        menu: ui.Select[ui.View] = ui.Select(
            custom_id="menu", options=[discord.SelectOption(label=one) for one in "ab"]
        )

        async def picked(interaction: discord.Interaction) -> None:
            await interaction.response.edit_message(content=menu.values[0], view=None)

        menu.callback = picked  # type: ignore[method-assign]
        view.add_item(menu)
        sent = await text_channel(bot, channel.id).send("pick", view=view)
        with pytest.raises(DoubleError, match="offers"):
            await double.select(ada, sent.id, "menu", ["c"])
        exchange = await double.select(ada, sent.id, "menu", ["b"])
        assert (exchange.ack_type, (await exchange.answer()).content) == (7, "b")
    assert double.message(sent.id).components == ()


async def test_reactions_to_an_uncached_message_arrive_raw(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    said = await double.say(ada, channel, "old")
    async with running(double, Bot()) as bot:
        assert (await double.react(ada, said.id, "👍")).changed
        assert not (await double.react(ada, said.id, "👍")).changed
        added = await bot.next("raw_reaction_add")
        assert isinstance(added, discord.RawReactionActionEvent)
        assert (added.user_id, added.message_id, str(added.emoji)) == (ada.id, said.id, "👍")
        assert added.message_author_id == ada.id
        assert added.member is not None
        await double.react(ada, said.id, "👍", burst=True)
        super_one = await bot.next("raw_reaction_add")
        assert isinstance(super_one, discord.RawReactionActionEvent)
        assert super_one.burst
        await double.unreact(ada, said.id, "👍")
        removed = await bot.next("raw_reaction_remove")
        assert isinstance(removed, discord.RawReactionActionEvent)
        assert removed.message_author_id is None
        await double.clear_emoji(said.id, "👍")
        await bot.next("raw_reaction_clear_emoji")
        await double.react(ada, said.id, "👎")
        await double.clear_reactions(said.id)
        await bot.next("raw_reaction_clear")


async def test_reactors_are_read_in_pages_and_by_kind(double: DiscordDouble) -> None:
    channel = double.guild.add_text("papers")
    crowd = [double.guild.add_user(f"user{number}") for number in range(130)]
    smile = double.guild.add_emoji("smile")
    said = await double.say(crowd[0], channel, "popular")
    for user in crowd:
        await double.react(user, said.id, "👍")
    await double.react(crowd[0], said.id, "👍", burst=True)
    async with running(double, Bot()) as bot:
        message = await text_channel(bot, channel.id).fetch_message(said.id)
        await message.add_reaction("👍")
        await message.add_reaction(f"<:smile:{smile.id}>")
        with pytest.raises(discord.HTTPException) as caught:
            await message.add_reaction("nonsense")
        assert caught.value.code == 10014
        message = await text_channel(bot, channel.id).fetch_message(said.id)
        (thumb, custom) = message.reactions
        assert (thumb.normal_count, thumb.burst_count, thumb.me) == (131, 1, True)
        assert custom.is_custom_emoji()
        normal = [one.id async for one in thumb.users(limit=None, type=discord.ReactionType.normal)]
        burst = [one.id async for one in thumb.users(limit=None, type=discord.ReactionType.burst)]
        assert set(normal) == {*(user.id for user in crowd), double.bot.id}
        assert burst == [crowd[0].id]
        await message.remove_reaction("👍", bot.user or discord.Object(0))
    assert double.bot.id not in double.message(said.id).reactions["👍"]


async def test_message_deletes_need_their_intent(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    intents = discord.Intents(guilds=True, guild_reactions=True, guild_messages=True)
    async with running(double, Bot(intents=intents)) as bot:
        said = await double.say(ada, channel, "secret")
        await double.delete_message(said.id)
        event = await bot.next("raw_message_delete")
        assert isinstance(event, discord.RawMessageDeleteEvent)
        assert event.message_id == said.id
    async with running(double, Bot()) as bot:
        said = await double.say(ada, channel, "secret")
        await double.delete_message(said.id)
        other = await double.say(ada, channel, "kept")
        await double.react(ada, other.id, "👍")
        await bot.next("raw_reaction_add")  # the first event to arrive


async def test_a_message_gets_one_thread(double: DiscordDouble) -> None:
    channel = double.guild.add_text("papers")
    async with running(double, Bot()) as bot:
        message = await text_channel(bot, channel.id).send("digest")
        thread = await message.create_thread(name="talk")
        assert thread.id == message.id
        await thread.send("inside")
        again = await text_channel(bot, channel.id).fetch_message(message.id)
        assert again.thread is not None
        with pytest.raises(discord.HTTPException) as caught:
            await message.create_thread(name="talk")
        assert caught.value.code == 160004
        inside = [one.content for one in double.messages(message.id)]
        assert inside == ["", "inside"]  # the first is Discord's note of where it started
        note = await thread.send("will freeze")
        await double.archive(double.thread(thread.id))
        archived = [one.id async for one in text_channel(bot, channel.id).archived_threads()]
        assert archived == [thread.id]
        with pytest.raises(discord.HTTPException) as caught:
            await note.edit(content="x")
        assert caught.value.code == 50083


async def test_a_forum_post_is_a_thread_with_its_first_message(double: DiscordDouble) -> None:
    forum = double.guild.add_forum("reading", ["nlp"], require_tag=True)
    async with running(double, Bot()) as bot:
        place = bot.get_channel(forum.id)
        assert isinstance(place, discord.ForumChannel)
        with pytest.raises(discord.HTTPException) as caught:
            await place.create_thread(name="no tag", content="x")
        assert caught.value.code == 40067
        tag = place.available_tags[0]
        post = await place.create_thread(name="A paper", content="words", applied_tags=[tag])
        assert post.thread.id == post.message.id
        assert post.thread.applied_tags == [tag]
        await post.message.edit(content="better words")
    assert [one.content for one in double.messages(post.thread.id)] == ["better words"]


async def test_an_enforced_nonce_posts_once_though_the_answer_was_lost(
    double: DiscordDouble,
) -> None:
    channel = double.guild.add_text("papers")
    double.fault(CREATE, ServerErrorAfterEffect(502))
    async with running(double, Bot()) as bot:
        sent = await text_channel(bot, channel.id).send("digest", nonce="a" * 24)
        assert [request.status for request in double.requests if request.route == CREATE] == [
            502,
            200,
        ]
        again = await text_channel(bot, channel.id).send("digest", nonce="a" * 24)
        assert again.id == sent.id
        double.advance(3600)
        later = await text_channel(bot, channel.id).send("digest", nonce="a" * 24)
    assert [one.id for one in double.messages(channel)] == [sent.id, later.id]


async def test_a_429_is_waited_out(double: DiscordDouble) -> None:
    channel = double.guild.add_text("papers")
    double.fault(CREATE, RateLimited(retry_after=0.2))
    async with running(double, Bot()) as bot:
        started = time.monotonic()
        await text_channel(bot, channel.id).send("patient")
        assert time.monotonic() - started >= 0.2
        double.fault(CREATE, RateLimited(via=False))
        with pytest.raises(discord.HTTPException, match="429"):
            await text_channel(bot, channel.id).send("banned")
    assert len(double.messages(channel)) == 1


async def test_enforced_limits_hold_back_a_burst() -> None:
    async with DiscordDouble(enforce_limits=True, message_limit=(2, 0.3)) as double:
        channel = double.guild.add_text("papers")
        headers = {"Authorization": f"Bot {double.token}"}
        async with aiohttp.ClientSession(double.api_url + "/", headers=headers) as http:
            for status in (200, 200, 429):
                url = f"channels/{channel.id}/messages"
                async with http.post(url, json={"content": "x"}) as response:
                    assert response.status == status
                    assert response.headers["Content-Type"] == "application/json"
                    body = await response.json()
            assert 0 < body["retry_after"] <= 0.3
            assert response.headers["Via"]
        async with running(double, Bot()) as bot:
            place = text_channel(bot, channel.id)
            await asyncio.gather(*(place.send(str(number)) for number in range(5)))
    assert len(double.messages(channel)) == 7


async def test_history_is_read_back(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    said = [await double.say(ada, channel, str(number)) for number in range(120)]
    async with running(double, Bot()) as bot:
        place = text_channel(bot, channel.id)

        async def read(**query: Any) -> list[str]:
            return [one.content async for one in place.history(**query)]

        assert await read(limit=2) == ["119", "118"]
        assert len(await read(limit=None)) == 120
        middle = discord.Object(said[60].id)
        assert await read(after=middle, limit=2) == ["61", "62"]
        assert await read(before=middle, limit=2) == ["59", "58"]
        assert sorted(await read(around=middle, limit=3)) == ["59", "60", "61"]


async def test_resume_replays_a_missed_reaction(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    said = await double.say(ada, channel, "digest")
    async with running(double, Bot()) as bot:
        (session,) = double.sessions
        await double.drop_gateway()
        await double.react(ada, said.id, "👍")
        event = await bot.next("raw_reaction_add")
        assert isinstance(event, discord.RawReactionActionEvent)
        await bot.next("resumed")
        assert double.sessions == (session,)
        await double.ask_to_reconnect()
        await bot.next("resumed")
        await double.drop_gateway(code=4000)
        await bot.next("resumed")
    assert [one.op for one in double.received if one.op in (2, 6)] == [2, 6, 6, 6]


async def test_op_9_and_a_lost_session_begin_a_new_one(double: DiscordDouble) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    said = await double.say(ada, channel, "digest")
    async with running(double, Bot()) as bot:
        first = double.sessions
        await double.invalidate_session()
        await bot.next("ready")
        second = double.sessions
        await double.drop_gateway(resumable=False)
        await double.react(ada, said.id, "👍")  # nobody hears of it
        await bot.next("ready")
        assert len({*first, *second, *double.sessions}) == 3
        assert bot.events.empty()


async def test_a_bad_token_is_a_login_failure(double: DiscordDouble) -> None:
    with double.redirect():
        async with Bot() as bot:
            with pytest.raises(discord.LoginFailure):
                await bot.start("wrong")


async def test_a_token_that_expires_is_refused_by_the_gateway(double: DiscordDouble) -> None:
    with double.redirect():
        async with Bot() as bot:
            await bot.login(double.token)
            bot.http.token = "stale"
            with pytest.raises(discord.ConnectionClosed) as caught:
                await bot.connect()
    assert caught.value.code == 4004


async def test_a_privileged_intent_must_be_allowed(double: DiscordDouble) -> None:
    intents = discord.Intents(guilds=True, members=True)
    with double.redirect():
        async with Bot(intents=intents) as bot:
            with pytest.raises(discord.PrivilegedIntentsRequired):
                await bot.start(double.token)
    async with DiscordDouble(privileged_intents=intents.value) as open_one:
        ada = open_one.guild.add_user("ada")
        async with running(open_one, Bot(intents=intents)) as bot:
            guild = bot.get_guild(open_one.guild.id)
            assert guild is not None
            assert guild.get_member(ada.id) is not None
            assert guild.chunked


def layout(*texts: str, buttons: int = 0) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    for text in texts:
        view.add_item(ui.TextDisplay(text))
    for number in range(buttons):
        view.add_item(ui.ActionRow(ui.Button(label="b", custom_id=f"b{number}")))
    return view


async def test_oversize_bodies_are_invalid_forms(double: DiscordDouble) -> None:
    channel = double.guild.add_text("papers")
    field = {"name": "n", "value": "v" * 1000}
    long_embed = discord.Embed.from_dict({"fields": [field] * 4})
    async with running(double, Bot()) as bot:
        send = text_channel(bot, channel.id).send
        label = ui.View(timeout=None).add_item(ui.Button(label="l" * 81, custom_id="x"))
        custom = ui.View(timeout=None).add_item(ui.Button(label="l", custom_id="x" * 101))
        for said, words in (
            (send("x" * 2001), "2000 or fewer"),
            (send("x", nonce="n" * 26), "25 or fewer"),
            (send(embeds=[long_embed, long_embed]), "6000"),
            (send(embed=discord.Embed(title="t" * 257)), "256 or fewer"),
            (send("x", view=label), "80 or fewer"),
            (send("x", view=custom), "100 or fewer"),
        ):
            with pytest.raises(discord.HTTPException, match=words) as caught:
                await said
            assert caught.value.code == 50035
        with pytest.raises(discord.HTTPException) as caught:
            await send(content="")
        assert caught.value.code == 50006
        body = layout("x" * 2500, "y" * 1501)
        with pytest.raises(discord.HTTPException, match="4000 or fewer"):
            await send(view=body)
        with pytest.raises(discord.HTTPException, match="IS_COMPONENTS_V2"):
            await bot.http.request(
                discord.http.Route(
                    "POST", "/channels/{channel_id}/messages", channel_id=channel.id
                ),
                json={
                    "content": "x",
                    "flags": 1 << 15,
                    "components": [{"type": 10, "content": "a"}],
                },
            )
        rows = [
            {"type": 1, "components": [{"type": 2, "style": 1, "label": "b", "custom_id": str(n)}]}
            for n in range(21)
        ]
        with pytest.raises(discord.HTTPException, match="between 1 and 40"):
            await bot.http.request(
                discord.http.Route(
                    "POST", "/channels/{channel_id}/messages", channel_id=channel.id
                ),
                json={"flags": 1 << 15, "components": rows},
            )
    assert double.messages(channel) == ()


async def test_permissions_are_those_of_the_channel(double: DiscordDouble) -> None:
    hidden, mute = double.guild.add_text("hidden"), double.guild.add_text("mute")
    hidden.deny = {"VIEW_CHANNEL"}
    mute.deny = {"SEND_MESSAGES"}
    gone = double.guild.add_text("gone")
    async with running(double, Bot()) as bot:
        seen = text_channel(bot, mute.id)
        assert not seen.permissions_for(seen.guild.me).send_messages
        for call, status, code in (
            (bot.fetch_channel(hidden.id), 403, 50001),
            (seen.send("x"), 403, 50013),
            (bot.fetch_channel(12345), 404, 10003),
            (seen.fetch_message(12345), 404, 10008),
        ):
            with pytest.raises(discord.HTTPException) as caught:
                await call
            assert (caught.value.status, caught.value.code) == (status, code)
        mute.deny.clear()
        await double.update(mute)
        await double.delete_channel(gone)
        await seen.send("x")
        with pytest.raises(discord.NotFound):
            await bot.fetch_channel(gone.id)


async def test_faults_look_like_those_of_a_network(double: DiscordDouble) -> None:
    channel = double.guild.add_text("papers")
    async with running(double, Bot()) as bot:
        send = text_channel(bot, channel.id).send
        double.fault(CREATE, Reset())
        with pytest.raises((aiohttp.ClientError, OSError)):
            await send("reset")
        double.fault(CREATE, Timeout(0.05))
        with pytest.raises((aiohttp.ClientError, OSError)):
            await send("timeout")
        double.fault(CREATE, ServerError(503))
        with pytest.raises(discord.DiscordServerError):
            await send("503")
        double.fault(CREATE, ApiError(403, 50013, "Missing Permissions"), times=2)
        for _ in range(2):
            with pytest.raises(discord.Forbidden):
                await send("403")
        double.fault(CREATE, Reset(after_effect=True))
        with pytest.raises((aiohttp.ClientError, OSError)):
            await send("arrived")
        double.fault("GET /gateway", ServerError(503))
        await double.ask_to_reconnect()
        await bot.next("resumed")
    assert [one.content for one in double.messages(channel)] == ["arrived"]


async def test_files_arrive_as_multipart(double: DiscordDouble) -> None:
    channel = double.guild.add_text("papers")
    async with running(double, Bot()) as bot:
        data = discord.File(__file__, filename="a.py")
        sent = await text_channel(bot, channel.id).send("with file", file=data)
        assert sent.attachments[0].filename == "a.py"
    assert double.requests[-1].files[0].filename == "a.py"
    assert double.requests[-1].body["content"] == "with file"


async def test_a_body_beyond_the_double_fails_the_test() -> None:
    double = await DiscordDouble().__aenter__()
    url = f"{double.api_url}/channels/{double.guild.add_text('papers').id}/messages"
    headers = {"Authorization": f"Bot {double.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(url, json={"embeds": ["no object"]}) as response,
    ):
        assert response.status == 400
    with pytest.raises(AttributeError):
        await double.__aexit__(None, None, None)


async def test_redirect_restores_discord_py(double: DiscordDouble) -> None:
    with double.redirect():
        assert "127.0.0.1" in discord.http.Route.BASE
    assert discord.http.Route.BASE == "https://discord.com/api/v10"
    assert str(discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY) == "wss://gateway.discord.gg/"


async def test_request_bodies_fit_the_official_description(double: DiscordDouble) -> None:
    if not discord_openapi.available():
        pytest.skip(f"Discord's OpenAPI description is not at {discord_openapi.location()}")
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    forum = double.guild.add_forum("reading", ["nlp"])
    async with running(double, Bot()) as bot:
        bot.may_answer.set()
        place = text_channel(bot, channel.id)
        message = await place.send("x", embed=discord.Embed(title="t"), view=ui.View())
        await place.send(view=layout("a", buttons=2))
        await place.send("file", file=discord.File(__file__))
        await message.edit(content="y")
        await message.add_reaction("👍")
        await message.create_thread(name="talk")
        place_of_posts = bot.get_channel(forum.id)
        assert isinstance(place_of_posts, discord.ForumChannel)
        await place_of_posts.create_thread(name="post", content="x")
        exchange = await double.slash(ada, channel, "papers", "search", {"query": "q"})
        await exchange.answer()
        await double.slash(ada, channel, "ask")
        await double.autocomplete(ada, channel, "papers", "search", "query", "ra")
    checked = [one for one in double.requests if one.body is not None]
    assert len(checked) > 8
    for one in checked:
        assert discord_openapi.problems(one.method, one.template, one.body) == []
    wrong = {"embeds": [{"title": "t" * 257}]}
    assert discord_openapi.problems("POST", "/channels/{channel_id}/messages", wrong)


async def test_a_plain_client_with_a_tree_defers_an_update_and_meets_a_person(
    double: DiscordDouble,
) -> None:
    channel, ada = double.guild.add_text("papers"), double.guild.add_user("ada")
    client = discord.Client(intents=discord.Intents(guilds=True), guild_ready_timeout=0.01)
    tree = app_commands.CommandTree(client)
    ready = asyncio.Event()

    @client.event
    async def on_ready() -> None:
        await tree.sync(guild=discord.Object(double.guild.id))
        ready.set()

    @client.event
    async def on_interaction(interaction: discord.Interaction) -> None:
        if interaction.type is discord.InteractionType.component:
            await interaction.response.defer()
            await interaction.edit_original_response(content="pressed", view=None)

    @tree.context_menu(name="Wave", guild=discord.Object(double.guild.id))
    async def wave(interaction: discord.Interaction, member: discord.Member) -> None:
        view = ui.View(timeout=None).add_item(ui.Button(label="press", custom_id="press"))
        await interaction.response.send_message(f"wave to {member.name}", view=view)

    with double.redirect():
        async with asyncio.TaskGroup() as group:
            group.create_task(client.start(double.token))
            await ready.wait()
            (synced,) = double.commands
            assert synced["guild_id"] == str(double.guild.id)
            waved = await double.context_menu(ada, ada, "Wave", channel=channel)
            answer = await waved.answer()
            assert answer.content == "wave to ada"
            pressed = await double.click(ada, answer.id, "press")
            assert pressed.ack_type == 6
            assert (await pressed.answer()).content == "pressed"
            await client.close()
    assert [one.content for one in double.messages(channel)] == ["pressed"]
