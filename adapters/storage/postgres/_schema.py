"""The tables: each document whole, and beside it what it is found by. No I/O.

Documents are of type ``json``, which keeps a text as it was written: titles may hold characters
that ``jsonb`` refuses. Texts compare by code point everywhere, as Python compares them, so that no
update of the machine's locales can spoil an index.
"""

from __future__ import annotations

from sqlalchemy import ARRAY, JSON, Column, Date, DateTime, Index, Integer, MetaData, Table, text
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
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("leased_until", Moment, nullable=False),
)
