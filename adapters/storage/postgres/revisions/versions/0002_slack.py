"""The tables in which Slack's SDK keeps the installations of an app for several workspaces."""

from alembic import op
from sqlalchemy import Boolean, Column, DateTime, Integer, String

revision = "0002"
down_revision = "0001"

SCHEMA = "daily_papers"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "slack_bots",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("client_id", String(32), nullable=False),
        Column("app_id", String(32), nullable=False),
        Column("enterprise_id", String(32)),
        Column("enterprise_name", String(200)),
        Column("team_id", String(32)),
        Column("team_name", String(200)),
        Column("bot_token", String(200)),
        Column("bot_id", String(32)),
        Column("bot_user_id", String(32)),
        Column("bot_scopes", String(1000)),
        Column("bot_refresh_token", String(200)),
        Column("bot_token_expires_at", DateTime),
        Column("is_enterprise_install", Boolean, nullable=False),
        Column("installed_at", DateTime, nullable=False),
        schema=SCHEMA,
    )
    op.create_index(
        "slack_bots_idx",
        "slack_bots",
        ["client_id", "enterprise_id", "team_id", "installed_at"],
        schema=SCHEMA,
    )
    op.create_table(
        "slack_oauth_states",
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("state", String(200), nullable=False),
        Column("expire_at", DateTime, nullable=False),
        schema=SCHEMA,
    )
