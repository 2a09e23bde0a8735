"""Draw what people see in Discord as pictures, made of the bundled sample alone.

python docs/discord_pictures.py            (or: make pictures)

The bot itself makes the messages, the page below draws them much as Discord's dark theme does,
headless Chromium makes PNG of it.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from adapters.discord.modals import modal
from adapters.discord.render import render
from adapters.storage.memory import MemoryStore
from bot import logs
from bot.app import App, build
from bot.cards import digest_title
from bot.domain.channels import ChannelRef, Layout, MessageRef, UserRef
from bot.domain.command import Caller, CommandCall
from bot.domain.deliveries import Delivery, DeliveryState
from bot.domain.dialog import Dialog
from bot.domain.votes import Reaction
from bot.services.deliveries import message_of
from bot.services.digest import plan_digest
from config.settings import Settings
from docs.pictures import FLAGS, FOLDER, NOW, drawn_batch, program, run
from docs.pictures import ORDER as SLACK_ORDER

Json = dict[str, Any]

CHANNEL = ChannelRef("discord", "1", "2")
ANN, BOB, EVE = (UserRef("discord", "1", f"{number}") for number in (1, 2, 3))
CALLER = Caller(ANN, CHANNEL, is_admin=True, channel_name="papers")
ORDER = replace(SLACK_ORDER, channel=CHANNEL, owner=ANN)
REACTIONS = {"1️⃣": (ANN, BOB, EVE), "3️⃣": (ANN, BOB), "2️⃣": (EVE,)}
SEARCH = "fine-tuning --limit 2 --page 2"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture shows: what Discord is sent, and what stands around it.

    Attributes:
        payload: The body of a message, or the data of a modal.
        reactions: Emoji below a message, with how many people gave each.
        thread: The thread below a message: its name, and how many messages it holds.
        whisper: Whether one person alone sees it.
    """

    name: str
    payload: Json
    reactions: Sequence[tuple[str, int]] = ()
    thread: tuple[str, int] | None = None
    whisper: bool = False


async def pictures() -> list[Picture]:
    """Return all pictures, of a channel in which a digest was posted and voted on."""
    store = MemoryStore()
    await store.save_batch(await drawn_batch(), NOW)
    await store.save_subscription(ORDER)
    settings = Settings.model_construct()  # what is set on this machine has no say here
    async with build(settings, store=store, sources={}, adapters={}, clock=lambda: NOW) as app:
        head, first, *others = await _posted(store)
        await _react(app, head)
        dialog = await app.inbox.dialog(CommandCall(CALLER, "settings"))
        if not isinstance(dialog, Dialog):
            raise SystemExit(f"no dialog: {dialog.summary}")
        shown, paper = await message_of(head, store), await message_of(first, store)
        thread = (digest_title(head.newest.day), 1 + len(others))
        given = [(emoji, len(people)) for emoji, people in REACTIONS.items()]
        found = await app.inbox.command(CommandCall(CALLER, "search", SEARCH))
        return [
            Picture("digest", render(shown), given, thread),
            Picture("embeds", render(shown, "embeds"), given, thread),
            Picture("paper", render(paper), [("👍", 2), ("🔖", 1)]),
            Picture("search", render(found), whisper=True),
            Picture("settings", modal(dialog)),
        ]


async def _posted(store: MemoryStore) -> Sequence[Delivery]:
    """Let a digest stand in the channel, and return its messages."""
    order = replace(ORDER, layout=Layout.THREAD)
    plan = plan_digest(order, NOW.date(), await store.batches(order.sources), {}, now=NOW)
    await store.plan(plan.deliveries, plan.receipt)
    for number, each in enumerate(plan.deliveries):
        await store.advance(each.key, DeliveryState.SENDING, at=NOW)
        await store.advance(each.key, DeliveryState.SENT, ref=MessageRef(CHANNEL, f"9{number}"))
    return await store.deliveries(plan.receipt.slot)


async def _react(app: App, head: Delivery) -> None:
    for emoji, people in REACTIONS.items():
        for user in people:
            if head.ref:
                await app.inbox.reaction(Reaction(head.ref, user, emoji, added=True))


def page(picture: Picture) -> str:
    """Return a picture as a page."""
    inside = _modal(picture.payload) if "title" in picture.payload else _message(picture)
    style = (FOLDER / "discord.css").read_text(encoding="utf-8")
    measure = "const a=document.querySelector('article').getBoundingClientRect();"
    measure += "document.title=Math.ceil(a.width)+','+Math.ceil(a.height)"
    return (
        f"<!doctype html><meta charset=utf-8><style>{style}</style>"
        f"<article>{inside}</article><script>{measure}</script>"
    )


def _message(picture: Picture) -> str:
    avatar = (FOLDER / "avatar.svg").read_text(encoding="utf-8")
    parts = [_embed(each) for each in picture.payload.get("embeds", ())]
    parts += [_component(each) for each in picture.payload["components"]]
    if picture.reactions:
        chips = "".join(f"<span>{emoji} {number}</span>" for emoji, number in picture.reactions)
        parts.append(f"<p class=reactions>{chips}</p>")
    if picture.thread:
        name, number = picture.thread
        parts.append(f"<p class=thread><b>{escape(name)}</b> <a>{number} Messages ›</a></p>")
    if picture.whisper:
        parts.append("<p class=whisper>👁 Only you can see this · <a>Dismiss message</a></p>")
    name = "<p class=name><b>papers</b> <i>APP</i> <time>9:00 AM</time></p>"
    return f"<div class=avatar>{avatar}</div><div class=said>{name}{''.join(parts)}</div>"


def _component(each: Json) -> str:
    inside = "".join(map(_component, each.get("components", ())))
    match each["type"]:
        case 17:
            return f"<div class=container>{inside}</div>"
        case 9:
            return f"<div class=section><div>{inside}</div>{_component(each['accessory'])}</div>"
        case 10:
            return f"<div class=text>{markdown(each['content'])}</div>"
        case 11:
            drawing = (FOLDER / "first-page.svg").read_text(encoding="utf-8")
            return f"<div class=thumbnail>{drawing}</div>"
        case 14:
            return "<hr>"
        case 1:
            return f"<div class=row>{inside}</div>"
        case 2:
            look = {1: "primary", 5: "link"}.get(each["style"], "secondary")
            mark = " ↗" if "url" in each else ""
            return f"<span class='button {look}'>{escape(each['label'])}{mark}</span>"
    raise AssertionError(f"no drawing of a component of type {each['type']}")


def _embed(embed: Json) -> str:
    title = f"<h3>{markdown(embed['title'])}</h3>" if "title" in embed else ""
    words = (
        f"<div class=text>{markdown(embed['description'])}</div>" if "description" in embed else ""
    )
    footer = f"<p class=small>{escape(embed['footer']['text'])}</p>" if "footer" in embed else ""
    return f"<div class=container>{title}{words}{footer}</div>"


def _modal(data: Json) -> str:
    rows = "".join(_field(each) for each in data["components"])
    buttons = (
        "<span class='button secondary'>Cancel</span><span class='button primary'>Submit</span>"
    )
    return (
        f"<div class=modal><h2>{escape(data['title'])}</h2>{rows}<footer>{buttons}</footer></div>"
    )


def _field(label: Json) -> str:
    inner = label["component"]
    required = " <em>*</em>" if inner.get("required") else ""
    value = inner.get("value", "")
    for option in inner.get("options", ()):
        value = option["label"] if option.get("default") else value
    kind = "select" if "options" in inner else "input"
    hint = f"<small>{escape(label.get('description', ''))}</small>"
    name = f"<b>{escape(label['label'])}{required}</b>"
    return f"<label>{name}{hint}<span class={kind}>{escape(value)}</span></label>"


def markdown(content: str) -> str:
    """Return the little of Discord's markup that the bot uses as HTML."""
    return "".join(_lines(content.split("\n")))


def _lines(lines: Iterable[str]) -> Iterator[str]:
    for each in lines:
        for mark, tag in (("### ", "h3"), ("## ", "h2"), ("-# ", "small")):
            if each.startswith(mark):
                yield f"<{tag}>{_inline(each.removeprefix(mark))}</{tag}>"
                break
        else:
            yield f"<p>{_inline(each)}</p>" if each.strip() else "<p class=gap></p>"


def _inline(words: str) -> str:
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(escape(match[1]))
        return f"\0{len(kept) - 1}\0"

    made = escape(re.sub(r"\\([^0-9A-Za-z\s])", keep, words), quote=False)
    made = re.sub(r"\[([^\]]*)\]\([^)\s]*\)", r"<a>\1</a>", made)
    made = re.sub(r"`([^`]+)`", r"<code>\1</code>", made)
    made = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", made)
    made = re.sub(r"\*(.+?)\*", r"<i>\1</i>", made)
    return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], made)


def main() -> None:
    """Write the PNG files."""
    logs.configure("warning", "console")
    node, chromium = program("node", "nodejs npm"), program("chromium", "chromium")
    with tempfile.TemporaryDirectory(prefix="daily-papers-pictures-") as folder:
        browser = [chromium, *FLAGS, f"--user-data-dir={folder}/profile"]
        for picture in asyncio.run(pictures()):
            drawn = Path(folder, f"{picture.name}.html")
            drawn.write_text(page(picture), encoding="utf-8")
            measured = run([*browser, "--dump-dom", drawn.as_uri()])
            found = re.search(r"<title>(\d+,\d+)</title>", measured)
            if found is None:
                raise SystemExit(f"{picture.name} has no size")
            file = FOLDER / f"discord-{picture.name}.png"
            run([*browser, f"--window-size={found[1]}", f"--screenshot={file}", drawn.as_uri()])
            run([node, f"{FOLDER}/smaller.mjs", str(file)])
            print(f"{file.name}: {found[1]}, {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
