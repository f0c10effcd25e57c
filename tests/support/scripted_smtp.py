"""An SMTP server whose every answer can be scripted: refuse, stall, cut, reset, garbage, pieces. Real
sockets, real TLS.

    with ScriptedServer(script={"rcpt": by_recipient({"bad@example.com": say("550 5.1.1 unknown")})}) as server:
        ...
        server.mails        what it has taken over, acknowledged or not
        server.commands     every line it has read, by session

A script maps a verb (connect, ehlo, helo, starttls, auth, mail, rcpt, data, bdat, body, dot, rset, noop, quit) to
an Act, a list of Acts (one for each time the verb comes, the last repeats), or a function from Turn to Act
or None (None: the usual answer). `body` runs in the middle of a body, before its end was read; `dot` at its end, by
DATA or by BDAT. `bdat` is the answer of a server that does not know it: it reads the chunk as commands.
"""

import contextlib
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from scripted_acts import (
    Act,
    Command,
    Mail,
    Step,
    Turn,
    by_recipient,
    cut,
    message_id,
    reset,
    say,
    stall,
    times,
)
from scripted_session import OverError, Session

__all__ = [
    "CHUNKING",
    "OFFERS",
    "Act",
    "ScriptedServer",
    "Turn",
    "by_recipient",
    "cut",
    "message_id",
    "reset",
    "say",
    "stall",
    "times",
]
OFFERS = ("PIPELINING", "SIZE 35882577", "8BITMIME", "ENHANCEDSTATUSCODES")


CHUNKING = (*OFFERS, "CHUNKING")


@dataclass
class ScriptedServer:
    script: Mapping[str, Step] = field(default_factory=dict)
    offers: Sequence[str] = OFFERS
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    """TLS from the first octet."""
    credentials: tuple[str, str] | None = None
    host: str = "127.0.0.1"
    tolerant: bool = False
    """Handshakes that the client breaks off are expected."""
    receive_buffer: int = 0
    """Octets that this machine takes in before the server has read them; 0: as many as it likes, megabytes."""

    send_buffer: int = 0
    """Octets of answers that this machine holds back for a client that does not read; 0: as many as it likes."""

    def __post_init__(self) -> None:
        self.mails: list[Mail] = []
        self.read_behind_dot: list[bool] = []
        """For each dot, whether commands had come behind it before it was answered."""
        self.commands: list[Command] = []
        self.sessions = 0
        self.most_at_once = 0
        self.errors: list[BaseException] = []
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self._live: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.host, 0), backlog=128)
        if self.receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        if self.send_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_all()
        self._acceptor.join(5)
        for thread in self._threads:
            thread.join(5)
        assert not self.errors, self.errors

    def drop_all(self) -> None:
        """Closes every connection at once, as a server that is restarted does."""
        with self.lock:
            live = list(self._live)
        for each in live:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def speak(self, data: bytes) -> None:
        """Says something on every connection, asked or not."""
        with self.lock:
            for each in self._live:
                each.sendall(data)

    def received(self) -> Counter[tuple[str, str]]:
        """(recipient, Message-ID) → how many copies were taken over."""
        with self.lock:
            return Counter((who, message_id(mail.data)) for mail in self.mails for who in mail.recipients)

    def lines(self, verb: str = "") -> list[str]:
        """The commands read so far, or those of one verb."""
        with self.lock:
            texts = [command.line.decode("latin-1") for command in self.commands]
        return [text for text in texts if text.upper().startswith(verb.upper())]

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self.lock:
                self.sessions += 1
                self._live.add(connection)
                self.most_at_once = max(self.most_at_once, len(self._live))
            thread = threading.Thread(target=self._serve, args=(connection, self.sessions), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        session = Session(self, connection, number)
        try:
            session.run()
        except (OverError, ConnectionError):
            pass
        except OSError as error:
            if not (self.tolerant or self.stopped.is_set()):
                self.errors.append(error)
        except BaseException as error:  # noqa: BLE001 - shown when the server is stopped
            self.errors.append(error)
        finally:
            with self.lock:
                self._live.discard(connection)
            session.close()
