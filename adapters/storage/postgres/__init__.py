"""The store that several processes share: documents in PostgreSQL, in a schema of their own."""

from adapters.storage.postgres._copy import dump, fill
from adapters.storage.postgres._store import PostgresStore

__all__ = ["PostgresStore", "dump", "fill"]
