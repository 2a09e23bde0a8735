"""One connection to the gateway: what it takes to begin one, and why one ends.

Whatever ends it comes out as a setting to correct or as a reason to connect anew; the faults of
discord.py 2.7 among them, which would end the bot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import discord

from adapters.discord.identifies import SPARE
from adapters.discord.ids import PLATFORM
from adapters.discord.listener import Listener
from bot.domain.errors import ConfigError, DailyPapersError, TryLater
from config.settings import DiscordSettings

SILENCE = 300.0
"""Seconds without a word from the gateway, which answers a heartbeat every 41, until it counts as
lost: discord.py can try for ever to resume at an address that is gone (Rapptz/discord.py#10511)."""

BAD_TOKEN = 4004

TOKEN_CURE = "copy it again from “Bot” in Discord's developer portal"  # noqa: S105 - no secret


def token_of(settings: DiscordSettings) -> str:
    """Return the bot's token.

    Raises:
        ConfigError: if there is none.
    """
    if settings.token is None:
        raise ConfigError(f"DISCORD_TOKEN is not set: {TOKEN_CURE}")
    return settings.token.get_secret_value()


async def check_sessions(client: Listener) -> None:
    """Raise a ``TryLater`` while so few sessions are left of the day's that a loop would end them.

    Discord counts them, so the count is right after a restart as well.
    """
    _, _, starts = await client.http.get_bot_gateway()
    if starts["remaining"] < SPARE:
        problem = f"only {starts['remaining']} of {starts['total']} sessions are left of the day's"
        raise TryLater(PLATFORM, problem, retry_after=starts["reset_after"] / 1000)


async def listen(client: Listener, longest: float) -> None:
    """Keep the connection until it is lost for good, or silent for so many seconds."""
    with explained():
        async with asyncio.timeout(longest) as silence:
            now = asyncio.get_running_loop().time

            def heard() -> None:
                with suppress(RuntimeError):  # a last word after the end
                    silence.reschedule(now() + longest)

            client.heard = heard
            await client.connect()


@contextmanager
def explained() -> Iterator[None]:
    """Turn what ends a connection into a setting to correct, or a reason to connect anew.

    Anything may come: the first connect failing is an ``AttributeError`` of discord.py
    (Rapptz/discord.py#10520), and an event of unknown shape ends it with what reading it raised.
    """
    try:
        yield
    except DailyPapersError:
        raise
    except discord.LoginFailure as error:
        raise ConfigError(f"Discord does not accept DISCORD_TOKEN: {TOKEN_CURE}") from error
    except discord.PrivilegedIntentsRequired as error:
        raise ConfigError(
            "Discord asks for privileged intents, which this bot does not use: check that "
            "DISCORD_TOKEN belongs to this bot's own application"
        ) from error
    except discord.ConnectionClosed as error:
        if error.code == BAD_TOKEN:
            raise ConfigError(f"Discord does not accept DISCORD_TOKEN: {TOKEN_CURE}") from error
        raise TryLater(PLATFORM, f"the gateway closed with code {error.code}") from error
    except TimeoutError as error:
        raise TryLater(PLATFORM, "nothing was heard from the gateway") from error
    except Exception as error:
        raise TryLater(PLATFORM, f"connection lost ({type(error).__name__})") from error
