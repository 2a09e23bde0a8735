"""The JSON shapes Slack puts on the wire, made from the state. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .slack_state import (
    Channel,
    Json,
    Message,
    User,
    View,
    Workspace,
    interactive_elements,
    ts_key,
)

VERIFICATION_TOKEN = "legacy-verification-token"  # sent, and checked by nobody
USERS_SHOWN = 50  # undocumented: a reaction names only some of its users unless `full` is asked
FIELDS: Mapping[str, str] = {  # element type -> where its value is
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "rich_text_input": "rich_text_value",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}


class NotOnScreenError(LookupError):
    """A person cannot press or fill in what is not shown; lists what is."""


def channel_json(workspace: Workspace, channel: Channel, *, members: bool = False) -> Json:
    """Return a channel as ``conversations.info`` shows it."""
    if channel.kind == "im":
        other = next(iter(channel.members - {workspace.bot_user_id}), workspace.bot_user_id)
        return {
            "id": channel.id,
            "created": channel.created,
            "is_im": True,
            "is_org_shared": False,
            "is_archived": channel.archived,
            "user": other,
        }
    shown: Json = {
        "id": channel.id,
        "name": channel.name,
        "is_channel": channel.kind == "public",
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.kind == "private",
        "created": channel.created,
        "is_archived": channel.archived,
        "is_general": channel.name == "general",
        "unlinked": 0,
        "name_normalized": channel.name,
        "is_shared": False,
        "is_org_shared": False,
        "is_ext_shared": False,
        "is_member": workspace.bot_user_id in channel.members,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "previous_names": [],
    }
    if members:
        shown["num_members"] = len(channel.members)
    return shown


def user_json(workspace: Workspace, user: User) -> Json:
    """Return a user as ``users.info`` shows it."""
    profile: Json = {"real_name": user.name, "display_name": user.name, "team": workspace.team_id}
    if user.id == workspace.bot_user_id:
        profile |= {"bot_id": workspace.bot_id, "api_app_id": workspace.app_id}
    return {
        "id": user.id,
        "team_id": workspace.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "real_name": user.name,
        "tz": user.tz,
        "profile": profile,
        "is_bot": user.is_bot,
        "is_app_user": False,
    }


def message_json(workspace: Workspace, message: Message) -> Json:
    """Return a message as the answer to a post shows it, metadata included."""
    shown: Json = {"type": "message", "ts": message.ts, "text": message.text}
    if message.user is not None:
        shown |= {"user": message.user, "team": workspace.team_id}
    if message.bot_id is not None:
        shown["bot_id"] = message.bot_id
    if message.bot_id == workspace.bot_id:
        shown |= {
            "app_id": workspace.app_id,
            "bot_profile": {
                "id": workspace.bot_id,
                "deleted": False,
                "name": workspace.bot_name,
                "updated": 0,
                "app_id": workspace.app_id,
                "team_id": workspace.team_id,
            },
        }
    if message.blocks:
        shown["blocks"] = list(message.blocks)
    if message.attachments:
        shown["attachments"] = list(message.attachments)
    if message.thread_ts is not None:
        shown["thread_ts"] = message.thread_ts
    if message.metadata is not None:
        shown["metadata"] = message.metadata
    if message.edited is not None:
        shown["edited"] = {"user": message.edited.user, "ts": message.edited.ts}
    return shown


def updated_json(workspace: Workspace, message: Message) -> Json:
    """Return a message as the answer to ``chat.update`` shows it."""
    left_out = ("ts", "thread_ts", "attachments")
    shown = message_json(workspace, message)
    return {key: value for key, value in shown.items() if key not in left_out}


def listed_json(workspace: Workspace, message: Message, *, metadata: bool, full: bool) -> Json:
    """Return a message as history lists it, with its thread and its reactions."""
    shown = message_json(workspace, message)
    if not metadata:
        shown.pop("metadata", None)
    if message.is_reply:
        parent = {m.ts: m for m in workspace.messages(message.channel)}.get(str(message.thread_ts))
        if parent is not None and parent.user is not None:
            shown["parent_user_id"] = parent.user
    elif replies := workspace.replies(message.channel, message.ts):
        people = list(dict.fromkeys(str(r.user or r.bot_id) for r in replies))
        shown |= {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users_count": len(people),
            "latest_reply": replies[-1].ts,
            "reply_users": people,
            "is_locked": False,
            "subscribed": False,
        }
    if message.reactions:
        shown["reactions"] = [
            {
                "name": reaction.name,
                "users": list(reaction.users if full else reaction.users[:USERS_SHOWN]),
                "count": len(reaction.users),
            }
            for reaction in message.reactions
        ]
    return shown


def clicked_message_json(workspace: Workspace, message: Message) -> Json:
    """Return a message as an interaction carries it: no users under the reactions."""
    shown = listed_json(workspace, message, metadata=True, full=False)
    if message.reactions:
        shown["reactions"] = [{"name": r.name, "count": len(r.users)} for r in message.reactions]
    return shown


def view_json(workspace: Workspace, view: View, values: Json | None = None) -> Json:
    """Return a view as Slack answers it and sends it back."""
    body = view.body
    return {
        "id": view.id,
        "team_id": workspace.team_id,
        "type": view.type,
        "title": body.get("title"),
        "submit": body.get("submit"),
        "close": body.get("close"),
        "blocks": list(view.blocks),
        "private_metadata": body.get("private_metadata") or "",
        "callback_id": body.get("callback_id") or "",
        "external_id": body.get("external_id") or "",
        "state": {"values": values or {}},
        "hash": view.hash,
        "clear_on_close": bool(body.get("clear_on_close")),
        "notify_on_close": bool(body.get("notify_on_close")),
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
        "app_id": workspace.app_id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": workspace.bot_id,
    }


def event_body(workspace: Workspace, event_id: str, event: Json) -> Json:
    """Wrap an event the way the Events API sends it."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(workspace.clock()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team_id,
                "user_id": workspace.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }


def reaction_event(message: Message, user: str, emoji: str, ts: str, *, added: bool) -> Json:
    """Return ``reaction_added`` or ``reaction_removed``; webhook posts have no ``item_user``."""
    event: Json = {
        "type": "reaction_added" if added else "reaction_removed",
        "user": user,
        "item": {"type": "message", "channel": message.channel, "ts": message.ts},
        "reaction": emoji,
        "event_ts": ts,
    }
    if message.user is not None:
        event["item_user"] = message.user
    return event


def message_event(workspace: Workspace, message: Message) -> Json:
    """Return the ``message`` event of a new message."""
    kinds = {"public": "channel", "private": "group", "im": "im"}
    shown = message_json(workspace, message)
    shown.pop("metadata", None)
    return shown | {
        "channel": message.channel,
        "channel_type": kinds[workspace.channel(message.channel).kind],
        "event_ts": message.ts,
    }


def mention_event(workspace: Workspace, message: Message) -> Json:
    """Return the ``app_mention`` event of a message."""
    shown = message_json(workspace, message)
    return shown | {"type": "app_mention", "channel": message.channel, "event_ts": message.ts}


def interaction(workspace: Workspace, kind: str, user: User, trigger_id: str | None) -> Json:
    """Return what every interaction carries."""
    body: Json = {
        "type": kind,
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": workspace.team_id,
        },
        "api_app_id": workspace.app_id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": workspace.team_id, "domain": workspace.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    if trigger_id is not None:
        body["trigger_id"] = trigger_id
    return body


def find_element(blocks: tuple[Json, ...], action_id: str, value: str | None) -> tuple[str, Json]:
    """Return what a person presses: by its action, and by its value when several share that.

    Raises:
        NotOnScreenError: when nothing on the screen fits.
    """
    shown = list(interactive_elements(blocks))
    for block_id, element in shown:
        if element["action_id"] != action_id:
            continue
        if element["type"] != "button" or value is None or element.get("value") == value:
            return block_id, element
    there = ", ".join(f"{e['action_id']}={e.get('value')!r}" for _, e in shown) or "nothing"
    wanted = action_id if value is None else f"{action_id}={value!r}"
    raise NotOnScreenError(f"cannot press {wanted}: the screen shows {there}")


def pressed_action(block_id: str, element: Json, value: str | None, ts: str) -> Json:
    """Return the entry of ``actions`` for a pressed element."""
    action: Json = {
        "action_id": element["action_id"],
        "block_id": block_id,
        "type": element["type"],
        "action_ts": ts,
    }
    if element["type"] == "button":
        kept = ("text", "value", "style", "url", "confirm")
        return action | {key: element[key] for key in kept if key in element}
    return action | filled_in(element, value)


def filled_in(element: Json, value: object) -> Json:
    """Return the value of an element as Slack writes it: options are looked up on the screen.

    Raises:
        NotOnScreenError: when the element offers no such option.
    """
    field = FIELDS.get(str(element["type"]))
    if field is None:
        raise NotOnScreenError(f"{element['type']} takes no value")
    if value is None or isinstance(value, dict):
        return {field: value}
    if field == "selected_option":
        return {field: _option(element, str(value))}
    if field == "selected_options":
        chosen = [value] if isinstance(value, str) else list(_each(value))
        return {field: [_option(element, each) for each in chosen]}
    return {field: value if isinstance(value, str | int) else list(_each(value))}


def initial_value(element: Json, channel: str | None) -> object:
    """Return what an input holds before anyone touches it."""
    if element.get("default_to_current_conversation") and channel is not None:
        return channel
    field = FIELDS.get(str(element["type"]), "value")
    value: object = element.get("initial_" + field.removeprefix("selected_"))
    if field == "selected_options" and isinstance(value, list):
        return [option["value"] for option in value]
    return value


def state_values(view: View, values: Mapping[str, object]) -> Json:
    """Return ``view.state.values`` after a person typed ``values``, keyed by ``action_id``.

    Raises:
        NotOnScreenError: when an input is not there, or a required one is left empty.
    """
    state: Json = {}
    unused = set(values)
    for block in view.blocks:
        for block_id, element in interactive_elements([block]):
            action_id = element["action_id"]
            if element["type"] not in FIELDS:
                continue
            unused.discard(action_id)
            value = values.get(action_id, initial_value(element, view.channel))
            if block["type"] == "input" and not block.get("optional") and value in (None, "", []):
                raise NotOnScreenError(f"input {action_id} of the modal is required")
            entry = {"type": element["type"], **filled_in(element, value)}
            state.setdefault(block_id, {})[action_id] = entry
    if unused:
        raise NotOnScreenError(f"the modal has no input {', '.join(sorted(unused))}")
    return state


def newest_first(messages: tuple[Message, ...]) -> list[Message]:
    """Order messages as history lists them."""
    return sorted(messages, key=lambda m: ts_key(m.ts), reverse=True)


def _option(element: Json, value: str) -> Json:
    groups = [g.get("options", []) for g in element.get("option_groups", [])]
    offered: list[Any] = [*element.get("options", []), *(o for g in groups for o in g)]
    for option in offered:
        if option.get("value") == value:
            return dict(option)
    if element["type"] == "external_select":
        return {"text": {"type": "plain_text", "text": value}, "value": value}
    there = ", ".join(str(o.get("value")) for o in offered) or "nothing"
    raise NotOnScreenError(f"{element['action_id']} does not offer {value!r}, it offers {there}")


def _each(value: object) -> list[str]:
    if isinstance(value, list | tuple | set | frozenset):
        return [str(each) for each in value]
    raise TypeError(f"cannot fill in {value!r}")
