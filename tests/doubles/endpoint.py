"""An OpenAI-compatible chat endpoint on loopback: strict about requests, scripted in answers."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import web

from tests.doubles.loopback import HOST, listen

Json = dict[str, Any]
Act = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATH = "/v1/chat/completions"
NEEDED = {"model", "messages", "stream"}
LIMITS = {"max_tokens", "max_completion_tokens"}
KNOWN = NEEDED | LIMITS | {"response_format", "temperature"}
STRICT = {"type", "properties", "required", "items", "enum", "description", "title"} | {
    "additionalProperties", "maxItems"
}  # fmt: skip
"""Of JSON Schema; platform.openai.com/docs/guides/structured-outputs, under supported schemas."""

REFUSALS = {
    "json_schema": {"message": "This response_format type is unavailable now", "code": None},
    "json_object": "'response_format.type' must be 'text'",
    "max_tokens": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
        "Use 'max_completion_tokens' instead.",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    },
}
"""As services word them: DeepSeek, LM Studio and OpenAI."""

TOKENS_IN, TOKENS_OUT = 400, 30
"""What each answer says that it cost."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that arrived."""

    path: str
    headers: Mapping[str, str]
    body: Json


class EndpointDouble:
    """Answers with what the script says; ``async with`` runs it, ``url`` is its address.

    At the end it fails the test if a request was not as the API describes it.

    Attributes:
        value: The object that it answers with after the end of the script.
        script: What the next requests meet, one each.
        refuses: Which of ``json_schema``, ``json_object`` and ``max_tokens`` it does not take.
        refusal: The status it refuses them with.
        asked: All requests so far.
        wrong: What was wrong with them.
        at_once: How many were under way together at the most.
        released: Lets go of those that ``hold`` keeps.
    """

    def __init__(self, *, model: str = "small", key: str = "") -> None:
        self.model = model
        self.key = key
        self.value: object = {}
        self.script: deque[Act] = deque()
        self.refuses: set[str] = set()
        self.refusal = 400
        self.asked: list[Asked] = []
        self.wrong: list[str] = []
        self.at_once = 0
        self.released = asyncio.Event()
        self.url = ""
        self._under_way = 0
        self._changed = asyncio.Condition()
        self._closing = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._meet)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> EndpointDouble:
        self.url = f"http://{HOST}:{await listen(self._runner)}/v1"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self.released.set()
        await self._runner.cleanup()
        if error is None and self.wrong:
            raise AssertionError("requests that no endpoint takes: " + "; ".join(self.wrong))

    async def arrived(self, requests: int) -> None:
        """Wait until so many requests have arrived."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= requests)

    def hold(self, value: object) -> Act:
        """Answer with a value once ``released`` is set."""

        async def act(request: web.Request) -> web.StreamResponse:
            await self.released.wait()
            return await normal(value)(request)

        return act

    async def silence(self, request: web.Request) -> web.StreamResponse:
        """Give no answer for as long as the double runs."""
        await self._closing.wait()
        return web.Response()

    async def _meet(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        found = problems(request, data, model=self.model, key=self.key)
        self.wrong += found
        try:
            body = json.loads(data)
        except ValueError:
            body = {}
        async with self._changed:
            self.asked.append(Asked(request.path, dict(request.headers), body))
            self._changed.notify_all()
        if found:
            return web.json_response({"error": {"message": "; ".join(found)}}, status=400)
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        try:
            return await self._answer(request, body)
        finally:
            self._under_way -= 1

    async def _answer(self, request: web.Request, body: Json) -> web.StreamResponse:
        form = body.get("response_format", {}).get("type", "text")
        for refused in [*sorted(LIMITS & body.keys()), form]:
            if refused in self.refuses:
                return web.json_response({"error": REFUSALS[refused]}, status=self.refusal)
        act = self.script.popleft() if self.script else normal(self.value)
        return await act(request)


def problems(request: web.Request, data: bytes, *, model: str, key: str) -> list[str]:
    """Return what is wrong with a request.

    The shape is that of platform.openai.com/docs/api-reference/chat/create.
    """
    found = []
    if (request.method, request.path) != ("POST", PATH):
        found.append(f"{request.method} {request.path} is not POST {PATH}")
    if request.query_string:
        found.append("the address has a query")
    if request.headers.get("Authorization") != (f"Bearer {key}" if key else None):
        found.append("the key is not the one of this endpoint")
    if request.headers.get("Content-Type") != "application/json":
        found.append("the type of the body is not application/json")
    try:
        body = json.loads(data)
    except ValueError:
        return [*found, "the body is no JSON"]
    if not isinstance(body, dict):
        return [*found, "the body is no object"]
    return found + _odd_fields(body, model) + _odd_messages(body.get("messages"))


def _odd_fields(body: Json, model: str) -> list[str]:
    found = [f"{name} is not known" for name in sorted(body.keys() - KNOWN)]
    found += [f"{name} is missing" for name in sorted(NEEDED - body.keys())]
    limits = [body[name] for name in sorted(LIMITS & body.keys())]
    if len(limits) != 1 or type(limits[0]) is not int or limits[0] < 1:
        found.append("there is not one limit of tokens")
    if body.get("model") != model:
        found.append(f"there is no model {body.get('model')!r}")
    if body.get("stream") is not False:
        found.append("stream is not false")
    if not isinstance(body.get("temperature", 0.0), int | float):
        found.append("temperature is no number")
    return found + _odd_format(body)


def _odd_format(body: Json) -> list[str]:
    if "response_format" not in body:
        return []
    form = body["response_format"]
    if form == {"type": "json_object"}:  # else the model may write white space for ever
        told = "json" in json.dumps(body["messages"]).casefold()
        return [] if told else ["no message has the word JSON"]
    named = form.get("json_schema", {})
    if form != {"type": "json_schema", "json_schema": named}:
        return ["response_format is neither json_schema nor json_object"]
    if named.keys() != {"name", "strict", "schema"} or named["strict"] is not True:
        return ["json_schema is not of name, strict and schema"]
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", named["name"]):
        return ["the schema's name has other characters, or is too long"]
    return _odd_schema(named["schema"], "schema")


def _odd_schema(schema: Json, place: str) -> list[str]:
    found = [f"{place}: {name} is not permitted" for name in sorted(schema.keys() - STRICT)]
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            found.append(f"{place}: additionalProperties is not false")
        if sorted(schema.get("required", ())) != sorted(schema["properties"]):
            found.append(f"{place}: not all properties are required")
        for name, each in schema["properties"].items():
            found += _odd_schema(each, f"{place}.{name}")
    if schema.get("type") == "array":
        found += _odd_schema(schema["items"], f"{place}[]")
    return found


def _odd_messages(messages: object) -> list[str]:
    if not isinstance(messages, list):
        return ["messages is no list"]
    if [each.get("role") for each in messages] != ["system", "user"]:
        return ["the messages are not one of the system and one of the user"]
    if any(each.keys() != {"role", "content"} for each in messages):
        return ["a message is not of role and content"]
    if not all(isinstance(each["content"], str) and each["content"] for each in messages):
        return ["a message has no text"]
    return []


def normal(value: object, **changed: object) -> Act:
    """Answer with a value as JSON; see ``saying``."""
    return saying(json.dumps(value), **changed)


def saying(content: object, *, finish: str = "stop", **changed: object) -> Act:
    """Answer with a content; ``changed`` are fields of the answer in place of the usual ones."""
    return message({"content": content, "refusal": None}, finish=finish, **changed)


def message(fields: Json, *, finish: str = "stop", **changed: object) -> Act:
    """Answer with a message of these fields besides its role."""

    async def act(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        choice = {"index": 0, "message": {"role": "assistant", **fields}, "finish_reason": finish}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_777_777_777,
            "model": f"{asked['model']}-2026-05-01",
            "choices": [{**choice, "logprobs": None}],
            "usage": {
                "prompt_tokens": TOKENS_IN,
                "completion_tokens": TOKENS_OUT,
                "total_tokens": TOKENS_IN + TOKENS_OUT,
            },
            **changed,
        }
        return web.json_response({name: each for name, each in answer.items() if each is not None})

    return act


def no_usage(value: object) -> Act:
    """Answer with a value and do not say what it cost."""
    return normal(value, usage=None)


def fenced(value: object) -> Act:
    """Answer with a value in a block of Markdown, and words around it."""
    return saying(f"Here it is:\n\n```json\n{json.dumps(value, indent=2)}\n```\nAnything else?")


def parts(value: object) -> Act:
    """Answer with a content in parts."""
    text = json.dumps(value)
    middle = len(text) // 2
    return saying([{"type": "text", "text": each} for each in (text[:middle], text[middle:])])


def truncated(value: object) -> Act:
    """Answer with JSON that breaks off, and claim that it was the end."""
    return saying(json.dumps(value)[:-2])


def length(value: object) -> Act:
    """Answer with JSON that breaks off where the limit of tokens was reached."""
    return saying(json.dumps(value)[:-2], finish="length")


def refusal(words: str) -> Act:
    """Answer that the model will not."""
    return message({"content": None, "refusal": words})


def body(data: bytes, kind: str = "application/json") -> Act:
    """Answer 200 with these bytes."""

    async def act(request: web.Request) -> web.StreamResponse:
        return web.Response(body=data, content_type=kind)

    return act


def huge(size: int) -> Act:
    """Answer with so many bytes, and do not say so in advance."""

    async def act(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        left = size
        try:
            while left > 0:
                await response.write(b" " * min(left, 1 << 16))
                left -= 1 << 16
        except ConnectionError:  # the other side has had enough
            pass
        return response

    return act


def stream(value: object) -> Act:
    """Answer with events, though nobody asked for a stream."""
    lines = []
    for each in json.dumps(value):
        choice = {"index": 0, "delta": {"content": each}, "finish_reason": None}
        chunk = {"object": "chat.completion.chunk", "choices": [choice]}
        lines.append(f"data: {json.dumps(chunk)}\n\n")
    return body("".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream")


def status(code: int, words: object = "", **headers: str) -> Act:
    """Answer with a status, the endpoint's message and headers (``_`` for ``-``)."""

    async def act(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"error": {"message": words}}, status=code, headers=named)

    return act


def redirect(url: str) -> Act:
    """Lead elsewhere, by a status that would have the same request sent there."""
    return status(307, Location=url)


async def reset(request: web.Request) -> web.StreamResponse:
    """Tear the connection, in place of an answer."""
    assert request.transport
    wire: socket.socket = request.transport.get_extra_info("socket")
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()
