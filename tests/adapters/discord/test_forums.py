"""Forums: what a post is called, how it is filed, and that it is never begun twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.forums import Forum, Tag, chosen_tags, post_name
from adapters.discord.ids import channel_ref
from bot.cards import sentence_reply
from bot.domain.channels import Layout, MessageRef
from bot.domain.deliveries import DeliveryState
from bot.domain.errors import Gone, Refused
from bot.domain.reply import Card, Heading, Note, Reply, text
from bot.text import size
from tests.adapters.discord.conftest import NOW, PAPERS, Team
from tests.doubles.discord import ApiError, Reset, ServerError, ServerErrorAfterEffect

KEY = "fedcba9876543210" * 4
BEGIN = "POST /channels/{channel_id}/threads"
EDIT = "PATCH /channels/{channel_id}/messages/{message_id}"
EDIT_CHANNEL = "PATCH /channels/{channel_id}"


def forum(*names: str, needs_tag: bool = False, moderated: tuple[str, ...] = ()) -> Forum:
    tags = [Tag(number, name, name in moderated) for number, name in enumerate(names, start=1)]
    return Forum(tuple(tags), needs_tag)


@pytest.mark.parametrize(
    ("found", "topics", "chosen"),
    [
        (forum("NLP", "Vision"), ("vision", "nlp"), [2, 1]),
        (forum("Diffusion"), ("latent diffusion models",), [1]),
        (forum("RL"), ("world models", "url"), []),
        (forum("a", "b", "c", "d", "e", "f"), ("f", "e", "d", "c", "b", "a"), [6, 5, 4, 3, 2]),
        (forum("NLP", moderated=("NLP",)), ("nlp",), []),
        (forum("Misc", "Papers", needs_tag=True), ("robots",), [2]),
        (forum("Misc", "Fun", needs_tag=True), (), [1]),
        (forum("Mods", "Fun", needs_tag=True, moderated=("Mods",)), (), [2]),
        (forum(), ("nlp",), []),
    ],
)
def test_a_post_is_filed_under_what_it_is_about(
    found: Forum, topics: tuple[str, ...], chosen: list[int]
) -> None:
    assert chosen_tags(found, topics) == chosen


def test_a_forum_whose_tags_the_bot_may_not_give_is_refused_with_the_cure() -> None:
    with pytest.raises(Refused, match="asks for a tag") as caught:
        chosen_tags(forum("Mods", needs_tag=True, moderated=("Mods",)), ("nlp",))
    assert "everybody may use" in caught.value.cure


def test_a_post_is_called_after_its_first_title() -> None:
    titled = Reply((Note(text("x")), Heading("Daily Papers"), Card(text("Paper"))), "summary")
    assert post_name(titled) == "Daily Papers"
    assert post_name(Reply((Card(text("World\nmodels")),), "summary")) == "World models"
    assert post_name(sentence_reply("Hello.")) == "Hello."
    assert post_name(Reply((), " ")) == "Daily Papers"


@given(st.text())
def test_a_post_always_has_a_name_that_discord_takes(title: str) -> None:
    assert 1 <= size(post_name(Reply((Heading(title),), title))) <= 100


def at_forum(team: Team, *tags: str, require_tag: bool = False) -> Team:
    """Let the team's digests go to a forum."""
    team.channel = team.double.guild.add_forum("papers", tags, require_tag=require_tag)
    return team


def posts(team: Team) -> list[int]:
    return sorted(team.double.guild.threads)


async def test_a_digest_is_one_post_with_a_paper_in_each_message(team: Team) -> None:
    at_forum(team)
    await team.plan(Layout.THREAD)
    async with team.serving() as adapter:
        await team.deliver(adapter)
    (post,) = posts(team)
    assert team.double.thread(post).name == "Daily Papers · Thu 7 May 2026"
    head, *papers = team.double.messages(post)
    assert head.id == post
    assert "World models, part 1" in head.text
    assert [PAPERS[n].title in each.text for n, each in enumerate(papers)] == [True] * 3
    deliveries = await team.store.deliveries(team.slot)
    assert all(each.state is DeliveryState.SENT for each in deliveries)
    assert {each.ref.channel.id for each in deliveries if each.ref} == {str(post)}


@pytest.mark.parametrize(("layout", "messages"), [(Layout.LIST, 1), (Layout.CARDS, 1)])
async def test_other_layouts_are_one_post_as_well(
    team: Team, layout: Layout, messages: int
) -> None:
    at_forum(team)
    await team.plan(layout)
    async with team.serving() as adapter:
        await team.deliver(adapter)
    (post,) = posts(team)
    assert len(team.double.messages(post)) == messages


async def test_later_cards_stand_in_the_post_of_the_first(team: Team) -> None:
    at_forum(team)
    await team.plan(Layout.CARDS, papers=7)
    async with team.serving() as adapter:
        await team.deliver(adapter)
    (post,) = posts(team)
    assert len(team.double.messages(post)) == 3


async def test_the_style_of_a_post_that_was_refused_as_components_is_known(team: Team) -> None:
    at_forum(team)
    async with team.serving() as adapter:
        team.double.fault(BEGIN, ApiError(400, 50035, "Invalid Form Body"))
        post = await adapter.post(team.slot.channel, sentence_reply("Hello."), key=KEY)
        await adapter.edit(post, sentence_reply("Goodbye."))
    edits = [each.status for each in team.double.requests if each.route == EDIT]
    assert edits == [200]


async def test_each_paper_can_have_a_post_of_its_own(team: Team) -> None:
    at_forum(team, "Dreams", "World Models")
    await team.plan(Layout.PAPERS)
    async with team.serving() as adapter:
        await team.deliver(adapter)
        first = posts(team)[0]
        await team.double.react(team.ada, first, "👍")
        await team.inbox.next_reaction()
    names = [team.double.thread(each).name for each in posts(team)]
    assert names == [each.title for each in PAPERS]
    assert all(len(team.double.messages(each)) == 1 for each in posts(team))
    tallies = await team.store.tallies(team.slot.channel)
    assert tallies[PAPERS[0].id].up == 1


async def test_tags_come_from_topics_and_a_forum_that_asks_for_one_gets_one(team: Team) -> None:
    at_forum(team, "Robots", "dreams", require_tag=True)
    await team.plan(Layout.PAPERS)
    async with team.serving() as adapter:
        await team.deliver(adapter)
    robots, dreams = (tag.id for tag in team.channel.tags)
    filed = [team.double.thread(each).applied_tags for each in posts(team)]
    assert filed == [(dreams,), (robots,), (robots,)]


@pytest.mark.parametrize("fault", [Reset(), Reset(after_effect=True)])
async def test_a_post_whose_answer_is_lost_is_begun_once(team: Team, fault: Reset) -> None:
    at_forum(team)
    await team.plan(Layout.PAPERS)
    async with team.serving() as adapter:
        team.double.fault(BEGIN, fault)
        await team.deliver(adapter)
    assert len(posts(team)) == 3


async def test_a_server_error_after_the_effect_begins_no_second_post(team: Team) -> None:
    """discord.py repeats a 500 of its own accord, unless it is kept from doing so."""
    at_forum(team)
    await team.plan(Layout.LIST)
    async with team.serving() as adapter:
        team.double.fault(BEGIN, ServerErrorAfterEffect(500))
        await team.deliver(adapter)
    assert len(posts(team)) == 1


async def test_a_server_error_before_the_effect_is_tried_again(team: Team) -> None:
    at_forum(team)
    await team.plan(Layout.LIST)
    async with team.serving() as adapter:
        team.double.fault(BEGIN, ServerError(503))
        await team.deliver(adapter)
    assert len(posts(team)) == 1


async def test_an_archived_post_is_found_again_too(team: Team) -> None:
    at_forum(team)
    channel = channel_ref(team.double.guild.id, team.channel.id)
    async with team.serving() as adapter:
        made = await adapter.post(channel, sentence_reply("Hello."), key=KEY)
        await adapter.post(channel, sentence_reply("Other."), key=KEY[::-1])
        await team.double.archive(team.double.thread(int(made.id)))
        found = await adapter.find(channel, key=KEY, since=NOW)
        missing = await adapter.find(channel, key="0" * 64, since=NOW)
    assert found == made == MessageRef(channel_ref(team.double.guild.id, int(made.id)), made.id)
    assert missing is None


async def test_what_stands_in_an_archived_post_is_still_edited(team: Team) -> None:
    at_forum(team)
    channel = channel_ref(team.double.guild.id, team.channel.id)
    async with team.serving() as adapter:
        made = await adapter.post(channel, sentence_reply("Hello."), key=KEY)
        await team.double.archive(team.double.thread(int(made.id)))
        await adapter.edit(made, sentence_reply("Goodbye."))
    (message,) = team.double.messages(int(made.id))
    assert "Goodbye." in message.text
    assert team.double.thread(int(made.id)).archived


async def test_where_there_are_too_many_threads_our_oldest_makes_room(team: Team) -> None:
    at_forum(team)
    channel = channel_ref(team.double.guild.id, team.channel.id)
    team.double.guild.most_threads = 26
    async with team.serving() as adapter:
        for number in range(27):
            await adapter.post(channel, sentence_reply(f"{number}"), key=f"{number:064}")
    archived = [each for each in posts(team) if team.double.thread(each).archived]
    assert archived == posts(team)[:1]
    assert len(posts(team)) == 27


async def test_what_a_forum_lacks_is_named_as_its_own_settings_name_it(team: Team) -> None:
    at_forum(team)
    team.channel.deny = {"READ_MESSAGE_HISTORY", "SEND_MESSAGES_IN_THREADS"}
    async with team.serving() as adapter:
        with pytest.raises(Refused, match="lacks Read Message History, Send Messages in Posts"):
            await adapter.check(team.slot.channel)
    team.channel.deny = {"CREATE_PUBLIC_THREADS"}
    async with team.serving() as adapter:
        await adapter.check(team.slot.channel)


async def test_a_forum_closed_to_the_bot_is_gone(team: Team) -> None:
    at_forum(team)
    await team.plan()
    async with team.serving() as adapter:
        team.double.fault(BEGIN, ApiError(403, 50013, "Missing Permissions"))
        outcome = await team.deliver(adapter)
    assert isinstance(outcome.gone, Gone)
    assert "Create Posts" in outcome.gone.cure


async def test_a_command_in_a_post_is_about_its_forum(team: Team) -> None:
    at_forum(team)
    await team.plan()
    async with team.serving() as adapter:
        await team.deliver(adapter)
        post = team.double.thread(posts(team)[0])
        exchange = await team.double.slash(team.ada, post, "papers", "show", {"paper": "#2"})
        answer = await exchange.answer()
    assert PAPERS[1].title in answer.text
