"""Serves the live preview on this machine: a socket, a watcher of the files, and a server that ends cleanly."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from watchfiles import Change, DefaultFilter, awatch

from pipeline.errors import UsageError
from pipeline.web.live import Live

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """A socket on loopback; 0 takes any free port. Raises UsageError where the port is taken."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise UsageError(
            f"port {port} of {HOST} cannot be used: {error.strerror}; choose another with --port"
        ) from error


def serve(app: Starlette, live: Live, root: Path, listening: socket.socket) -> None:
    """Serves until SIGINT or SIGTERM; a save under `root` builds anew. Blocks."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, lifespan="off")

    async def run() -> None:
        async with _watching(live, root):
            await uvicorn.Server(config).serve(sockets=[listening])

    with suppress(KeyboardInterrupt):
        asyncio.run(run())


@asynccontextmanager
async def _watching(live: Live, root: Path) -> AsyncIterator[None]:
    async def follow() -> None:
        async for _ in awatch(root, watch_filter=Sources(root), debounce=200, step=50):
            await live.rebuild()

    watcher = asyncio.create_task(follow())
    try:
        yield
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher


class Sources(DefaultFilter):
    """What analysts write; not the project's state in var/, nor hidden files, caches and editors' leftovers."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def __call__(self, change: Change, path: str) -> bool:
        parts = Path(path).relative_to(self._root).parts
        hidden = any(part.startswith(".") and part != ".env" for part in parts)
        return parts[:1] != ("var",) and not hidden and super().__call__(change, path)
