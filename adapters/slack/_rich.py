"""Draw digests with the newer blocks: a card, a carousel of cards, a container. Pure.

Blocks: https://docs.slack.dev/reference/block-kit/blocks/card-block and, beside it,
``carousel-block`` and ``container-block``. What they cannot hold is drawn in base style: a card
whose body is long or holds links; in a carousel, cards of more than three buttons; in a container,
more than its ten children. A card's title leads nowhere, for its address would count among the 150
characters: the links stand below.

Within a container nothing is ``rich_text``: the documentation allows it, but validators in use are
said not to (slack-morphism, ``SlackContainerBlock``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, takewhile

from adapters.slack._pieces import (
    ESCAPES,
    LONGEST_ESCAPE,
    Room,
    button,
    clipped,
    controls,
    image,
    in_words,
    marked_text,
    mrkdwn,
    plain_text,
    small,
    titled,
)
from adapters.slack.limits import LIMITS, Json, takes_url
from bot.domain.reply import (
    Button,
    Card,
    Control,
    Heading,
    Item,
    Link,
    LinkButton,
    Node,
    Plain,
    Span,
    Text,
    plain,
)
from bot.text import ELLIPSIS, clean, clip, one_line, size

Draw = Callable[[Sequence[Node]], list[Json]]

JOINED_ITEMS = 5
"""How many entries of a long list share a child of a container."""


def rich_blocks(nodes: Sequence[Node], room: Room, *, pictures: bool, base: Draw) -> list[Json]:
    """Return nodes as blocks, in base style what has no newer one."""
    return [
        block for run in _runs(nodes) for block in _drawn(run, room, pictures=pictures, base=base)
    ]


def _runs(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    """Yield what is drawn together: a heading with its items, neighbouring cards, all between."""
    others: list[Node] = []
    index = 0
    while index < len(nodes):
        taken = _taken(nodes[index:])
        if not taken:
            others.append(nodes[index])
            index += 1
            continue
        if others:
            yield others
            others = []
        yield nodes[index : index + taken]
        index += taken
    if others:
        yield others


def _taken(nodes: Sequence[Node]) -> int:
    """Return how many nodes, the first among them, one newer block can hold."""
    if isinstance(nodes[0], Card):
        return len(list(takewhile(lambda node: isinstance(node, Card), nodes)))
    items = len(list(takewhile(lambda node: isinstance(node, Item), nodes[1:])))
    return 1 + items if isinstance(nodes[0], Heading) and items else 0


def _drawn(run: Sequence[Node], room: Room, *, pictures: bool, base: Draw) -> list[Json]:
    match run:
        case [Heading() as heading, Item(), *_]:
            items = [node for node in run if isinstance(node, Item)]
            return _container(heading, items, room) or base(run)
    cards = [node for node in run if isinstance(node, Card)]
    if len(cards) > 1 and all(map(_fits_a_carousel, cards)):
        return _carousels(cards, room, pictures=pictures)
    if cards:
        return [
            block
            for card in cards
            for block in (_single(card, room, pictures=pictures) if _fits(card) else base([card]))
        ]
    return base(run)


def _fits(card: Card) -> bool:
    """Tell whether nothing of a card is lost in the newer block, which knows ``mrkdwn`` alone."""
    texts = (_unlinked(card.title), card.byline, card.body, card.meta)
    linked = any(isinstance(span, Link) for words in texts for span in words)
    misread = any(mrkdwn(words) is None for words in texts)
    return not (linked or misread) and size(clean(plain(card.body)).strip()) <= LIMITS.card_body


def _fits_a_carousel(card: Card) -> bool:
    return _fits(card) and len(_buttons(card)) <= LIMITS.card_actions


def _buttons(card: Card) -> list[Button]:
    return [control for control in card.controls if isinstance(control, Button)]


def _links(card: Card) -> list[LinkButton]:
    """Return where a card leads to, first its title."""
    own = [LinkButton("Paper", span.url) for span in card.title if isinstance(span, Link)]
    return [*own, *(control for control in card.controls if isinstance(control, LinkButton))]


def _single(card: Card, room: Room, *, pictures: bool) -> list[Json]:
    below: list[Control] = [*_buttons(card)[LIMITS.card_actions :], *_links(card)]
    return [
        _card(card, room, _lines(LIMITS.card_body, card.body), pictures=pictures),
        *small(clipped(card.meta, room.small)),
        *controls(below),
    ]


def _carousels(cards: Sequence[Card], room: Room, *, pictures: bool) -> list[Json]:
    drawn = [
        _card(
            card,
            room,
            _lines(LIMITS.card_body, card.body, clipped(card.meta, room.small)),
            pictures=pictures,
        )
        for card in cards
    ]
    most = LIMITS.carousel_cards
    rows = [drawn[first : first + most] for first in range(0, len(drawn), most)]
    return [
        *({"type": "carousel", "elements": row} for row in rows),
        *small(tuple(_link_lines(cards))),
    ]


def _card(card: Card, room: Room, body: Json | None, *, pictures: bool) -> Json:
    title = titled(clipped(card.title, room.title), card.rank)
    drawn: Json = {
        "type": "card",
        "title": _lines(LIMITS.card_title, _unlinked(title)),
        "subtitle": _lines(LIMITS.card_subtitle, clipped(card.byline, room.small)),
        "body": body,
        "hero_image": image(card.image) if card.image and pictures else None,
        "actions": [button(each) for each in _buttons(card)[: LIMITS.card_actions]],
    }
    return {key: value for key, value in drawn.items() if value}


def _unlinked(words: Text) -> Text:
    return tuple(Plain(span.text) if isinstance(span, Link) else span for span in words)


def _link_lines(cards: Sequence[Card]) -> Iterator[Span]:
    """Yield a line for each card that leads anywhere."""
    begun = False
    for card in cards:
        links = _links(card)
        if links:
            name = f"{card.rank}. " if card.rank is not None else _name(card)
            yield Plain(f"\n{name}" if begun else name)
            begun = True
        for index, link in enumerate(links):
            if index:
                yield Plain(" · ")
            yield Link(one_line(link.label) or ELLIPSIS, link.url)


def _name(card: Card) -> str:
    return clip(one_line(plain(card.title)) or "Untitled", 60) + ": "


def _container(heading: Heading, items: Sequence[Item], room: Room) -> list[Json]:
    """Return a list that folds away below its heading; nothing, where one cannot hold it."""
    title = clip(one_line(heading.text), LIMITS.container_title)
    children = [_entry(item, room) for item in items]
    if len(children) > LIMITS.container_blocks:
        children = list(_joined(children))
    if not title or len(children) > LIMITS.container_blocks:
        return []
    folding: Json = {"title": plain_text(title), "is_collapsible": True}
    return [{"type": "container", **folding, "child_blocks": children}]


def _entry(item: Item, room: Room) -> Json:
    """Return an item as a section; a title that could be markup leads on by a button."""
    title = titled(clipped(item.title, room.title), item.rank, mark="• ")
    words = [title, clipped(item.line, room.line), clipped(item.meta, room.small)]
    shown = [line for line in words if clean(plain(line)).strip()]
    marked = [mrkdwn(line) for line in shown]
    if None not in marked:
        return {"type": "section", "text": marked_text("\n".join(filter(None, marked)))}
    links = [span for span in title if isinstance(span, Link)]
    if len(links) == 1 and takes_url(links[0].url):
        shown[0] = _unlinked(title)
        accessory = {"accessory": button(LinkButton("Open", links[0].url))}
    else:
        accessory = {}
    flat = "\n".join(clean("".join(map(in_words, line))) for line in shown)
    return {"type": "section", "text": plain_text(clip(flat, LIMITS.section)), **accessory}


def _joined(sections: Sequence[Json]) -> Iterator[Json]:
    """Yield sections as few, for a long list has more entries than a container children."""
    for marked, run in groupby(sections, lambda each: each["text"]["type"] == "mrkdwn"):
        each = list(run)
        most = JOINED_ITEMS if marked else 1
        for first in range(0, len(each), most):
            some = each[first : first + most]
            if len(some) == 1:
                yield some[0]
                continue
            texts = [section["text"]["text"] for section in some]
            yield {"type": "section", "text": marked_text("\n\n".join(texts))}


def _lines(most: int, *texts: Text) -> Json | None:
    """Return texts on lines of their own in so many characters, the first of them clipped."""
    shown = [each for each in texts if clean(plain(each)).strip()]
    if not shown:
        return None
    first, *others = shown
    least = most // 4
    left = max(least, most - sum(size(plain(each)) + 1 for each in others))
    flat = "\n".join(clean(plain(line)) for line in (clipped(first, left), *others))
    while left >= least:  # escapes and marks count too: how much, is known once it is drawn
        marked = [mrkdwn(line) for line in (clipped(first, left), *others)]
        if None in marked:
            break
        joined = "\n".join(filter(None, marked))
        if size(joined) <= most:
            return marked_text(joined)
        left += (most - size(joined)) // LONGEST_ESCAPE  # enough if all are escapes
    else:
        return marked_text(clip(flat, most // LONGEST_ESCAPE).translate(ESCAPES))
    return plain_text(clip(flat, most))
