"""Every command, as members and admins see it and are answered."""

from __future__ import annotations

import discord
import pytest

from adapters.discord.commands import ADMINS, MEMBERS, SUMMARIZE_MENU
from bot.commands import all_commands
from bot.domain.channels import Layout
from tests.adapters.discord.conftest import PAPERS
from tests.doubles import discord_openapi
from tests.simcord.bodies import problems
from tests.simcord.conftest import HOME, Server, connected, labels, shown

ARGUMENTS = {
    "search": {"query": "world models"},
    "summarize": {"paper": "2605.00001"},
    "ask": {"paper": "#1", "question": "what is it about?"},
    "show": {"paper": "https://arxiv.org/abs/2605.00002"},
    "related": {"paper": "#3"},
    "help": {"name": "search"},
}
SAYS = {
    "today": "World models, part 1",
    "search": "3 papers for",
    "summarize": "World models, part 1",
    "ask": "what is it about?",
    "show": "World models, part 2",
    "related": "Related to “World models, part 3”",
    "top": "No paper",
    "saved": "saved",
    "settings": "Settings of this channel",
    "status": "Digest",
    "help": "Find papers",
    "home": "saved",
}


async def test_members_see_what_they_may_use(server: Server) -> None:
    seen = set(server.ada.available_commands(server.channel))
    admins = set(server.admin.available_commands(server.channel))
    assert seen == {f"{MEMBERS} {name}" for name, spec in all_commands().items() if not spec.admin}
    assert admins - seen == {
        f"{ADMINS} {name}" for name in ("subscribe", "unsubscribe", "settings")
    }


@pytest.mark.parametrize("name", [name for name, spec in all_commands().items() if not spec.admin])
async def test_every_command_answers_whoever_asked_alone(server: Server, name: str) -> None:
    await server.post_digest(Layout.LIST)
    result = await server.ada.slash(server.channel, f"{MEMBERS} {name}", **ARGUMENTS.get(name, {}))
    assert result.ephemeral
    assert SAYS[name].lower() in shown(result).lower()


@pytest.mark.parametrize("name", [name for name, spec in all_commands().items() if spec.share])
async def test_an_answer_can_be_shared(server: Server, name: str) -> None:
    await server.post_digest(Layout.CARDS)
    given = ARGUMENTS.get(name, {})
    message = server.channel.last_message
    assert message is not None
    for kind in ("up", "save"):
        await server.ada.click(message, custom_id=f"vote|{kind}|{PAPERS[0].id}")
    result = await server.ada.slash(server.channel, f"{MEMBERS} {name}", share=True, **given)
    assert not result.ephemeral
    last = server.channel.last_message
    assert last is not None
    assert result.response is not None
    assert last.id == result.response.id


async def test_admins_subscribe_change_and_unsubscribe(server: Server) -> None:
    answer = await server.admin.slash(
        server.channel, f"{ADMINS} subscribe", at="08:30", layout="list", limit=5
    )
    assert "Subscribed" in shown(answer)
    answer = await server.admin.slash(server.channel, f"{ADMINS} settings", limit=7)
    assert "at most 7 papers" in shown(answer)
    answer = await server.admin.slash(server.channel, f"{ADMINS} unsubscribe")
    assert not await server.store.subscriptions()


async def test_whoever_sees_a_command_by_grace_of_the_server_is_checked_all_the_same(
    server: Server,
) -> None:
    command = next(
        each
        for each in server.env.backend.visible_commands(
            user_id=server.admin.id, channel_id=server.channel.id
        )
        if each["name"] == ADMINS
    )
    server.guild.set_command_permissions(int(command["id"]), {server.ada: True})
    answer = await server.ada.slash(server.channel, f"{ADMINS} subscribe")
    assert "for those who manage this channel" in shown(answer)
    assert not await server.store.subscriptions()


async def test_what_the_bot_lacks_in_a_channel_is_named_when_it_is_subscribed(
    server: Server,
) -> None:
    me = server.guild.me
    assert me is not None
    closed = server.guild.create_text_channel(
        "closed", overwrites={me: discord.PermissionOverwrite(send_messages_in_threads=False)}
    )
    answer = await server.admin.slash(closed, f"{ADMINS} subscribe")
    assert "cannot post here" in shown(answer)
    assert "Send Messages in Threads" in shown(answer)


async def test_papers_choices_and_topics_are_suggested(server: Server) -> None:
    ask, ada, admin = server.channel, server.ada, server.admin
    papers = await ada.autocomplete(ask, f"{MEMBERS} show", "paper", "part 2")
    hours = await admin.autocomplete(ask, f"{ADMINS} settings", "at", "")
    topics = await admin.autocomplete(ask, f"{ADMINS} settings", "include", "dre")
    nothing = await ada.autocomplete(ask, f"{MEMBERS} show", "paper", "zebra")
    assert [each["value"] for each in papers] == ["2605.00002 World models, part 2"]
    assert "settled" in [each["value"] for each in hours]
    assert [each["value"] for each in topics] == ["dreams"]
    assert nothing == []
    assert all(len(each["name"]) <= 100 for each in (*papers, *hours, *topics))
    answer = await ada.slash(ask, f"{MEMBERS} show", paper=papers[0]["value"])
    assert PAPERS[1].title in shown(answer)


async def test_a_message_is_summarized_by_its_menu(server: Server) -> None:
    said = await server.admin.send(server.channel, "https://arxiv.org/abs/2605.00003 is good")
    answer = await server.ada.context_menu(server.channel, SUMMARIZE_MENU, said)
    assert answer.ephemeral
    assert PAPERS[2].title in shown(answer)
    said = await server.admin.send(server.channel, "Lunch?")
    answer = await server.ada.context_menu(server.channel, SUMMARIZE_MENU, said)
    assert "names no paper" in shown(answer)


async def test_commands_that_were_never_registered_are_not_there(server: Server) -> None:
    await server.env.bot.http.bulk_upsert_global_commands(server.env.bot.application_id or 0, [])
    assert server.ada.available_commands(server.channel) == ()
    await server.restart()
    assert f"{MEMBERS} search" in server.ada.available_commands(server.channel)


async def test_commands_are_registered_only_where_they_differ(server: Server) -> None:
    def puts() -> int:
        return sum(each.method == "PUT" for each in server.env.http_requests)

    assert puts() == 1
    await server.restart()
    assert puts() == 1


async def test_help_is_put_as_people_type_it_here(server: Server) -> None:
    answer = await server.ada.slash(server.channel, f"{MEMBERS} help")
    assert "/papers-admin subscribe" in shown(answer)
    assert "--" not in shown(answer)


async def test_every_request_fits_discords_own_description(server: Server) -> None:
    """That it can fail: what it is held against finds what is wrong with a body."""
    assert discord_openapi.available()
    path = "/channels/1/messages"
    assert problems("POST", path, {"content": "x" * 2_001}) != []
    assert problems("POST", path, {"content": "x", "colour": 1}) != []
    assert problems("POST", path, {"content": "x", "nonce": "x" * 26}) != []
    assert problems("POST", path, {"content": "x"}) == []
    assert labels(await server.ada.slash(server.channel, "papers today")) != ["nothing"]


async def test_commands_of_one_server_show_there_alone() -> None:
    async with connected(guild_commands=True) as server:
        home = server.env.create_guild("Home", id=HOME)
        channel = home.create_text_channel("papers")
        bob = home.add_member(server.env.create_user("bob"))
        assert f"{MEMBERS} search" in bob.available_commands(channel)
        assert server.ada.available_commands(server.channel) == ()
