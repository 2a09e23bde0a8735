"""Commands that are filled in rather than typed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.command import CommandCall
from bot.domain.dialog import Dialog
from bot.domain.reply import OpenAction, Reply, parse_action
from tests.bot.inbox import TestInbox, caller, words
from tests.examples import CHANNEL, subscription


@pytest.fixture
async def inbox() -> TestInbox:
    made = TestInbox()
    await made.fill()
    await made.say("subscribe --at 08:30 --timezone Europe/Berlin --layout list")
    await made.say('settings --include "world models, diffusion"')
    return made


async def opened(inbox: TestInbox, *, admin: bool = True) -> Dialog | Reply:
    return await inbox.inbox.dialog(CommandCall(caller(admin=admin), "settings"))


async def fill_in(inbox: TestInbox, **changes: str) -> Reply:
    """Change some fields of the dialog as it is opened, and hand all of them in."""
    dialog = await opened(inbox)
    assert isinstance(dialog, Dialog)
    values = {field.name: field.value for field in dialog.fields} | changes
    return await inbox.inbox.command(CommandCall(caller(), "settings", fields=values))


async def test_a_dialog_shows_what_is_set_now(inbox: TestInbox) -> None:
    dialog = await opened(inbox)
    assert isinstance(dialog, Dialog)
    assert {field.name: field.value for field in dialog.fields} == {
        "at": "08:30",
        "timezone": "Europe/Berlin",
        "weekdays": "mon-fri",
        "layout": "list",
        "limit": "10",
        "sources": "huggingface",
        "include": "world models, diffusion",
        "exclude": "",
        "min_upvotes": "0",
        "language": "default",
    }
    kinds = {field.name: field.kind for field in dialog.fields}
    assert (kinds["layout"], kinds["limit"], kinds["at"]) == ("choice", "integer", "text")
    assert all(field.hint for field in dialog.fields)


async def test_a_dialog_handed_in_as_it_was_changes_nothing(inbox: TestInbox) -> None:
    before = await inbox.store.subscription(CHANNEL)
    assert "Settings of this channel" in words(await fill_in(inbox))
    assert await inbox.store.subscription(CHANNEL) == before


async def test_a_field_is_changed_and_an_emptied_list_of_words_is_empty(inbox: TestInbox) -> None:
    said = words(await fill_in(inbox, at="settled", include="", timezone="  "))
    assert "Settings changed" in said
    order = await inbox.store.subscription(CHANNEL)
    assert order
    assert order.schedule.at is None
    assert order.filters.include == ()
    assert order.schedule.timezone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("at", "25:00", "at is a time such as 09:00"),
        ("timezone", "Mars/Base", "timezone is an IANA time zone"),
        ("limit", "99", "limit goes from 1 to 25; 99 is outside"),
        ("sources", "gopher", "sources does not know “gopher”"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_changed(
    inbox: TestInbox, name: str, value: str, sentence: str
) -> None:
    before = await inbox.store.subscription(CHANNEL)
    reply = await fill_in(inbox, **{name: value, "layout": "cards"})
    assert reply.problem
    assert reply.problem.parameter == name
    assert sentence in reply.problem.sentence
    assert await inbox.store.subscription(CHANNEL) == before


async def test_those_who_may_not_change_settings_see_no_dialog(inbox: TestInbox) -> None:
    reply = await opened(inbox, admin=False)
    assert isinstance(reply, Reply)
    assert "those who manage this channel" in words(reply)


async def test_a_command_without_a_dialog_is_run(inbox: TestInbox) -> None:
    reply = await inbox.inbox.dialog(CommandCall(caller(), "help"))
    assert isinstance(reply, Reply)
    assert "What you can ask" in words(reply)


async def test_a_button_opens_a_dialog_of_another_channel() -> None:
    action = OpenAction("settings", "C9")
    assert parse_action(action.pack()) == action
    assert parse_action(OpenAction("settings").pack()) == OpenAction("settings")


async def test_where_no_dialog_is_shown_the_button_of_another_channel_shows_its_settings(
    inbox: TestInbox,
) -> None:
    elsewhere = replace(CHANNEL, id="C9")
    await inbox.store.save_subscription(subscription(elsewhere, limit=3))
    said = words(await inbox.press(OpenAction("settings", "C9").pack()))
    assert "at most 3 papers" in said
    assert "at most 10 papers" in words(await inbox.press(OpenAction("settings").pack()))
