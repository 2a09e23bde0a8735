"""What Discord refuses about a request body: the documented limits as data, and the checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from .discord_messages import FLAG_COMPONENTS_V2, Json, walk
from .discord_wire import refuse

# docs pages Message, Channel, Components Reference, Application Commands
CONTENT = 2000
NONCE = 25
EMBEDS = 10
EMBED_TOTAL = 6000
EMBED_FIELDS = 25
EMBED_TEXT: Final = {"title": 256, "description": 4096}
V2_COMPONENTS = 40
V2_TEXT = 4000
V2_TEXT_BYTES = 10_170  # undocumented; measured in discord-api-docs#8554
V2_DISPLAY_BYTES = 12
ROWS = 5
BUTTONS_PER_ROW = 5
CUSTOM_ID = 100
LABEL = 80
URL = 512
OPTIONS = 25
OPTION_TEXT = 100
PLACEHOLDER = 150
FILES = 10
THREAD_NAME = 100
THREAD_TAGS = 5
MODAL_TITLE = 45
MODAL_ITEMS = 5
CHOICES = 25
CHOICE_TEXT = 100
COMMANDS: Final = {1: 100, 2: 15, 3: 15}
COMMAND_NAME = 32
COMMAND_TEXT = 100
COMMAND_TOTAL = 8000
EMOJIS_PER_MESSAGE = 20

INTERACTIVE_V1 = frozenset({1})
TOP_LEVEL_V2 = frozenset({1, 9, 10, 12, 13, 14, 17})
SELECTS = frozenset({3, 5, 6, 7, 8})

Path = tuple[str | int, ...]


def units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class Form:
    """Collects what is wrong with a body, in the shape of Discord's error 50035."""

    def __init__(self) -> None:
        self.errors: Json = {}

    def wrong(self, path: Path, code: str, message: str) -> None:
        """Notes one fault at a place of the body."""
        node = self.errors
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def text(self, path: Path, value: Any, most: int, least: int = 0) -> None:
        """A string with a length."""
        if not isinstance(value, str):
            self.wrong(path, "BASE_TYPE_BAD_TYPE", "Could not interpret value as string.")
        elif not value and least:
            self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required")
        elif units(value) > most:
            said = f"Must be {most} or fewer in length."
            self.wrong(path, "BASE_TYPE_MAX_LENGTH", said)

    def size(self, path: Path, values: Sequence[Any], most: int, least: int = 0) -> None:
        """A list with a length."""
        if not least <= len(values) <= most:
            said = f"Must be between {least} and {most} in length."
            self.wrong(path, "BASE_TYPE_BAD_LENGTH", said)

    def url(self, path: Path, value: Any, most: int = 2048) -> None:
        """A web address."""
        self.text(path, value, most, 1)
        if isinstance(value, str) and not re.match(r"(https?|attachment|discord)://\S+$", value):
            self.wrong(path, "URL_TYPE_INVALID_URL", "Not a well formed URL.")

    def done(self) -> None:
        """Refuses the body if anything is wrong with it."""
        if self.errors:
            raise refuse(400, 50035, "Invalid Form Body", self.errors)


def check_message(
    body: Json, *, path: Path = (), flags_before: int = 0, files: int = 0, new: bool = True
) -> None:
    """Refuses a message body as Discord does.

    Args:
        body: The message object of the request.
        path: Where it stands in the whole body.
        flags_before: The flags of the message that is edited.
        files: How many files were uploaded with it.
        new: Whether an empty one is refused.
    """
    form = Form()
    content = body.get("content")
    embeds = body.get("embeds") or []
    components = body.get("components") or []
    flags = (body.get("flags") or 0) | (flags_before & FLAG_COMPONENTS_V2)
    if content is not None:
        form.text((*path, "content"), content, CONTENT)
    if body.get("nonce") is not None:
        form.text((*path, "nonce"), str(body["nonce"]), NONCE)
    form.size((*path, "embeds"), embeds, EMBEDS)
    form.size((*path, "attachments"), body.get("attachments") or [], FILES)
    if files > FILES:
        form.size((*path, "files"), range(files), FILES)
    _check_embeds(form, (*path, "embeds"), embeds)
    if flags & FLAG_COMPONENTS_V2:
        for name in ("content", "embeds", "sticker_ids", "poll"):
            if body.get(name):
                code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
                said = f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
                form.wrong((*path, name), code, said)
    _check_components(form, (*path, "components"), components, v2=bool(flags & FLAG_COMPONENTS_V2))
    form.done()
    if flags & FLAG_COMPONENTS_V2:
        _check_bytes(components)
    parts = (content, embeds, components, files, body.get("sticker_ids"), body.get("poll"))
    if new and not any(parts):
        raise refuse(400, 50006, "Cannot send an empty message")


def _check_embeds(form: Form, path: Path, embeds: Sequence[Json]) -> None:
    total = 0
    for index, embed in enumerate(embeds):
        here = (*path, index)
        for name, most in EMBED_TEXT.items():
            if embed.get(name) is not None:
                form.text((*here, name), embed[name], most)
                total += units(str(embed[name]))
        for name, key, most in (("footer", "text", 2048), ("author", "name", 256)):
            if embed.get(name) is not None:
                form.text((*here, name, key), embed[name].get(key), most, 1)
                total += units(str(embed[name].get(key, "")))
        if embed.get("url"):
            form.url((*here, "url"), embed["url"])
        for name in ("image", "thumbnail"):
            if embed.get(name):
                form.url((*here, name, "url"), embed[name].get("url"))
        fields = embed.get("fields") or []
        form.size((*here, "fields"), fields, EMBED_FIELDS)
        for number, entry in enumerate(fields):
            form.text((*here, "fields", number, "name"), entry.get("name"), 256, 1)
            form.text((*here, "fields", number, "value"), entry.get("value"), 1024, 1)
            total += units(str(entry.get("name", ""))) + units(str(entry.get("value", "")))
    if total > EMBED_TOTAL:
        said = f"Embed size exceeds maximum size of {EMBED_TOTAL}"
        form.wrong(path, "MAX_EMBED_SIZE_EXCEEDED", said)


def _check_components(form: Form, path: Path, components: Sequence[Json], *, v2: bool) -> None:
    every = list(walk(components))
    if v2:
        if len(every) > V2_COMPONENTS:
            form.size(path, every, V2_COMPONENTS, 1)
        shown = sum(units(one.get("content", "")) for one in every if one.get("type") == 10)
        if shown > V2_TEXT:
            said = f"Must be {V2_TEXT} or fewer in length."
            form.wrong(path, "COMPONENT_MAX_TOTAL_TEXT_LENGTH", said)
    else:
        form.size(path, components, ROWS)
    allowed = TOP_LEVEL_V2 if v2 else INTERACTIVE_V1
    for index, component in enumerate(components):
        if component.get("type") not in allowed:
            said = f'Value of field "type" must be one of {tuple(sorted(allowed))}.'
            form.wrong((*path, index, "type"), "UNION_TYPE_CHOICES", said)
    seen: set[str] = set()
    _check_each(form, path, components, seen)


def _check_each(form: Form, path: Path, components: Iterable[Json], seen: set[str]) -> None:
    for index, component in enumerate(components):
        here = (*path, index)
        kind = component.get("type")
        custom_id = component.get("custom_id")
        if custom_id is not None:
            form.text((*here, "custom_id"), custom_id, CUSTOM_ID, 1)
            if custom_id in seen:
                code = "COMPONENT_CUSTOM_ID_DUPLICATED"
                form.wrong((*here, "custom_id"), code, "Component custom id cannot be duplicated")
            seen.add(str(custom_id))
        if kind == 1:
            _check_row(form, here, component.get("components") or [])
        elif kind == 2:
            _check_button(form, here, component)
        elif kind in SELECTS:
            _check_select(form, here, component)
        elif kind == 9:
            form.size((*here, "components"), component.get("components") or [], 3, 1)
            if not isinstance(component.get("accessory"), dict):
                said = "This field is required"
                form.wrong((*here, "accessory"), "BASE_TYPE_REQUIRED", said)
        elif kind == 10:
            form.text((*here, "content"), component.get("content"), V2_TEXT, 1)
        elif kind == 12:
            form.size((*here, "items"), component.get("items") or [], 10, 1)
        elif kind == 17:
            form.size((*here, "components"), component.get("components") or [], V2_COMPONENTS, 1)
        _check_each(form, (*here, "components"), component.get("components") or (), seen)
        if isinstance(component.get("accessory"), dict):
            _check_each(form, (*here, "accessory"), [component["accessory"]], seen)


def _check_row(form: Form, path: Path, inside: Sequence[Json]) -> None:
    form.size((*path, "components"), inside, BUTTONS_PER_ROW, 1)
    if len(inside) > 1 and any(one.get("type") != 2 for one in inside):
        said = "The specified component exceeds the maximum width"
        form.wrong((*path, "components"), "COMPONENT_LAYOUT_WIDTH_EXCEEDED", said)


def _check_button(form: Form, path: Path, button: Json) -> None:
    if button.get("label") is not None:
        form.text((*path, "label"), button["label"], LABEL)
    if button.get("style") == 5:
        form.url((*path, "url"), button.get("url"), URL)
    elif button.get("style") in (1, 2, 3, 4):
        if "custom_id" not in button:
            said = "A custom id is required"
            form.wrong((*path, "custom_id"), "COMPONENT_CUSTOM_ID_REQUIRED", said)
        if not button.get("label") and not button.get("emoji"):
            said = "A label or emoji is required"
            form.wrong(path, "BUTTON_COMPONENT_INVALID_LABEL", said)
    else:
        said = "Value must be one of (1, 2, 3, 4, 5, 6)."
        form.wrong((*path, "style"), "BASE_TYPE_CHOICES", said)


def _check_select(form: Form, path: Path, select: Json) -> None:
    if select.get("placeholder"):
        form.text((*path, "placeholder"), select["placeholder"], PLACEHOLDER)
    if select["type"] != 3:
        return
    options = select.get("options") or []
    form.size((*path, "options"), options, OPTIONS, 1)
    for index, option in enumerate(options):
        here = (*path, "options", index)
        form.text((*here, "label"), option.get("label"), OPTION_TEXT, 1)
        form.text((*here, "value"), option.get("value"), OPTION_TEXT, 1)
        if option.get("description") is not None:
            form.text((*here, "description"), option["description"], OPTION_TEXT)


def _check_bytes(components: Sequence[Json]) -> None:
    texts = [one.get("content", "") for one in walk(components) if one.get("type") == 10]
    size = sum(len(text.encode()) for text in texts) + V2_DISPLAY_BYTES * len(texts)
    if size > V2_TEXT_BYTES:
        raise refuse(500, 0, "500: Internal Server Error")


def check_modal(data: Json) -> None:
    """Refuses a modal that Discord would not open."""
    form = Form()
    form.text(("data", "title"), data.get("title"), MODAL_TITLE, 1)
    form.text(("data", "custom_id"), data.get("custom_id"), CUSTOM_ID, 1)
    items = data.get("components") or []
    form.size(("data", "components"), items, MODAL_ITEMS, 1)
    for index, item in enumerate(items):
        here = ("data", "components", index)
        if item.get("type") == 18:
            form.text((*here, "label"), item.get("label"), 45, 1)
        for inner in walk([item]):
            if "custom_id" in inner:
                form.text((*here, "custom_id"), inner["custom_id"], CUSTOM_ID, 1)
    form.done()


def check_choices(data: Json) -> None:
    """Refuses autocomplete choices that Discord would not show."""
    form = Form()
    choices = data.get("choices") or []
    form.size(("data", "choices"), choices, CHOICES)
    for index, choice in enumerate(choices):
        form.text(("data", "choices", index, "name"), choice.get("name"), CHOICE_TEXT, 1)
        if isinstance(choice.get("value"), str):
            form.text(("data", "choices", index, "value"), choice["value"], CHOICE_TEXT)
    form.done()


def check_thread(body: Json, *, forum_tags: frozenset[int] | None, require_tag: bool) -> None:
    """Refuses a thread, or a post when `forum_tags` are given."""
    form = Form()
    form.text(("name",), body.get("name"), THREAD_NAME, 1)
    if body.get("auto_archive_duration") not in (None, 60, 1440, 4320, 10080):
        said = "Value must be one of (60, 1440, 4320, 10080)."
        form.wrong(("auto_archive_duration",), "BASE_TYPE_CHOICES", said)
    tags = body.get("applied_tags") or []
    form.size(("applied_tags",), tags, THREAD_TAGS)
    form.done()
    if forum_tags is None:
        return
    if require_tag and not tags:
        raise refuse(400, 40067, "A tag is required to create a forum post in this channel")
    if any(int(tag) not in forum_tags for tag in tags):
        raise refuse(404, 10087, "Unknown tag")


def check_commands(commands: Sequence[Json]) -> None:
    """Refuses a set of application commands."""
    form = Form()
    seen: set[tuple[int, str]] = set()
    for index, command in enumerate(commands):
        kind = int(command.get("type", 1))
        name = str(command.get("name", ""))
        _check_command(form, (index,), command, kind)
        if (kind, name) in seen:
            said = "Application command names must be unique"
            form.wrong((index, "name"), "APPLICATION_COMMANDS_DUPLICATE_NAME", said)
        seen.add((kind, name))
        if _command_size(command) > COMMAND_TOTAL:
            said = f"Command exceeds maximum size ({COMMAND_TOTAL})"
            form.wrong((index,), "APPLICATION_COMMAND_TOO_LARGE", said)
    form.done()
    for kind, most in COMMANDS.items():
        if sum(one == kind for one, _ in seen) > most:
            raise refuse(400, 30032, f"Maximum number of application commands reached ({most})")


def _check_command(form: Form, path: Path, command: Json, kind: int | None) -> None:
    name = command.get("name", "")
    form.text((*path, "name"), name, COMMAND_NAME, 1)
    chat = kind in (1, None)
    well_formed = re.fullmatch(r"[-'\w]{1,32}", str(name)) and name == str(name).lower()
    if chat and not well_formed:
        code = "APPLICATION_COMMAND_INVALID_NAME"
        form.wrong((*path, "name"), code, "Command name is invalid")
    if chat:
        form.text((*path, "description"), command.get("description", ""), COMMAND_TEXT, 1)
    options = command.get("options") or []
    form.size((*path, "options"), options, OPTIONS)
    optional_seen = False
    names: set[str] = set()
    for index, option in enumerate(options):
        here = (*path, "options", index)
        _check_command(form, here, option, None)
        if option.get("name") in names:
            said = "Option names must be unique"
            form.wrong((*here, "name"), "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", said)
        names.add(str(option.get("name")))
        if option.get("type") not in (1, 2):
            if option.get("required") and optional_seen:
                said = "Required options must be placed before non-required options"
                form.wrong(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", said)
            optional_seen = optional_seen or not option.get("required")
        choices = option.get("choices") or []
        form.size((*here, "choices"), choices, CHOICES)
        for number, choice in enumerate(choices):
            form.text((*here, "choices", number, "name"), choice.get("name"), CHOICE_TEXT, 1)


def _command_size(command: Json) -> int:
    size = units(str(command.get("name", ""))) + units(str(command.get("description", "")))
    for choice in command.get("choices") or ():
        size += units(str(choice.get("name", ""))) + units(str(choice.get("value", "")))
    return size + sum(_command_size(option) for option in command.get("options") or ())
