"""Slack's Web API methods over a workspace: arguments in, answer or SlackError out. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from .slack_args import Args, in_window, one_page, read_cursor, read_limit, write_cursor
from .slack_blocks import (
    BLOCKS_JSON_CHARS,
    TEXT_CHARS,
    check_blocks,
    check_view,
    json_length,
    utf16_length,
)
from .slack_faults import SlackError
from .slack_state import Channel, Edited, Json, Message, View, Workspace
from .slack_wire import (
    channel_json,
    listed_json,
    message_json,
    newest_first,
    updated_json,
    user_json,
    view_json,
)

BlockCheck: TypeAlias = Callable[[Sequence[Json]], list[str]]
KIND_SCOPES = {"public": "channels", "private": "groups", "im": "im"}
ALL_SCOPES = frozenset({"app_mentions:read", "chat:write", "chat:write.public", "commands"})
ALL_SCOPES |= {"channels:history", "channels:join", "channels:read", "groups:history"}
ALL_SCOPES |= {"groups:read", "im:history", "im:read", "im:write", "users:read"}
ALL_SCOPES |= {"reactions:read", "reactions:write"}


@dataclass(frozen=True, slots=True)
class Trigger:
    """A ``trigger_id``: good once, for three seconds."""

    id: str
    user: str
    channel: str | None
    view_id: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer and what it changed, for whoever watches."""

    answer: Json
    posted: Message | None = None
    updated: Message | None = None
    whispered: str | None = None
    opened: View | None = None
    reacted: tuple[Message, str, bool] | None = None


class WebApi:
    """The methods, by their names on the wire."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        scopes: frozenset[str] = ALL_SCOPES,
        block_check: BlockCheck | None = None,
        trigger_seconds: float = 3.0,
    ) -> None:
        """Serve a workspace to one app."""
        self.workspace = workspace
        self.scopes = scopes
        self.block_check = block_check
        self.trigger_seconds = trigger_seconds
        self.triggers: dict[str, Trigger] = {}
        self._used_triggers: set[str] = set()
        self.methods: dict[str, Callable[[Args], Outcome | Json]] = {
            "auth.test": self._auth_test,
            "blocks.validate": self._validate,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.postEphemeral": self._post_ephemeral,
            "conversations.info": self._info,
            "conversations.list": self._list,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.join": self._join,
            "conversations.open": self._open,
            "reactions.add": self._add_reaction,
            "reactions.remove": self._remove_reaction,
            "reactions.get": self._get_reactions,
            "users.info": self._user_info,
            "views.open": self._open_view,
            "views.push": self._push_view,
            "views.update": self._update_view,
            "views.publish": self._publish_view,
        }

    def perform(self, method: str, raw: Mapping[str, Any]) -> Outcome:
        """Run a method.

        Raises:
            SlackError: when Slack would refuse.
        """
        handler = self.methods.get(method)
        if handler is None:
            raise SlackError("unknown_method")
        done = handler(Args(raw))
        return done if isinstance(done, Outcome) else Outcome({"ok": True, **done})

    def _need(self, scope: str) -> None:
        if scope not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise SlackError("missing_scope", needed=scope, provided=provided)

    def visible(self, name: str) -> Channel:
        """Return a channel the bot may know of; a private one it is not in does not exist."""
        channel = self.workspace.channel(name)
        if channel.kind != "public" and self.workspace.bot_user_id not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def joined(self, name: str) -> Channel:
        """Return a channel the bot is in."""
        channel = self.visible(name)
        if self.workspace.bot_user_id not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def writable(self, name: str) -> Channel:
        """Return a channel the bot may post to; a user's id stands for their direct messages."""
        if name in self.workspace.users:
            return self.workspace.im_with(name)
        by_name = {c.name: c.id for c in self.workspace.channels.values() if c.kind != "im"}
        channel = self.visible(by_name.get(name.removeprefix("#"), name))
        if channel.archived:
            raise SlackError("is_archived")
        if "chat:write.public" in self.scopes and channel.kind == "public":
            return channel
        return self.joined(channel.id)

    def checked_content(self, args: Args) -> tuple[str, tuple[Json, ...], tuple[Json, ...]]:
        """Return text, blocks and attachments of a message, or refuse them."""
        text, blocks = args.text("text"), args.decoded("blocks")
        attachments = args.decoded("attachments") or []
        if blocks is not None and not isinstance(blocks, list):
            raise SlackError("invalid_blocks_format")
        if not text.strip() and not blocks and not attachments:
            raise SlackError("no_text")
        if utf16_length(text) > TEXT_CHARS:
            raise SlackError("msg_too_long")
        self._refuse_faulty(blocks or [])
        if json_length(blocks or []) > BLOCKS_JSON_CHARS:
            raise SlackError("msg_blocks_too_long")
        return text, tuple(blocks or ()), tuple(attachments)

    def from_bot(self, channel: str, **fields: Any) -> Message:
        """Return a new message of the app, not yet stored."""
        workspace = self.workspace
        return Message(
            channel,
            workspace.new_ts(),
            user=workspace.bot_user_id,
            bot_id=workspace.bot_id,
            app_id=workspace.app_id,
            **fields,
        )

    def _auth_test(self, args: Args) -> Json:
        workspace = self.workspace
        return {
            "url": f"https://{workspace.domain}.slack.com/",
            "team": workspace.team_name,
            "user": workspace.bot_name,
            "team_id": workspace.team_id,
            "user_id": workspace.bot_user_id,
            "bot_id": workspace.bot_id,
            "is_enterprise_install": False,
        }

    def _post(self, args: Args) -> Outcome:
        self._need("chat:write")
        channel = self.writable(args.text("channel"))
        text, blocks, attachments = self.checked_content(args)
        message = self.workspace.store(
            self.from_bot(
                channel.id,
                text=text,
                blocks=blocks,
                attachments=attachments,
                thread_ts=args.text("thread_ts") or None,
                broadcast=args.flag("reply_broadcast"),
                metadata=_metadata(args),
                arguments=dict(args.raw),
            )
        )
        shown = message_json(self.workspace, message)
        return Outcome(
            {"ok": True, "channel": channel.id, "ts": message.ts, "message": shown},
            posted=message,
        )

    def _own(self, args: Args, refusal: str) -> Message:
        self._need("chat:write")
        channel = self.visible(args.text("channel"))
        message = self.workspace.message(channel.id, args.text("ts"))
        if message.bot_id != self.workspace.bot_id:
            raise SlackError(refusal)
        return message

    def _update(self, args: Args) -> Outcome:
        message = self._own(args, "cant_update_message")
        text, blocks, attachments = self.checked_content(args)
        metadata = message.metadata
        if "metadata" in args.raw:
            metadata = _metadata(args)
        mark = None if blocks else Edited(self.workspace.bot_user_id, self.workspace.new_ts())
        message = self.workspace.store(
            replace(
                message,
                text=text or message.text,
                blocks=blocks,  # text without blocks takes the blocks away
                attachments=attachments,
                metadata=metadata,
                edited=mark,
                revision=message.revision + 1,
            )
        )
        answer = {
            "ok": True,
            "channel": message.channel,
            "ts": message.ts,
            "text": message.text,
            "message": updated_json(self.workspace, message),
        }
        return Outcome(answer, updated=message)

    def _delete(self, args: Args) -> Json:
        message = self._own(args, "cant_delete_message")
        self.workspace.delete(message.channel, message.ts)
        return {"channel": message.channel, "ts": message.ts}

    def _post_ephemeral(self, args: Args) -> Outcome:
        self._need("chat:write")
        channel = self.writable(args.text("channel"))
        if args.text("user") not in channel.members:
            raise SlackError("user_not_in_channel")
        text, blocks, _ = self.checked_content(args)
        shown = self.workspace.whisper(
            args.text("user"), channel.id, text, blocks, args.text("thread_ts") or None
        )
        return Outcome({"ok": True, "message_ts": shown.ts}, whispered=shown.ts)

    def _info(self, args: Args) -> Json:
        channel = self.visible(args.text("channel"))
        self._need(f"{KIND_SCOPES[channel.kind]}:read")
        members = args.flag("include_num_members")
        return {"channel": channel_json(self.workspace, channel, members=members)}

    def _list(self, args: Args) -> Json:
        asked = args.text("types", "public_channel").split(",")
        kinds = {kind.strip().removesuffix("_channel") for kind in asked}
        for kind in sorted(kinds & set(KIND_SCOPES)):
            self._need(f"{KIND_SCOPES[kind]}:read")
        bot = self.workspace.bot_user_id
        found = [
            channel
            for channel in sorted(self.workspace.channels.values(), key=lambda c: c.id)
            if channel.kind in kinds
            and (channel.kind == "public" or bot in channel.members)
            and not (args.flag("exclude_archived") and channel.archived)
        ]
        start = 0
        if after := read_cursor(args, "channel"):
            ids = [channel.id for channel in found]
            if after not in ids:
                raise SlackError("invalid_cursor")
            start = ids.index(after)
        limit = read_limit(args, 100, 1000)
        page, rest = found[start : start + limit], found[start + limit :]
        return {
            "channels": [channel_json(self.workspace, c, members=True) for c in page],
            "response_metadata": {
                "next_cursor": write_cursor("channel", rest[0].id) if rest else ""
            },
        }

    def _history(self, args: Args) -> Json:
        channel = self.visible(args.text("channel"))
        self._need(f"{KIND_SCOPES[channel.kind]}:history")
        self.joined(channel.id)
        found = [
            m
            for m in newest_first(self.workspace.messages(channel.id))
            if (not m.is_reply or m.broadcast) and in_window(args, m)
        ]
        # With `oldest` and no `latest` Slack pages forward: the messages closest to `oldest`.
        forward = bool(args.text("oldest")) and not args.text("latest")
        page, cursor = one_page(args, found[::-1] if forward else found, 100, 999)
        if forward:
            page.reverse()
        return self._listed(args, page, cursor) | {
            "pin_count": 0,
            "channel_actions_ts": None,
            "channel_actions_count": 0,
        }

    def _replies(self, args: Args) -> Json:
        channel = self.visible(args.text("channel"))
        self._need(f"{KIND_SCOPES[channel.kind]}:history")
        self.joined(channel.id)
        try:
            root = self.workspace.message(channel.id, args.text("ts"))
        except SlackError as e:
            raise SlackError("thread_not_found") from e
        under = [m for m in self.workspace.replies(channel.id, root.ts) if in_window(args, m)]
        page, cursor = one_page(args, [root, *under], 1000, 1000)
        return self._listed(args, page, cursor)

    def _listed(self, args: Args, page: Sequence[Message], cursor: str) -> Json:
        metadata = args.flag("include_all_metadata")
        listed: Json = {
            "messages": [
                listed_json(self.workspace, m, metadata=metadata, full=False) for m in page
            ],
            "has_more": bool(cursor),
        }
        if cursor:
            listed["response_metadata"] = {"next_cursor": cursor}
        return listed

    def _join(self, args: Args) -> Json:
        self._need("channels:join")
        channel = self.visible(args.text("channel"))
        if channel.kind != "public":
            raise SlackError("method_not_supported_for_channel_type")
        if channel.archived:
            raise SlackError("is_archived")
        already = self.workspace.bot_user_id in channel.members
        channel = self.workspace.join(channel.id, self.workspace.bot_user_id)
        answer: Json = {"channel": channel_json(self.workspace, channel)}
        if already:
            answer |= {
                "warning": "already_in_channel",
                "response_metadata": {"warnings": ["already_in_channel"]},
            }
        return answer

    def _open(self, args: Args) -> Json:
        self._need("im:write")
        users = [user for user in args.text("users").split(",") if user]
        if len(users) != 1:
            raise SlackError("users_list_not_supplied" if not users else "too_many_users")
        return {"channel": {"id": self.workspace.im_with(users[0]).id}}

    def _item(self, args: Args) -> tuple[str, str]:
        if not args.text("timestamp"):
            raise SlackError("no_item_specified")
        return self.joined(args.text("channel")).id, args.text("timestamp")

    def _add_reaction(self, args: Args) -> Outcome:
        self._need("reactions:write")
        message, name = self.workspace.react(
            self.workspace.bot_user_id, *self._item(args), args.text("name")
        )
        return Outcome({"ok": True}, reacted=(message, name, True))

    def _remove_reaction(self, args: Args) -> Outcome:
        self._need("reactions:write")
        message, name = self.workspace.unreact(
            self.workspace.bot_user_id, *self._item(args), args.text("name")
        )
        return Outcome({"ok": True}, reacted=(message, name, False))

    def _get_reactions(self, args: Args) -> Json:
        self._need("reactions:read")
        channel, ts = self._item(args)
        message = self.workspace.message(channel, ts)
        listed = listed_json(
            self.workspace, replace(message, thread_ts=None), metadata=False, full=args.flag("full")
        )
        kept = "type text user ts team bot_id app_id bot_profile blocks reactions"
        shown = {key: value for key, value in listed.items() if key in kept.split()}
        domain = self.workspace.domain
        link = f"https://{domain}.slack.com/archives/{channel}/p{ts.replace('.', '')}"
        return {"type": "message", "channel": channel, "message": shown | {"permalink": link}}

    def _user_info(self, args: Args) -> Json:
        self._need("users:read")
        return {"user": user_json(self.workspace, self.workspace.user(args.text("user")))}

    def _checked_view(self, args: Args) -> Json:
        view = args.decoded("view")
        if not isinstance(view, dict):
            raise SlackError("invalid_arguments", "[ERROR] missing required field: view")
        faults = check_view(view)
        if self.block_check is not None:
            faults += self.block_check(view.get("blocks") or [])
        if faults:
            raise SlackError("invalid_arguments", *faults)
        return view

    def _use_trigger(self, args: Args) -> Trigger:
        trigger = self.triggers.get(args.text("trigger_id"))
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.id in self._used_triggers:
            raise SlackError("exchanged_trigger_id")
        if self.workspace.clock() - trigger.at > self.trigger_seconds:
            raise SlackError("expired_trigger_id")
        return trigger

    def _open_view(self, args: Args) -> Outcome:
        trigger, body = self._use_trigger(args), self._checked_view(args)
        self._used_triggers.add(trigger.id)
        for open_one in self.workspace.stack(trigger.user):
            self.workspace.close_view(open_one.id)
        return self._shown(self.new_view(trigger.user, body, None, trigger.channel))

    def _push_view(self, args: Args) -> Outcome:
        trigger, body = self._use_trigger(args), self._checked_view(args)
        stack = self.workspace.stack(trigger.user)
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= 3:
            raise SlackError("push_limit_reached")
        self._used_triggers.add(trigger.id)
        return self._shown(self.new_view(trigger.user, body, stack[-1], trigger.channel))

    def new_view(self, user: str, body: Json, below: View | None, channel: str | None) -> View:
        """Show a modal, on top of another if there is one."""
        view_id = self.workspace.new_id("V")
        return self.workspace.put_view(
            View(
                view_id,
                user,
                body,
                hash=self.workspace.new_ts(),
                root_id=view_id if below is None else below.root_id,
                previous_id=None if below is None else below.id,
                channel=channel,
            )
        )

    def changed_view(self, view: View, body: Json) -> View:
        """Show something else in a view."""
        return self.workspace.put_view(replace(view, body=body, hash=self.workspace.new_ts()))

    def _update_view(self, args: Args) -> Outcome:
        wanted, external = args.text("view_id"), args.text("external_id")
        view = self.workspace.views.get(wanted) or next(
            (
                v
                for v in self.workspace.views.values()
                if external and v.body.get("external_id") == external
            ),
            None,
        )
        if view is None:
            raise SlackError("not_found")
        body = self._checked_view(args)
        if args.text("hash") and args.text("hash") != view.hash:
            raise SlackError("hash_conflict")
        return self._shown(self.changed_view(view, body))

    def _validate(self, args: Args) -> Json:
        blocks = (args.decoded("message") or {}).get("blocks") or []
        self._refuse_faulty(blocks)
        return {"ok": True}

    def _refuse_faulty(self, blocks: list[Json]) -> None:
        faults = check_blocks(blocks)
        if self.block_check is not None:
            faults += self.block_check(blocks)
        if faults:
            raise SlackError("invalid_blocks", *faults)

    def _publish_view(self, args: Args) -> Outcome:
        user, body = self.workspace.user(args.text("user_id")).id, self._checked_view(args)
        if body["type"] != "home":
            fault = "[ERROR] must be `home` [json-pointer:/view/type]"
            raise SlackError("invalid_arguments", fault)
        view = self.workspace.home(user)
        if args.text("hash") and (view is None or args.text("hash") != view.hash):
            raise SlackError("hash_conflict")
        if view is None:
            return self._shown(self.new_view(user, body, None, None))
        return self._shown(self.changed_view(view, body))

    def _shown(self, view: View) -> Outcome:
        return Outcome({"ok": True, "view": view_json(self.workspace, view)}, opened=view)


def _metadata(args: Args) -> Json | None:
    metadata = args.decoded("metadata")
    if not metadata:
        return None
    if not isinstance(metadata, dict) or set(metadata) != {"event_type", "event_payload"}:
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata["event_payload"], dict):
        raise SlackError("invalid_metadata_format")
    return metadata
