"""Ask Slack itself whether it would take messages, without posting any.

https://docs.slack.dev/reference/methods/blocks.validate needs a token and no scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.slack._web import SlackWeb
from bot.domain.errors import Refused
from config.settings import SlackSettings


async def validate(
    settings: SlackSettings, bodies: Sequence[Mapping[str, Any]]
) -> list[str] | None:
    """Return what Slack objects to in the bodies of messages; nothing if it would take them.

    ``None`` stands for that it was not asked: for several workspaces, none has its token here.

    Raises:
        TryLater: if Slack cannot be reached, or refuses the token.
    """
    if settings.bot_token is None:
        return None
    slack = SlackWeb(settings.bot_token.get_secret_value(), settings.api_url)
    found = []
    for number, body in enumerate(bodies, start=1):
        message = {name: body[name] for name in ("text", "blocks")}
        try:
            await slack.ask(slack.client.blocks_validate(message=message))
        except Refused as error:
            found.append(f"message {number}: {error.problem} {error.cure}".strip())
    return found
