"""A PostgreSQL server of the tests' own: a temporary cluster, made with the machine's binaries.

It listens at a free port of the loopback interface and ends with the tests, whatever they do. Only
processes that it started are ended.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg

CURE = "no PostgreSQL here: apt-get install postgresql"

STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
"""What each way of stopping is called by ``pg_ctl``, and asked for of the server."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "jit": "off",
}
CARELESS = {"fsync": "off", "full_page_writes": "off"}
"""A loss of power would cost the cluster, which nobody misses."""

GUARDED = "guarded"
"""The one user who has to know a password."""

HBA = f"""\
host all {GUARDED} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""

EMPTY = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname = 'daily_papers' AND tablename <> 'alembic_version'
    LOOP EXECUTE 'DELETE FROM ' || name; END LOOP;
END $$
"""
"""Quicker than to truncate, where there are few rows."""

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
TRIES = 5
SECONDS = 60.0


def binaries() -> Path | None:
    """Return the folder of the server's binaries, the newest of several."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max(
        (path.parent for path in debian), key=lambda path: float(path.parent.name), default=None
    )


class PostgresCluster:
    """One server and its databases.

    Args:
        durable: Whether it writes as a server does that is to survive a loss of power.
    """

    def __init__(self, *, durable: bool = False) -> None:
        found = binaries()
        if found is None:
            raise FileNotFoundError(CURE)
        self._binaries = found
        self._settings = SETTINGS if durable else {**SETTINGS, **CARELESS}
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._named: set[str] = set()
        self.port = 0
        atexit.register(self.remove)
        self._as_user = _server_user(self._folder)
        self._run(
            "initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D", "data"
        )
        (self._data / "pg_hba.conf").write_text(HBA)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def url(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        """Return the address of a database."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, at the port that it had, and wait until it answers."""
        for _ in range(TRIES):
            self.port = self.port or _free_port()
            if self._started():
                return
            self.port = 0  # another process was faster
        raise RuntimeError(f"PostgreSQL does not start: {self._log()}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; ``immediate`` is a crash."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(STOPS[mode])
            self._process.wait(SECONDS)
        self._process = None

    def restart(self, mode: str = "immediate") -> None:
        """Stop the server and start it again."""
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """Stop the server and forget all it had."""
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.remove)

    async def execute(self, sql: str, database: str = "postgres") -> None:
        """Run statements as the owner of everything."""
        connection = await asyncpg.connect(self.url(database))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def value(self, sql: str, database: str = "postgres") -> object:
        """Return the one value that a query has."""
        connection = await asyncpg.connect(self.url(database))
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    async def created(self) -> str:
        """Make a database with nothing in it and return its address."""
        self._databases += 1
        name = f"papers-{self._databases}"
        await self.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url(name)

    async def emptied(self, database: str) -> str:
        """Empty the tables of the state in a database, made if need be; return its address."""
        if database in self._named:
            await self.execute(EMPTY, database)
        else:
            await self.execute(f'CREATE DATABASE "{database}" TEMPLATE template0')
            self._named.add(database)
        return self.url(database)

    def _started(self) -> bool:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", "data", f"--port={self.port}", *settings],
                cwd=self._folder,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as_user,
            )
        deadline = time.monotonic() + SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._is_ready():
                return True
            time.sleep(0.02)
        self.stop("immediate")
        return False

    def _is_ready(self) -> bool:
        """Tell whether the server says so, in the last line of its file."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _run(self, name: str, *args: str) -> None:
        done = subprocess.run(
            [self._binaries / name, *args],
            cwd=self._folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            **self._as_user,
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr}")

    def _log(self) -> str:
        return (self._folder / "log").read_text()[-2000:]


def _server_user(folder: Path) -> dict[str, object]:
    """Return how to start what refuses to run as root, which is then to own the folder."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
