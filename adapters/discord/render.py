"""Draw a reply as one Discord message, and know it again. Pure.

There are two styles: Components V2, which everybody sees and in which each paper of a list has its
button, and embeds, for servers that are used to them and where components are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, assert_never

from adapters.discord import components, embeds
from adapters.discord.ids import marks, nonce
from adapters.discord.limits import Json
from bot.domain.channels import ChannelRef
from bot.domain.reply import Reply
from bot.ports import Thread

Style = Literal["components", "embeds"]


def render(reply: Reply, style: Style = "components") -> Json:
    """Return the body of a message that shows a reply and that Discord takes."""
    match style:
        case "components":
            return components.draw(reply)
        case "embeds":
            return embeds.draw(reply)
        case _:
            assert_never(style)


def other(style: Style) -> Style:
    """Return the style in which a message is drawn where one is refused, or stands already."""
    return "embeds" if style == "components" else "components"


def post_body(
    channel: ChannelRef,
    reply: Reply,
    *,
    key: str,
    thread: Thread | None = None,
    style: Style = "components",
) -> Json:
    """Return the body that posts a reply under a key: see ``ids.nonce`` and ``ids.marks``.

    A message of embeds without a button cannot be marked. Those of digests all have some, and no
    other message is looked for.
    """
    body = render(reply, style)
    if body["components"]:
        outer = body["components"][0]
        outer["id"], outer["components"][0]["id"] = marks(key)
    return {**body, "nonce": nonce(key), "enforce_nonce": True}


def is_marked(message: Mapping[str, Any], key: str) -> bool:
    """Tell whether a message read back is the one that ``post_body`` made for that key."""
    if message.get("nonce") == nonce(key):
        return True
    (outer, *_) = message.get("components") or [{}]
    (first, *_) = outer.get("components") or [{}]
    return (outer.get("id"), first.get("id")) == marks(key)
