"""Where every double listens."""

from __future__ import annotations

from aiohttp import web

HOST = "127.0.0.1"


async def listen(runner: web.AppRunner) -> int:
    """Let an application be served on this machine alone; return the port that was free."""
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    port: int = runner.addresses[0][1]
    return port
