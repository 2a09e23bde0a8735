"""Dialogs, the app's home and the message shortcut, as people use them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.slack._listeners import shown_texts
from adapters.slack.ids import user_ref
from bot.dispatch import Dispatcher
from bot.domain.command import CommandCall
from bot.domain.papers import PaperId
from bot.domain.reply import Reply
from bot.domain.votes import VoteKind
from tests.adapters.slack.conftest import Office, office
from tests.doubles.slack import View
from tests.examples import paper_id, subscription
from tests.fakes import FakeSource


@pytest.fixture
async def workspace() -> AsyncIterator[Office]:
    async with office() as made:
        made.inbox.sources = {"huggingface": FakeSource()}
        await made.store.save_subscription(subscription(made.channel, name="papers"))
        yield made


def shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


async def modal(at: Office, text: str = "") -> View:
    """Return the dialog on top, as soon as there is one that says so."""

    def found() -> View | None:
        view = at.slack.modal(at.ann.id)
        return view if view and text in shown(view.body) else None

    return await at.slack.wait_for(found)


async def opened(at: Office) -> View:
    """Press the button under the settings."""
    asked = await at.slack.slash(at.ann.id, at.papers.id, "/papers", "settings")
    answer = await asked.answer()
    await at.slack.click_ephemeral(at.ann.id, at.papers.id, answer.ts, "open|settings|")
    return await modal(at)


async def test_settings_are_changed_in_a_dialog(workspace: Office) -> None:
    view = await opened(workspace)
    values = {"at": "07:15", "include": "diffusion, robots", "layout": "cards"}
    await workspace.slack.submit(workspace.ann.id, view.id, values)
    answer = await modal(workspace, "Settings changed")
    assert "Only with" in shown(answer.body)
    order = await workspace.store.subscription(workspace.channel)
    assert order
    assert f"{order.schedule.at:%H:%M} {order.layout} {order.name}" == "07:15 cards papers"
    assert order.filters.include == ("diffusion", "robots")


async def test_a_wrong_field_is_told_at_the_field_and_the_dialog_stays(workspace: Office) -> None:
    view = await opened(workspace)
    before = await workspace.store.subscription(workspace.channel)
    await workspace.slack.submit(workspace.ann.id, view.id, {"timezone": "Mars/Base"})
    assert workspace.slack.acks[-1].payload == {
        "response_action": "errors",
        "errors": {
            "timezone": "timezone is an IANA time zone such as Europe/Berlin, not “Mars/Base”."
        },
    }
    assert (await modal(workspace)).id == view.id
    assert await workspace.store.subscription(workspace.channel) == before


async def test_where_nothing_is_ordered_the_dialog_says_so(workspace: Office) -> None:
    ann, papers = workspace.ann.id, workspace.papers.id
    answer = await (await workspace.slack.slash(ann, papers, "/papers", "settings")).answer()
    await workspace.store.remove_subscription(workspace.channel)
    await workspace.slack.click_ephemeral(ann, papers, answer.ts, "open|settings|")
    assert "no subscription" in shown((await modal(workspace)).body)


class Slow(Dispatcher):
    """Takes longer for what was filled in than Slack waits for an answer."""

    async def command(self, call: CommandCall) -> Reply:
        if call.fields is not None:
            await asyncio.sleep(2.5)
        return await super().command(call)


async def test_a_slow_answer_to_a_dialog_is_shown_when_it_is_there() -> None:
    async with office(inbox=Slow) as workspace:
        workspace.inbox.sources = {"huggingface": FakeSource()}
        await workspace.store.save_subscription(subscription(workspace.channel))
        view = await opened(workspace)
        await workspace.slack.submit(workspace.ann.id, view.id, {"limit": "3"})
        assert "One moment" in shown((await modal(workspace)).body)
        await modal(workspace, "at most 3 papers")


async def test_the_home_shows_what_a_person_saved_and_leads_to_settings(workspace: Office) -> None:
    await workspace.deliver()
    first = workspace.messages[1]
    save = f"vote|save|{paper_id(1)}"
    pressed = await workspace.slack.click(workspace.ann.id, workspace.papers.id, first.ts, save)
    await pressed.answer()
    await workspace.slack.open_home(workspace.ann.id)
    home = await workspace.slack.wait_for(lambda: workspace.slack.home(workspace.ann.id))
    assert "Paper 1" in shown(home.body)
    assert "#papers" in shown(home.body)

    await workspace.slack.click_view(
        workspace.ann.id, home.id, f"open|settings|{workspace.papers.id}"
    )
    view = await modal(workspace)
    await workspace.slack.submit(workspace.ann.id, view.id, {"limit": "4"})
    await modal(workspace, "Settings changed")
    order = await workspace.store.subscription(workspace.channel)
    assert order
    assert order.limit == 4


async def test_less_like_this_is_a_vote_against(workspace: Office) -> None:
    await workspace.deliver()
    first = workspace.messages[1]
    down = f"vote|down|{paper_id(1)}"
    pressed = await workspace.slack.click(workspace.ann.id, workspace.papers.id, first.ts, down)
    assert "Noted: less like this" in shown((await pressed.answer()).blocks)
    assert (await workspace.votes()).down == 1
    person = user_ref(workspace.team, workspace.ann.id)
    assert list(await workspace.store.voted(person, VoteKind.DOWN))


async def test_any_message_that_names_papers_is_summarized_for_whoever_asks(
    workspace: Office,
) -> None:
    slack, ann, papers = workspace.slack, workspace.ann.id, workspace.papers.id
    first, second = paper_id(1).key, paper_id(2).key
    said = f"<https://arxiv.org/abs/{first}v2|this> and huggingface.co/papers/{second}"
    message = slack.workspace.say(ann, papers, said)
    asked = await slack.shortcut(ann, papers, message.ts, "summarize")
    await slack.wait_for(lambda: len(asked.answers) == 2)
    one, two = (shown(each.blocks) for each in asked.answers)
    assert "Paper 1" in one
    assert "Paper 2" in two
    other = slack.workspace.say(ann, papers, "Lunch?")
    asked = await slack.shortcut(ann, papers, other.ts, "summarize")
    assert "names no paper" in shown((await asked.answer()).blocks)


def test_papers_are_found_in_what_a_message_shows_and_nowhere_else() -> None:
    message = {
        "ts": "1778144400.000100",
        "client_msg_id": "2605.00009",
        "text": "see https://doi.org/10.48550/arXiv.2605.00001",
        "blocks": [{"elements": [{"type": "link", "url": "https://alphaxiv.org/abs/2605.00002"}]}],
        "attachments": [{"title_link": "https://arxiv.org/pdf/2605.00003", "id": 2}],
    }
    found = PaperId.find_all(shown_texts(message))
    assert found == tuple(PaperId("arxiv", f"2605.0000{n}") for n in (1, 2, 3))
