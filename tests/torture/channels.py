"""What stands in the channels of Slack and Discord, and whether it is what was to stand there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from adapters.discord import ids as discord_ids
from adapters.slack import ids as slack_ids
from bot.domain.channels import ChannelRef, MessageRef
from bot.domain.deliveries import Delivery
from tests.doubles.discord import DiscordDouble
from tests.doubles.slack import SlackDouble


@dataclass(frozen=True, slots=True)
class Standing:
    """A message in a channel.

    Attributes:
        name: What its platform keeps of the key that it was posted under.
        below: The message in whose thread it stands.
    """

    ref: MessageRef
    name: str
    below: MessageRef | None = None


class Channels:
    """So many channels of each platform."""

    def __init__(self, slack: SlackDouble, discord: DiscordDouble, sizes: tuple[int, int]) -> None:
        self._slack, self._discord = slack, discord
        team, guild = slack.workspace, discord.guild
        in_slack, in_discord = sizes
        self.all = [
            *(
                slack_ids.channel_ref(team.team_id, team.add_channel(f"papers-{n}").id)
                for n in range(in_slack)
            ),
            *(
                discord_ids.channel_ref(guild.id, guild.add_text(f"papers-{n}").id)
                for n in range(in_discord)
            ),
        ]

    def standing(self, channel: ChannelRef) -> list[Standing]:
        """Return what the bot has posted into a channel and its threads, oldest first."""
        found = self._in_slack if channel.platform == slack_ids.PLATFORM else self._in_discord
        return list(found(channel))

    def names(self) -> set[str]:
        """Return the names of all messages that stand anywhere."""
        return {each.name for channel in self.all for each in self.standing(channel)}

    def _in_slack(self, channel: ChannelRef) -> Iterator[Standing]:
        for each in self._slack.messages(channel.id):
            key = str((each.metadata or {}).get("event_payload", {}).get("key"))
            head = MessageRef(channel, each.thread_ts or "")
            yield Standing(MessageRef(channel, each.ts), key, head if each.is_reply else None)

    def _in_discord(self, channel: ChannelRef) -> Iterator[Standing]:
        guild, room = int(channel.workspace), int(channel.id)
        for head in self._discord.messages(room):
            ref = discord_ids.message_ref(guild, room, head.id)
            yield Standing(ref, str(head.nonce))
            for each in self._discord.messages(head.thread_id) if head.thread_id else ():
                if each.nonce:  # Discord itself begins a thread with an empty message
                    stands = discord_ids.message_ref(guild, each.channel_id, each.id)
                    yield Standing(stands, str(each.nonce), ref)


def name_of(delivery: Delivery) -> str:
    """Return what the platform keeps of a delivery's key."""
    is_slack = delivery.slot.channel.platform == slack_ids.PLATFORM
    return delivery.key if is_slack else discord_ids.nonce(delivery.key)


@dataclass(slots=True)
class Comparison:
    """What differs between a digest as it was planned and as it stands.

    Attributes:
        wrong: Messages that stand elsewhere than they should, or than is recorded.
    """

    missing: int = 0
    extra: int = 0
    out_of_order: int = 0
    wrong: list[str] = field(default_factory=list)


def compare(planned: Sequence[Delivery], standing: Sequence[Standing], number: int) -> Comparison:
    """Compare a digest of so many messages with its channel."""
    by_name = {name_of(each): each for each in planned}
    known = [each for each in standing if each.name in by_name]
    names = {each.name for each in known}
    positions = [by_name[each.name].position for each in known]
    found = Comparison(
        missing=number - len(names),
        extra=len(standing) - len(names),
        out_of_order=sum(later < earlier for earlier, later in pairwise(positions)),
    )
    head = standing[0].ref if standing else None
    for each in known:
        delivery = by_name[each.name]
        if each.below != (head if delivery.in_thread else None):
            found.wrong.append(f"{delivery.slot}: {delivery.part} stands in another place")
        if delivery.ref not in {one.ref for one in known if one.name == each.name}:
            found.wrong.append(f"{delivery.slot}: {delivery.part} is recorded as {delivery.ref}")
    return found
