"""What must hold of every message to Slack, whatever its text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from adapters.slack.limits import problems
from adapters.slack.render import render, view_blocks, words_alone
from bot.domain.papers import Paper
from bot.domain.reply import Reply
from bot.text import clean, one_line
from tests.hostile import addresses

Json = dict[str, Any]

CLIPPED = " \n,;:–—-"
"""What does not stay at the end of what was made shorter."""

CALLING = {"user", "usergroup", "channel", "broadcast", "emoji", "date", "color"}
"""Elements of ``rich_text`` that are more than text."""

_LINK = re.compile(r"<([^<>|]+)\|([^<>|]+)>")
_BARE = re.compile(r"[<>]|&(?!amp;|lt;|gt;)")


def drawn(reply: Reply) -> Iterator[tuple[str, Json, Any]]:
    """Yield what Slack may be sent for a reply: its name, the payload, its surface."""
    for style in ("base", "rich"):
        yield style, render(reply, style=style), "message"
    yield "without pictures", render(reply, pictures=False), "message"
    yield "words", words_alone(reply), "message"
    yield "home", {"type": "home", "blocks": view_blocks(reply, "home")}, "home"


def findings(reply: Reply, papers: Sequence[Paper], shown: Sequence[Paper]) -> Iterator[str]:
    """Yield what is wrong with the messages and views of a reply."""
    allowed = addresses(papers)
    for name, payload, surface in drawn(reply):
        for finding in (*problems(payload, surface), *_live(payload, allowed), *_unsound(payload)):
            yield f"slack, {name}: {finding}"
        words = visible(payload)
        for each in shown if payload["blocks"] else ():
            title = (one_line(each.title) or "Untitled")[:15].rstrip(CLIPPED)
            if title not in words:
                yield f"slack, {name}: {title!r} is not shown as it was written"


def walk(value: object) -> Iterator[Json]:
    """Yield every object of a payload."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from walk(each)


def visible(payload: Json) -> str:
    """Return the words of the blocks as a person reads them."""
    words = []
    for each in walk(payload["blocks"]):
        if isinstance(text := each.get("text"), str):
            words.append(_LINK.sub(r"\2", text) if each.get("type") == "mrkdwn" else text)
            if each.get("type") == "mrkdwn":
                words[-1] = html.unescape(words[-1])
    return "".join(words)


def _live(payload: Json, allowed: Collection[str]) -> Iterator[str]:
    if _BARE.search(payload.get("text", "")):
        yield f"markup in the text: {payload['text'][:80]!r}"
    for each in walk(payload["blocks"]):
        kind = each.get("type")
        if kind in CALLING:
            yield f"an element of type {kind}"
        for key in ("url", "image_url"):
            if key in each and each[key] not in allowed:
                yield f"a {key} that is not ours: {each[key][:80]!r}"
        if kind == "mrkdwn":
            text = each["text"]
            if each.get("verbatim") is not True:
                yield f"addresses would become links: {text[:80]!r}"
            if foreign := [
                url for url, _ in _LINK.findall(text) if html.unescape(url) not in allowed
            ]:
                yield f"a link that is not ours: {foreign[0][:80]!r}"
            if _BARE.search(_LINK.sub("", text)):
                yield f"markup in mrkdwn: {text[:80]!r}"


def _unsound(payload: Json) -> Iterator[str]:
    """Yield texts that act rather than show; a half of a character cannot even be sent."""
    json.dumps(payload, ensure_ascii=False).encode()
    for each in walk(payload):
        text = each.get("text")
        if isinstance(text, str) and clean(text) != text:
            yield f"characters that act: {text[:80]!r}"
