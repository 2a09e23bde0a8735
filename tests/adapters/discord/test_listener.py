"""What people do besides typing commands: menus, dialogs, pages, and what moderators clear."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from adapters.discord.commands import ADMINS, SUMMARIZE_MENU
from adapters.discord.ids import message_ref
from bot.domain.channels import Layout
from bot.domain.dialog import Dialog
from bot.domain.reply import Reply
from bot.domain.votes import Tally
from bot.services.writer import Budget, Writer
from tests.adapters.discord.conftest import PAPERS, Team
from tests.doubles.discord import MessageView
from tests.fakes import FakeModel

CALLBACK = "POST /interactions/{interaction_id}/{interaction_token}/callback"
EDIT = "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original"


def button(message: MessageView, label: str) -> str:
    """Return the id of the button of that label."""
    return next(str(each["custom_id"]) for each in message.buttons if each["label"] == label)


async def subscribed(team: Team) -> MessageView:
    exchange = await team.double.slash(team.admin, team.channel, ADMINS, "subscribe")
    return await exchange.answer()


async def test_settings_are_changed_in_a_modal_of_two_pages(team: Team) -> None:
    async with team.serving():
        shown = await subscribed(team)
        opened = await team.double.click(team.admin, shown.id, button(shown, "Change settings 1/2"))
        assert opened.modal is not None
        assert opened.ack_type == 9
        sent = await team.double.submit_modal(
            team.admin, opened.modal["custom_id"], {"at": "08:30", "limit": "5"}
        )
        answer = await sent.answer()
        second = await team.double.click(
            team.admin, answer.id, button(answer, "Change settings 2/2")
        )
        assert second.modal is not None
        filled = {"include": "diffusion, world models", "exclude": ""}
        sent = await team.double.submit_modal(team.admin, second.modal["custom_id"], filled)
        answer = await sent.answer()
    order = await team.store.subscription(team.slot.channel)
    assert order is not None
    assert (f"{order.schedule.at:%H:%M}", order.limit) == ("08:30", 5)
    assert order.filters.include == ("diffusion", "world models")
    assert order.name == "papers"
    assert answer.ephemeral
    assert "Settings changed" in answer.text


async def test_what_was_filled_in_wrongly_is_explained_and_can_be_corrected(team: Team) -> None:
    async with team.serving():
        shown = await subscribed(team)
        opened = await team.double.click(team.admin, shown.id, button(shown, "Change settings 1/2"))
        assert opened.modal is not None
        wrong = {"at": "half past nine", "timezone": "Europe/Berlin"}
        sent = await team.double.submit_modal(team.admin, opened.modal["custom_id"], wrong)
        answer = await sent.answer()
        again = await team.double.click(team.admin, answer.id, button(answer, "Correct it"))
    assert "is a time such as 09:00" in answer.text
    assert again.modal is not None
    values = {
        each["component"]["custom_id"]: each["component"].get("value")
        for each in again.modal["components"]
    }
    assert values["at"] == "half past nine"
    assert values["timezone"] == "Europe/Berlin"
    order = await team.store.subscription(team.slot.channel)
    assert order is not None
    assert order.schedule.timezone == "UTC"


async def test_the_admins_command_without_options_opens_the_modal(team: Team) -> None:
    async with team.serving():
        await subscribed(team)
        opened = await team.double.slash(team.admin, team.channel, ADMINS, "settings")
        changed = await team.double.slash(
            team.admin, team.channel, ADMINS, "settings", {"limit": 7}
        )
        answer = await changed.answer()
    assert opened.modal is not None
    assert opened.modal["title"] == "Settings of #papers (1 of 2)"
    assert "at most 7 papers" in answer.text


async def test_members_look_at_settings_and_are_told_that_they_may_not_change_them(
    team: Team,
) -> None:
    async with team.serving():
        await subscribed(team)
        looked = await team.double.slash(team.ada, team.channel, "papers", "settings")
        answer = await looked.answer()
        pressed = await team.double.click(
            team.ada, answer.id, button(answer, "Change settings 1/2")
        )
        refused = await pressed.answer()
    assert "Settings of this channel" in answer.text
    assert pressed.modal is None
    assert "changed by those who manage this channel" in refused.text


async def test_a_dialog_that_takes_too_long_is_answered_in_time(team: Team) -> None:
    async def slow(_: object) -> Dialog | Reply:
        await asyncio.sleep(60)
        raise AssertionError("it was cut off")

    async with team.serving():
        await subscribed(team)
        team.inbox.dialog = slow  # type: ignore[method-assign]  # a store that hangs
        opened = await team.double.slash(team.admin, team.channel, ADMINS, "settings")
        answer = await opened.answer()
    assert "cannot do this at the moment" in answer.text


async def test_what_a_model_writes_later_takes_the_place_of_the_answer(team: Team) -> None:
    model = FakeModel("Agents wake up better.", "agents in their own dreams")
    dispatcher = team.inbox.dispatcher
    dispatcher.writer = Writer(model, dispatcher.store, Budget())
    async with team.serving():
        asked = await team.double.slash(
            team.ada, team.channel, "papers", "summarize", {"paper": "2605.00001"}
        )
        first = await asked.answer()
        assert "small is writing" in first.text
        model.may_write.set()
        async with asyncio.timeout(20):
            while "Agents wake up better." not in (await asked.answer()).text:
                await asyncio.sleep(0.01)
    assert (await asked.answer()).id == first.id


async def test_a_message_of_anybody_is_summarized_by_its_menu(team: Team) -> None:
    async with team.serving():
        said = await team.double.say(
            team.ada, team.channel, "arxiv.org/abs/2605.00001 beats <hf.co/papers/2605.00002>!"
        )
        asked = await team.double.context_menu(team.ada, said.id, SUMMARIZE_MENU)
        await team.double.until(lambda: len(asked.messages) == 2, what="two summaries")
        lunch = await team.double.say(team.ada, team.channel, "Lunch?")
        nothing = await team.double.context_menu(team.ada, lunch.id, SUMMARIZE_MENU)
        answer = await nothing.answer()
    first, second = asked.messages
    assert (first.ephemeral, second.ephemeral) == (True, True)
    assert PAPERS[0].title in first.text
    assert PAPERS[1].title in second.text
    assert "names no paper" in answer.text


async def test_the_menu_knows_the_papers_of_our_own_messages(team: Team) -> None:
    await team.plan(Layout.THREAD)
    async with team.serving() as adapter:
        await team.deliver(adapter)
        (head,) = team.double.messages(team.channel)
        paper = team.double.messages(head.id)[-1]
        asked = await team.double.context_menu(team.ada, paper.id, SUMMARIZE_MENU)
        answer = await asked.answer()
    assert PAPERS[2].title in answer.text


async def test_another_page_takes_the_place_of_an_answer_that_one_person_sees(team: Team) -> None:
    async with team.serving():
        options = {"query": "world models", "limit": 2}
        asked = await team.double.slash(team.ada, team.channel, "papers", "search", options)
        answer = await asked.answer()
        turned = await team.double.click(team.ada, answer.id, button(answer, "More ›"))
        page = await turned.answer()
    assert turned.ack_type == 6
    assert page.id == answer.id
    assert "3 to 3 of 3" in page.text


async def test_another_page_is_drawn_in_the_style_of_the_one_before(team: Team) -> None:
    async with team.serving(style="embeds"):
        options = {"query": "world models", "limit": 2}
        asked = await team.double.slash(team.ada, team.channel, "papers", "search", options)
        answer = await asked.answer()
    async with team.serving():
        with capture_logs() as logs:
            turned = await team.double.click(team.ada, answer.id, button(answer, "More ›"))
            page = await turned.answer()
    assert "3 to 3 of 3" in page.text
    assert page.embeds
    assert {each["log_level"] for each in logs} <= {"debug", "info"}


async def test_another_page_of_a_shared_answer_is_for_whoever_asks_alone(team: Team) -> None:
    async with team.serving():
        options = {"query": "world models", "limit": 2, "share": True}
        asked = await team.double.slash(team.ada, team.channel, "papers", "search", options)
        shared = await asked.answer()
        turned = await team.double.click(team.admin, shared.id, button(shared, "More ›"))
        answer = await turned.answer()
    assert answer.ephemeral
    assert answer.id != shared.id


async def test_guests_search_and_summarize_and_no_more(team: Team) -> None:
    team.double.guild.installed = False
    async with team.serving():
        asked = await team.double.slash(
            team.admin, team.channel, "papers", "search", {"query": "world models"}
        )
        found = await asked.answer()
        refused = await team.double.slash(team.admin, team.channel, "papers", "today")
        answer = await refused.answer()
    assert PAPERS[0].title in found.text
    assert "is a guest here" in answer.text
    assert team.inbox.calls[0].caller.is_guest
    assert not team.inbox.calls[0].caller.is_admin


async def test_what_a_moderator_clears_counts_no_more(team: Team) -> None:
    await team.plan()
    async with team.serving() as adapter:
        team.inbox.dispatcher.adapters = {"discord": adapter}
        await team.deliver(adapter)
        (head,) = team.double.messages(team.channel)
        await team.double.react(team.ada, head.id, "1️⃣")
        await team.double.react(team.admin, head.id, "1️⃣")
        await team.double.react(team.ada, head.id, "2️⃣")
        for _ in range(3):
            await team.inbox.next_reaction()
        await team.double.clear_emoji(head.id, "1️⃣")
        await team.inbox.next_reread()
        after_one = await team.store.tallies(team.slot.channel)
        await team.double.clear_reactions(head.id)
        await team.inbox.next_reread()
    assert after_one == {PAPERS[1].id: Tally(up=1)}
    assert await team.store.tallies(team.slot.channel) == {}


async def test_votes_on_a_deleted_message_stand(team: Team) -> None:
    """Deleting is not un-voting; Discord tells no bot of it that does not hear all messages."""
    await team.plan()
    async with team.serving() as adapter:
        team.inbox.dispatcher.adapters = {"discord": adapter}
        await team.deliver(adapter)
        (head,) = team.double.messages(team.channel)
        await team.double.react(team.ada, head.id, "1️⃣")
        await team.inbox.next_reaction()
        await team.double.delete_message(head.id)
        with capture_logs() as logs:
            await team.inbox.dispatcher.missed(
                message_ref(team.double.guild.id, team.channel.id, head.id)
            )
    assert [each["event"] for each in logs] == ["votes not read again"]
    assert await team.store.tallies(team.slot.channel) == {PAPERS[0].id: Tally(up=1)}


async def test_every_new_session_asks_for_what_was_missed_to_be_read(team: Team) -> None:
    async with team.serving():
        await team.inbox.next_session()
        await team.double.invalidate_session(resumable=False)
        await team.inbox.next_session()


async def test_suggested_topics_go_on_where_the_list_ends(team: Team) -> None:
    async with team.serving():
        await subscribed(team)
        ask = team.double.autocomplete
        first = await ask(team.admin, team.channel, ADMINS, "settings", "include", "wor")
        second = await ask(
            team.admin, team.channel, ADMINS, "settings", "include", "world models, "
        )
    assert [each.value for each in first] == ["world models"]
    assert [each.value for each in second] == ["world models, dreams"]
