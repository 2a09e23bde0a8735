"""What a language model wrote, and what that cost."""

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Date
from sqlalchemy import Text as AnyText

revision = "0003"
down_revision = "0002"

SCHEMA = "daily_papers"
Text = AnyText(collation="C")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "writings",
        Column("key", Text, primary_key=True),
        Column("document", JSON, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "spending",
        Column("day", Date, primary_key=True),
        Column("channel", Text, primary_key=True),
        Column("tokens", BigInteger, nullable=False),
        schema=SCHEMA,
    )
