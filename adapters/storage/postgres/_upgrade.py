"""Bring a database to this version's tables, in one transaction, one process at a time."""

from __future__ import annotations

from functools import partial
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateSchema

from adapters.storage.postgres._engine import Database, Place
from adapters.storage.postgres._schema import SCHEMA
from adapters.storage.postgres._statements import LOCK
from bot.domain.errors import StoreError

OLDEST = 14
"""The oldest PostgreSQL that its makers still mend."""

OPTIONS: dict[str, Any] = {"version_table_schema": SCHEMA}
"""What Alembic is told, here and in ``revisions/env.py``."""


async def upgrade(url: str) -> None:
    """Make the tables, or bring them to this version.

    Raises:
        ConfigError: if the address is of another form.
        StoreError: if the database cannot be used, or is of a newer version.
    """
    database = Database(url, silence=None)  # to move a million rows may take its time
    try:
        await database.change(partial(_upgraded, database.place))
    finally:
        await database.close()


async def _upgraded(place: Place, connection: AsyncConnection) -> None:
    version = connection.dialect.server_version_info or (0,)
    if version < (OLDEST,):
        raise StoreError(f"{place} is of version {version[0]}: {OLDEST} is the oldest that will do")
    encoding = await connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise StoreError(
            f"{place} cannot hold every text (encoding {encoding}): "
            "make one WITH ENCODING 'UTF8' TEMPLATE template0"
        )
    await connection.execute(LOCK, {"name": f"{SCHEMA} upgrade"})
    await connection.run_sync(partial(_to_head, place))


def _to_head(place: Place, connection: Connection) -> None:
    if connection.scalar(select(func.to_regnamespace(SCHEMA))) is None:
        connection.execute(CreateSchema(SCHEMA))  # IF NOT EXISTS would ask for the right to make it
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "adapters.storage.postgres:revisions")
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    for revision in MigrationContext.configure(connection, opts=OPTIONS).get_current_heads():
        if revision not in known:
            raise StoreError(
                f"{place} was written by a newer version (revision {revision}): "
                "run that version, or restore the backup of before the update"
            )
    command.upgrade(config, "head")
