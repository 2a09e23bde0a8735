"""The REST routes of the double: the application, guilds, channels, messages, threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from . import discord_limits as limits
from .discord_access import MESSAGE, MESSAGES, Access, place
from .discord_gateway import GUILD_MESSAGES, GUILDS, Gateway
from .discord_messages import (
    FLAG_COMPONENTS_V2,
    FLAG_EPHEMERAL,
    FLAG_HAS_THREAD,
    Json,
    Message,
    with_ids,
)
from .discord_state import (
    DM,
    FORUM,
    PERMISSION_BITS,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    Channel,
    Thread,
    User,
    World,
)
from .discord_wire import Request, Route, refuse

COMMANDS = "/applications/{application_id}/commands"
GUILD_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"
KEPT_FLAGS = FLAG_EPHEMERAL | FLAG_COMPONENTS_V2 | 1 << 2 | 1 << 12  # suppress, silent


class Rest:
    """Answers what a bot asks with its token."""

    def __init__(
        self,
        world: World,
        access: Access,
        gateway: Gateway,
        *,
        nonce_window: float,
        gateway_url: Callable[[], str],
    ) -> None:
        self._world = world
        self._access = access
        self._gateway = gateway
        self._nonce_window = nonce_window
        self._gateway_url = gateway_url
        self._nonces: dict[tuple[int, str], tuple[float, Message]] = {}
        self.sessions_left = 999
        self.endpoint: str | None = None
        self.commands: dict[int | None, list[Json]] = {}

    def routes(self) -> tuple[Route, ...]:
        """What this part of the API answers."""
        return (
            Route("GET", "/users/@me", self._me),
            Route("GET", "/users/{user_id}", self._user),
            Route("POST", "/users/@me/channels", self._open_direct),
            Route("GET", "/oauth2/applications/@me", self._application),
            Route("GET", "/gateway/bot", self._gateway_bot),
            Route("GET", COMMANDS, self._list_commands),
            Route("PUT", COMMANDS, self._put_commands),
            Route("GET", GUILD_COMMANDS, self._list_commands),
            Route("PUT", GUILD_COMMANDS, self._put_commands),
            Route("GET", "/guilds/{guild_id}", self._guild),
            Route("GET", "/guilds/{guild_id}/channels", self._guild_channels),
            Route("GET", "/guilds/{guild_id}/threads/active", self._active_threads),
            Route("GET", "/guilds/{guild_id}/members/{user_id}", self._member),
            Route("GET", "/channels/{channel_id}", self._channel),
            Route("PATCH", "/channels/{channel_id}", self._edit_channel),
            Route("POST", "/channels/{channel_id}/typing", self._typing),
            Route("GET", MESSAGES, self._list_messages),
            Route("POST", MESSAGES, self._create_message),
            Route("GET", MESSAGE, self._get_message),
            Route("PATCH", MESSAGE, self._edit_message),
            Route("DELETE", MESSAGE, self._delete_message),
            Route("POST", MESSAGE + "/threads", self._thread_from_message),
            Route("POST", "/channels/{channel_id}/threads", self._create_thread),
            Route("GET", "/channels/{channel_id}/threads/archived/public", self._archived),
            Route("PUT", "/channels/{channel_id}/thread-members/@me", self._join_thread),
        )

    # --- the application ---

    def _me(self, call: Request) -> Json:
        return self._world.bot.payload() | {"verified": True, "mfa_enabled": False, "flags": 0}

    def _user(self, call: Request) -> Json:
        user = self._world.user(call.number("user_id"))
        if user is None:
            raise refuse(404, 10013, "Unknown User")
        return user.payload()

    def _open_direct(self, call: Request) -> Json:
        user = self._world.user(int(call.form()["recipient_id"]))
        if user is None:
            raise refuse(400, 50033, "Invalid Recipient(s)")
        channel = self._world.direct(user)
        return {
            "id": str(channel.id),
            "type": channel.type,
            "recipients": [user.payload()],
            "last_message_id": str(max(channel.messages)) if channel.messages else None,
            "flags": 0,
        }

    def _application(self, call: Request) -> Json:
        bot = self._world.bot
        return {
            "id": str(bot.id),
            "name": bot.name,
            "description": "",
            "icon": None,
            "bot_public": False,
            "bot_require_code_grant": False,
            "owner": self._world.owner.payload(),
            "team": None,
            "verify_key": "0" * 64,
            "flags": 0,
            "interactions_endpoint_url": self.endpoint,
            "redirect_uris": [],
            "approximate_guild_count": len(self._world.guilds),
        }

    def _gateway_bot(self, call: Request) -> Json:
        starts = {
            "total": 1000,
            "remaining": self.sessions_left,
            "reset_after": 0,
            "max_concurrency": 1,
        }
        return {"url": self._gateway_url(), "shards": 1, "session_start_limit": starts}

    def _scope(self, call: Request) -> int | None:
        if call.number("application_id") != self._world.bot.id:
            raise refuse(403, 20012, "You are not authorized to perform this action")
        return self._access.guild(call).id if "guild_id" in call.params else None

    def _list_commands(self, call: Request) -> list[Json]:
        return self.commands.get(self._scope(call), [])

    def _put_commands(self, call: Request) -> list[Json]:
        scope = self._scope(call)
        wanted: list[Json] = call.body if isinstance(call.body, list) else []
        limits.check_commands(wanted)
        old = {(one["type"], one["name"]): one["id"] for one in self.commands.get(scope, [])}
        made = []
        for command in wanted:
            kind = command.get("type", 1)
            fixed: Json = {
                "id": old.get((kind, command["name"])) or str(self._world.ids.next()),
                "application_id": str(self._world.bot.id),
                "version": str(self._world.ids.next()),
                "type": kind,
            }
            if scope is not None:
                fixed["guild_id"] = str(scope)
            defaults = {"description": "", "default_member_permissions": None, "nsfw": False}
            made.append(defaults | command | fixed)
        self.commands[scope] = made
        return made

    # --- guilds and channels ---

    def _guild(self, call: Request) -> Json:
        guild = self._access.guild(call)
        count = len(guild.users)
        counts = {"approximate_member_count": count, "approximate_presence_count": count}
        return guild.payload() | (counts if call.query.get("with_counts") else {})

    def _guild_channels(self, call: Request) -> list[Json]:
        return [channel.payload() for channel in self._access.guild(call).channels.values()]

    def _active_threads(self, call: Request) -> Json:
        threads = [one for one in self._access.guild(call).threads.values() if not one.archived]
        return {"threads": [one.payload() for one in threads], "members": []}

    def _member(self, call: Request) -> Json:
        guild = self._access.guild(call)
        user = guild.users.get(call.number("user_id"))
        if user is None:
            raise refuse(404, 10007, "Unknown Member")
        return guild.member_payload(user)

    def _channel(self, call: Request) -> Json:
        return self._access.seen(call).payload()

    def _edit_channel(self, call: Request) -> Json:
        channel = self._access.seen(call)
        body = call.form()
        needed = "MANAGE_CHANNELS"
        if isinstance(channel, Thread):
            mine = channel.owner == self._world.bot and set(body) <= {"name", "archived"}
            needed = "" if mine else "MANAGE_THREADS"
        if needed:
            self._access.seen(call, needed)
        channel.name = body.get("name", channel.name)
        if not isinstance(channel, Thread):
            channel.topic = body.get("topic", channel.topic)
            self._gateway.event("CHANNEL_UPDATE", channel.payload(), intent=GUILDS)
            return channel.payload()
        channel.locked = body.get("locked", channel.locked)
        self.archive(channel, bool(body.get("archived", channel.archived)))
        return channel.payload()

    def archive(self, thread: Thread, archived: bool) -> None:
        """Archives a thread, or brings it back."""
        if thread.archived != archived:
            thread.archived, thread.archive_changed = archived, self._world.moment()
        self._gateway.event("THREAD_UPDATE", thread.payload(), intent=GUILDS)

    def _typing(self, call: Request) -> None:
        self._access.seen(call, "SEND_MESSAGES")

    # --- messages ---

    def _list_messages(self, call: Request) -> list[Json]:
        channel = self._access.seen(call)
        limit = call.count("limit", 50, 100)
        if not channel.permissions(self._world.bot) & PERMISSION_BITS["READ_MESSAGE_HISTORY"]:
            return []
        every = sorted(channel.messages)
        if "around" in call.query:
            middle = int(call.query["around"])
            older = [one for one in every if one < middle][-(limit // 2) :]
            chosen = older + [one for one in every if one >= middle][: limit - len(older)]
        elif "after" in call.query:
            chosen = [one for one in every if one > int(call.query["after"])][:limit]
        elif "before" in call.query:
            chosen = [one for one in every if one < int(call.query["before"])][-limit:]
        else:
            chosen = every[-limit:]
        return [channel.messages[number].payload() for number in reversed(chosen)]

    def _create_message(self, call: Request) -> Json:
        channel = self._access.seen(call)
        if channel.type in (FORUM,):
            raise refuse(400, 50008, "Cannot send messages in a non-text channel")
        body = call.form()
        sending = "SEND_MESSAGES"
        if isinstance(channel, Thread):
            sending = "SEND_MESSAGES_IN_THREADS"
        self._access.seen(call, sending, *_extra_permissions(body, call))
        limits.check_message(body, files=len(call.files))
        key = (channel.id, str(body.get("nonce")))
        if body.get("nonce") is not None and body.get("enforce_nonce"):
            when, known = self._nonces.get(key, (float("-inf"), None))
            if known is not None and self._world.now() - when < self._nonce_window:
                return known.payload()
        if isinstance(channel, Thread) and channel.archived:
            if channel.locked:
                raise refuse(400, 50083, "Thread is archived")
            self.archive(channel, False)
        message = self.build(channel, self._world.bot, body, call)
        message.reference = self._reference(body)
        message.type = 19 if message.reference else 0
        if body.get("nonce") is not None:
            self._nonces[key] = (self._world.now(), message)
        self.publish(message)
        return message.payload()

    def _reference(self, body: Json) -> Message | None:
        asked = body.get("message_reference")
        if not asked:
            return None
        found = self._world.by_id.get(int(asked["message_id"]))
        if (found is None or found.deleted) and asked.get("fail_if_not_exists", True):
            form = limits.Form()
            form.wrong(("message_reference",), "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
            form.done()
        return found

    def build(self, channel: Channel, author: User, body: Json, call: Request) -> Message:
        """A message from a checked body; it is not stored yet."""
        return Message(
            id=self._world.ids.next(),
            channel=channel,
            author=author,
            created=self._world.moment(),
            content=body.get("content") or "",
            embeds=list(body.get("embeds") or []),
            components=with_ids(body.get("components") or []),
            attachments=self._attachments(body, call),
            flags=int(body.get("flags") or 0) & KEPT_FLAGS,
            nonce=body.get("nonce"),
        )

    def _attachments(self, body: Json, call: Request) -> list[Json]:
        told = {f"files[{one.get('id')}]": one for one in body.get("attachments") or []}
        made = []
        for file in call.files:
            number = self._world.ids.next()
            url = f"https://cdn.example/attachments/{number}/{file.filename}"
            made.append(
                {
                    "id": str(number),
                    "filename": told.get(file.field, {}).get("filename", file.filename),
                    "size": len(file.content),
                    "url": url,
                    "proxy_url": url,
                }
            )
        return made

    def publish(self, message: Message) -> None:
        """Stores a new message and tells the gateway."""
        self._world.keep(message)
        if message.seen_by is None:
            self._gateway.message_event("MESSAGE_CREATE", message.event())

    def change(self, message: Message, body: Json, call: Request) -> None:
        """Applies a checked edit and tells the gateway."""
        if "content" in body:
            message.content = body["content"] or ""
        if "embeds" in body:
            message.embeds = list(body["embeds"] or [])
        if "components" in body:
            message.components = with_ids(body["components"] or [])
        if body.get("flags") is not None:
            fixed = message.flags & ~(1 << 2)
            message.flags = fixed | int(body["flags"]) & (FLAG_COMPONENTS_V2 | 1 << 2)
        if body.get("attachments") is not None or call.files:
            kept = {str(one.get("id")) for one in body.get("attachments") or []}
            message.attachments = [one for one in message.attachments if one["id"] in kept]
            message.attachments += self._attachments(body, call)
        message.edited = self._world.moment()
        self.tell_edit(message)

    def tell_edit(self, message: Message) -> None:
        """MESSAGE_UPDATE, for messages that everyone sees."""
        if message.seen_by is None:
            self._gateway.message_event("MESSAGE_UPDATE", message.event())

    def _get_message(self, call: Request) -> Json:
        return self._access.found(call, "READ_MESSAGE_HISTORY").payload()

    def _edit_message(self, call: Request) -> Json:
        message = self._access.found(call)
        body = call.form()
        if message.author != self._world.bot:
            raise refuse(403, 50005, "Cannot edit a message authored by another user")
        if isinstance(message.channel, Thread) and message.channel.archived:
            raise refuse(400, 50083, "Thread is archived")
        limits.check_message(body, flags_before=message.flags, files=len(call.files), new=False)
        after = {
            name: body.get(name, getattr(message, name))
            for name in ("content", "embeds", "components", "attachments")
        }
        v2 = int(body.get("flags") or message.flags) & FLAG_COMPONENTS_V2
        if v2 and (after["content"] or after["embeds"]):
            said = "content and embeds cannot be used with MessageFlags.IS_COMPONENTS_V2"
            raise refuse(400, 50035, said)
        if not any([*after.values(), call.files]):
            raise refuse(400, 50006, "Cannot send an empty message")
        self.change(message, body, call)
        return message.payload()

    def _delete_message(self, call: Request) -> None:
        message = self._access.found(call)
        if message.author != self._world.bot:
            self._access.seen(call, "MANAGE_MESSAGES")
        self.remove(message)

    def remove(self, message: Message) -> None:
        """Deletes a message and tells the gateway."""
        message.deleted = True
        message.channel.messages.pop(message.id, None)
        if message.seen_by is None:
            event = place(message) | {"id": str(message.id)}
            self._gateway.event("MESSAGE_DELETE", event, intent=GUILD_MESSAGES)

    # --- threads ---

    def _open_thread(self, parent: Channel, number: int, body: Json) -> Thread:
        now = self._world.moment()
        active = sum(not one.archived for one in parent.guild.threads.values())
        if active >= parent.guild.most_threads:
            raise refuse(400, 160006, "Maximum number of active threads reached")
        thread = Thread(
            number,
            parent.guild,
            body["name"],
            PRIVATE_THREAD if body.get("type") == PRIVATE_THREAD else PUBLIC_THREAD,
            parent=parent,
            owner=self._world.bot,
            created=now,
            archive_changed=now,
            auto_archive=body.get("auto_archive_duration") or 1440,
            applied_tags=tuple(int(tag) for tag in body.get("applied_tags") or ()),
        )
        parent.guild.threads[number] = thread
        return thread

    def _tell_thread(self, thread: Thread) -> None:
        self._gateway.event(
            "THREAD_CREATE", thread.payload() | {"newly_created": True}, intent=GUILDS
        )

    def _note(self, channel: Channel, kind: int, reference: Message | None, text: str) -> None:
        note = self.build(channel, self._world.bot, {"content": text}, _NO_CALL)
        note.type, note.reference = kind, reference
        self.publish(note)

    def _thread_from_message(self, call: Request) -> Json:
        message = self._access.found(call, "CREATE_PUBLIC_THREADS", "READ_MESSAGE_HISTORY")
        if isinstance(message.channel, Thread) or message.channel.type == DM:
            raise refuse(400, 50024, "Cannot execute action on this channel type")
        limits.check_thread(call.form(), forum_tags=None, require_tag=False)
        if message.thread is not None:
            said = "A thread has already been created for this message"
            raise refuse(400, 160004, said)
        thread = self._open_thread(message.channel, message.id, call.form())
        message.thread = thread
        message.flags |= FLAG_HAS_THREAD
        self._tell_thread(thread)
        self._note(thread, 21, message, "")
        self.tell_edit(message)
        return thread.payload()

    def _create_thread(self, call: Request) -> Json:
        parent = self._access.seen(call)
        body = call.form()
        if isinstance(parent, Thread):
            raise refuse(400, 50024, "Cannot execute action on this channel type")
        if parent.type == FORUM:
            return self._create_post(parent, call)
        private = body.get("type") == PRIVATE_THREAD
        self._access.seen(call, "CREATE_PRIVATE_THREADS" if private else "CREATE_PUBLIC_THREADS")
        limits.check_thread(body, forum_tags=None, require_tag=False)
        thread = self._open_thread(parent, self._world.ids.next(), body)
        self._tell_thread(thread)
        if not private:
            self._note(parent, 18, None, thread.name)
        return thread.payload()

    def _create_post(self, forum: Channel, call: Request) -> Json:
        body = call.form()
        inner = body.get("message") or {}
        self._access.seen(call, "SEND_MESSAGES", *_extra_permissions(inner, call))
        tags = frozenset(tag.id for tag in forum.tags)
        limits.check_thread(body, forum_tags=tags, require_tag=forum.require_tag)
        limits.check_message(inner, path=("message",), files=len(call.files))
        thread = self._open_thread(forum, self._world.ids.next(), body)
        message = self.build(thread, self._world.bot, inner, call)
        message.id = thread.id
        self._world.keep(message)
        self._tell_thread(thread)
        self._gateway.message_event("MESSAGE_CREATE", message.event())
        return thread.payload() | {"message": message.payload()}

    def _archived(self, call: Request) -> Json:
        parent = self._access.seen(call, "READ_MESSAGE_HISTORY")
        limit = call.count("limit", 50, 100)
        threads = [
            one
            for one in parent.guild.threads.values()
            if one.parent is parent and one.archived and one.type == PUBLIC_THREAD
        ]
        if "before" in call.query:
            before = datetime.fromisoformat(call.query["before"])
            threads = [one for one in threads if one.archive_changed < before]
        threads.sort(key=lambda one: one.archive_changed, reverse=True)
        shown = [one.payload() for one in threads[:limit]]
        return {"threads": shown, "members": [], "has_more": len(threads) > limit}

    def _join_thread(self, call: Request) -> None:
        self._access.seen(call)


_NO_CALL = Request("", "", "", {}, {}, None, {}, 0.0)


def _extra_permissions(body: Json, call: Request) -> Iterable[str]:
    extra: dict[str, Any] = {"EMBED_LINKS": body.get("embeds"), "ATTACH_FILES": call.files}
    extra["READ_MESSAGE_HISTORY"] = body.get("message_reference")
    return [name for name, used in extra.items() if used]
