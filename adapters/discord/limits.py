"""What Discord takes in one message, and what is wrong with a body before it is sent. Pure.

Lengths are UTF-16 units unless a name says bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.text import size

Json = dict[str, Any]

V2 = 1 << 15
"""The flag that makes a message of components alone; it can never be taken off again."""

ACTION_ROW, BUTTON, SECTION, TEXT_DISPLAY, THUMBNAIL, SEPARATOR, CONTAINER = 1, 2, 9, 10, 11, 14, 17
"""Component types: docs.discord.com/developers/components/reference#component-object"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Discord's limits, and one of our own."""

    content: int  # docs.discord.com/developers/resources/message#create-message
    nonce: int  # the same page
    components: int  # docs.discord.com/developers/components/reference: nested ones count
    text: int  # the same page, section Text Display; undocumented: it holds for the sum
    text_bytes: int  # undocumented: HTTP 500 from about 10,170 on (discord-api-docs#8554)
    section_texts: int  # components/reference#section
    row_buttons: int  # components/reference#action-row
    label: int  # components/reference#button
    custom_id: int  # components/reference#anatomy-of-a-component
    button_url: int  # components/reference#button
    media_url: int  # components/reference#unfurled-media-item
    media_description: int  # components/reference#thumbnail
    rows: int  # components/reference#legacy-message-component-behavior
    embeds: int  # docs.discord.com/developers/resources/message#create-message
    embed_text: int  # docs.discord.com/developers/resources/message#embed-limits: all embeds'
    embed_title: int  # the same section
    embed_description: int  # the same section
    embed_footer: int  # the same section
    embed_author: int  # the same section
    embed_fields: int  # the same section
    embed_field_name: int  # the same section
    embed_field_value: int  # the same section
    modal_title: int  # docs.discord.com/developers/interactions/receiving-and-responding
    modal_fields: int  # the same page, section Modal: labels of one
    field_label: int  # components/reference#label
    field_hint: int  # the same section
    input_text: int  # components/reference#text-input
    select_options: int  # components/reference#string-select
    select_text: int  # the same section: label and value of an option
    thread_name: int  # docs.discord.com/developers/resources/channel#start-thread-from-message
    thread_tags: int  # the same page, section Start Thread in Forum or Media Channel
    command_description: int  # docs.discord.com/developers/interactions/application-commands
    options: int  # the same page: options of a command, and sub-commands of a group
    choices: int  # the same page
    choice: int  # the same page


LIMITS = Limits(
    content=2_000,
    nonce=25,
    components=40,
    text=4_000,
    text_bytes=9_500,
    section_texts=3,
    row_buttons=5,
    label=80,
    custom_id=100,
    button_url=512,
    media_url=2_048,
    media_description=1_024,
    rows=5,
    embeds=10,
    embed_text=6_000,
    embed_title=256,
    embed_description=4_096,
    embed_footer=2_048,
    embed_author=256,
    embed_fields=25,
    embed_field_name=256,
    embed_field_value=1_024,
    modal_title=45,
    modal_fields=5,
    field_label=45,
    field_hint=100,
    input_text=4_000,
    select_options=25,
    select_text=100,
    thread_name=100,
    thread_tags=5,
    command_description=100,
    options=25,
    choices=25,
    choice=100,
)


def walk(components: Iterable[Json]) -> Iterator[Json]:
    """Yield every component, nested ones and accessories included, in reading order."""
    for component in components:
        yield component
        yield from walk(component.get("components", ()))
        if "accessory" in component:
            yield from walk([component["accessory"]])


def problems(payload: Mapping[str, Any]) -> list[str]:
    """Return why Discord would not take a create-message body; nothing means that it would."""
    found = [
        *_too_long("content", payload.get("content", ""), LIMITS.content),
        *_too_long("nonce", str(payload.get("nonce", "")), LIMITS.nonce),
        *_embeds(payload.get("embeds", ())),
    ]
    components = list(walk(payload.get("components", ())))
    for component in components:
        found += _component(component)
    found += _too_many("components", len(components), LIMITS.components)
    texts = [each["content"] for each in components if each["type"] == TEXT_DISPLAY]
    found += _too_long("all texts", "".join(texts), LIMITS.text)
    found += _too_many(
        "bytes of text", sum(len(each.encode()) for each in texts), LIMITS.text_bytes
    )
    ids = Counter(each["custom_id"] for each in components if "custom_id" in each)
    found += [f"custom_id {name!r} stands {n} times" for name, n in ids.items() if n > 1]
    if not (components or payload.get("content") or payload.get("embeds")):
        found.append("the message is empty")
    if payload.get("flags", 0) & V2:
        mixed = [name for name in ("content", "embeds") if payload.get(name)]
        return [*found, *(f"{name} with flag 32768" for name in mixed)]
    outer = payload.get("components", ())
    if any(each["type"] != ACTION_ROW for each in outer):
        found.append("components without flag 32768")
    return [*found, *_too_many("action rows", len(outer), LIMITS.rows)]


def _embeds(embeds: Sequence[Mapping[str, Any]]) -> list[str]:
    found = _too_many("embeds", len(embeds), LIMITS.embeds)
    total = 0
    for embed in embeds:
        texts = list(_embed_texts(embed))
        total += sum(size(text) for _, text, _ in texts)
        for what, text, most in texts:
            found += _too_long(what, text, most) if text.strip() else [f"{what} is empty"]
        fields = embed.get("fields", ())
        found += _too_many("fields of an embed", len(fields), LIMITS.embed_fields)
        media = (embed[name]["url"] for name in ("thumbnail", "image") if name in embed)
        for url in (*media, embed.get("url", "")):
            found += _too_long("a url of an embed", url, LIMITS.media_url)
        if not texts and not {"thumbnail", "image"} & embed.keys():
            found.append("an embed is empty")
    return found + _too_many("characters in all embeds", total, LIMITS.embed_text)


def _embed_texts(embed: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Yield every text that counts: what it is, the text, how long it may be."""
    if "title" in embed:
        yield "an embed's title", embed["title"], LIMITS.embed_title
    if "description" in embed:
        yield "an embed's description", embed["description"], LIMITS.embed_description
    if "footer" in embed:
        yield "an embed's footer", embed["footer"]["text"], LIMITS.embed_footer
    if "author" in embed:
        yield "an embed's author", embed["author"]["name"], LIMITS.embed_author
    for each in embed.get("fields", ()):
        yield "a field's name", each["name"], LIMITS.embed_field_name
        yield "a field's value", each["value"], LIMITS.embed_field_value


def _component(component: Mapping[str, Any]) -> list[str]:
    inside = component.get("components", ())
    match component["type"]:
        case 1:
            return _count("an action row", len(inside), LIMITS.row_buttons)
        case 2:
            return _button(component)
        case 9:
            missing = [] if "accessory" in component else ["a section has no accessory"]
            return missing + _count("a section", len(inside), LIMITS.section_texts)
        case 10:
            return [] if component["content"].strip() else ["a text display is empty"]
        case 11:
            return [
                *_too_long("a media url", component["media"]["url"], LIMITS.media_url),
                *_too_long(
                    "a description", component.get("description", ""), LIMITS.media_description
                ),
            ]
        case 17:
            return _count("a container", len(inside), LIMITS.components)
    return []


def _button(button: Mapping[str, Any]) -> list[str]:
    found = [] if button.get("label", "").strip() else ["a button has no label"]
    if ("url" in button) == ("custom_id" in button):
        found.append("a button has either a url or a custom_id")
    return [
        *found,
        *_too_long("a label", button.get("label", ""), LIMITS.label),
        *_too_long("a custom_id", button.get("custom_id", ""), LIMITS.custom_id),
        *_too_long("a url", button.get("url", ""), LIMITS.button_url),
    ]


def _count(what: str, number: int, most: int) -> list[str]:
    return _too_many(f"components in {what}", number, most) if number else [f"{what} is empty"]


def _too_many(what: str, number: int, most: int) -> list[str]:
    return [f"{number:,} {what}, at most {most:,}"] if number > most else []


def _too_long(what: str, value: str, most: int) -> list[str]:
    length = size(value)
    return [f"{what} of {length:,} characters, at most {most:,}"] if length > most else []
