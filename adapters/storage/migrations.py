"""Older documents in today's form: one pure function from each schema to the next. No I/O.

Schema 1 is ``state.json``, a state in one file. Schema 2 begins the journal; a vote is an entry of
its own there, so that adding one is a small change of a big document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.storage.patches import Json
from adapters.storage.snapshot import Tables


def _votes_by_origin(table: str, document: Json) -> Json:
    """From kind, person, origins to kind, origin, persons."""
    if table != "ledger":
        return document
    votes: dict[str, dict[str, dict[str, int]]] = {}
    for kind, people in _dict(document.get("votes", {})).items():
        by_origin = votes.setdefault(kind, {})
        for person, origins in _dict(people).items():
            for origin in origins:
                by_origin.setdefault(origin, {})[person] = 1
    return {**document, "votes": votes}


def _dict(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r:.60} is no dict")
    return value


MIGRATIONS: dict[int, Callable[[str, Json], Json]] = {1: _votes_by_origin}
"""By the schema they begin from: name of the table and document to the document of the next."""

SCHEMA = max(MIGRATIONS) + 1


def migrated(tables: Tables, schema: int) -> Tables:
    """Return tables of a schema in today's form.

    Raises:
        ValueError: naming the first document that cannot be understood.
    """
    for step in range(schema, SCHEMA):
        migrate = MIGRATIONS[step]
        tables = {
            name: {key: _moved(migrate, name, key, document) for key, document in table.items()}
            for name, table in tables.items()
        }
    return tables


def _moved(migrate: Callable[[str, Json], Json], table: str, key: str, document: Json) -> Json:
    try:
        return migrate(table, document)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{table} {key!r}: {error}") from error
