"""Buttons and links of a message, in either style. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import assert_never

from adapters.discord.ids import TWIN, custom_id
from adapters.discord.limits import ACTION_ROW, BUTTON, LIMITS, Json, walk
from adapters.discord.markup import Budget, masked, tidy, web_address
from adapters.discord.modals import pages
from bot.commands import all_commands
from bot.domain.reply import Button, Control, LinkButton, OpenAction
from bot.text import ELLIPSIS, clip, count

ACCENT = 0xFFD21E
"""Hugging Face's yellow, on the left edge of every message."""

PRIMARY, SECONDARY, LINK = 1, 2, 5
"""Button styles: docs.discord.com/developers/components/reference#button-button-styles"""


def tell_apart(components: Iterable[Json]) -> None:
    """Give equal buttons ids of their own, as Discord demands; one that cannot have one is off."""
    taken: set[str] = set()
    for number, button in enumerate(walk(components)):
        if "custom_id" not in button:
            continue
        packed, twin = button["custom_id"], 1
        while (made := custom_id(packed, twin)) in taken:
            twin += 1
        if made is None:
            made = f"{TWIN}{number}"
            button["disabled"] = True
        button["custom_id"] = made
        taken.add(made)


def split(
    controls: Iterable[Control], *, link_buttons: bool
) -> tuple[tuple[Control, ...], tuple[LinkButton, ...]]:
    """Return the controls that are drawn as buttons, and the links that stand in the text."""
    buttons: list[Control] = []
    links: list[LinkButton] = []
    for control in controls:
        match control:
            case Button(action=OpenAction() as action):
                buttons.extend(_by_page(control, action))
            case Button():
                buttons.append(control)
            case LinkButton():
                fits = web_address(control.url, LIMITS.button_url) is not None
                if link_buttons and fits:
                    buttons.append(control)
                else:
                    links.append(control)
            case _:
                assert_never(control)
    return tuple(buttons), tuple(links)


def _by_page(button: Button, action: OpenAction) -> Iterator[Button]:
    """Yield a button for each modal that the dialog of a command takes."""
    spec = all_commands().get(action.command)
    last = pages(len(spec.parameters)) if spec and spec.current else 1
    if last == 1 or action.page:
        yield button
        return
    for page in range(1, last + 1):
        yield replace(
            button, label=f"{button.label} {page}/{last}", action=replace(action, page=page)
        )


def groups(buttons: Sequence[Control]) -> list[Sequence[Control]]:
    """Return buttons row by row; where they need several, the links have rows of their own."""
    kinds: Sequence[Sequence[Control]] = [buttons]
    if len(buttons) > LIMITS.row_buttons:
        actions = [each for each in buttons if isinstance(each, Button)]
        kinds = [actions, [each for each in buttons if isinstance(each, LinkButton)]]
    return [
        kind[start : start + LIMITS.row_buttons]
        for kind in kinds
        for start in range(0, len(kind), LIMITS.row_buttons)
    ]


def rows(buttons: Sequence[Control]) -> Iterator[Json]:
    """Draw buttons in rows."""
    for group in groups(buttons):
        yield {"type": ACTION_ROW, "components": [button(each) for each in group]}


def left_out(number: int, *, of_papers: bool) -> str:
    """Return the line that says how many buttons have no place, and who has those of papers."""
    where = ": `/papers show` has them" if of_papers else ""
    return f"-# … and {count(number, 'button')} more{where}"


def button(control: Control) -> Json:
    """Return the component that a control is drawn as."""
    label = clip(tidy(control.label).strip(), LIMITS.label) or ELLIPSIS
    match control:
        case Button(_, action, style):
            look = PRIMARY if style == "primary" else SECONDARY
            return {"type": BUTTON, "style": look, "label": label, "custom_id": action.pack()}
        case LinkButton(_, url):
            address = web_address(url, LIMITS.button_url)
            return {"type": BUTTON, "style": LINK, "label": label, "url": address}
        case _:
            assert_never(control)


def links_line(links: Sequence[LinkButton], budget: Budget) -> str:
    """Return links that are no buttons, in one line."""
    return " · ".join(
        masked(clip(tidy(each.label), LIMITS.label), each.url, budget)
        for each in links[: budget.links]
    )
