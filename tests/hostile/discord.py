"""What must hold of every message to Discord, whatever its text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from adapters.discord.limits import Json, problems, walk
from adapters.discord.markup import web_address
from adapters.discord.render import Style, render
from bot.domain.papers import Paper
from bot.domain.reply import Reply
from tests.doubles.discord_limits import check_message
from tests.hostile import addresses

LONGEST = 10_000
STYLES: tuple[Style, ...] = ("components", "embeds")

_ESCAPED = re.compile(r"\\[^0-9A-Za-z\s]|(?<!`)`[^`]+`(?!`)")
_LINK = re.compile(r"\[[^\[\]]*\]\((https?://[^\s()<>]*)\)")
_LIVE = re.compile(
    r"@everyone|@here|<[@#/:a-z]|[a-z]+://|\]\(|^\s*(?:>|- |\+ |\d+\. )|\|\||~~|__", re.MULTILINE
)


def findings(reply: Reply, papers: Sequence[Paper], shown: Sequence[Paper]) -> Iterator[str]:
    """Yield what is wrong with the message of a reply."""
    allowed = {web_address(url, LONGEST) for url in addresses(papers)}
    for style in STYLES:
        body = render(reply, style)
        for finding in problems(body):
            yield f"discord: {finding}"
        check_message(body)
        if body["allowed_mentions"] != {"parse": []}:
            yield "discord: mentions are allowed"
        for address in _addresses(body):
            if address not in allowed:
                yield f"discord: an address that is not ours: {address[:80]!r}"
        for words in _markup(body):
            for finding in _live(words, allowed):
                yield f"discord: {finding}"


def _addresses(body: Json) -> Iterator[str]:
    """Yield where a message leads, but for the links in its texts."""
    for each in walk(body["components"]):
        if address := each.get("url") or each.get("media", {}).get("url"):
            yield address
    for embed in body.get("embeds", ()):
        yield from (embed["url"],) if "url" in embed else ()
        yield from (embed["thumbnail"]["url"],) if "thumbnail" in embed else ()


def _markup(body: Json) -> Iterator[str]:
    """Yield the texts in which Discord reads markup, as it does not in authors and footers."""
    yield from (each.get("content", "") for each in walk(body["components"]))
    for embed in body.get("embeds", ()):
        yield from (embed.get("title", ""), embed.get("description", ""))


def _live(content: str, allowed: Collection[str | None]) -> Iterator[str]:
    inert = _ESCAPED.sub("·", content)
    for url in _LINK.findall(inert):
        if url not in allowed:
            yield f"a link that is not ours: {url[:80]!r}"
    for mark in _LIVE.findall(_LINK.sub("·", inert)):
        yield f"{mark!r} in {content[:80]!r}"
