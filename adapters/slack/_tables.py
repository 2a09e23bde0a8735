"""The SDK's stores in a database, less what would grow there without end."""

from __future__ import annotations

from datetime import UTC, datetime

from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore

__all__ = ["AsyncSQLAlchemyInstallationStore", "StateTable"]


class StateTable(AsyncSQLAlchemyOAuthStateStore):
    """A row for each install page that somebody has open; anybody can open many."""

    async def async_issue(self, *args: object, **kwargs: object) -> str:
        """Return a new state, and forget those that nobody came back with in time."""
        now = datetime.now(UTC).replace(tzinfo=None)  # as the SDK writes it
        async with self.engine.begin() as connection:
            late = self.oauth_states.c.expire_at < now
            await connection.execute(self.oauth_states.delete().where(late))
        return str(await super().async_issue())
