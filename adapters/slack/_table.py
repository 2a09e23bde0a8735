"""What Slack takes at the most, as data. Pure.

Sources: https://docs.slack.dev/reference/block-kit/blocks and the pages of its blocks,
https://docs.slack.dev/reference/block-kit/block-elements,
https://docs.slack.dev/reference/block-kit/composition-objects,
https://docs.slack.dev/reference/views and https://docs.slack.dev/reference/methods/chat.postMessage.
What is not documented says so. Texts are counted in UTF-16 units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from bot.text import size

Surface = Literal["message", "modal", "home"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each thing; characters unless the name says otherwise."""

    blocks: int = 50
    view_blocks: int = 100
    blocks_json: int = 12_000
    """Undocumented: `msg_blocks_too_long` comes near 13,200 (slackapi/bolt-js#2509)."""
    view_bytes: int = 250_000
    """`view_too_large` of https://docs.slack.dev/reference/methods/views.open"""
    text: int = 3_000
    """Undocumented: a longer text is split near 4,046 into messages (java-slack-sdk#704)."""
    block_id: int = 255
    action_id: int = 255
    callback_id: int = 255
    private_metadata: int = 3_000
    view_title: int = 24
    view_button: int = 24
    header: int = 150
    section: int = 3_000
    fields: int = 10
    field: int = 2_000
    context_elements: int = 10
    context_text: int = 3_000
    actions_elements: int = 25
    url: int = 3_000
    image_alt: int = 2_000
    image_title: int = 2_000
    alert: int = 200
    card_title: int = 150
    card_subtitle: int = 150
    card_body: int = 200
    card_actions: int = 3
    carousel_cards: int = 10
    container_title: int = 150
    container_subtitle: int = 150
    container_blocks: int = 10
    label: int = 2_000
    hint: int = 2_000
    input_text: int = 3_000
    placeholder: int = 150
    options: int = 100
    overflow_options: int = 5
    checkboxes: int = 10
    radio_buttons: int = 10
    option_text: int = 75
    option_description: int = 75
    option_value: int = 150
    button_text: int = 75
    button_value: int = 2_000
    confirm_title: int = 100
    confirm_text: int = 300
    confirm_button: int = 30


LIMITS = Limits()


def takes_url(url: str) -> bool:
    """Tell whether Slack takes an address in a button, link or picture."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and size(url) <= LIMITS.url
        and url.isprintable()
        and not any(character.isspace() or character in "<>|" for character in url)
    )
