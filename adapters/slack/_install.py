"""The pages on which a workspace installs the app, by OAuth: the SDK's, less what tells secrets.

Anybody can open them. What comes back from Slack is believed if it brings the state that the same
browser was given, within ten minutes and once; the code in it is good for one token, and neither is
ever logged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth.installation_store import Installation

from adapters.slack._installations import STATE_SECONDS, Kept
from adapters.slack._web import anonymous_client, answer_of, data_of, sdk_logger
from adapters.slack.manifest import INSTALL_PATH, REDIRECT_PATH, SCOPES
from bot.domain.errors import PlatformError

log = structlog.get_logger()

FAILED = "The app could not be installed just now. Begin again in a while.\n"


class InstallFlow(AsyncOAuthFlow):
    """The SDK's way from the install page to an installation that is kept."""

    async def run_installation(self, code: str) -> Installation | None:
        """Exchange a code for the bot of a workspace; nothing if Slack does not have it."""
        asked = {
            "client_id": self.settings.client_id,
            "client_secret": self.settings.client_secret,
            "code": code,
            "redirect_uri": self.settings.redirect_uri,
        }
        try:
            # the SDK's own method goes through a class that aiohttp deprecates
            told = data_of(await self.client.api_call("oauth.v2.access", data=asked))
            team, token = told.get("team") or {}, told.get("access_token")
            if told.get("is_enterprise_install") or not team.get("id") or not token:
                log.warning(
                    "slack installation refused",
                    reason="it is not one of a single workspace with a bot",
                    cure="Install the app in a workspace, not in the whole organization",
                )
                return None
            me = data_of(await self.client.auth_test(token=token))
        except SlackApiError as error:  # which quotes the whole answer
            log.warning("slack installation failed", reason=str(answer_of(error).get("error")))
            return None
        log.info("slack app installed", team=team["id"])
        return Installation(
            app_id=told.get("app_id") or "",
            team_id=team["id"],
            team_name=team.get("name"),
            bot_token=token,
            bot_id=me.get("bot_id"),
            bot_user_id=me.get("user_id"),
            bot_scopes=told.get("scope") or "",
            user_id=(told.get("authed_user") or {}).get("id") or "",
        )


def install_flow(
    kept: Kept, *, client_id: str, client_secret: str, public_url: str, api_url: str
) -> InstallFlow:
    """Return the way to an installation, by the address that the bot has for browsers."""
    return InstallFlow(
        client=anonymous_client(api_url),
        logger=sdk_logger(),
        settings=AsyncOAuthSettings(
            client_id=client_id,
            client_secret=client_secret,
            scopes=SCOPES,
            user_scopes=[],
            redirect_uri=public_url + REDIRECT_PATH,
            install_path=INSTALL_PATH,
            redirect_uri_path=REDIRECT_PATH,
            installation_store=kept.installations,
            state_store=kept.states,
            state_expiration_seconds=STATE_SECONDS,
            logger=sdk_logger(),
        ),
    )


def pages(flow: InstallFlow) -> list[web.RouteDef]:
    """Return the two pages, by their paths."""
    return [
        web.get(INSTALL_PATH, _page(flow.handle_installation), allow_head=False),
        web.get(REDIRECT_PATH, _page(flow.handle_callback), allow_head=False),
    ]


def _page(
    answer: Callable[[AsyncBoltRequest], Awaitable[BoltResponse]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await to_aiohttp_response(await answer(await to_bolt_request(request)))
        except Exception as error:  # its words, and its traceback's, may be a code or a token
            log.warning("slack installation failed", reason=_reason(error))
        return web.Response(status=503, text=FAILED)

    return handle


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, PlatformError) else type(error).__name__
