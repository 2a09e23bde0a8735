"""What is not a message in Slack: dialogs, answers that stand in one, and the app's home.

A dialog is opened within three seconds of what asked for it, and what is handed in is answered in
as many: with the field that is wrong, or in the dialog's place.
"""

from __future__ import annotations

import asyncio
import json

from slack_bolt.async_app import AsyncAck

from adapters.slack._dialogs import command_of, dialog_view, read_view
from adapters.slack._web import SlackWeb
from adapters.slack.limits import Json
from adapters.slack.render import view_blocks
from bot.cards import sentence_reply
from bot.domain.command import Caller, CommandCall
from bot.domain.errors import Refused
from bot.domain.reply import Reply
from bot.ports import Inbox

ANSWER_SECONDS = 2.0
"""How long what was handed in may take before a wait is shown; Slack takes an answer for three."""

TITLE = "Daily Papers"
OUTDATED = "hash_conflict"


class Views:
    """Opens dialogs, takes what is handed in, and draws people's home."""

    def __init__(self, inbox: Inbox, slack: SlackWeb) -> None:
        self._inbox = inbox
        self._web = slack

    async def open(self, caller: Caller, command: str, trigger: str) -> None:
        """Open a command's dialog, or show why there is none."""
        found = await self._inbox.dialog(CommandCall(caller, command))
        if isinstance(found, Reply):
            await self.show(found, trigger)
            return
        view = dialog_view(found, private_metadata=_packed(caller))
        await self._web.ask(self._web.client.views_open(trigger_id=trigger, view=view))

    async def show(self, reply: Reply, trigger: str, *, above: bool = False) -> None:
        """Show an answer as a dialog, where there is no channel to show it in.

        Args:
            reply: The answer.
            trigger: What Slack gave for opening one.
            above: Whether a dialog is open already, which it shall cover.
        """
        client = self._web.client
        show = client.views_push if above else client.views_open
        shown = await self._web.ask(show(trigger_id=trigger, view=answer_view(reply)))
        if reply.later:
            better = answer_view(await reply.later())
            await self._web.ask(client.views_update(view_id=shown["view"]["id"], view=better))

    async def submit(self, ack: AsyncAck, view: Json, caller: Caller) -> None:
        """Run the command of a dialog, and answer in the dialog."""
        command = command_of(view["callback_id"]) or ""
        fields = read_view(view["state"]["values"])
        call = CommandCall(_unpacked(caller, view["private_metadata"]), command, fields=fields)
        running = asyncio.ensure_future(self._inbox.command(call))
        done, _ = await asyncio.wait([running], timeout=ANSWER_SECONDS)
        if not done:
            await ack(response_action="update", view=answer_view(sentence_reply("One moment …")))
            reply = await running
            changed = self._web.client.views_update(view_id=view["id"], view=answer_view(reply))
            await self._web.ask(changed)
            return
        reply = running.result()
        if reply.problem and reply.problem.parameter in fields:
            await ack(
                response_action="errors",
                errors={reply.problem.parameter: reply.problem.sentence},
            )
        else:
            await ack(response_action="update", view=answer_view(reply))

    async def home(self, caller: Caller, known: str | None) -> None:
        """Draw a person's home; ``known`` is the hash of what they see, if they see one."""
        reply = await self._inbox.command(CommandCall(caller, "home"))
        view = {"type": "home", "blocks": view_blocks(reply, "home")}
        drawn = self._web.client.views_publish(user_id=caller.user.id, view=view, hash=known)
        try:
            await self._web.ask(drawn)
        except Refused as error:
            if error.problem != OUTDATED:  # else something newer is shown already
                raise


def answer_view(reply: Reply) -> Json:
    """Return an answer as a dialog with nothing to fill in."""
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": TITLE},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": view_blocks(reply, "modal"),
    }


def _packed(caller: Caller) -> str:
    return json.dumps({"channel": caller.channel.id, "name": caller.channel_name})


def _unpacked(caller: Caller, packed: str) -> Caller:
    """Return who handed a dialog in, in the channel that it is for."""
    told = json.loads(packed)
    return caller.at(told["channel"], told["name"])
