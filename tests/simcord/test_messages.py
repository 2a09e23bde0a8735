"""Digests, votes, buttons and dialogs, before and after the bot began anew."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.discord.commands import ADMINS, MEMBERS
from bot.domain.channels import Layout
from bot.domain.votes import Tally
from bot.services.deliveries import refresh
from tests.adapters.discord.conftest import PAPERS
from tests.simcord.conftest import Server, labels, shown

FIRST = PAPERS[0].id


async def tally(server: Server) -> dict[Any, Tally]:
    return dict(await server.store.tallies(server.slot.channel))


async def test_a_digest_is_a_head_with_a_thread(server: Server) -> None:
    await server.post_digest()
    head = server.channel.history()[0]
    (thread,) = server.channel.threads
    assert thread.name == "Daily Papers · Thu 7 May 2026"
    assert thread.id == head.id
    titles = [each.components for each in thread.history() if each.components]
    assert len(titles) == len(PAPERS)


async def test_a_forum_gets_a_post_for_a_digest(server: Server) -> None:
    server.channel = server.guild.create_forum_channel("papers-forum")
    await server.post_digest()
    (post,) = server.channel.threads
    assert post.name == "Daily Papers · Thu 7 May 2026"
    assert len([each for each in post.history() if each.components]) == 1 + len(PAPERS)


async def test_a_forum_gets_a_post_for_each_paper(server: Server) -> None:
    server.channel = server.guild.create_forum_channel("papers-forum")
    await server.post_digest(Layout.PAPERS)
    assert [each.name for each in server.channel.threads] == [each.title for each in PAPERS]
    post = server.channel.threads[0]
    (message,) = [each for each in post.history() if each.components]
    await server.ada.react(message, "👍")
    assert await tally(server) == {FIRST: Tally(up=1)}


@pytest.mark.parametrize("anew", [False, True])
async def test_buttons_vote_and_take_back(server: Server, anew: bool) -> None:
    await server.post_digest(Layout.CARDS)
    if anew:
        await server.restart()
    message = server.channel.last_message
    assert message is not None
    button = f"vote|up|{FIRST}"
    answer = await server.ada.click(message, custom_id=button)
    assert answer.ephemeral
    assert "Your vote counts: 1 vote" in shown(answer)
    assert await tally(server) == {FIRST: Tally(up=1)}
    await server.ada.click(message, custom_id=button)
    assert await tally(server) == {}


@pytest.mark.parametrize("anew", [False, True])
async def test_other_buttons_work_as_well(server: Server, anew: bool) -> None:
    await server.post_digest(Layout.CARDS)
    if anew:
        await server.restart()
    message = server.channel.last_message
    assert message is not None
    answer = await server.ada.click(message, custom_id=f"run|summarize|{FIRST}")
    assert "Summary" in shown(answer)
    answer = await server.ada.click(message, custom_id=f"vote|save|{FIRST}")
    assert "Saved" in shown(answer)
    saved = await server.ada.slash(server.channel, f"{MEMBERS} saved")
    assert PAPERS[0].title in shown(saved)


@pytest.mark.parametrize("anew", [False, True])
async def test_pages_are_turned_in_place(server: Server, anew: bool) -> None:
    answer = await server.ada.slash(
        server.channel, f"{MEMBERS} search", query="world models", limit=2
    )
    assert answer.response is not None
    if anew:
        await server.restart()
    turned = await server.ada.click(answer.response, label="More ›")
    assert "3 to 3 of 3" in shown(answer)
    assert not turned.followups
    await server.ada.click(answer.response, label="‹ Back")
    assert "1 to 2 of 3" in shown(answer)


@pytest.mark.parametrize("anew", [False, True])
async def test_settings_are_changed_in_a_modal(server: Server, anew: bool) -> None:
    answer = await server.admin.slash(server.channel, f"{ADMINS} subscribe")
    assert answer.response is not None
    if anew:
        await server.restart()
    opened = await server.admin.click(answer.response, label="Change settings 1/2")
    assert opened.modal is not None
    assert opened.modal["title"] == "Settings of #papers (1 of 2)"
    saved = await server.admin.submit_modal(
        opened,
        {
            "at": "08:30",
            "timezone": "Europe/Berlin",
            "weekdays": "mon-fri",
            "layout": ["list"],
            "limit": "4",
        },
    )
    assert "Settings changed" in shown(saved)
    order = await server.store.subscription(server.slot.channel)
    assert order is not None
    assert (f"{order.schedule.at:%H:%M}", order.schedule.timezone) == ("08:30", "Europe/Berlin")


async def test_what_is_wrong_in_a_modal_is_said_and_can_be_corrected(server: Server) -> None:
    await server.admin.slash(server.channel, f"{ADMINS} subscribe")
    opened = await server.admin.slash(server.channel, f"{ADMINS} settings")
    assert opened.modal is not None
    wrong = {
        "at": "noonish",
        "timezone": "UTC",
        "weekdays": "daily",
        "layout": ["list"],
        "limit": "99",
    }
    answer = await server.admin.submit_modal(opened, wrong)
    assert "is a time such as 09:00" in shown(answer)
    assert "Correct it" in labels(answer)
    assert answer.response is not None
    again = await server.admin.click(answer.response, label="Correct it")
    values = {
        each["component"]["custom_id"]: each["component"].get("value")
        for each in (again.modal or {})["components"]
    }
    assert values["at"] == "noonish"
    assert values["limit"] == "99"


async def test_reactions_are_votes(server: Server) -> None:
    await server.post_digest()
    head = server.channel.history()[0]
    await server.ada.react(head, "1️⃣")
    await server.admin.react(head, "1️⃣")
    await server.ada.react(head, "2️⃣")
    await server.ada.react(head, "🎉")
    assert await tally(server) == {FIRST: Tally(up=2), PAPERS[1].id: Tally(up=1)}
    await server.ada.unreact(head, "1️⃣")
    assert (await tally(server))[FIRST] == Tally(up=1)
    (thread,) = server.channel.threads
    paper = [each for each in thread.history() if each.components][-1]
    await server.ada.react(paper, "🔖")
    assert (await tally(server))[PAPERS[2].id] == Tally(save=1)


async def test_reactions_of_bots_and_the_bots_own_are_none(server: Server) -> None:
    await server.post_digest()
    head = server.channel.history()[0]
    other = server.guild.add_member(server.env.create_user("other", bot=True))
    await other.react(head, "1️⃣")
    await server.env.bot.http.add_reaction(server.channel.id, head.id, "1️⃣")
    await server.env.settle()
    assert await tally(server) == {}
    standing = await server.adapter.reactions(
        (await server.store.deliveries(server.slot))[0].ref  # type: ignore[arg-type]
    )
    assert list(standing) == []


async def test_a_head_shows_new_counts(server: Server) -> None:
    await server.post_digest(Layout.LIST)
    head = server.channel.history()[0]
    await server.ada.react(head, "1️⃣")
    await refresh(server.slot, store=server.store, adapter=server.adapter)
    body = [each for each in server.env.http_requests if each.method == "PATCH"][-1].json
    assert "team 1" in str(body)
