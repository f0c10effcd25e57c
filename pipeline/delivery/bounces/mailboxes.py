"""The mailbox that bounces come into: a Maildir on this machine, or a folder on an IMAP server.

What was looked at is marked where everybody sees it: a report as read, anything else as read and flagged, so
that a person finds it. Nothing is ever deleted.
"""

import imaplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from pipeline.delivery.bounces.reading import LIMIT
from pipeline.errors import MailerError
from pipeline.jobs.bounceplace import ImapAddress

MOST = 1000
"""Mails looked at in one round; the rest waits for the next."""
TIMEOUT = 60.0
"""Seconds that an IMAP server may take to answer."""


class Mailbox(Protocol):
    """What `taking.take_in` needs of a mailbox."""

    def new(self) -> Iterator[tuple[str, bytes]]:
        """Name and octets (the first of them, where they are many) of each mail that nobody has looked at."""

    def done(self, name: str, *, report: bool) -> None:
        """It was looked at, and all that came of it is durable."""


class Maildir:
    """New mails lie in `new`; looked at, they are moved to `cur` with their flags."""

    def __init__(self, folder: Path) -> None:
        """Raises MailerError where there is no Maildir."""
        if not (folder / "new").is_dir() or not (folder / "cur").is_dir():
            raise MailerError(f"bounces: {folder} is no Maildir; it needs the folders new and cur")
        self._folder = folder

    def new(self) -> Iterator[tuple[str, bytes]]:
        """See `Mailbox.new`."""
        for path in sorted((self._folder / "new").iterdir())[:MOST]:
            with suppress(FileNotFoundError), path.open("rb") as file:  # another process may have taken it
                yield path.name, file.read(LIMIT)

    def done(self, name: str, *, report: bool) -> None:
        """See `Mailbox.done`."""
        with suppress(FileNotFoundError):
            (self._folder / "new" / name).rename(self._folder / "cur" / f"{name}:2,{'S' if report else 'FS'}")


class Imap:
    """New mails are those without \\Seen. One connection, for one round."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._client = client

    def new(self) -> Iterator[tuple[str, bytes]]:
        """See `Mailbox.new`."""
        _, found = self._client.uid("SEARCH", "UNSEEN")
        for number in (found[0] or b"").split()[:MOST]:
            _, answer = self._client.uid("FETCH", number.decode(), f"(BODY.PEEK[]<0.{LIMIT}>)")
            for part in answer:
                if isinstance(part, tuple):
                    yield number.decode(), part[1]

    def done(self, name: str, *, report: bool) -> None:
        """See `Mailbox.done`."""
        self._client.uid("STORE", name, "+FLAGS.SILENT", "(\\Seen)" if report else "(\\Seen \\Flagged)")


@contextmanager
def open_mailbox(place: ImapAddress | str, root: Path, tls: Callable[[], ssl.SSLContext]) -> Iterator[Mailbox]:
    """The mailbox at a place; a Maildir's folder is relative to `root`. Raises MailerError, also for what goes
    wrong inside the block."""
    if isinstance(place, str):
        try:
            yield Maildir(root / place)
        except OSError as error:
            raise MailerError(f"bounces: {place} cannot be read: {error.strerror or error}") from error
        return
    try:
        with _connected(place, tls) as client:
            client.login(place.user, place.password.get_secret_value())
            _chosen(client, place.folder)
            yield Imap(client)
    except (imaplib.IMAP4.error, OSError) as error:
        raise MailerError(
            f"bounces: the mailbox at {place.host}:{place.port} cannot be read: {_said(error)}"
        ) from error


@contextmanager
def _connected(place: ImapAddress, tls: Callable[[], ssl.SSLContext]) -> Iterator[imaplib.IMAP4]:
    if place.scheme == "imaps":
        client: imaplib.IMAP4 = imaplib.IMAP4_SSL(place.host, place.port, ssl_context=tls(), timeout=TIMEOUT)
    else:
        client = imaplib.IMAP4(place.host, place.port, timeout=TIMEOUT)
    try:
        if place.scheme == "imap":
            client.starttls(tls())
        yield client
        client.logout()
    finally:
        with suppress(OSError):
            client.shutdown()  # again after a logout, which is harmless; imaplib leaves it open where a command failed


def _chosen(client: imaplib.IMAP4, folder: str) -> None:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    status, answer = client.select(f'"{escaped}"')
    if status != "OK":
        raise imaplib.IMAP4.error(f'no folder "{folder}": {answer[0]!r}')


def _said(error: Exception) -> str:
    text = error.args[0] if error.args else type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
