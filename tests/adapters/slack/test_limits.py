from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from typing import Any

import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slackblocks import _limits as theirs
from slackblocks import _surfaces as their_surfaces

from adapters.slack._check import model_problem
from adapters.slack._shapes import BLOCKS
from adapters.slack.limits import LIMITS, Surface, json_size, problems, takes_url

Json = dict[str, Any]

SAME = {
    "blocks": "MESSAGE_BLOCKS_MAX_ITEMS",
    "view_blocks": "VIEW_BLOCKS_MAX_ITEMS",
    "block_id": "BLOCK_ID_MAX_LENGTH",
    "action_id": "ACTION_ID_MAX_LENGTH",
    "callback_id": "VIEW_CALLBACK_ID_MAX_LENGTH",
    "private_metadata": "VIEW_PRIVATE_METADATA_MAX_LENGTH",
    "view_title": "VIEW_TITLE_MAX_LENGTH",
    "view_button": "VIEW_SUBMIT_MAX_LENGTH",
    "header": "HEADER_TEXT_MAX_LENGTH",
    "section": "SECTION_TEXT_MAX_LENGTH",
    "fields": "SECTION_FIELDS_MAX_ITEMS",
    "field": "SECTION_FIELDS_ITEM_MAX_LENGTH",
    "context_elements": "CONTEXT_ELEMENTS_MAX_ITEMS",
    "context_text": "TEXT_MAX_LENGTH",
    "actions_elements": "ACTIONS_ELEMENTS_MAX_ITEMS",
    "url": "BUTTON_URL_MAX_LENGTH",
    "image_alt": "IMAGE_ELEMENT_ALT_TEXT_MAX_LENGTH",
    "image_title": "IMAGE_TITLE_MAX_LENGTH",
    "alert": "ALERT_TEXT_MAX_LENGTH",
    "card_title": "CARD_TITLE_MAX_LENGTH",
    "card_subtitle": "CARD_SUBTITLE_MAX_LENGTH",
    "card_body": "CARD_BODY_MAX_LENGTH",
    "card_actions": "CARD_ACTIONS_MAX_ITEMS",
    "carousel_cards": "CAROUSEL_ELEMENTS_MAX_ITEMS",
    "container_title": "CONTAINER_TITLE_MAX_LENGTH",
    "container_subtitle": "CONTAINER_SUBTITLE_MAX_LENGTH",
    "container_blocks": "CONTAINER_CHILD_BLOCKS_MAX_ITEMS",
    "label": "INPUT_LABEL_MAX_LENGTH",
    "hint": "INPUT_HINT_MAX_LENGTH",
    "input_text": "PLAIN_TEXT_INPUT_MAX_LENGTH_MAX",
    "placeholder": "SELECT_PLACEHOLDER_MAX_LENGTH",
    "options": "SELECT_OPTIONS_MAX_ITEMS",
    "overflow_options": "OVERFLOW_OPTIONS_MAX_ITEMS",
    "checkboxes": "CHECKBOXES_OPTIONS_MAX_ITEMS",
    "radio_buttons": "RADIO_BUTTONS_OPTIONS_MAX_ITEMS",
    "option_text": "OPTION_TEXT_MAX_LENGTH",
    "option_description": "OPTION_DESCRIPTION_MAX_LENGTH",
    "option_value": "OPTION_VALUE_MAX_LENGTH",
    "button_text": "BUTTON_TEXT_MAX_LENGTH",
    "button_value": "BUTTON_VALUE_MAX_LENGTH",
    "confirm_title": "CONFIRMATION_TITLE_MAX_LENGTH",
    "confirm_text": "CONFIRMATION_TEXT_MAX_LENGTH",
    "confirm_button": "CONFIRMATION_CONFIRM_MAX_LENGTH",
}
OURS_ALONE = {
    "blocks_json": "undocumented, so in no registry",
    "view_bytes": "an error of views.open, not a limit of Block Kit",
    "text": "undocumented: it is where a message is split, not where it is refused",
}
ALSO = {  # limits of one number in our table, and of several in theirs
    "CONFIRMATION_DENY_MAX_LENGTH": "confirm_button",
    "IMAGE_ALT_TEXT_MAX_LENGTH": "image_alt",
    "IMAGE_ELEMENT_IMAGE_URL_MAX_LENGTH": "url",
    "IMAGE_IMAGE_URL_MAX_LENGTH": "url",
    "NUMBER_INPUT_PLACEHOLDER_MAX_LENGTH": "placeholder",
    "PLAIN_TEXT_INPUT_MIN_LENGTH_MAX": "input_text",
    "PLAIN_TEXT_INPUT_PLACEHOLDER_MAX_LENGTH": "placeholder",
    "VIEW_CLOSE_MAX_LENGTH": "view_button",
}
NOT_USED = {
    "message": {
        "context_actions", "data_table", "data_visualization", "file", "input", "markdown",
        "plan", "table", "task_card", "video",
    },
    "modal": {"video"},
    "home": {"data_table", "data_visualization", "table", "video"},
}  # fmt: skip


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def header(text: str) -> Json:
    return {"type": "header", "text": plain(text)}


def button(**changes: Any) -> Json:
    return {"type": "button", "text": plain("Vote"), "action_id": "a"} | changes


def actions(*buttons: Json) -> Json:
    return {"type": "actions", "elements": list(buttons)}


def rich(*elements: Json) -> Json:
    section = {"type": "rich_text_section", "elements": list(elements)}
    return {"type": "rich_text", "elements": [section]}


def option(value: str, **changes: Any) -> Json:
    return {"text": plain(value), "value": value} | changes


def choice(kind: str, *values: str, **changes: Any) -> Json:
    options = [option(value) for value in values or ("a", "b")]
    return {"type": kind, "action_id": "value", "options": options} | changes


def filled_in(element: Json, **changes: Any) -> Json:
    return {"type": "input", "label": plain("Days"), "element": element} | changes


def number(**changes: Any) -> Json:
    plain_one = {"type": "number_input", "action_id": "value", "is_decimal_allowed": False}
    return plain_one | changes


def typed(**changes: Any) -> Json:
    return {"type": "plain_text_input", "action_id": "value"} | changes


def card(**changes: Any) -> Json:
    return {"type": "card", "title": plain("A paper")} | changes


def carousel(*cards: Json) -> Json:
    return {"type": "carousel", "elements": list(cards)}


def container(*children: Json, **changes: Any) -> Json:
    return {"type": "container", "title": plain("Papers"), "child_blocks": list(children)} | changes


def section(**changes: Any) -> Json:
    return {"type": "section", "text": plain("Body")} | changes


def confirm(**changes: Any) -> Json:
    words = {name: plain("Sure") for name in ("title", "text", "confirm", "deny")}
    return button(confirm=words | changes)


PICTURE = {"type": "image", "image_url": "https://a.org/p.png", "alt_text": "A page"}
DIVIDER = {"type": "divider"}
FOR_ALL = (
    header("Papers"),
    section(accessory=PICTURE),
    section(accessory=button(action_id="c")),
    section(accessory=choice("overflow")),
    {"type": "section", "fields": [plain("x"), {"type": "mrkdwn", "text": "*y*"}]},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "`help`", "verbatim": True}]},
    {"type": "context", "elements": [PICTURE, {**plain("x"), "emoji": False}]},
    DIVIDER,
    PICTURE | {"title": plain("A page"), "block_id": "picture"},
    rich(
        {"type": "text", "text": "\n", "style": {"bold": True}},
        {"type": "link", "url": "https://a.org", "text": "a"},
    ),
    actions(
        button(value="x"),
        button(action_id="b", url="https://a.org", style="primary"),
        choice("overflow", action_id="c"),
        choice("static_select", placeholder=plain("Which?"), initial_option=option("b")),
        confirm() | {"action_id": "d"},
    ),
)
NEWER = (
    card(subtitle=plain("Ann"), body=plain("x"), hero_image=PICTURE, icon=PICTURE),
    card(actions=[button(), button(action_id="b"), button(action_id="c")]),
)
GATHERED = (
    carousel(card(), card(actions=[button()])),
    container(header("x"), section(), DIVIDER, width="full", has_header_divider=True),
    container(DIVIDER, subtitle=plain("x"), is_collapsible=True, default_collapsed=True),
)
INPUTS = (
    filled_in(typed(initial_value="x", multiline=True, min_length=0, max_length=9)),
    filled_in(typed(placeholder=plain("x")), hint=plain("x"), optional=True, block_id="days"),
    filled_in(number(initial_value="-7", min_value="-9", max_value="30")),
    filled_in(choice("static_select", initial_option=option("a"))),
    filled_in(choice("multi_static_select", initial_options=[option("a")], max_selected_items=1)),
    filled_in(choice("checkboxes", initial_options=[option("a"), option("b")])),
    filled_in(choice("radio_buttons", initial_option=option("a")), dispatch_action=False),
)
ALERT = {"type": "alert", "text": plain("Look out"), "level": "warning"}
SOUND: dict[Surface, tuple[Json, ...]] = {
    "message": (*FOR_ALL, *NEWER, *GATHERED),
    "modal": (*FOR_ALL, *NEWER, *INPUTS, ALERT),
    "home": (*FOR_ALL, *NEWER, *GATHERED, *INPUTS),
}


def shown(surface: Surface, *blocks: Json, **changes: Any) -> Json:
    """Return a payload of a surface."""
    if surface == "message":
        return {"text": "Hello", "blocks": list(blocks)} | changes
    title = {"title": plain("Settings"), "submit": plain("Save")} if surface == "modal" else {}
    return {"type": surface, **title, "blocks": list(blocks)} | changes


def of(*blocks: Json, surface: Surface = "message") -> list[str]:
    return problems(shown(surface, *blocks), surface)


@pytest.mark.parametrize("surface", ["message", "modal", "home"])
def test_each_kind_of_block_has_no_problems_where_it_belongs(surface: Surface) -> None:
    blocks = SOUND[surface]
    assert {block["type"] for block in blocks} == set(BLOCKS[surface])
    before = deepcopy(blocks)
    assert of(*blocks, surface=surface) == []
    assert blocks == before


@pytest.mark.parametrize(
    "block", [*SOUND["message"], *INPUTS, ALERT], ids=lambda each: each["type"]
)
def test_the_models_of_the_sdk_know_every_key_of_it(block: Json) -> None:
    parsed = Block.parse(block)
    assert parsed is not None
    assert parsed.to_dict() == block


FAULTS = [
    (header("x" * 151), "/text/text: 151 characters, 150 are the most"),
    (header("😀" * 76), "/text/text: 152 characters, 150 are the most"),
    (header(" "), "/text/text: empty"),
    ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "no text of type 'mrkdwn'"),
    ({"type": "header"}, ": text is missing"),
    ({"type": "header", "text": "x"}, "no text of type None"),
    (header("x") | {"block_id": "x" * 256}, "/block_id: 256 characters, 255 are the most"),
    (header("x") | {"text": {"type": "plain_text", "text": 7}}, "/text/text: no text"),
    (header("x") | {"text": {**plain("x"), "emoji": 1}}, "/emoji: neither true nor false"),
    ({"type": "section"}, ": none of text, fields"),
    (section(text=plain("x" * 3001)), "3,001 characters"),
    (section(fields=[plain("x" * 2001)]), "/fields/0/text: 2,001 characters"),
    (section(fields=[plain("x")] * 11), "/fields: 11 of them, 10 are the most"),
    (section(fields=[]), "/fields: empty"),
    (section(fields=plain("x")), "/fields: no list"),
    (section(accessory=typed()), "no accessory of type 'plain_text_input'"),
    (section(accessory=choice("overflow", *"abcdef")), "6 of them, 5 are the most"),
    (section(colour="red"), "/colour: is none of"),
    ({"type": "context", "elements": []}, "/elements: empty"),
    ({"type": "context", "elements": [plain("x")] * 11}, "11 of them, 10 are the most"),
    ({"type": "context", "elements": [plain("x" * 3001)]}, "3,001 characters"),
    (actions(), "/elements: empty"),
    (actions(*(button(action_id=str(n)) for n in range(26))), "26 of them, 25 are the most"),
    (actions(button(), button()), "action_id: 'a' stands 2 times"),
    (actions(button(text=plain("x" * 76))), "76 characters, 75 are the most"),
    (actions(button(value="x" * 2001)), "/value: 2,001 characters"),
    (actions(button(action_id="x" * 256)), "/action_id: 256 characters, 255 are the most"),
    (actions(button(url="javascript:alert(1)")), "/url: not an address"),
    (actions(button(style="loud")), "/style: 'loud' is none of primary, danger"),
    (actions({"type": "button", "text": plain("x")}), ": action_id is missing"),
    (actions(number()), "no element of type 'number_input'"),
    (actions("Vote"), "no element of type None"),
    (actions(choice("static_select", placeholder=plain("x" * 151))), "151 characters"),
    (actions(choice("static_select", *map(str, range(101)))), "101 of them, 100 are the most"),
    (actions(choice("static_select", initial_option=option("c"))), "begins with what is no option"),
    (actions(choice("static_select", "x" * 76)), "76 characters, 75 are the most"),
    (actions(choice("overflow", options=[option("x" * 151)])), "/value: 151 characters"),
    (actions(choice("overflow", options=[option("a", description=plain("x" * 76))])), "76 char"),
    (actions(confirm(title=plain("x" * 101))), "/confirm/title/text: 101 characters"),
    (actions(confirm(text=plain("x" * 301))), "/confirm/text/text: 301 characters"),
    (actions(confirm(confirm=plain("x" * 31))), "/confirm/confirm/text: 31 characters"),
    (actions(confirm(deny=plain("x" * 31))), "/confirm/deny/text: 31 characters"),
    (actions(button(confirm="Sure?")), "/confirm: no object"),
    ({"type": "image", "image_url": "https://a.org/p.png"}, ": alt_text is missing"),
    (PICTURE | {"title": plain("x" * 2001)}, "/title/text: 2,001 characters"),
    (PICTURE | {"alt_text": "x" * 2001}, "/alt_text: 2,001 characters"),
    (PICTURE | {"image_url": "data:image/png,x"}, "/image_url: not an address"),
    (rich(), "/elements: empty"),
    (rich({"type": "text", "text": ""}), "/text: empty"),
    (rich({"type": "broadcast", "range": "channel"}), "no element of type 'broadcast'"),
    (rich({"type": "user", "user_id": "U1"}), "no element of type 'user'"),
    (rich({"type": "link", "url": "ftp://a.org", "text": "x"}), "/url: not an address"),
    (rich({"type": "text", "text": "x", "style": {"blink": True}}), "/style/blink: is none of"),
    ({"type": "video"}, "no block of type 'video' is used here"),
    ({"type": []}, "no block of type []"),
    (ALERT, "no block of type 'alert'"),
    (filled_in(typed()), "no block of type 'input'"),
    (card(title=plain("x" * 151)), "/title/text: 151 characters"),
    (card(subtitle=plain("x" * 151)), "/subtitle/text: 151 characters"),
    (card(body=plain("x" * 201)), "/body/text: 201 characters"),
    (card(actions=[button(action_id=str(n)) for n in range(4)]), "4 of them, 3 are the most"),
    (card(actions=[choice("overflow")]), "no action of type 'overflow'"),
    (card(actions=[button(), button()]), "action_id: 'a' stands 2 times"),
    ({"type": "card", "subtitle": plain("x")}, ": none of hero_image, title, actions, body"),
    (carousel(), "/elements: empty"),
    (carousel(*[card()] * 11), "11 of them, 10 are the most"),
    (carousel(section()), "no card of type 'section'"),
    (carousel(card(block_id="x"), card(block_id="x")), "block_id: 'x' stands 2 times"),
    (container(), "/child_blocks: empty"),
    (container(*[DIVIDER] * 11), "11 of them, 10 are the most"),
    (container(card()), "no child of type 'card'"),
    (container(container(DIVIDER)), "no child of type 'container'"),
    (container(actions(button(), button())), "action_id: 'a' stands 2 times"),
    (container(DIVIDER, title=plain("x" * 151)), "/title/text: 151 characters"),
    (container(DIVIDER, subtitle=plain("x" * 151)), "/subtitle/text: 151 characters"),
    (container(DIVIDER, width="vast"), "/width: 'vast' is none of"),
    (container(DIVIDER, default_collapsed=True), ": collapsed, yet not collapsible"),
    (
        container(DIVIDER, is_collapsible=True, has_header_divider=True),
        ": a divider below the header of what is collapsible",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("block", "problem"), FAULTS)
def test_what_slack_would_not_take_is_named(block: Json, problem: str) -> None:
    assert any(problem in each for each in of(block)), of(block)


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (filled_in(typed(), label=plain("x" * 2001)), "/label/text: 2,001 characters"),
        (filled_in(typed(), hint=plain("x" * 2001)), "/hint/text: 2,001 characters"),
        (filled_in(typed(), label={"type": "mrkdwn", "text": "x"}), "no text of type 'mrkdwn'"),
        (filled_in(button()), "no input of type 'button'"),
        ({"type": "input", "label": plain("x")}, ": element is missing"),
        (filled_in(typed(initial_value="x" * 3001)), "3,001 characters"),
        (filled_in(typed(min_length=3001)), "/min_length: not from 0 to 3000"),
        (filled_in(typed(max_length=True)), "/max_length: not from 1 to 3000"),
        (filled_in(typed(min_length=2, max_length=1)), ": min_length is above max_length"),
        (filled_in(typed(placeholder=plain("x" * 151))), "151 characters"),
        (filled_in(number(min_value=1)), "/min_value: no whole number in a string"),
        (filled_in(number(initial_value="seven")), "/initial_value: no whole number"),
        (filled_in(number(min_value="10", max_value="9")), ": min_value is above max_value"),
        ({**filled_in(number()), "element": {"type": "number_input", "action_id": "x"}}, "missing"),
        (filled_in(choice("checkboxes", *map(str, range(11)))), "11 of them, 10 are the most"),
        (filled_in(choice("radio_buttons", *map(str, range(11)))), "11 of them, 10 are the most"),
        (filled_in(choice("checkboxes", initial_options=[option("c")])), "what is no option"),
        (filled_in(choice("checkboxes", initial_options=[])), "/initial_options: empty"),
        (filled_in(choice("multi_static_select", max_selected_items=0)), "not from 1 to 100"),
        (carousel(card()), "no block of type 'carousel'"),
        (ALERT | {"text": plain("x" * 201)}, "201 characters, 200 are the most"),
        (ALERT | {"level": "loud"}, "/level: 'loud' is none of"),
    ],
)
def test_what_a_modal_would_not_take_is_named(block: Json, problem: str) -> None:
    assert any(problem in each for each in of(block, surface="modal")), block


def test_an_alert_is_for_modals_alone() -> None:
    assert of(ALERT, surface="modal") == []
    assert of(ALERT, surface="home") == ["blocks/0: no block of type 'alert' is used here"]


def test_a_message_holds_fifty_blocks_each_with_an_id_of_its_own() -> None:
    assert not of(*[DIVIDER] * 50)
    assert of(*[DIVIDER] * 51) == ["blocks: 51 of them, 50 are the most"]
    assert of(*[DIVIDER | {"block_id": "x"}] * 2) == ["block_id: 'x' stands 2 times"]


@pytest.mark.parametrize("surface", ["modal", "home"])
def test_a_view_holds_a_hundred_blocks_and_at_least_one(surface: Surface) -> None:
    assert not of(*[DIVIDER] * 100, surface=surface)
    assert of(*[DIVIDER] * 101, surface=surface) == ["blocks: 101 of them, 100 are the most"]
    assert of(surface=surface) == ["blocks: empty"]


@pytest.mark.parametrize(
    ("surface", "changes", "problem"),
    [
        ("modal", {"title": plain("x" * 25)}, "view/title/text: 25 characters, 24 are the most"),
        ("modal", {"submit": plain("x" * 25)}, "view/submit/text: 25 characters, 24 are the most"),
        ("modal", {"close": plain("x" * 25)}, "view/close/text: 25 characters, 24 are the most"),
        ("modal", {"private_metadata": "x" * 3001}, "view/private_metadata: 3,001 characters"),
        ("modal", {"callback_id": "x" * 256}, "view/callback_id: 256 characters"),
        ("modal", {"type": "home"}, "view/type: 'home', not modal"),
        ("home", {"submit": plain("Save")}, "view/submit: is none of"),
        ("home", {"private_metadata": "x" * 3001}, "view/private_metadata: 3,001 characters"),
    ],
)
def test_a_view_has_limits_of_its_own(surface: Surface, changes: Json, problem: str) -> None:
    (found,) = problems(shown(surface, DIVIDER, **changes), surface)
    assert found.startswith(problem)


def test_what_is_filled_in_needs_something_to_submit_it_with() -> None:
    view = shown("modal", filled_in(typed()), private_metadata="", callback_id="x")
    assert problems(view, "modal") == []
    del view["submit"]
    assert problems(view, "modal") == ["view: nothing to submit what is filled in with"]


def test_a_view_is_not_larger_than_slack_takes() -> None:
    large = [section(text=plain("語" * 3000))] * 30
    (problem,) = of(*large, surface="home")
    assert problem.endswith("bytes of JSON, 250,000 are the most")


def test_the_blocks_of_a_message_together_stay_below_the_undocumented_size() -> None:
    block = section(text=plain("x" * 2990))
    assert not of(block, block, block)
    assert json_size([block] * 4) > LIMITS.blocks_json
    assert "12,000 are the most" in of(block, block, block, block)[0]
    assert not of(*[block] * 4, surface="modal")


def test_a_message_has_a_text_that_slack_does_not_split() -> None:
    assert problems({"text": "x" * 3001, "blocks": []}) == [
        "text: 3,001 characters, 3,000 are the most"
    ]
    assert problems({"blocks": []}) == ["text: no text"]


def said_by_the_sdk(block: Json) -> str:
    try:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.to_dict()
    except SlackObjectFormationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "block",
    [
        *SOUND["modal"],
        *GATHERED,
        header("x" * 151),
        section(text=plain("x" * 3001)),
        section(accessory=button(value="x" * 2001)),
        actions(*[button()] * 26),
        actions(button(), button(text=plain("x" * 76))),
        carousel(*[card()] * 11),
        container(header("x" * 151)),
        container(DIVIDER, width="vast"),
        filled_in(typed(placeholder=plain("x" * 151))),
    ],
    ids=lambda each: each["type"],
)
def test_the_models_are_asked_for_all_that_they_check(block: Json) -> None:
    assert bool(model_problem(block)) == bool(said_by_the_sdk(block))


def test_the_limits_are_those_of_an_independent_registry() -> None:
    assert set(SAME) | set(OURS_ALONE) == {each.name for each in fields(LIMITS)}
    known = {each.name: getattr(LIMITS, each.name) for each in fields(LIMITS)}
    assert {name: getattr(theirs, other) for name, other in SAME.items()} == {
        name: known[name] for name in SAME
    }
    assert {other: getattr(theirs, other) for other in ALSO} == {
        other: known[name] for other, name in ALSO.items()
    }


@pytest.mark.parametrize("surface", ["message", "modal", "home"])
def test_the_blocks_of_a_surface_are_those_of_the_same_registry(surface: Surface) -> None:
    assert set(BLOCKS[surface]) | NOT_USED[surface] == set(
        their_surfaces._BLOCK_TYPES_BY_SURFACE[surface]
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.org",
        "mailto:a@b.c",
        "https://",
        "http://[",
        "https://a.org/a b",
        "https://a.org/>",
        "https://a.org/|x",
        "https://a.org/\u202e",
        "https://a.org/" + "x" * 3000,
    ],
)
def test_an_address_that_slack_does_not_take_is_known(url: str) -> None:
    assert not takes_url(url)
    assert takes_url("https://huggingface.co/papers/2605.00001?x=1#top")
