import asyncio
import json
import logging

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.summarizers.endpoint import BODY_BYTES, Completion, Endpoint
from bot import __version__
from bot.domain.errors import ConfigError, ModelError
from config.settings import LlmSettings
from tests.doubles.clock import Seconds
from tests.doubles.endpoint import (
    TOKENS_IN,
    TOKENS_OUT,
    EndpointDouble,
    body,
    fenced,
    huge,
    length,
    message,
    no_usage,
    normal,
    parts,
    redirect,
    refusal,
    reset,
    saying,
    status,
    stream,
    truncated,
)

KEY = "not-a-real-key/0123456789"
SCHEMA = {
    "type": "object",
    "properties": {
        "line": {"type": "string", "maxLength": 60},
        "points": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "sentence": {"type": "integer"}},
                "required": ["text", "sentence"],
            },
        },
    },
    "required": ["line", "points"],
}
VALUE = {"line": "It {works} – “well”.", "points": [{"text": "```", "sentence": 1}]}
ASKED = {"instructions": "Say it.", "text": "We walk. We run.", "schema": SCHEMA, "name": "gist"}
DATE = "Thu, 07 May 2026 09:00:0{} GMT"


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
async def server():
    async with EndpointDouble() as server:
        server.value = VALUE
        yield server


@pytest.fixture
async def opened(server, clock):
    """Open endpoints at the double; all are closed at the end."""
    endpoints = []

    def opened(**settings):
        given = {"base_url": server.url, "model": server.model, **settings}
        endpoint = Endpoint(LlmSettings(**given), clock=clock, sleep=clock.sleep)
        endpoints.append(endpoint)
        return endpoint

    yield opened
    for endpoint in endpoints:
        await endpoint.close()


@pytest.fixture
def endpoint(opened):
    return opened()


async def fails(endpoint, words):
    """Ask, expect an error with these words, and return it."""
    with pytest.raises(ModelError) as error:
        await endpoint.complete(**ASKED)
    assert words in str(error.value)
    return error.value


# the request


async def test_a_question_is_sent_as_the_api_describes_it(endpoint, server):
    await endpoint.complete(**ASKED)
    (asked,) = server.asked
    assert asked.body["messages"] == [
        {"role": "system", "content": "Say it."},
        {"role": "user", "content": "We walk. We run."},
    ]
    assert asked.body["max_tokens"] == 700
    assert asked.body["stream"] is False
    assert asked.body["response_format"]["json_schema"]["name"] == "gist"
    assert asked.body.keys() == {"model", "messages", "max_tokens", "response_format", "stream"}
    assert asked.headers["User-Agent"] == f"daily-papers/{__version__}"
    assert "Authorization" not in asked.headers


async def test_settings_are_sent_where_they_are_set(opened, server):
    server.key = KEY
    endpoint = opened(api_key=SecretStr(f" {KEY}\n"), temperature=0.2, max_tokens=99)
    await endpoint.complete(**ASKED)
    (asked,) = server.asked
    assert (asked.body["temperature"], asked.body["max_tokens"]) == (0.2, 99)
    assert asked.headers["Authorization"] == f"Bearer {KEY}"


async def test_strange_characters_arrive(endpoint, server):
    text = "Ünal 🙂 \ud800 \x00 </s>"
    await endpoint.complete(**{**ASKED, "text": text})
    assert server.asked[0].body["messages"][1]["content"] == text


async def test_a_proxy_of_the_environment_is_used(opened, server, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
    endpoint = opened(base_url="http://model.invalid/v1")
    assert (await endpoint.complete(**ASKED)).value == VALUE
    assert server.asked[0].headers["Host"] == "model.invalid"


async def test_the_double_fails_a_test_whose_requests_are_wrong():
    server = await EndpointDouble().__aenter__()
    async with httpx.AsyncClient() as client:
        wrong = {"model": "small", "max_tokens": 1, "stream": False, "tools": []}
        answer = await client.post(f"{server.url}/chat/completions", json=wrong)
    assert answer.status_code == 400
    with pytest.raises(AssertionError, match="tools is not known; messages is missing"):
        await server.__aexit__(None, None, None)


# the answer


async def test_an_answer_tells_the_object_what_it_cost_and_the_model(endpoint):
    assert await endpoint.complete(**ASKED) == Completion(
        value=VALUE,
        tokens_in=TOKENS_IN,
        tokens_out=TOKENS_OUT,
        estimated=False,
        model="small-2026-05-01",
    )


@pytest.mark.parametrize(
    "act",
    [
        fenced(VALUE),
        parts(VALUE),
        saying(f"Sure!\n{json.dumps(VALUE)}\nDone."),
        saying(f"<think>Is it {{}}?\n</think>\n{json.dumps(VALUE)}"),
        saying(f"Is it so?\n</think>\n\n{json.dumps(VALUE)}"),
        saying(json.dumps({**VALUE, "more": 1})),
        normal(VALUE, choices_of_another_kind=[], system_fingerprint=None),
    ],
    ids=["fenced", "parts", "among words", "thoughts", "end of thoughts", "more", "unknown"],
)
async def test_what_stands_around_an_object_is_tolerated(endpoint, server, act):
    server.script.append(act)
    completion = await endpoint.complete(**ASKED)
    assert {**completion.value, "more": 1} == {**VALUE, "more": 1}
    assert len(server.asked) == 1


async def test_an_end_of_thoughts_within_the_object_is_no_end_of_thoughts(endpoint, server):
    server.value = {"line": "It writes </think> first.", "points": []}
    assert (await endpoint.complete(**ASKED)).value == server.value
    server.script.append(fenced(server.value))
    assert (await endpoint.complete(**ASKED)).value == server.value
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "usage",
    [None, {}, [], {"prompt_tokens": 0, "completion_tokens": -5}, {"prompt_tokens": "400"}],
)
async def test_tokens_that_are_not_told_are_estimated(endpoint, server, usage):
    server.script.append(no_usage(VALUE) if usage is None else normal(VALUE, usage=usage))
    completion = await endpoint.complete(**ASKED)
    assert completion.estimated
    asked = len(ASKED["instructions"]) + len(ASKED["text"])
    assert completion.tokens_in == (asked + 3) // 4
    assert completion.tokens_out == (len(json.dumps(VALUE)) + 3) // 4


async def test_a_model_without_a_name_has_the_configured_one(endpoint, server):
    server.script += [normal(VALUE, model=None), normal(VALUE, model="\u202ex\n" * 200)]
    assert (await endpoint.complete(**ASKED)).model == "small"
    assert len((await endpoint.complete(**ASKED)).model) <= 100


MALFORMED = {
    "words alone": (saying("I walk and run."), "there is no JSON object in it"),
    "truncated": (truncated(VALUE), "there is no JSON object in it"),
    "two objects": (saying(f"{json.dumps(VALUE)} {json.dumps(VALUE)}"), "no JSON object"),
    "a list": (saying("[1]"), "no JSON object"),
    "no number": (saying('{"line": NaN, "points": []}'), "no JSON object"),
    "nesting": (saying('{"line":' + "[" * 200_000), "no JSON object"),
    "thoughts alone": (saying(f"<think>{json.dumps(VALUE)}"), "no JSON object"),
    "lacks": (normal({"line": "x"}), "the object lacks points"),
    "too long": (normal({**VALUE, "line": "x" * 61}), "line has 61 characters, 60 at the most"),
    "wrong type": (
        normal({**VALUE, "points": [{"text": "x", "sentence": "1"}]}),
        "points[0].sentence is of no type integer",
    ),
    "no JSON": (body(b"<!doctype html>"), "none of a chat endpoint: it is no JSON"),
    "nothing": (body(b""), "none of a chat endpoint: it is no JSON"),
    "another shape": (body(b'{"choices": []}'), "choices is missing or of another form"),
    "no message": (body(b'{"choices": [{}]}'), "choices.0.message is missing"),
    "an error": (body(b'{"error": {"message": "no memory"}}'), "(no memory): the endpoint is out"),
}


@pytest.mark.parametrize(("act", "words"), MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_answer_is_asked_for_once_more_and_then_an_error(
    endpoint, server, act, words
):
    server.script += [act, normal(VALUE), act, act]
    assert (await endpoint.complete(**ASKED)).value == VALUE
    assert len(server.asked) == 2
    await fails(endpoint, words)
    assert len(server.asked) == 4


async def test_what_was_spent_in_vain_is_told(endpoint, server):
    server.script += [truncated(VALUE), normal(VALUE), truncated(VALUE), truncated(VALUE)]
    completion = await endpoint.complete(**ASKED)
    assert completion.tokens_in == 2 * TOKENS_IN
    assert completion.tokens_out == 2 * TOKENS_OUT
    error = await fails(endpoint, "no JSON object")
    assert (error.tokens_in, error.tokens_out) == (2 * TOKENS_IN, 2 * TOKENS_OUT)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (length(VALUE), "the answer was cut off; raise LLM_MAX_TOKENS"),
        (saying("", finish="length"), "LLM_MAX_TOKENS"),
        (refusal("I will\nnot. " + "No. " * 99), "the model refused (I will not. No."),
        (saying("", finish="content_filter"), "the endpoint's filter withheld the answer"),
        (saying(""), "the answer is empty"),
        (saying(" \n"), "the answer is empty"),
        (saying([]), "the answer is empty"),
        (message({}), "the answer is empty"),
    ],
    ids=["length", "all thought", "refusal", "filter", "empty", "white", "no parts", "no content"],
)
async def test_no_answer_is_an_error_that_a_second_attempt_would_not_mend(
    endpoint, server, act, words
):
    server.script.append(act)
    error = await fails(endpoint, words)
    assert len(str(error)) < 300
    assert (error.tokens_in, error.tokens_out) == (TOKENS_IN, TOKENS_OUT)
    assert len(server.asked) == 1


@pytest.mark.parametrize("head", [b"", b": still at it\n\n", b"\nevent: message\n"])
async def test_a_stream_is_an_error_with_its_cure(endpoint, server, head):
    server.script.append(body(head + b'data: {"choices": []}\n\n', "text/event-stream"))
    server.script.append(stream(VALUE))
    await fails(endpoint, "the answer is a stream, which was not asked for; turn streaming off")
    await fails(endpoint, "the answer is a stream")
    assert len(server.asked) == 2


async def test_an_endless_answer_is_not_read(endpoint, server):
    server.script.append(huge(64 * BODY_BYTES))
    await fails(endpoint, f"more than 1,000,000 bytes from {server.url}; check LLM_BASE_URL")
    assert len(server.asked) == 1


# what endpoints do not take


async def test_max_tokens_goes_by_its_other_name_where_that_is_wanted(endpoint, server):
    server.refuses = {"max_tokens"}
    await endpoint.complete(**ASKED)
    await endpoint.complete(**ASKED)
    limits = [each.body.keys() & {"max_tokens", "max_completion_tokens"} for each in server.asked]
    assert limits == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]


@pytest.mark.parametrize("code", [400, 422])
@pytest.mark.parametrize(
    ("refuses", "forms"),
    [
        ({"json_schema"}, ["json_schema", "json_object"]),
        ({"json_schema", "json_object"}, ["json_schema", "json_object", None]),
        (
            {"json_schema", "json_object", "max_tokens"},
            ["json_schema", "json_schema", "json_object", None],
        ),
    ],
)
async def test_a_format_that_is_refused_is_left_out_and_asked_for_in_words(
    endpoint, server, refuses, forms, code
):
    server.refuses, server.refusal = refuses, code
    assert (await endpoint.complete(**ASKED)).value == VALUE
    assert (await endpoint.complete(**ASKED)).value == VALUE
    told = [each.body.get("response_format", {}).get("type") for each in server.asked]
    assert told == [*forms, forms[-1]]
    system = server.asked[-1].body["messages"][0]["content"]
    assert system.startswith("Say it.\n\nAnswer with one JSON object")
    assert '"sentence": {"type": "integer"}' in system


async def test_a_format_is_not_given_up_for_an_endpoint_that_answers_neither(endpoint, server):
    server.script += [status(400, "no response_format"), status(500), status(500)]
    await fails(endpoint, "500 from")
    await endpoint.complete(**ASKED)
    assert server.asked[-1].body["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    "words",
    [
        "'max_tokens' or 'max_completion_tokens' is too large: 700. The context is of 512 tokens.",
        "Unsupported value: 'temperature'",
        "",
    ],
)
async def test_a_refusal_of_something_else_is_an_error_at_once(endpoint, server, words):
    server.script.append(status(400, words))
    await fails(endpoint, f"400 from {server.url}" + (f" ({words})" if words else ""))
    assert len(server.asked) == 1


# faults


@pytest.mark.parametrize(
    "act",
    [reset, status(500), status(502), status(503), status(504)],
    ids=["reset", "500", "502", "503", "504"],
)
async def test_a_fault_is_tried_once_more(endpoint, server, clock, act):
    server.script += [act, normal(VALUE), act, act]
    assert (await endpoint.complete(**ASKED)).value == VALUE
    assert clock.slept == [1]
    await fails(endpoint, f"from {server.url}")
    assert len(server.asked) == 4


async def test_all_faults_together_are_worth_one_more_attempt(endpoint, server):
    server.script += [reset, truncated(VALUE), normal(VALUE)]
    await fails(endpoint, "no JSON object")
    assert len(server.asked) == 2


async def test_an_address_where_nobody_listens_is_an_error(opened):
    async with EndpointDouble() as gone:
        url = gone.url
    await fails(opened(base_url=url), f"no answer from {url} (ConnectError); check that it runs")


async def test_silence_is_an_error_that_names_the_seconds(opened, server):
    server.script.append(server.silence)
    endpoint = opened(timeout=0.05)
    error = await fails(endpoint, f"no answer from {server.url} within 0.05 s; raise LLM_TIMEOUT")
    assert error.tokens_in > 0


async def test_no_second_attempt_begins_after_the_deadline(opened, server, clock):
    async def slow(request):
        clock.now += 59.5
        return await status(500)(request)

    server.script.append(slow)
    await fails(opened(timeout=60), "500 from")
    assert len(server.asked) == 1
    assert clock.slept == []


async def test_a_redirect_is_not_followed(opened, server):
    async with EndpointDouble() as other:
        server.key = KEY
        server.script.append(redirect(f"{other.url}/chat/completions"))
        endpoint = opened(api_key=SecretStr(KEY))
        await fails(endpoint, "redirects are not followed; set LLM_BASE_URL to where it leads")
        assert other.asked == []
    assert len(server.asked) == 1


# limits


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "20"}, 20),
        ({"Retry_After": "0.5"}, 0.5),
        ({"Retry_After": DATE.format(7), "Date": DATE.format(2)}, 5),
        ({"Retry_After": DATE.format(2), "Date": DATE.format(7)}, 0),
    ],
)
async def test_a_short_wait_is_waited_for_once(endpoint, server, clock, headers, seconds):
    server.script.append(status(429, "slow down", **headers))
    assert (await endpoint.complete(**ASKED)).value == VALUE
    assert sum(clock.slept) == seconds
    server.script += [status(429, "slow down", **headers)] * 2
    error = await fails(endpoint, "(slow down): too many calls")
    assert error.retry_after == seconds
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "21"}, 21),
        ({"Retry_After": "Thu, 07 May 2026 09:01:00 GMT", "Date": DATE.format(0)}, 60),
        ({"Retry_After": "999999999"}, 3_600),
        ({"Retry_After": "soon"}, 60),
        ({"Retry_After": "Thu, 99 May 2026 09:01:00 GMT"}, 60),
        ({}, 60),
    ],
)
async def test_no_call_is_made_during_a_long_wait(endpoint, server, clock, headers, seconds):
    server.script.append(status(429, **headers))
    assert (await fails(endpoint, "429 from")).retry_after == seconds
    clock.now += seconds - 0.25
    error = await fails(endpoint, f"left alone for a while after: 429 from {server.url}")
    assert error.retry_after == 0.25
    assert len(server.asked) == 1
    clock.now += 0.25
    assert (await endpoint.complete(**ASKED)).value == VALUE


async def test_a_wait_beyond_the_deadline_is_not_waited_for(opened, server, clock):
    server.script.append(status(429, Retry_After="10"))
    endpoint = opened(timeout=10)
    assert (await fails(endpoint, "429 from")).retry_after == 10
    await fails(endpoint, "left alone")
    assert clock.slept == []


async def test_a_wait_and_a_fault_are_each_worth_one_more_attempt(endpoint, server, clock):
    server.script += [status(500), status(429, Retry_After="3"), normal(VALUE)]
    assert (await endpoint.complete(**ASKED)).value == VALUE
    assert clock.slept == [1, 3]


# left alone


@pytest.mark.parametrize(
    ("code", "key", "words"),
    [
        (401, KEY, "the key is not accepted; set LLM_API_KEY"),
        (401, "", "it wants a key; set LLM_API_KEY"),
        (403, KEY, "(no): small is not allowed; check LLM_API_KEY and LLM_MODEL"),
        (404, "", "(no): no such address, or no model small; check LLM_BASE_URL and LLM_MODEL"),
    ],
)
async def test_an_endpoint_that_refuses_is_left_alone_for_five_minutes(
    opened, server, clock, code, key, words
):
    server.key = key
    server.script.append(status(code, "no"))
    endpoint = opened(api_key=SecretStr(key))
    with capture_logs() as logs:
        await fails(endpoint, words)
    assert [(each["event"], each["seconds"]) for each in logs] == [("model left alone", 300)]
    clock.now += 299
    await fails(endpoint, words)
    assert len(server.asked) == 1
    clock.now += 1
    assert (await endpoint.complete(**ASKED)).value == VALUE


async def test_an_endpoint_that_fails_three_times_in_a_row_is_left_alone_for_a_minute(
    endpoint, server, clock
):
    server.script += [saying(""), saying(""), normal(VALUE), saying(""), saying("")]
    for _ in range(2):
        await fails(endpoint, "empty")
        await fails(endpoint, "empty")
        await endpoint.complete(**ASKED)
    server.script += [saying("")] * 4
    for _ in range(3):
        await fails(endpoint, "LLM: the answer is empty")
    clock.now += 59
    error = await fails(endpoint, "left alone for a while after: the answer is empty")
    assert error.retry_after == 1
    asked = len(server.asked)
    clock.now += 1
    await fails(endpoint, "LLM: the answer is empty")
    await fails(endpoint, "left alone")
    assert len(server.asked) == asked + 1


async def test_those_who_wait_for_their_turn_do_not_ask_an_endpoint_that_was_closed(
    endpoint, server
):
    async def refuse(request):
        await server.released.wait()
        return await status(401)(request)

    server.script += [refuse, refuse]
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(fails(endpoint, "401 from")) for _ in range(5)]
        await server.arrived(2)
        server.released.set()
    assert all("left alone" in str(call.result()) for call in calls[2:])
    assert len(server.asked) == 2


# side by side


async def test_two_calls_are_made_at_a_time(endpoint, server):
    server.script += [server.hold(VALUE)] * 6
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(endpoint.complete(**ASKED)) for _ in range(6)]
        await server.arrived(2)
        server.released.set()
    assert [call.result().value for call in calls] == [VALUE] * 6
    assert server.at_once == 2


async def test_a_call_that_is_cancelled_makes_room_and_counts_as_no_failure(endpoint, server):
    server.script += [server.silence] * 4
    for _ in range(2):
        calls = [asyncio.create_task(endpoint.complete(**ASKED)) for _ in range(3)]
        before = len(server.asked)
        await server.arrived(before + 2)
        for call in reversed(calls):
            call.cancel()
        assert await asyncio.gather(*calls, return_exceptions=True)
        assert all(call.cancelled() for call in calls)
    assert (await endpoint.complete(**ASKED)).value == VALUE


# the key


async def test_the_key_is_in_no_error_no_log_and_no_representation(opened, server, clock, caplog):
    caplog.set_level(logging.DEBUG)
    server.key = KEY
    endpoint = opened(api_key=SecretStr(KEY))
    escaped = json.dumps({"error": f"no {KEY}"}).replace("/", "\\/").encode()
    server.script += [
        status(400, f"response_format? {KEY}"),
        status(400, f"json_object? {KEY}"),
        status(400, f"{KEY * 20}"),
        status(500, KEY),
        body(escaped),
        status(429, KEY),
        status(403, KEY),
        status(401, f"Incorrect key: {KEY[:8]}****{KEY[-4:]}"),
        reset,
        status(418, KEY),
    ]
    seen = [repr(endpoint), str(endpoint), repr(vars(endpoint)["_client"].headers)]
    with capture_logs() as logs:
        while server.script:
            error = await fails(endpoint, "LLM: ")
            seen += [str(error), repr(error), error.problem, repr(error.__cause__)]
            clock.now += 400
    assert KEY not in " ".join([*seen, str(logs), caplog.text])
    assert KEY[:8] not in " ".join(seen)
    assert "LLM: 418 from" in str(seen)


@pytest.mark.parametrize("key", ["sk a", "sk\r\nX: y", "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused_unseen(key):
    settings = LlmSettings(base_url="http://127.0.0.1/v1", model="m", api_key=SecretStr(key))
    with pytest.raises(ConfigError, match="LLM_API_KEY") as error:
        Endpoint(settings)
    assert key not in str(error.value)


def test_an_endpoint_needs_an_address():
    with pytest.raises(ConfigError, match="LLM_BASE_URL"):
        Endpoint(LlmSettings(model="small"))
