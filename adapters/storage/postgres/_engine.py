"""One database, spoken to through a pool: what to do when it does not answer, and what to say then.

Every statement of this store may be run again, so a connection that broke costs a caller a moment
rather than an error. Sentences name the server and the database, never the user or the password.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

import asyncpg
import structlog
from sqlalchemy import Executable, Row, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.domain.errors import ConfigError, StoreError

log = structlog.get_logger()

T = TypeVar("T")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]

FORM = "use `postgresql://user:password@host:5432/database`"
ADDRESS = re.compile(
    r"""postgres(?:ql)?://
        (?:[^@/?\#\s]*@)?
        (?P<hosts>(?:[\w.,:-]|\[[\da-fA-F:.]+\]|%2[fF])+)
        /(?P<database>[^@/?\#\s]+)
        (?:\?[^@\#\s]*)?""",
    re.VERBOSE | re.ASCII,
)

CONNECTIONS = 8
"""More are no faster, and small servers have few. All are kept: to connect costs ten statements."""

CONNECT_SECONDS = 5
RECYCLE_SECONDS = 1_800
"""No connection grows older than this, so that a server can be drained."""

ANSWER_SECONDS = 30
"""How long a statement may take, waiting for locks included."""

SILENCE_SECONDS = 35.0
"""How long we wait for the end of a statement; the server speaks first, if it can."""

FROZEN_SECONDS = 20
"""A process that froze in a transaction loses it before others give up waiting for its locks."""

SETTINGS = {
    "statement_timeout": f"{ANSWER_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{FROZEN_SECONDS}s",
    "default_transaction_isolation": "read committed",
    "tcp_user_timeout": "10s",
    "tcp_keepalives_idle": "30s",
    "tcp_keepalives_interval": "10s",
    "tcp_keepalives_count": "3",
}
"""Set once a connection is made: poolers do not let all of them through as it is made."""

DURABLE = """
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'
"""

PAUSES = (0.05, 0.2, 0.5)
"""Seconds before each further try, at the most."""

LOST = ("08", "57P", "25P03")
CONFLICT = ("40001", "40P01", "23505", "0A000", "53300")
"""How the codes begin of errors after which a connection is gone, and of those that pass: conflicts
of transactions, a plan made before an upgrade, too many connections."""

CURES = {
    "28": "refuses the user or the password ({}): correct them in STORE_URL",
    "22": "cannot hold a value that it was given ({})",
    "3D000": "is not there: create it, or name another one in STORE_URL",
    "42501": "does not let this user do what is needed ({}): "
    "as its owner, GRANT CREATE ON DATABASE to the user",
    "42704": "does not know a part of STORE_URL ({}): leave that out",
    "26000": "is behind a pooler that gives each transaction another session ({}): "
    "connect to the server itself, or let the pooler work by session",
    "42P05": "is behind a pooler that gives each transaction another session ({}): "
    "connect to the server itself, or let the pooler work by session",
    "25006": "can only be read, as a standby can: name the primary server in STORE_URL",
    "53100": "has no room left on its disk: make room there",
    "53300": "has no connection left: raise its max_connections",
    "57014": f"did not finish within {ANSWER_SECONDS} s: see what locks or slows it",
    "57P03": "is starting or stopping: try again in a while",
    "08": "has cut the connection ({}): see its log",
    "57P": "has cut the connection ({}): see its log",
}
"""What is wrong and what to do, by how the server's code begins; ``{}`` is what it said."""

FAILURES = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""All that a database raises, the time that has run out included."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is, as people may see it."""

    hosts: str
    database: str

    def __str__(self) -> str:
        return f"PostgreSQL at {self.hosts}, database {self.database},"

    @classmethod
    def parse(cls, url: str) -> Place:
        """Read an address.

        Raises:
            ConfigError: if it is of another form.
        """
        match = ADDRESS.fullmatch(url)
        if match is None:
            raise ConfigError(
                f"STORE_URL is no address of a PostgreSQL database: {FORM}, "
                "and write @ : / ? # % in a password as %40 %3A %2F %3F %23 %25"
            )
        return cls(unquote(match["hosts"]), unquote(match["database"]))


class Database:
    """Runs statements, each by itself or several in one transaction.

    Args:
        url: The address.
        silence: Seconds to wait for the end of a statement, or ``None``: as long as it takes.
    """

    def __init__(self, url: str, *, silence: float | None = SILENCE_SECONDS) -> None:
        self.place = Place.parse(url)
        self._url = url
        self._silence = silence
        settings = SETTINGS if silence else {**SETTINGS, "statement_timeout": "0"}
        sets = (f"SET {name} = '{value}'" for name, value in settings.items())
        self._settings = "; ".join([*sets, DURABLE])
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connected,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=ANSWER_SECONDS,
            pool_recycle=RECYCLE_SECONDS,
            hide_parameters=True,
        )
        event.listen(self._engine.sync_engine, "checkout", self._inspect)
        self._alone = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._doubtful = False
        self._running = 0
        self._ended = asyncio.Event()
        self._closed = False

    async def run(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Sequence[Row[Any]]:
        """Run one statement, durable on return, and return its rows.

        Raises:
            StoreError: if the database does not do it.
        """

        async def work(connection: AsyncConnection) -> Sequence[Row[Any]]:
            result = await connection.execute(statement, parameters)
            return result.all() if result.returns_rows else ()

        return await self._tried(self._alone, work)

    async def change(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Do work in one transaction, durable on return; it is begun anew where that helps.

        Raises:
            StoreError: if the database does not do it.
        """
        return await self._tried(self._engine, work)

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for one transaction, which is undone unless the body commits it.

        Args:
            options: Execution options of SQLAlchemy.

        Raises:
            StoreError: if the database fails; nothing is tried again.
        """
        with self._counted():
            try:
                async with self._lent(self._engine.execution_options(**options)) as connection:
                    yield connection
            except FAILURES as error:
                raise told(self.place, error) from error

    def engine(self, schema: str) -> AsyncEngine:
        """Return the pool for statements of others, whose tables have no schema but this one."""
        return self._engine.execution_options(schema_translate_map={None: schema})

    async def close(self) -> None:
        """Let go of the server, once all that has begun is finished."""
        self._closed = True
        while self._running:
            self._ended.clear()
            await self._ended.wait()
        await self._engine.dispose()

    async def _tried(
        self, engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]
    ) -> T:
        with self._counted():
            for pause in PAUSES:
                try:
                    return await self._done(engine, work)
                except FAILURES as error:
                    failure = told(self.place, error)
                    if not _passes(_cause(error)):
                        raise failure from error
                    log.warning("database asked again", reason=str(failure))
                await asyncio.sleep(random.uniform(pause / 2, pause))
            try:
                return await self._done(engine, work)
            except FAILURES as error:
                raise told(self.place, error) from error

    async def _done(
        self, engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]
    ) -> T:
        async with self._lent(engine) as connection:
            result = await work(connection)
            await connection.commit()
            return result

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Let ``close`` wait for the body."""
        if self._closed:
            raise StoreError("the store is closed: open it again before changing anything")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._ended.set()

    @asynccontextmanager
    async def _lent(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """Lend a connection; it is thrown away if nobody knows what state it is in."""
        async with engine.connect() as connection:
            try:
                yield connection
            except FAILURES as error:
                if _is_lost(_cause(error)):
                    self._doubtful = True
                    if not connection.invalidated:
                        driver: Any = (await connection.get_raw_connection()).driver_connection
                        driver.terminate()  # closing would wait for an answer
                        await connection.invalidate(error)
                raise

    def _inspect(self, connection: Any, record: object, lent: object) -> None:
        """Have all connections made anew if one was lost, rather than lose them one by one."""
        if self._doubtful or connection.driver_connection.is_closed():
            self._doubtful = False
            raise InvalidatePoolError

    async def _connected(self) -> asyncpg.Connection:
        try:
            connection = await asyncpg.connect(
                self._url,
                timeout=CONNECT_SECONDS,
                command_timeout=self._silence,
                server_settings={"application_name": "daily-papers"},
            )
        except asyncpg.ClientConfigurationError as error:  # names parts, none of them secret
            raise ConfigError(f"STORE_URL cannot be used: {error}") from None
        except ValueError:  # quotes what it cannot read
            raise ConfigError(f"STORE_URL cannot be read: {FORM}") from None
        try:
            await connection.execute(self._settings)
        except BaseException:
            connection.terminate()
            raise
        return connection


def told(place: Place, error: Exception) -> StoreError:
    """Return a failure as people may read it: what is wrong, and what to do about it."""
    cause = _cause(error)
    match cause:
        case asyncpg.PostgresError():
            said = str(cause.args[0] if cause.args else cause).partition("\n")[0]
            code = cause.sqlstate or ""
            cures = (cure for start, cure in CURES.items() if code.startswith(start))
            problem = next(cures, f"failed ({{}}, {code}): see its log").format(said)
        case PoolTimeout():
            problem = f"is too slow: {CONNECTIONS} connections were busy for {ANSWER_SECONDS} s"
        case socket.gaierror():
            problem = "cannot be found by that name: correct the host in STORE_URL, or the network"
        case TimeoutError():
            problem = "does not answer: see whether it runs and can be reached from here"
        case ConnectionRefusedError():
            problem = "is not running: start it, or correct host and port in STORE_URL"
        case SQLAlchemyError() | ValueError():
            problem = f"cannot hold a value that it was given ({type(cause).__name__})"
        case _:
            said = str(cause).partition("\n")[0] or type(cause).__name__
            problem = f"cannot be reached ({said}): see whether it runs, and STORE_URL"
    return StoreError(f"{place} {problem}")


def _cause(error: Exception) -> Exception:
    """Return what the driver raised, out of what SQLAlchemy made of it."""
    if isinstance(error, DBAPIError) and isinstance(error.orig, Exception):
        cause = error.orig.__cause__
        return cause if isinstance(cause, Exception) else error.orig
    return error


def _is_lost(cause: Exception) -> bool:
    """Tell whether the connection is gone, or may be: all that the server did not say itself."""
    if isinstance(cause, asyncpg.PostgresError):
        return (cause.sqlstate or "").startswith(LOST)
    return not isinstance(cause, ValueError | SQLAlchemyError)


def _passes(cause: Exception) -> bool:
    """Tell whether to try again at once; not after so long a wait that it was not for a moment."""
    if isinstance(cause, asyncpg.PostgresError) and (cause.sqlstate or "").startswith(CONFLICT):
        return True
    return _is_lost(cause) and not isinstance(cause, TimeoutError | socket.gaierror)
