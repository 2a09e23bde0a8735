"""The first tables."""

from alembic import op
from sqlalchemy import ARRAY, JSON, Column, Date, DateTime, Integer, text
from sqlalchemy import Text as AnyText

revision = "0001"
down_revision = None

SCHEMA = "daily_papers"
Text = AnyText(collation="C")
Moment = DateTime(timezone=True)


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "papers",
        Column("id", Text, primary_key=True),
        Column("document", JSON, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "batches",
        Column("source", Text, primary_key=True),
        Column("day", Date, primary_key=True),
        Column("document", JSON, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "subscriptions",
        Column("channel", Text, primary_key=True),
        Column("document", JSON, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "slots",
        Column("channel", Text, primary_key=True),
        Column("day", Date, primary_key=True),
        Column("deliveries", ARRAY(AnyText), nullable=False),
        Column("worker", Text),
        Column("leased_until", Moment),
        schema=SCHEMA,
    )
    op.create_table(
        "deliveries",
        Column("key", Text, primary_key=True),
        Column("channel", Text, nullable=False),
        Column("day", Date, nullable=False),
        Column("position", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempted_at", Moment),
        Column("document", JSON, nullable=False),
        schema=SCHEMA,
    )
    op.create_index(
        "deliveries_of_slot", "deliveries", ["channel", "day", "position"], schema=SCHEMA
    )
    op.create_index(
        "deliveries_unfinished",
        "deliveries",
        ["channel", "day"],
        schema=SCHEMA,
        postgresql_where=text("state IN ('planned', 'sending', 'ambiguous')"),
    )
    op.create_index(
        "deliveries_sent",
        "deliveries",
        ["attempted_at", "key"],
        schema=SCHEMA,
        postgresql_where=text("state = 'sent'"),
    )
    op.create_table(
        "messages",
        Column("message", Text, primary_key=True),
        Column("delivery", Text, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "receipts",
        Column("channel", Text, primary_key=True),
        Column("day", Date, primary_key=True),
        Column("document", JSON, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "seen",
        Column("channel", Text, primary_key=True),
        Column("paper", Text, primary_key=True),
        Column("day", Date, nullable=False),
        Column("document", JSON, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "votes",
        Column("channel", Text, primary_key=True),
        Column("paper", Text, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("origin", Text, primary_key=True),
        Column("person", Text, primary_key=True),
        schema=SCHEMA,
    )
    op.create_index("votes_by_origin", "votes", ["channel", "origin"], schema=SCHEMA)
    op.create_index("votes_by_person", "votes", ["person", "kind"], schema=SCHEMA)
    op.create_table(
        "leases",
        Column("name", Text, primary_key=True),
        Column("worker", Text, nullable=False),
        Column("leased_until", Moment, nullable=False),
        schema=SCHEMA,
    )
