"""Draw a reply as embeds, with its buttons in rows below. Pure.

A list is one embed, each card is one of its own, and a divider ends one. What does not fit gives
way in the order of ``markup.BUDGETS``; link buttons become links in the text, and only when nothing
else helps are the last parts left out. Dividers for which there are no embeds are not drawn, and
buttons that find no row are counted below.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import assert_never

from adapters.discord.components import item_text
from adapters.discord.controls import ACCENT, groups, left_out, links_line, rows, split, tell_apart
from adapters.discord.limits import LIMITS, Json, problems
from adapters.discord.markup import (
    BUDGETS,
    Budget,
    escape,
    line,
    lines,
    marked,
    tidy,
    web_address,
)
from bot.domain.reply import (
    Button,
    Card,
    Control,
    Controls,
    Divider,
    Heading,
    Item,
    Link,
    LinkButton,
    Node,
    Note,
    Paragraph,
    Reply,
    Text,
    plain,
    text,
)
from bot.text import ELLIPSIS, clip, one_line, size

GAP = "\n\n"

Wish = tuple[int, Control]
"""A button and when its turn comes to be given a place: 0 for one that is about the whole message,
or else which of its paper's buttons it is, from 1."""


@dataclass(slots=True)
class Embed:
    """One embed while it is drawn.

    Attributes:
        closed: Whether what follows begins another one.
    """

    made: Json = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    closed: bool = False

    def body(self) -> Json:
        """Return it as Discord takes it."""
        words = GAP.join(part for part in self.parts if part.strip())
        return {**self.made, **({"description": words} if words else {}), "color": ACCENT}


def draw(reply: Reply) -> Json:
    """Return the body of a message that shows a reply and that Discord takes."""
    nodes: Sequence[Node] = reply.nodes
    if not _drawn(nodes, BUDGETS[0])["embeds"]:
        words = reply.summary if one_line(reply.summary) else ELLIPSIS
        nodes = (Paragraph(text(words)),)
    if len(_drawn(nodes, BUDGETS[0])["embeds"]) > LIMITS.embeds:
        nodes = tuple(node for node in nodes if not isinstance(node, Divider))
    for kept in range(len(nodes), -1, -1):
        left = len(nodes) - kept
        shown = (*nodes[:kept], Note(text(f"… and {left} more"))) if left else nodes
        if problems(_drawn(shown, BUDGETS[-1], link_buttons=False)):
            continue
        bodies = (
            _drawn(shown, budget, link_buttons=buttons)
            for budget in BUDGETS
            for buttons in (True, False)
        )
        return next(body for body in bodies if not problems(body))
    raise AssertionError("a note alone always fits")


def _drawn(nodes: Sequence[Node], budget: Budget, *, link_buttons: bool = True) -> Json:
    embeds = [Embed()]
    wishes: list[Wish] = []
    several = sum(isinstance(node, Card) for node in nodes) > 1
    for node in nodes:
        wishes += _node(node, embeds, budget, link_buttons, several)
    placed, lost = _placed(wishes)
    if lost and link_buttons:
        return _drawn(nodes, budget, link_buttons=False)
    if lost:
        if embeds[-1].closed and len(embeds) < LIMITS.embeds:
            embeds.append(Embed())
        note = left_out(len(lost), of_papers=all(turn for turn, _ in lost))
        embeds[-1].parts.append(note)
    drawn = [embed.body() for embed in embeds]
    buttons = list(rows([control for _, control in placed]))
    tell_apart(buttons)
    return {
        "embeds": [each for each in drawn if each.keys() - {"color"}],
        "components": buttons,
        "allowed_mentions": {"parse": []},
    }


def _placed(wishes: Sequence[Wish]) -> tuple[list[Wish], list[Wish]]:
    """Return the buttons for which there are rows, in reading order, and those left out.

    Pages and settings can be had nowhere else, so they come first; then each paper gets one button
    before any gets another.
    """
    placed = set(range(len(wishes)))
    if not _fit(wishes, placed):
        placed = set()
        for index in sorted(range(len(wishes)), key=lambda index: wishes[index][0]):
            if _fit(wishes, placed | {index}):
                placed.add(index)
    return (
        [wish for index, wish in enumerate(wishes) if index in placed],
        [wish for index, wish in enumerate(wishes) if index not in placed],
    )


def _fit(wishes: Sequence[Wish], placed: Set[int]) -> bool:
    return len(groups([wishes[index][1] for index in sorted(placed)])) <= LIMITS.rows


def _node(
    node: Node, embeds: list[Embed], budget: Budget, link_buttons: bool, several: bool
) -> Sequence[Wish]:
    """Draw a node into the last embed or a new one; return the buttons that go below."""
    if embeds[-1].closed and not isinstance(node, Card | Controls | Divider):
        embeds.append(Embed())
    last = embeds[-1]
    match node:
        case Heading(words):
            title = _title(words, budget)
            if last.made or last.parts:
                last.parts.append(f"**{title}**" if title else "")
            elif title:
                last.made["title"] = title
            return ()
        case Paragraph(words):
            last.parts.append(marked(words, budget.body, budget, keep_lines=True).strip())
            return ()
        case Item():
            last.parts.append(item_text(node, budget))
            if node.control is None or node.rank is None:
                return ()  # below a list without numbers nothing says which paper a button is for
            return [(1, _ranked(node.control, node.rank))]
        case Card():
            return _card(node, embeds, budget, link_buttons, several)
        case Note(words):
            last.parts.append(line("-# ", marked(words, budget.body, budget)))
            return ()
        case Controls(controls):
            buttons, links = split(controls, link_buttons=link_buttons)
            if links:
                last.parts.append(links_line(links, budget))
            return [(0, each) for each in buttons]
        case Divider():
            if last.made or last.parts:
                embeds.append(Embed())
            return ()
        case _:
            assert_never(node)


def _card(
    card: Card, embeds: list[Embed], budget: Budget, link_buttons: bool, several: bool
) -> Sequence[Wish]:
    """Draw a card as an embed of its own; a thumbnail has no words for those who do not see it."""
    embed = embeds[-1]
    if embed.made or embed.parts:
        embed = Embed()
        embeds.append(embed)
    embed.closed = True
    title = _title(plain(card.title), budget, "" if card.rank is None else f"{card.rank}. ")
    links = _links(card.title, budget) if title else []
    if title:
        embed.made["title"] = title
        if links:
            embed.made["url"] = web_address(links.pop(0).url, budget.url)
    byline = clip(tidy(plain(card.byline)).strip(), min(budget.line, LIMITS.embed_author))
    if byline:
        embed.made["author"] = {"name": byline}
    footer = clip(tidy(plain(card.meta)).strip(), budget.meta)
    if footer:
        embed.made["footer"] = {"text": footer}
    picture = web_address(card.image.url, LIMITS.media_url) if card.image else None
    if picture:
        embed.made["thumbnail"] = {"url": picture}
    buttons, more = split(card.controls, link_buttons=link_buttons and not several)
    body = marked(card.body, budget.body, budget, keep_lines=True)
    embed.parts.append(lines(body, links_line((*links, *more), budget)))
    if not several:
        return [(0, each) for each in buttons]
    return [(turn, _ranked(each, card.rank)) for turn, each in enumerate(buttons, start=1)]


def _title(words: str, budget: Budget, rank: str = "") -> str:
    """Return as much of a title as Discord takes, or nothing; each escape is a character too."""
    words, most = tidy(words).strip(), budget.title
    while shown := clip(words, most):
        title = escape(rank + shown)
        over = size(title) - LIMITS.embed_title
        if over <= 0:
            return title
        most = size(shown) - (over + 1) // 2  # without so many, at most twice as many are gone
    return ""


def _ranked(control: Control, rank: int | None) -> Control:
    """Return a button that says which of several papers it is about."""
    if rank is None or not isinstance(control, Button):
        return control
    return Button(f"{control.label} {rank}", control.action, control.style)


def _links(title: Text, budget: Budget) -> list[LinkButton]:
    """Return where a title leads to: an embed has one address, and the others stand in its text."""
    found: dict[str, LinkButton] = {}
    for span in title:
        if isinstance(span, Link) and (url := web_address(span.url, budget.url)):
            found.setdefault(url, LinkButton(span.text, span.url))
    return list(found.values())
