"""The tables: each document whole, and beside it what it is found by. No I/O.

Documents are of type ``json``, which keeps a text as it was written: titles may hold characters
that ``jsonb`` refuses. Texts compare by code point everywhere, as Python compares them, so that no
update of the machine's locales can spoil an index.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    text,
)
from sqlalchemy import Text as AnyText

SCHEMA = "daily_papers"

Text = AnyText(collation="C")
Moment = DateTime(timezone=True)

IS_SENT = text("state = 'sent'")
IS_UNFINISHED = text("state IN ('planned', 'sending', 'ambiguous')")

metadata = MetaData(schema=SCHEMA)

papers = Table(
    "papers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document", JSON, nullable=False),
)
batches = Table(
    "batches",
    metadata,
    Column("source", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("document", JSON, nullable=False),
)
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("document", JSON, nullable=False),
)
slots = Table(
    "slots",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("deliveries", ARRAY(AnyText), nullable=False),
    Column("worker", Text),
    Column("leased_until", Moment),
)
deliveries = Table(
    "deliveries",
    metadata,
    Column("key", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempted_at", Moment),
    Column("document", JSON, nullable=False),
    Index("deliveries_of_slot", "channel", "day", "position"),
    Index("deliveries_unfinished", "channel", "day", postgresql_where=IS_UNFINISHED),
    Index("deliveries_sent", "attempted_at", "key", postgresql_where=IS_SENT),
)
messages = Table(
    "messages",
    metadata,
    Column("message", Text, primary_key=True),
    Column("delivery", Text, nullable=False),
)
receipts = Table(
    "receipts",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("document", JSON, nullable=False),
)
seen = Table(
    "seen",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("paper", Text, primary_key=True),
    Column("day", Date, nullable=False),
    Column("document", JSON, nullable=False),
)
votes = Table(
    "votes",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("paper", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Index("votes_by_origin", "channel", "origin"),
    Index("votes_by_person", "person", "kind"),
)
writings = Table(
    "writings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("document", JSON, nullable=False),
)
spending = Table(
    "spending",
    metadata,
    Column("day", Date, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("tokens", BigInteger, nullable=False),
)
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("leased_until", Moment, nullable=False),
)

slack_bots = Table(
    "slack_bots",
    metadata,
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
    Index("slack_bots_idx", "client_id", "enterprise_id", "team_id", "installed_at"),
)
slack_oauth_states = Table(
    "slack_oauth_states",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("state", String(200), nullable=False),
    Column("expire_at", DateTime, nullable=False),
)

OTHERS = (slack_bots, slack_oauth_states)
"""Tables of a platform, with columns as its SDK has them: secrets, which no copy holds."""
