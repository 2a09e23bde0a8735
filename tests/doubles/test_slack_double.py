"""The Slack double against the real, unpatched slack_bolt and slack_sdk."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond, AsyncSay
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from .slack import (
    ALL_SCOPES,
    AnswerLost,
    ApiError,
    NotOnScreenError,
    RateLimited,
    Reset,
    ServerError,
    SlackDouble,
    SlackError,
    Timeout,
)
from .slack_server import POST_BURST

SECRET = "loopback-signing-secret"
KEY = {"event_type": "digest", "event_payload": {"key": "digest:2026-08-24"}}


def _button(value: str) -> dict[str, Any]:
    text = {"type": "plain_text", "text": value}
    return {"type": "button", "action_id": "vote", "value": value, "text": text}


BUTTONS: list[dict[str, Any]] = [
    {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "A paper"},
        "accessory": _button("up"),
    },
    {"type": "actions", "elements": [_button("down")]},
]
MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "settings",
    "title": {"type": "plain_text", "text": "Settings"},
    "submit": {"type": "plain_text", "text": "Save"},
    "blocks": [
        {
            "type": "input",
            "block_id": "hour",
            "label": {"type": "plain_text", "text": "Hour"},
            "element": {"type": "plain_text_input", "action_id": "hour"},
        },
        {
            "type": "input",
            "block_id": "layout",
            "label": {"type": "plain_text", "text": "Layout"},
            "element": {
                "type": "static_select",
                "action_id": "layout",
                "options": [
                    {"text": {"type": "plain_text", "text": "Short"}, "value": "short"},
                    {"text": {"type": "plain_text", "text": "Long"}, "value": "long"},
                ],
            },
        },
    ],
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack(request: pytest.FixtureRequest) -> AsyncIterator[SlackDouble]:
    given = getattr(request, "param", {})
    async with SlackDouble(**{"retry_delays": (0, 0.05, 0.1), **given}) as double:
        yield double


@pytest.fixture
def alice(slack: SlackDouble) -> str:
    return slack.workspace.add_user("alice").id


@pytest.fixture
def papers(slack: SlackDouble, alice: str) -> str:
    return slack.workspace.add_channel("papers").id


@pytest.fixture(params=["socket", "http"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def client_of(slack: SlackDouble, token: str | None = None) -> AsyncWebClient:
    return AsyncWebClient(token or slack.bot_token, base_url=slack.base_url, retry_handlers=[])


@asynccontextmanager
async def running(app: AsyncApp, slack: SlackDouble, transport: str) -> AsyncIterator[str]:
    """Run a Bolt app; yield its request URL, empty in Socket Mode."""
    if transport == "http":
        server = app.web_app(path="/slack/events")
        runner = web.AppRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        slack.use_http(url, SECRET)
        try:
            yield url
        finally:
            await runner.cleanup()
        return
    handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=0.2)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await slack.connected()
        yield ""
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


def bolt(slack: SlackDouble) -> AsyncApp:
    return AsyncApp(client=client_of(slack), signing_secret=SECRET)


def refusal(error: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(error.value.response["error"])


async def test_a_command_is_acked_and_answered_later(
    slack: SlackDouble, alice: str, papers: str, transport: str
) -> None:
    app = bolt(slack)

    async def on_papers(ack: AsyncAck, respond: AsyncRespond, command: dict[str, Any]) -> None:
        await ack()
        await respond(f"Looking for {command['text']}")
        await respond("Found it", response_type="in_channel")

    app.command("/papers")(on_papers)
    async with running(app, slack, transport):
        exchange = await slack.slash(alice, papers, "/papers", "search foo")
        assert exchange.acked_within is not None
        assert exchange.acked_within < 3
        assert exchange.ack_payload is None
        assert (await exchange.answer()).text == "Looking for search foo"
        await slack.wait_for(lambda: exchange.posted)
    assert [a.text for a in exchange.ephemeral] == ["Looking for search foo"]
    assert [m.text for m in slack.messages(papers)] == ["Found it"]
    assert [e.text for e in slack.ephemerals(alice, papers)] == ["Looking for search foo"]


async def test_text_in_the_ack_is_shown_to_the_user(
    slack: SlackDouble, alice: str, papers: str, transport: str
) -> None:
    app = bolt(slack)

    async def on_papers(ack: AsyncAck) -> None:
        await ack("At once")

    app.command("/papers")(on_papers)
    async with running(app, slack, transport):
        exchange = await slack.slash(alice, papers, "/papers")
    assert exchange.ack_payload == {"text": "At once"}
    assert (exchange.ephemeral[0].via, exchange.ephemeral[0].text) == ("ack", "At once")


async def test_a_reaction_reaches_the_app_and_the_bots_own_is_filtered_by_bolt(
    slack: SlackDouble, alice: str, papers: str, transport: str
) -> None:
    app, seen = bolt(slack), []

    async def on_reaction(event: dict[str, Any]) -> None:
        seen.append((event["type"], event["user"], event["reaction"], event["item_user"]))

    app.event("reaction_added")(on_reaction)
    app.event("reaction_removed")(on_reaction)
    async with running(app, slack, transport):
        client = client_of(slack)
        ts = (await client.chat_postMessage(channel=papers, text="A paper"))["ts"]
        await client.reactions_add(channel=papers, timestamp=ts, name="thumbsup")
        delivered = await slack.react(alice, papers, ts, "thumbsup")
        assert delivered.acked_within is not None
        await slack.unreact(alice, papers, ts, "+1")
        await slack.wait_for(lambda: len(seen) == 2)
        await slack.settled()
    bot = slack.workspace.bot_user_id
    assert seen == [("reaction_added", alice, "+1", bot), ("reaction_removed", alice, "+1", bot)]
    assert [ack.name for ack in slack.acks].count("reaction_added") == 2


async def test_a_click_carries_the_button_and_can_replace_the_message(
    slack: SlackDouble, alice: str, papers: str, transport: str
) -> None:
    app = bolt(slack)

    async def on_vote(
        ack: AsyncAck, action: dict[str, Any], body: dict[str, Any], respond: AsyncRespond
    ) -> None:
        await ack()
        assert body["message"]["bot_id"] == slack.workspace.bot_id
        await respond(f"You chose {action['value']}", replace_original=True)

    app.action("vote")(on_vote)
    async with running(app, slack, transport):
        answer = await client_of(slack).chat_postMessage(
            channel=papers, text="A paper", blocks=BUTTONS
        )
        exchange = await slack.click(alice, papers, answer["ts"], "vote", "down")
        assert (await exchange.answer()).effect == "replaced"
        with pytest.raises(NotOnScreenError, match="cannot press vote"):
            await slack.click(alice, papers, answer["ts"], "vote")
    assert [(m.text, m.blocks) for m in slack.messages(papers)] == [("You chose down", ())]


async def test_a_click_on_an_ephemeral_message_can_delete_it(
    slack: SlackDouble, alice: str, papers: str, transport: str
) -> None:
    app = bolt(slack)

    async def on_vote(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        assert body["container"]["is_ephemeral"] is True
        assert "message" not in body
        await respond(delete_original=True)

    app.action("vote")(on_vote)
    async with running(app, slack, transport):
        await client_of(slack).chat_postEphemeral(
            channel=papers, user=alice, text="Only you", blocks=BUTTONS
        )
        shown = slack.ephemerals(alice)[0]
        exchange = await slack.click_ephemeral(alice, papers, shown.ts, "vote", "up")
        assert (await exchange.answer()).effect == "deleted"
    assert slack.ephemerals(alice) == ()


async def test_a_modal_is_opened_refused_corrected_and_closed(
    slack: SlackDouble, alice: str, papers: str, transport: str
) -> None:
    app, saved = bolt(slack), []

    async def on_shortcut(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    async def on_save(ack: AsyncAck, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        if values["hour"]["hour"]["value"] == "25":
            await ack(response_action="errors", errors={"hour": "There is no such hour"})
            return
        await ack()
        saved.append(values["layout"]["layout"]["selected_option"]["value"])

    app.shortcut("settings")(on_shortcut)
    app.view("settings")(on_save)
    async with running(app, slack, transport):
        ts = slack.workspace.say(alice, papers, "Hello").ts
        opened = await (await slack.shortcut(alice, papers, ts, "settings")).view()
        with pytest.raises(NotOnScreenError, match="does not offer 'huge'"):
            await slack.submit(alice, opened.id, {"hour": "9", "layout": "huge"})
        with pytest.raises(NotOnScreenError, match="hour of the modal is required"):
            await slack.submit(alice, opened.id, {"layout": "short"})
        refused = await slack.submit(alice, opened.id, {"hour": "25", "layout": "long"})
        assert refused.ack_payload is not None
        assert refused.ack_payload["errors"] == {"hour": "There is no such hour"}
        assert slack.modal(alice) is not None
        done = await slack.submit(alice, opened.id, {"hour": "9", "layout": "long"})
        assert done.acked_within is not None
        assert slack.modal(alice) is None
        await slack.wait_for(lambda: saved == ["long"])


async def test_the_home_tab_is_published_pressed_and_guarded_by_its_hash(
    slack: SlackDouble, alice: str, transport: str
) -> None:
    app, pressed = bolt(slack), []
    home = {"type": "home", "blocks": BUTTONS}

    async def on_home(event: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view=home)

    async def on_vote(ack: AsyncAck, action: dict[str, Any]) -> None:
        await ack()
        pressed.append(action["value"])

    app.event("app_home_opened")(on_home)
    app.action("vote")(on_vote)
    async with running(app, slack, transport):
        await slack.open_home(alice)
        view = await slack.wait_for(lambda: slack.home(alice))
        await slack.click_view(alice, view.id, "vote", "up")
        await slack.open_home(alice)
        await slack.settled()
        with pytest.raises(SlackApiError) as error:
            await client_of(slack).views_publish(user_id=alice, view=home, hash=view.hash)
    assert refusal(error) == "hash_conflict"
    assert pressed == ["up"]


async def test_mentions_and_direct_messages_reach_the_app(
    slack: SlackDouble, alice: str, papers: str, transport: str
) -> None:
    app = bolt(slack)

    async def reply(event: dict[str, Any], say: AsyncSay) -> None:
        await say(f"re: {event['text']}", thread_ts=event["ts"])

    app.event("app_mention")(reply)
    app.event("message")(reply)
    bot = slack.workspace.bot_user_id
    async with running(app, slack, transport):
        await slack.mention(alice, papers, "hello")
        await slack.direct_message(alice, "psst")
        im = slack.workspace.im_with(alice).id
        await slack.wait_for(lambda: len(slack.messages(papers)) == len(slack.messages(im)) == 2)
        await slack.settled()
    assert slack.messages(papers)[1].text == f"re: <@{bot}> hello"
    assert slack.messages(papers)[1].is_reply
    assert [m.text for m in slack.messages(im)] == ["psst", "re: psst"]


@pytest.mark.parametrize("slack", [{"ack_timeout": 0.1}], indirect=True, ids=["hasty"])
async def test_an_event_nobody_acks_is_retried_under_the_same_id(
    alice: str, papers: str, slack: SlackDouble, transport: str
) -> None:
    app, seen = bolt(slack), []

    async def fail_twice(
        req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse:
        seen.append((req.body["event_id"], req.headers.get("x-slack-retry-num", [""])[0]))
        if len(seen) < 3:
            resp.status = 500
            return resp
        return await next()

    async def on_reaction() -> None:
        pass

    app.middleware(fail_twice)
    app.event("reaction_added")(on_reaction)
    async with running(app, slack, transport):
        ts = slack.workspace.say(alice, papers, "Hello").ts
        delivered = await slack.react(alice, papers, ts, "tada")
        assert delivered.acked_within is None
        await slack.wait_for(lambda: slack.acks[-1].within is not None)
    assert {event_id for event_id, _ in seen} == {delivered.event_id}
    first = "" if transport == "http" else "0"
    assert [number for _, number in seen] == [first, "1", "2"]


async def test_an_event_can_be_delivered_twice(
    slack: SlackDouble, alice: str, papers: str, transport: str
) -> None:
    app, seen = bolt(slack), []

    async def on_reaction(body: dict[str, Any]) -> None:
        seen.append(body["event_id"])

    app.event("reaction_added")(on_reaction)
    async with running(app, slack, transport):
        ts = slack.workspace.say(alice, papers, "Hello").ts
        slack.duplicate()
        delivered = await slack.react(alice, papers, ts, "tada")
        assert (await slack.redeliver(delivered.event_id)).within is not None
        await slack.wait_for(lambda: len(seen) == 3)
    assert set(seen) == {delivered.event_id}


@pytest.mark.parametrize("slack", [{"ack_timeout": 0.1}], indirect=True, ids=["hasty"])
async def test_a_late_ack_is_no_ack(alice: str, papers: str, slack: SlackDouble) -> None:
    app = bolt(slack)

    async def on_papers(ack: AsyncAck) -> None:
        await asyncio.sleep(0.3)
        await ack("Too late")

    app.command("/papers")(on_papers)
    async with running(app, slack, "socket"):
        exchange = await slack.slash(alice, papers, "/papers")
        assert exchange.acked_within is None
        late = await slack.wait_for(lambda: next((a for a in slack.acks if a.late), None))
    assert late.within is not None
    assert late.within >= 0.1
    assert exchange.answers == ()


async def test_every_envelope_goes_to_one_socket_in_turn(
    slack: SlackDouble, alice: str, papers: str
) -> None:
    app, seen = bolt(slack), []

    async def on_papers(ack: AsyncAck, command: dict[str, Any]) -> None:
        await ack()
        seen.append(command["text"])

    app.command("/papers")(on_papers)
    async with running(app, slack, "socket"), running(app, slack, "socket"):
        await slack.connected(2)
        for text in "abcd":
            await slack.slash(alice, papers, "/papers", text)
    assert sorted(seen) == list("abcd")
    assert [ack.socket for ack in slack.acks] == [0, 1, 0, 1]


@pytest.mark.parametrize("how", ["warning", "refresh_requested", "abort", "half_open"])
async def test_the_app_comes_back_after_a_lost_socket(
    slack: SlackDouble, alice: str, papers: str, how: str
) -> None:
    app = bolt(slack)

    async def on_papers(ack: AsyncAck) -> None:
        await ack()

    app.command("/papers")(on_papers)
    async with running(app, slack, "socket"):
        match how:
            case "warning" | "refresh_requested":
                await slack.disconnect(how)
            case "abort":
                slack.abort()
            case "half_open":
                slack.half_open()
        await slack.wait_for(lambda: slack.sockets and 0 not in slack.sockets)
        assert (await slack.slash(alice, papers, "/papers")).acked_within is not None
    assert len(slack.calls_of("apps.connections.open")) == 2


async def test_history_shows_metadata_only_when_asked(slack: SlackDouble, papers: str) -> None:
    client = client_of(slack)
    ts = (await client.chat_postMessage(channel=papers, text="Digest", metadata=KEY))["ts"]
    plain = await client.conversations_history(channel=papers)
    full = await client.conversations_history(channel=papers, include_all_metadata=True)
    thread = await client.conversations_replies(channel=papers, ts=ts, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == KEY
    assert thread["messages"][0]["metadata"] == KEY
    assert full["messages"][0]["bot_id"] == slack.workspace.bot_id


async def test_history_honours_its_window_and_its_cursor(slack: SlackDouble, papers: str) -> None:
    client = client_of(slack)
    stamps = [(await client.chat_postMessage(channel=papers, text=str(n)))["ts"] for n in range(5)]

    async def texts(
        *,
        oldest: str | None = None,
        latest: str | None = None,
        inclusive: bool | None = None,
        limit: int | None = None,
    ) -> list[str]:
        found = await client.conversations_history(
            channel=papers, oldest=oldest, latest=latest, inclusive=inclusive, limit=limit
        )
        return [m["text"] for m in found["messages"]]

    assert await texts(oldest=stamps[1], latest=stamps[3]) == ["2"]
    assert await texts(oldest=stamps[1], latest=stamps[3], inclusive=True) == ["3", "2", "1"]
    assert await texts(limit=2) == ["4", "3"]
    assert await texts(oldest=stamps[0], limit=2) == ["2", "1"]
    pages = [
        [m["text"] for m in page["messages"]]
        async for page in await client.conversations_history(channel=papers, limit=2)
    ]
    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    with pytest.raises(SlackApiError) as error:
        await client.conversations_history(channel=papers, cursor="nonsense")
    assert refusal(error) == "invalid_cursor"


async def test_a_lost_answer_leaves_one_message_and_a_resend_makes_two(
    slack: SlackDouble, papers: str
) -> None:
    slack.fault("chat.postMessage", AnswerLost())
    client = client_of(slack)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=papers, text="Digest", metadata=KEY)
    found = await client.conversations_history(channel=papers, include_all_metadata=True)
    assert [m["metadata"] for m in found["messages"]] == [KEY]
    careless = AsyncWebClient(slack.bot_token, base_url=slack.base_url)  # the SDK's default
    slack.fault("chat.postMessage", AnswerLost())
    await careless.chat_postMessage(channel=papers, text="Digest")
    assert len(slack.messages(papers)) == 3


async def test_a_rate_limit_is_honoured_by_the_sdk(slack: SlackDouble, papers: str) -> None:
    client = client_of(slack)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    slack.fault("chat.postMessage", RateLimited(retry_after=1))
    await client.chat_postMessage(channel=papers, text="Digest")
    first, second = slack.calls_of("chat.postMessage")
    assert second.at - first.at >= 1
    assert len(slack.messages(papers)) == 1


async def test_the_post_limit_of_a_channel_is_enforced_on_request() -> None:
    async with SlackDouble(enforce_limits=True) as slack:
        papers, other = (slack.workspace.add_channel(name).id for name in ("papers", "other"))
        client = client_of(slack)
        await client.chat_postMessage(channel=papers, text="1")
        await client.chat_postMessage(channel=other, text="1")
        with pytest.raises(SlackApiError) as error:
            await client.chat_postMessage(channel=papers, text="2")
    assert error.value.response.status_code == 429
    assert error.value.response.headers["Retry-After"] == "1"


async def test_the_post_limit_of_a_workspace_is_enforced_after_a_burst() -> None:
    async with SlackDouble(enforce_limits=True, posts_apart=(0, 3600)) as slack:
        client = client_of(slack)
        channels = [slack.workspace.add_channel(f"papers{n}").id for n in range(POST_BURST + 2)]
        for each in channels[:-1]:
            await client.chat_postMessage(channel=each, text="1")
        with pytest.raises(SlackApiError, match="ratelimited"):
            await client.chat_postMessage(channel=channels[-1], text="1")


async def test_faults_happen_in_order_with_or_without_their_effect(
    slack: SlackDouble, papers: str
) -> None:
    client = client_of(slack)
    client.timeout = 1
    for fault, stored in (
        (ServerError(503), 0),
        (ApiError("internal_error"), 0),
        (ApiError("internal_error", stored=True), 1),
        (Reset(), 1),
        (Timeout(0.05), 1),
        (Timeout(0.05, stored=True), 2),
    ):
        slack.fault("chat.postMessage", fault)
        with pytest.raises((SlackApiError, aiohttp.ClientError, TimeoutError)):
            await client.chat_postMessage(channel=papers, text="Digest")
        assert len(slack.messages(papers)) == stored, fault
    await client.chat_postMessage(channel=papers, text="Digest")
    assert len(slack.messages(papers)) == 3


async def test_tokens_are_checked(slack: SlackDouble) -> None:
    for token, method, code in (
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        (slack.app_token, "auth.test", "not_allowed_token_type"),
        (slack.bot_token, "apps.connections.open", "not_allowed_token_type"),
        (slack.bot_token, "made.up", "unknown_method"),
    ):
        with pytest.raises(SlackApiError) as error:
            await client_of(slack, token).api_call(method)
        assert refusal(error) == code
    async with (
        aiohttp.ClientSession() as session,
        session.post(slack.base_url + "auth.test") as answer,
    ):
        assert await answer.json() == {"ok": False, "error": "not_authed"}
    assert (await client_of(slack).auth_test())["bot_id"] == slack.workspace.bot_id


@pytest.mark.parametrize(
    "slack",
    [{"scopes": ALL_SCOPES - {"chat:write.public", "users:read"}}],
    indirect=True,
    ids=["narrow"],
)
async def test_refusals_carry_slacks_codes(slack: SlackDouble, alice: str, papers: str) -> None:
    add, say = slack.workspace.add_channel, slack.workspace.say
    archived = add("archived", archived=True).id
    private, outside = (add(n, private=n == "private", member=False).id for n in ("private", "x"))
    client = client_of(slack)
    theirs = say(alice, papers, "Mine").ts
    ours = (await client.chat_postMessage(channel=papers, text="Ours"))["ts"]
    many = [{"type": "divider"}] * 51
    header = [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]
    await client.reactions_add(channel=papers, timestamp=ours, name="tada")
    for code, call in (
        ("channel_not_found", client.chat_postMessage(channel="C0", text="x")),
        ("channel_not_found", client.chat_postMessage(channel=private, text="x")),
        ("not_in_channel", client.chat_postMessage(channel=outside, text="x")),
        ("is_archived", client.chat_postMessage(channel=archived, text="x")),
        ("no_text", client.api_call("chat.postMessage", json={"channel": papers})),
        ("msg_too_long", client.chat_postMessage(channel=papers, text="x" * 40_001)),
        ("invalid_blocks", client.chat_postMessage(channel=papers, text="x", blocks=many)),
        ("invalid_blocks", client.chat_postMessage(channel=papers, text="x", blocks=header)),
        ("message_not_found", client.chat_update(channel=papers, ts="1.000000", text="x")),
        ("cant_update_message", client.chat_update(channel=papers, ts=theirs, text="x")),
        ("already_reacted", client.reactions_add(channel=papers, timestamp=ours, name="tada")),
        ("no_reaction", client.reactions_remove(channel=papers, timestamp=ours, name="eyes")),
        ("thread_not_found", client.conversations_replies(channel=papers, ts="1.000000")),
        ("missing_scope", client.users_info(user=alice)),
    ):
        with pytest.raises(SlackApiError) as error:
            await call
        assert refusal(error) == code
    with pytest.raises(SlackApiError) as error:
        await client.chat_postMessage(channel=papers, text="x", blocks=header)
    assert error.value.response["response_metadata"]["messages"] == [
        "[ERROR] 151 characters, 150 are the most [json-pointer:/blocks/0/text/text]"
    ]


async def test_a_block_check_of_the_project_can_refuse_too() -> None:
    async with SlackDouble(block_check=lambda blocks: ["[ERROR] no"] if blocks else []) as slack:
        papers = slack.workspace.add_channel("papers").id
        with pytest.raises(SlackApiError) as error:
            await client_of(slack).chat_postMessage(channel=papers, text="x", blocks=BUTTONS)
    assert refusal(error) == "invalid_blocks"


async def test_an_update_without_blocks_takes_them_away(slack: SlackDouble, papers: str) -> None:
    client = client_of(slack)
    ts = (await client.chat_postMessage(channel=papers, text="x", blocks=BUTTONS))["ts"]
    await client.chat_update(channel=papers, ts=ts, text="y", blocks=BUTTONS)
    (message,) = slack.messages(papers)
    assert (message.revision, message.edited, len(message.blocks)) == (1, None, 2)
    await client.chat_update(channel=papers, ts=ts, text="z")
    (message,) = slack.messages(papers)
    assert message.blocks == ()
    assert message.edited is not None


async def test_arguments_come_as_json_form_or_query(slack: SlackDouble, papers: str) -> None:
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    form = {"channel": papers, "text": "x", "blocks": json.dumps(BUTTONS)}
    url = slack.base_url + "chat.postMessage"
    async with aiohttp.ClientSession(headers=headers) as session:
        for request in (
            session.post(url, data=form),
            session.post(url, params=form),
            session.post(url, json={**form, "blocks": BUTTONS}),
        ):
            async with request as answer:
                assert (await answer.json())["ok"] is True
    assert [len(m.blocks) for m in slack.messages(papers)] == [2, 2, 2]


async def test_a_response_url_is_good_five_times(
    slack: SlackDouble, alice: str, papers: str
) -> None:
    app = bolt(slack)

    async def on_papers(ack: AsyncAck) -> None:
        await ack()

    app.command("/papers")(on_papers)
    async with running(app, slack, "socket"):
        exchange = await slack.slash(alice, papers, "/papers")
    assert exchange.response_url is not None
    async with aiohttp.ClientSession() as session:
        answers = []
        for _ in range(6):
            async with session.post(exchange.response_url, json={"text": "x"}) as answer:
                answers.append((answer.status, await answer.json()))
    assert answers[:5] == [(200, {"ok": True})] * 5
    assert answers[5] == (404, {"ok": False, "error": "used_url"})
    assert len(slack.calls_of("response_url")) == 6


async def test_triggers_work_once_and_not_for_long() -> None:
    now = [1_756_000_000.0]
    async with SlackDouble(clock=lambda: now[0]) as slack:
        alice = slack.workspace.add_user("alice").id
        client, used, old = client_of(slack), slack.trigger(alice), slack.trigger(alice)
        await client.views_open(trigger_id=used, view=MODAL)
        now[0] += 3.1
        for trigger_id, code in (
            (used, "exchanged_trigger_id"),
            (old, "expired_trigger_id"),
            ("made-up", "invalid_trigger_id"),
        ):
            with pytest.raises(SlackApiError) as error:
                await client.views_open(trigger_id=trigger_id, view=MODAL)
            assert refusal(error) == code


async def test_the_app_proves_its_url_and_refuses_unsigned_requests(
    slack: SlackDouble, alice: str, papers: str
) -> None:
    app, seen = bolt(slack), []

    async def on_papers(ack: AsyncAck) -> None:
        seen.append(1)
        await ack()

    app.command("/papers")(on_papers)
    async with running(app, slack, "http") as url:
        assert (await slack.verify_url()).ok
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json={"type": "event_callback"}) as answer,
        ):
            assert answer.status == 401
        slack.use_http(url, "another-secret")
        exchange = await slack.slash(alice, papers, "/papers")
        assert exchange.acked_within is None
        assert slack.acks[-1].status == 401
    assert seen == []


async def test_what_the_app_does_not_subscribe_to_stays_away(alice: str) -> None:
    async with SlackDouble(subscriptions=frozenset()) as slack:
        user, channel = slack.workspace.add_user("bob").id, slack.workspace.add_channel("x").id
        ts = slack.workspace.say(user, channel, "Hello").ts
        assert (await slack.react(user, channel, ts, "tada")).attempts == 0
        with pytest.raises(SlackError, match="already_reacted"):
            await slack.react(user, channel, ts, "tada")


async def test_an_uninstalled_app_is_told_and_its_token_dies(slack: SlackDouble) -> None:
    app, seen = bolt(slack), []

    async def gone(event: dict[str, Any]) -> None:
        seen.append(event["type"])

    app.event("tokens_revoked")(gone)
    app.event("app_uninstalled")(gone)
    async with running(app, slack, "socket"):
        await client_of(slack).auth_test()
        await slack.uninstall()
        await slack.wait_for(lambda: len(seen) == 2)
        with pytest.raises(SlackApiError) as error:
            await client_of(slack).auth_test()
    assert refusal(error) == "account_inactive"


async def test_every_answer_names_the_scopes_of_the_token() -> None:
    async with SlackDouble(scopes=frozenset({"commands", "chat:write"})) as slack:
        answer = await client_of(slack).auth_test()
    assert answer.headers["x-oauth-scopes"] == "chat:write,commands"


async def test_only_the_owner_of_an_app_sees_its_manifest() -> None:
    async with SlackDouble(manifest={"settings": {}}) as slack:
        app = slack.workspace.app_id
        with pytest.raises(SlackApiError) as error:
            await client_of(slack).apps_manifest_export(app_id=app)
        owner = client_of(slack, slack.config_token)
        assert (await owner.apps_manifest_export(app_id=app))["manifest"] == {"settings": {}}
    assert refusal(error) == "not_allowed_token_type"


# Shapes: every key the double emits is one that Slack emits.

SHAPE_OF = {
    "app_home_opened": "AppHomeOpened",
    "app_mention": "AppMention",
    "app_uninstalled": "AppUninstalled",
    "member_joined_channel": "MemberJoinedChannel",
    "reaction_added": "ReactionAdded",
    "reaction_removed": "ReactionRemoved",
    "tokens_revoked": "TokensRevoked",
    "block_actions": "block_actions",
    "message_action": "message_action",
}


def shapes_folder() -> Path:
    project = Path(__file__).resolve().parents[2]
    shared = Path(os.environ.get("DAILY_PAPERS_SHARED", project.parent / "shared"))
    return shared / "data" / "slack" / "shapes"


def shape(folder: Path, name: str) -> Any:
    plain = folder / f"{name}.json"
    if plain.exists():
        return json.loads(plain.read_text())
    packed = folder / f"{name}.json.gz"
    return json.loads(gzip.decompress(packed.read_bytes())) if packed.exists() else None


def strangers(body: object, known: object, path: str = "") -> Iterator[str]:
    """Yield every key that the shape lacks; blocks are the app's own, and ``{}`` means any."""
    if isinstance(body, dict) and isinstance(known, dict) and known:
        for key, value in body.items():
            here = f"{path}.{key}".lstrip(".")
            if key not in known:
                yield here
            elif key != "blocks":
                yield from strangers(value, known[key], here)
    elif isinstance(body, list) and isinstance(known, list) and known:
        for item in body:
            yield from strangers(item, known[0], path)


async def test_every_key_the_double_emits_is_one_of_slacks(
    slack: SlackDouble, alice: str, papers: str
) -> None:
    folder = shapes_folder()
    if not folder.is_dir():
        pytest.skip(f"no recorded shapes at {folder}: set DAILY_PAPERS_SHARED to have them checked")
    app = bolt(slack)

    async def anything(ack: AsyncAck) -> None:
        await ack()

    app.command("/papers")(anything)
    app.action("vote")(anything)
    app.shortcut("settings")(anything)
    app.view("settings")(anything)
    for name in (*SHAPE_OF, "message"):
        app.event(name)(anything)
    client = client_of(slack)
    async with running(app, slack, "socket"):
        await client.auth_test()
        posted: dict[str, Any] = {
            "channel": papers,
            "text": "x",
            "blocks": BUTTONS,
            "metadata": KEY,
        }
        ts = (await client.chat_postMessage(**posted))["ts"]
        await client.chat_postMessage(**posted, thread_ts=ts)
        await client.chat_update(channel=papers, ts=ts, text="x", blocks=BUTTONS)
        await client.chat_postEphemeral(channel=papers, user=alice, text="x", blocks=BUTTONS)
        await client.reactions_add(channel=papers, timestamp=ts, name="tada")
        await slack.react(alice, papers, ts, "tada")
        await slack.unreact(alice, papers, ts, "tada")
        await client.reactions_get(channel=papers, timestamp=ts, full=True)
        await slack.mention(alice, papers, "hello", thread_ts=ts)
        await client.conversations_history(channel=papers, include_all_metadata=True, limit=1)
        await client.conversations_replies(channel=papers, ts=ts, include_all_metadata=True)
        await client.conversations_info(channel=papers, include_num_members=True)
        await client.conversations_list(types="public_channel,im")
        await client.conversations_join(channel=papers)
        await client.conversations_open(users=alice)
        await client.users_info(user=alice)
        await client.users_info(user=slack.workspace.bot_user_id)
        await client.views_publish(user_id=alice, view={"type": "home", "blocks": BUTTONS})
        home = slack.home(alice)
        assert home is not None
        await slack.open_home(alice)
        await slack.click_view(alice, home.id, "vote")
        await slack.click(alice, papers, ts, "vote")
        await slack.click_ephemeral(alice, papers, slack.ephemerals(alice)[0].ts, "vote")
        trigger = (await slack.shortcut(alice, papers, ts, "settings")).trigger_id
        modal = (await client.views_open(trigger_id=trigger, view=MODAL))["view"]["id"]
        trigger = (await slack.shortcut(alice, papers, ts, "settings")).trigger_id
        await client.views_push(trigger_id=trigger, view=MODAL)
        await client.views_update(view_id=modal, view=MODAL)
        await slack.submit(alice, modal, {"hour": "9", "layout": "short"})
        await slack.slash(alice, papers, "/papers", "top")
        await slack.direct_message(alice, "hello")
        with pytest.raises(SlackApiError):
            await client.chat_postMessage(channel=papers, text="x", blocks=[{"type": "odd"}])
        await client.reactions_remove(channel=papers, timestamp=ts, name="tada")
        await client.chat_delete(channel=papers, ts=ts)
        await slack.invite(alice, papers)
        await slack.uninstall()
        await slack.settled()
    unknown, checked = [], set()
    info, block_actions = shape(folder, "api/conversations.info"), "interactive/block_actions"
    for sent in slack.sent:
        match sent.kind:
            case "api":
                known = shape(folder, f"api/{sent.name}")
                if sent.name == "conversations.open":
                    known = info  # no shape of its own
            case "event" if sent.name == "message":
                known = shape(folder, "events/AppMention")  # no shape of its own
                known["event"]["channel_type"] = ""
            case "event":
                known = shape(folder, f"events/{SHAPE_OF[sent.name]}")
            case "slash_command":
                known = shape(folder, "interactive/slash_command")
            case "interactive" if sent.name == "view_submission":
                known = shape(folder, block_actions)  # no shape of its own
                known["response_urls"] = []
            case "interactive":
                known = shape(folder, f"interactive/{SHAPE_OF[sent.name]}")
            case _:
                continue  # hello, disconnect and url_verification have no shapes
        for holder in (known, known.get("event", {})):
            if "view" in holder and sent.kind != "api":  # cut short there: taken from views.open
                holder["view"] = shape(folder, "api/views.open")["view"]
        checked.add(sent.name)
        assert known is not None, sent.name
        unknown += [f"{sent.kind} {sent.name}: {key}" for key in strangers(sent.body, known)]
    assert sorted(set(unknown)) == []
    shapeless = {"blocks.validate"}  # it says ok, and no more
    everything = set(SHAPE_OF) | set(slack.methods) | {"/papers", "view_submission"}
    assert checked >= everything - shapeless
