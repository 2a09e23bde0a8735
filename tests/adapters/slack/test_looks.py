"""A digest looks as rich as its workspace takes, and what that is, is tried once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.slack._web import Looks, show
from adapters.slack.app import SlackAdapter
from adapters.slack.ids import channel_ref
from adapters.slack.limits import problems
from bot import cards
from bot.domain.channels import Layout
from bot.domain.errors import Refused
from bot.domain.reply import Reply
from bot.domain.votes import Tally
from config.settings import SlackSettings
from tests.doubles.slack import SlackDouble
from tests.doubles.slack_wire import find_element
from tests.examples import delivery, paper, paper_id

Json = dict[str, Any]

NEWER = {"card", "carousel", "container"}


def digest(layout: Layout = Layout.THREAD, *, pictures: bool = False) -> Reply:
    url = "https://cdn.example/1.png" if pictures else None
    papers = {paper_id(n): paper(n, thumbnail_url=url) for n in (1, 2, 3)}
    return cards.digest_message(delivery(layout=layout), papers, {paper_id(1): Tally(up=2)})


def one_paper(*, pictures: bool = False) -> Reply:
    url = "https://cdn.example/1.png" if pictures else None
    return cards.paper_message(paper(1, thumbnail_url=url), Tally(), rank=1)


def is_rich(blocks: Sequence[Json]) -> bool:
    return any(block["type"] in NEWER for block in blocks)


def has_pictures(blocks: Sequence[Json]) -> bool:
    return "image_url" in str(blocks)


@dataclass(slots=True)
class Workspace:
    """Somewhere to send forms of a message to, some of which it refuses."""

    refuses: Callable[[Sequence[Json]], bool]
    code: str = "invalid_blocks"
    tried: list[Json] = field(default_factory=list)

    async def send(self, form: Json) -> Json:
        assert problems(form) == []
        self.tried.append(form)
        if self.refuses(form["blocks"]):
            raise Refused("slack", self.code)
        return form


@pytest.mark.parametrize("reply", [digest(), digest(Layout.CARDS), one_paper()])
async def test_a_digest_is_rich_where_that_is_set_and_taken(reply: Reply) -> None:
    workspace = Workspace(lambda blocks: False)
    assert is_rich((await show(reply, workspace.send, Looks("rich")))["blocks"])
    assert not is_rich((await show(reply, workspace.send, Looks("base")))["blocks"])
    assert not is_rich((await show(reply, workspace.send))["blocks"])
    assert len(workspace.tried) == 3


@pytest.mark.parametrize("pictures", [False, True])
async def test_a_workspace_that_takes_no_rich_blocks_is_asked_once(pictures: bool) -> None:
    workspace, looks = Workspace(is_rich), Looks("rich")
    with capture_logs() as logs:
        shown = await show(one_paper(pictures=pictures), workspace.send, looks)
    assert not is_rich(shown["blocks"])
    assert has_pictures(shown["blocks"]) == pictures
    assert [each["event"] for each in logs] == [
        "slack took no blocks",
        "slack takes no rich blocks",
    ]
    workspace.tried.clear()
    await show(digest(), workspace.send, looks)
    assert len(workspace.tried) == 1


async def test_a_picture_that_cannot_be_fetched_does_not_speak_against_rich_blocks() -> None:
    workspace, looks = Workspace(has_pictures), Looks("rich")
    shown = await show(one_paper(pictures=True), workspace.send, looks)
    assert not has_pictures(shown["blocks"])
    assert len(workspace.tried) == 3
    assert is_rich((await show(digest(), workspace.send, looks))["blocks"])


async def test_a_message_that_is_too_long_does_not_speak_against_rich_blocks() -> None:
    workspace, looks = Workspace(is_rich, "msg_blocks_too_long"), Looks("rich")
    assert not is_rich((await show(digest(), workspace.send, looks))["blocks"])
    assert looks.style == "rich"


async def test_what_is_refused_in_every_form_is_shown_in_words() -> None:
    workspace, looks = Workspace(bool), Looks("rich")
    shown = await show(one_paper(pictures=True), workspace.send, looks)
    assert shown["blocks"] == []
    assert [is_rich(form["blocks"]) for form in workspace.tried] == [True, False, False, False]
    assert looks.style == "rich"


async def test_another_refusal_is_no_reason_to_try_again() -> None:
    workspace = Workspace(bool, "missing_scope")
    with pytest.raises(Refused):
        await show(digest(), workspace.send, Looks("rich"))
    assert len(workspace.tried) == 1


def adapter_for(slack: SlackDouble) -> SlackAdapter:
    async def sleep(seconds: float) -> None: ...

    settings = SlackSettings(
        bot_token=SecretStr(slack.bot_token),
        app_token=SecretStr(slack.app_token),
        api_url=slack.base_url,
        style="rich",
    )
    return SlackAdapter(settings, sleep=sleep)


async def test_posts_and_edits_of_one_workspace_share_what_it_takes() -> None:
    def check(blocks: Sequence[Json]) -> list[str]:
        return ["[ERROR] unsupported type"] if is_rich(blocks) else []

    async with SlackDouble(block_check=check) as slack:
        channel = channel_ref(slack.workspace.team_id, slack.workspace.add_channel("papers").id)
        adapter = adapter_for(slack)
        message = await adapter.post(channel, digest(), key="1")
        await adapter.edit(message, digest(Layout.CARDS))
        await adapter.post(channel, one_paper(), key="2")
        assert [call.method for call in slack.calls if call.method.startswith("chat.")] == [
            "chat.postMessage",
            "chat.postMessage",
            "chat.update",
            "chat.postMessage",
        ]
        assert all(each.blocks for each in slack.messages(channel.id))


async def test_the_buttons_of_a_carousel_can_be_pressed() -> None:
    async with SlackDouble() as slack:
        channel = channel_ref(slack.workspace.team_id, slack.workspace.add_channel("papers").id)
        await adapter_for(slack).post(channel, digest(Layout.CARDS), key="1")
        (posted,) = slack.messages(channel.id)
        assert is_rich(posted.blocks)
        _, pressed = find_element(posted.blocks, "vote|up|arxiv:2605.00002", None)
        assert pressed["value"] == "vote|up|arxiv:2605.00002"
