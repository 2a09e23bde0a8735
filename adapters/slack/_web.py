"""Slack's Web API in the product's terms: one identity, and errors by what they mean.

The SDK's default retries a request whose answer was lost, and so posts twice. Here nothing but a
rate limit is retried, that of posts by ``_pace``, which knows of all of them; whether a lost post
arrived is for whoever reads the channel back.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
import structlog
from slack_bolt.logger.messages import (
    info_default_oauth_settings_loaded,
    warning_client_prioritized_and_token_skipped,
)
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.slack.ids import PLATFORM
from adapters.slack.limits import Json
from adapters.slack.render import Style, render, words_alone
from bot.domain.errors import Ambiguous, ConfigError, Gone, PlatformError, Refused, TryLater
from bot.domain.reply import Reply
from bot.text import clip

log = structlog.get_logger()

T = TypeVar("T")

TIMEOUT_SECONDS = 20

INVITE = "Invite the bot there (/invite @{bot}), then run /papers subscribe"
REINSTALL = "Install the app in the workspace again and set SLACK_BOT_TOKEN to its new token"
ALLOW = "Let the app post there (the channel's posting permissions), then run /papers subscribe"

GONE: Mapping[str, str] = {
    "channel_not_found": INVITE,
    "is_archived": "Unarchive the channel, then run /papers subscribe there",
    "not_in_channel": INVITE,
    "restricted_action": ALLOW,
    "restricted_action_read_only_channel": ALLOW,
    "restricted_action_thread_only_channel": ALLOW,
}
"""Slack's codes for a channel that takes nothing until somebody acts, with what to do."""

TOKEN = frozenset(
    {
        "access_denied",
        "account_inactive",
        "invalid_auth",
        "not_authed",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
"""Codes for a token that is no good: no channel's fault, so none is parked for it."""

TOKEN_SECONDS = 600.0
"""How soon a post is tried again while the token is no good."""

REVOKED = frozenset({"account_inactive", "token_revoked"})
"""Those for a token that was good: where several workspaces may come and go, this one has gone."""

REMARKS = frozenset(
    {warning_client_prioritized_and_token_skipped(), info_default_oauth_settings_loaded()}
)

BUSY = frozenset(
    {
        "accesslimited",
        "external_channel_migrating",
        "message_limit_exceeded",
        "org_login_required",
        "rate_limited",
        "ratelimited",
        "team_added_to_org",
    }
)
LOST = frozenset(
    {
        "duplicate_channel_not_found",
        "duplicate_message_not_found",
        "fatal_error",
        "internal_error",
        "request_timeout",
        "service_unavailable",
    }
)
"""Codes after which the work may or may not be done."""


UNDRAWABLE = ("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long")
"""Codes for blocks that Slack does not take, an unreachable picture among the reasons."""

UNKNOWN = ("invalid_blocks", "invalid_blocks_format")
"""Those that a block may get that a workspace does not know."""

CURES: Mapping[str, str] = {
    "SLACK_BOT_TOKEN": "Copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions of the app",
    "SLACK_CONFIG_TOKEN": "Make a new one under Your App Configuration Tokens on "
    "api.slack.com/apps: it lasts twelve hours",
    "SLACK_APP_TOKEN": "Make an app-level token (xapp-…) with the scope connections:write under "
    "Basic Information of the app, and switch Socket Mode on",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is.

    Attributes:
        scopes: What it may do; empty if Slack, or a proxy, did not tell.
    """

    team: str
    user: str
    bot: str
    name: str
    scopes: frozenset[str] = frozenset()


class SlackWeb:
    """The Web API of one workspace.

    Args:
        token: The bot token; none is needed for what is asked with another.
        url: Address of the API.
        identity: Who the bot is, if that is known.
        left: What to say once the workspace has taken its token back; without it, somebody is to
            give the bot a new one.
    """

    def __init__(
        self,
        token: str | None,
        url: str,
        *,
        identity: Identity | None = None,
        left: Callable[[], Gone] | None = None,
    ) -> None:
        self.client = _client(url, token, _patience())
        self._poster = _client(url, token, [])
        self._identity = identity
        self._left = left

    async def identity(self) -> Identity:
        """Return who the bot is; Slack is asked once.

        Raises:
            ConfigError: if Slack refuses the token.
            TryLater: if Slack cannot be reached.
        """
        if self._identity is None:
            response = await self._admitted("SLACK_BOT_TOKEN", self.client.auth_test())
            answer = data_of(response)
            if not answer.get("bot_id"):
                raise ConfigError("SLACK_BOT_TOKEN is no bot token: it must begin with xoxb-")
            scopes = map(str.strip, response.headers.get("x-oauth-scopes", "").split(","))
            self._identity = Identity(
                answer["team_id"],
                answer["user_id"],
                answer["bot_id"],
                answer["user"],
                frozenset(filter(None, scopes)),
            )
        return self._identity

    async def socket_url(self, app_token: str) -> str:
        """Return the address of a new Socket Mode connection.

        Raises:
            ConfigError: if Slack refuses the token, or Socket Mode is off.
            TryLater: if Slack cannot be reached.
        """
        opened = self.client.apps_connections_open(app_token=app_token)
        return str(data_of(await self._admitted("SLACK_APP_TOKEN", opened))["url"])

    async def app_manifest(self, config_token: str) -> Json:
        """Return the manifest of the bot's app, as its owner sees it.

        Raises:
            ConfigError: if Slack refuses the token.
            TryLater: if Slack cannot be reached.
        """
        user = (await self.identity()).user
        profile = (await self.ask(self.client.users_info(user=user)))["user"]["profile"]
        app = str(profile.get("api_app_id"))
        exported = self.client.apps_manifest_export(app_id=app, token=config_token)
        answer = data_of(await self._admitted("SLACK_CONFIG_TOKEN", exported))
        return dict(answer["manifest"])

    async def _admitted(
        self, setting: str, request: Awaitable[AsyncSlackResponse]
    ) -> AsyncSlackResponse:
        try:
            return await self._answered(request, TryLater)
        except (Refused, Gone, TryLater) as error:
            if isinstance(error, TryLater) and error.problem not in TOKEN:
                raise
            raise ConfigError(
                f"Slack refuses {setting} ({error.problem}). {CURES[setting]}"
            ) from error

    async def ask(
        self, request: Awaitable[AsyncSlackResponse], *, lost: type[PlatformError] = TryLater
    ) -> Json:
        """Return the answer to a request of ``client``.

        Args:
            request: A method's call, not yet awaited.
            lost: What to raise when nobody knows whether it was done.

        Raises:
            Refused, Gone, TryLater: see ``bot.domain.errors``; and ``lost``.
        """
        return data_of(await self._answered(request, lost))

    async def post(self, message: Json) -> Json:
        """Post a message, once; a limit is for whoever keeps the pace, not for the SDK to sit out.

        Raises:
            Refused, Gone, TryLater, Ambiguous: see ``bot.domain.errors``.
        """
        return await self.ask(self._poster.chat_postMessage(**message), lost=Ambiguous)

    async def _answered(
        self, request: Awaitable[AsyncSlackResponse], lost: type[PlatformError]
    ) -> AsyncSlackResponse:
        try:
            return await request
        except (SlackApiError, aiohttp.ClientError, TimeoutError, AttributeError) as error:
            # an answer that is no object, from a proxy perhaps, is an AttributeError of the SDK
            raise self._meaning(error, lost) from error

    def gone(self, code: str) -> Gone:
        """Return what a code means for the channel, with the cure."""
        bot = self._identity.name if self._identity else "papers"
        return Gone(PLATFORM, code, cure=GONE[code].format(bot=bot))

    def _meaning(self, error: Exception, lost: type[PlatformError]) -> PlatformError:
        if isinstance(error, aiohttp.ClientConnectorError):
            return TryLater(PLATFORM, "cannot be reached")
        if not isinstance(error, SlackApiError):
            return lost(PLATFORM, f"the answer was lost ({type(error).__name__})")
        answer, status = answer_of(error), _status(error)
        code = str(answer.get("error", ""))
        if code in BUSY or status == 429:
            return TryLater(PLATFORM, code or "HTTP 429", retry_after=_retry_after(error))
        if code in REVOKED and self._left:
            return self._left()
        if code in TOKEN:
            cure = self._left().cure if self._left else REINSTALL
            return TryLater(PLATFORM, code, cure=cure, retry_after=TOKEN_SECONDS)
        if code in LOST or (not code and (status >= 500 or status == 200)):
            return lost(PLATFORM, code or f"HTTP {status} without an answer")
        if not code:
            return TryLater(PLATFORM, f"HTTP {status} from something in between")
        if code in GONE:
            return self.gone(code)
        needed = answer.get("needed")
        cure = f"Add the scope {needed} to the app and install it again" if needed else ""
        details = "; ".join(answer.get("response_metadata", {}).get("messages", ()))
        return Refused(PLATFORM, code, cure=cure or clip(details, 300))


class Looks:
    """How digests look in a workspace: rich if so set, until it turns out to take no such blocks.

    Args:
        style: What is set.
    """

    def __init__(self, style: Style) -> None:
        self.style = style

    def drop_rich(self) -> None:
        """Draw no rich blocks any more, for as long as this process runs."""
        if self.style == "rich":
            self.style = "base"
            log.warning("slack takes no rich blocks", cure="Set SLACK_STYLE=base")


async def show(reply: Reply, send: Callable[[Json], Awaitable[T]], looks: Looks | None = None) -> T:
    """Send a reply in the richest form that Slack takes; a picture it cannot fetch is a reason.

    Args:
        reply: What is to be shown.
        send: Sends one form of it.
        looks: How digests look; anything else is in base style.
    """
    forms: dict[str, Callable[[], Json]] = {
        "base": lambda: render(reply),
        "without pictures": lambda: render(reply, pictures=False),
    }
    if looks and looks.style == "rich":
        forms = {"rich": lambda: render(reply, style="rich"), **forms}
    refused: list[Json] = []
    doubtful = False
    for name, draw in forms.items():
        form = draw()
        if form in refused:
            continue
        try:
            sent = await send(form)
        except Refused as error:
            if error.problem not in UNDRAWABLE:
                raise
            log.error("slack took no blocks", form=name, reason=str(error))
            refused.append(form)
            doubtful = doubtful or (name == "rich" and error.problem in UNKNOWN)
            continue
        if looks and doubtful and name == "base":  # so it was not for a picture
            looks.drop_rich()
        return sent
    return await send(words_alone(reply))


async def respond(url: str, payload: Json) -> None:
    """Answer a command or a press by its ``response_url``; the address is a secret.

    Raises:
        Refused, TryLater, Ambiguous: see ``bot.domain.errors``.
    """
    client = AsyncWebhookClient(
        url, timeout=TIMEOUT_SECONDS, retry_handlers=_patience(), logger=sdk_logger()
    )
    try:
        answer = await client.send_dict(payload)
    except (aiohttp.ClientError, TimeoutError) as error:
        problem = f"the answer was lost ({type(error).__name__})"
        raise Ambiguous(PLATFORM, problem) from None  # the cause may name the address
    if answer.status_code == 429 or answer.status_code >= 500:
        raise TryLater(PLATFORM, f"HTTP {answer.status_code} from the response_url")
    if answer.status_code != 200:
        code = next((each for each in UNDRAWABLE if each in answer.body), "")
        raise Refused(PLATFORM, code or f"HTTP {answer.status_code} {clip(answer.body, 100)}")


def anonymous_client(url: str) -> AsyncWebClient:
    """Return a client without a token, for what Bolt does by itself."""
    return _client(url, None, _patience())


def sdk_logger() -> logging.Logger:
    """Return the logger of Bolt and the SDK, less what should not be read.

    It is never below INFO, for at DEBUG they write response addresses and tickets, which are
    secrets. And Bolt finds SLACK_BOT_TOKEN or SLACK_CLIENT_ID in the environment and remarks that
    it does not need the one, and keeps files for the other, which it is never asked to.
    """
    logger = logging.getLogger("slack_bolt")
    logger.setLevel(max(logging.INFO, logging.getLogger().level))
    if not logger.filters:
        logger.addFilter(lambda record: record.getMessage() not in REMARKS)
    return logger


def _client(url: str, token: str | None, retry_handlers: list[AsyncRetryHandler]) -> AsyncWebClient:
    return AsyncWebClient(
        token,
        base_url=url,
        timeout=TIMEOUT_SECONDS,
        retry_handlers=retry_handlers,
        logger=sdk_logger(),
    )


def _patience() -> list[AsyncRetryHandler]:
    return [AsyncRateLimitErrorRetryHandler(max_retry_count=1)]


def data_of(response: AsyncSlackResponse) -> Json:
    """Return an answer as Slack wrote it; nothing if it is no object."""
    return response.data if isinstance(response.data, dict) else {}


def answer_of(error: SlackApiError) -> Json:
    """Return the answer with which Slack refused something."""
    data = getattr(error.response, "data", None)
    return data if isinstance(data, dict) else {}


def _status(error: SlackApiError) -> int:
    response = error.response
    return int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)


def _retry_after(error: SlackApiError) -> float | None:
    seconds = str(error.response.headers.get("Retry-After", ""))
    return float(seconds) if seconds.isdecimal() else None
