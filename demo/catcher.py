"""An SMTP server on loopback that keeps every mail as a file: the inbox of the demo."""

import asyncio
import mailbox
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True, slots=True)
class Catcher:
    """A running catcher: where it listens, and the Maildir into which it puts what it accepts."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        """What a mailer in jobs.yaml calls it."""
        return f"smtp+plain://127.0.0.1:{self.port}"


class _Keep:
    """aiosmtpd's hook: one file a message, the envelope in front of the bytes as received."""

    def __init__(self, folder: Path) -> None:
        self.maildir = mailbox.Maildir(folder)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        trace = [f"Return-Path: <{envelope.mail_from}>", *(f"Delivered-To: {to}" for to in envelope.rcpt_tos)]
        content = envelope.original_content
        if content is None:
            return "554 5.6.0 no message"
        self.maildir.add("".join(f"{line}\r\n" for line in trace).encode() + content)
        return "250 2.0.0 kept"


@contextmanager
def catching(folder: Path) -> Iterator[Catcher]:
    """Listens on a free port of 127.0.0.1 in a thread of its own, until the block ends."""
    started: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def listen() -> None:
        loop, enough, keep = asyncio.get_running_loop(), asyncio.Event(), _Keep(folder)
        server = await loop.create_server(lambda: SMTP(keep, hostname="catcher", loop=loop), "127.0.0.1", 0)
        started.set_result((server.sockets[0].getsockname()[1], loop, enough))
        await enough.wait()
        server.close()  # without waiting for clients that keep their connection: asyncio.run ends them

    thread = threading.Thread(target=asyncio.run, args=(listen(),), name="catcher", daemon=True)
    thread.start()
    port, loop, enough = started.result(timeout=10)
    try:
        yield Catcher(port, folder)
    finally:
        loop.call_soon_threadsafe(enough.set)
        thread.join(timeout=10)
