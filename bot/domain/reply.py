"""Platform-neutral messages: closed unions that every renderer draws to the last node. No I/O.

Text is never markup. Foreign text (titles, abstracts, names) stands in spans as plain characters,
and a renderer alone escapes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.papers import PaperId
from bot.domain.votes import VoteKind


def is_address(url: str) -> bool:
    """Tell whether a text is an address that a link may lead to."""
    return url.startswith(("https://", "http://"))


def _check_address(url: str) -> None:
    if not is_address(url):
        raise ValueError(f"a link leads to http or https, not to {url[:40]!r}")


@dataclass(frozen=True, slots=True)
class Plain:
    """Characters as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Bold:
    """Characters of weight."""

    text: str


@dataclass(frozen=True, slots=True)
class Italic:
    """Characters that lean."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Characters to be typed as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Characters that lead to an http or https address."""

    text: str
    url: str

    def __post_init__(self) -> None:
        _check_address(self.url)


Span = Plain | Bold | Italic | Code | Link
Text = tuple[Span, ...]


def text(*parts: str | Span) -> Text:
    """Return a text of parts, strings among them taken as plain characters."""
    return tuple(Plain(part) if isinstance(part, str) else part for part in parts)


def plain(spans: Text) -> str:
    """Return the characters of a text alone."""
    return "".join(span.text for span in spans)


ACTION_CHARS = 100
"""Discord's limit on a button's custom_id, the shortest of the platforms."""


@dataclass(frozen=True, slots=True)
class VoteAction:
    """Vote on a paper, or take the vote back."""

    kind: VoteKind
    paper: PaperId

    def pack(self) -> str:
        """Return the button's id; see ``parse_action``."""
        return _packed("vote", self.kind.value, str(self.paper))


@dataclass(frozen=True, slots=True)
class RunAction:
    """Run a command with one line of arguments.

    Attributes:
        in_place: Whether its answer replaces the message that the button stands on, if that is
            the presser's own: another page of the same list.
    """

    command: str
    text: str = ""
    in_place: bool = False

    def pack(self) -> str:
        """Return the button's id; see ``parse_action``."""
        return _packed("turn" if self.in_place else "run", self.command, self.text)


@dataclass(frozen=True, slots=True)
class OpenAction:
    """Open the dialog of a command; where a platform has none, run the command as it is.

    Attributes:
        channel: Id of the channel that it is for, where that is not the one it stands in.
        page: Which of its fields, where a platform shows them a few at a time; from 1, 0 is any.
    """

    command: str
    channel: str = ""
    page: int = 0

    def pack(self) -> str:
        """Return the button's id; see ``parse_action``."""
        page = (str(self.page),) if self.page else ()
        return _packed("open", self.command, self.channel, *page)


Action = VoteAction | RunAction | OpenAction


def _packed(*fields: str) -> str:
    packed = "|".join(fields)
    if len(packed.encode("utf-16-le")) // 2 > ACTION_CHARS:
        raise ValueError(
            f"a button's id holds {ACTION_CHARS} characters, not {len(packed)}: {packed}"
        )
    return packed


def parse_action(packed: str) -> Action:
    """Read what ``pack`` wrote; buttons work after a restart because nothing else is kept.

    Raises:
        ValueError: if the text is no button id of this product.
    """
    head, _, rest = packed.partition("|")
    name, _, argument = rest.partition("|")
    if head == "vote":
        return VoteAction(VoteKind(name), PaperId.parse(argument))
    if head in ("run", "turn") and name:
        return RunAction(name, argument, in_place=head == "turn")
    if head == "open" and name:
        channel, _, page = argument.partition("|")
        return OpenAction(name, channel, int(page or 0))
    raise ValueError(f"not a button of this bot: {packed!r}")


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press that the bot answers."""

    label: str
    action: Action
    style: Literal["normal", "primary"] = "normal"


@dataclass(frozen=True, slots=True)
class LinkButton:
    """Something to press that opens a page, at an http or https address."""

    label: str
    url: str

    def __post_init__(self) -> None:
        _check_address(self.url)


Control = Button | LinkButton


@dataclass(frozen=True, slots=True)
class Image:
    """A picture with words for those who do not see it."""

    url: str
    alt: str


@dataclass(frozen=True, slots=True)
class Heading:
    """The first line of a message."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: Text


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a ranked list: small, one or two lines.

    Attributes:
        rank: From 1, or ``None`` in an unranked list.
        title: Usually a link.
        line: What it is about.
        meta: Votes and the like.
        control: What a person does most with it; drawn beside it where a platform has a place for
            it that costs no line, and left out elsewhere.
    """

    title: Text
    line: Text = ()
    meta: Text = ()
    rank: int | None = None
    control: Button | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One paper in full: title, who and when, body, picture, controls."""

    title: Text
    byline: Text = ()
    body: Text = ()
    meta: Text = ()
    rank: int | None = None
    image: Image | None = None
    controls: tuple[Control, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Small print."""

    text: Text


@dataclass(frozen=True, slots=True)
class Controls:
    """A row of things to press."""

    controls: tuple[Control, ...]


@dataclass(frozen=True, slots=True)
class Divider:
    """A line between two parts."""


Node = Heading | Paragraph | Item | Card | Note | Controls | Divider


@dataclass(frozen=True, slots=True)
class Problem:
    """That one argument was wrong: which, and the sentence about it."""

    parameter: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to be posted or answered: one reply is one message on every platform.

    Attributes:
        nodes: What it shows, in order.
        summary: The message in one plain line: notifications, screen readers, fallbacks.
        private: Whether only the caller shall see it; digests ignore it.
        topics: Words under which a platform may file it, the most telling first.
        problem: Which argument was wrong, for a dialog to show it there.
        later: Makes the reply that is to take its place; where the platform cannot replace it, it
            is shown below.
    """

    nodes: tuple[Node, ...]
    summary: str
    private: bool = field(default=True)
    topics: tuple[str, ...] = ()
    problem: Problem | None = None
    later: Callable[[], Awaitable[Reply]] | None = field(default=None, compare=False, repr=False)
