"""The pages for recipients beside a service: a server in a thread of its own, up before the service works."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from pipeline.errors import UsageError
from pipeline.jobs.paging import parse_listen

GOODBYE_SECONDS = 5
"""How long a stop waits for requests that are being answered."""


@contextmanager
def serving(app: Starlette, listen: str) -> Iterator[None]:
    """Answers at `listen` (host and port) as long as the block lasts. Raises UsageError where that is taken."""
    host, port = parse_listen(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(f"pages.listen: {listen} cannot be used: {error.strerror}; choose another") from error
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=GOODBYE_SECONDS,
        limit_concurrency=100, h11_max_incomplete_event_size=16_384, server_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="pages", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(GOODBYE_SECONDS + 1)
        listening.close()
