"""Slack's names for channels, people, messages, emoji and typed text, and ours. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from bot.domain.channels import ChannelRef, MessageRef, UserRef

PLATFORM = "slack"

EMOJI_NAMES: Mapping[str, tuple[str, ...]] = {
    "👍": ("+1", "thumbsup"),
    "⬆️": ("arrow_up",),
    "❤️": ("heart",),
    "👎": ("-1", "thumbsdown"),
    "🔖": ("bookmark",),
    "1️⃣": ("one",),
    "2️⃣": ("two",),
    "3️⃣": ("three",),
    "4️⃣": ("four",),
    "5️⃣": ("five",),
    "6️⃣": ("six",),
    "7️⃣": ("seven",),
    "8️⃣": ("eight",),
    "9️⃣": ("nine",),
    "🔟": ("keycap_ten",),
}
"""The emoji that mean something here; events carry the first name, people type any."""

_UNICODE = {name: emoji for emoji, names in EMOJI_NAMES.items() for name in names}

_MARK = re.compile(r"<(?P<kind>[@#!]?)(?P<body>[^<>|]*)(?:\|(?P<label>[^<>]*))?>")


def channel_ref(team: str, channel: str) -> ChannelRef:
    """Return a channel of a team."""
    return ChannelRef(PLATFORM, team, channel)


def user_ref(team: str, user: str) -> UserRef:
    """Return a person, as one of the team the bot is in.

    Guests of shared channels count as such too: a reaction does not tell where they come from, and
    Slack gives no id twice.
    """
    return UserRef(PLATFORM, team, user)


def message_ref(team: str, channel: str, ts: str) -> MessageRef:
    """Return a message; its ``ts`` is a name, never a number."""
    return MessageRef(channel_ref(team, channel), ts)


def unicode_of(name: str) -> str | None:
    """Return the emoji of a name such as ``+1::skin-tone-3``, if it means something here."""
    return _UNICODE.get(name.strip(":").partition("::")[0])


def name_of(emoji: str) -> str | None:
    """Return the name under which Slack knows an emoji, if it means something here."""
    names = EMOJI_NAMES.get(emoji)
    return names[0] if names else None


def typed(text: str) -> str:
    """Return what a person typed, from the form in which events and commands carry it."""
    return html.unescape(_MARK.sub(_unmarked, text)).strip()


def _unmarked(mark: re.Match[str]) -> str:
    if not mark["kind"]:
        return mark["body"]  # a link: its address names a paper, its label need not
    sign = "@" if mark["kind"] == "!" else mark["kind"]
    return sign + (mark["label"] or mark["body"])


def without_mention(text: str, user: str) -> str:
    """Return the text of an event without mentions of that user."""
    return re.sub(rf"<@{re.escape(user)}(?:\|[^>]*)?>[:,]?", " ", text)
