"""An SMTP server whose every answer can be scripted: refuse, stall, cut, reset, garbage, pieces. Real
sockets, real TLS.

    with ScriptedServer(script={"rcpt": by_recipient({"bad@example.com": say("550 5.1.1 unknown")})}) as server:
        ...
        server.mails        what it has taken over, acknowledged or not
        server.commands     every line it has read, by session

A script maps a verb (connect, ehlo, helo, starttls, auth, mail, rcpt, data, body, dot, rset, noop, quit) to
an Act, a list of Acts (one for each time the verb comes, the last repeats), or a function from Turn to Act
or None (None: the usual answer). `body` runs in the middle of a body, before its dot was read.
"""

import base64
import contextlib
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Act:
    """What the server does at one point: says `said` in pieces of `pieces` octets, then goes on or ends."""

    said: bytes = b""
    then: str = "go"
    """go, cut (FIN), reset (RST), or stall (silence until the server is stopped)."""
    pieces: int = 0
    taken: bool | None = None
    """At the dot: whether the mail counts as taken over; by default if the answer begins with 2."""


def say(text: str | bytes, *, pieces: int = 0) -> Act:
    data = text.encode() if isinstance(text, str) else text
    return Act(data if data.endswith(b"\n") else data + b"\r\n", pieces=pieces)


def cut(said: str = "", *, taken: bool | None = None) -> Act:
    return Act(f"{said}\r\n".encode() if said else b"", then="cut", taken=taken)


def reset(*, taken: bool | None = None) -> Act:
    return Act(then="reset", taken=taken)


def stall(*, taken: bool | None = None) -> Act:
    return Act(then="stall", taken=taken)


@dataclass(frozen=True)
class Turn:
    verb: str
    argument: str
    session: int
    count: int
    """How often this verb has come on the whole server, this time included."""
    session_count: int
    """The same, in this session."""


Step = Act | Sequence[Act] | Callable[[Turn], Act | None]


def by_recipient(acts: Mapping[str, Act]) -> Callable[[Turn], Act | None]:
    """For `rcpt`: another answer for some addresses."""
    return lambda turn: next((act for who, act in acts.items() if f"<{who}>" in turn.argument), None)


def times(number: int, act: Act) -> Callable[[Turn], Act | None]:
    """The act for the first so many times, the usual answer afterwards."""
    return lambda turn: act if turn.count <= number else None


@dataclass(frozen=True)
class Mail:
    session: int
    sender: str
    recipients: tuple[str, ...]
    data: bytes
    """As received, dots undone, without the final dot."""
    raw: bytes
    acknowledged: bool
    tls: bool


@dataclass
class Command:
    session: int
    line: bytes
    tls: bool


OFFERS = ("PIPELINING", "SIZE 35882577", "8BITMIME", "ENHANCEDSTATUSCODES")


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
        session = _Session(self, connection, number)
        try:
            session.run()
        except (_OverError, ConnectionError):
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


class _OverError(Exception):
    """The session has ended."""


class _Session:
    def __init__(self, server: ScriptedServer, connection: socket.socket, number: int) -> None:
        self.server = server
        self.socket = connection
        self.number = number
        self.buffer = b""
        self.tls = False
        self.counts: Counter[str] = Counter()
        self.sender: str | None = None
        self.recipients: list[str] = []
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        if self.server.implicit:
            self.secure()
        self.answer("connect", "", b"220 scripted ESMTP\r\n")
        while True:
            line = self.read_line()
            with self.server.lock:
                self.server.commands.append(Command(self.number, line, self.tls))
            verb, _, argument = line.decode("latin-1").partition(" ")
            method = getattr(self, f"on_{verb.lower()}", None)
            if method is None:
                self.answer(verb.lower(), argument, b"500 5.5.2 unknown command\r\n")
            else:
                method(argument)

    # --- verbs ----------------------------------------------------------------------------------------------

    def on_ehlo(self, argument: str) -> None:
        offers = [offer for offer in self.server.offers if not (offer == "STARTTLS" and self.tls)]
        lines = ["scripted", *offers]
        text = "".join(f"250{'-' if line is not lines[-1] else ' '}{line}\r\n" for line in lines)
        self.answer("ehlo", argument, text.encode())

    def on_helo(self, argument: str) -> None:
        self.answer("helo", argument, b"250 scripted\r\n")

    def on_starttls(self, argument: str) -> None:
        if self.answer("starttls", argument, b"220 2.0.0 go\r\n")[:1] == b"2":
            self.buffer = b""
            self.secure()

    def on_auth(self, argument: str) -> None:
        expected = self.server.credentials
        mechanism, _, initial = argument.partition(" ")
        turn = self.turn("auth", argument)
        scripted = self.scripted("auth", turn)
        if scripted is not None:
            self.perform(scripted)
            return
        if mechanism.upper() == "PLAIN":
            given = base64.b64decode(initial or self.challenge("")).decode().split("\0")[1:]
        else:
            given = [base64.b64decode(self.challenge(word)).decode() for word in ("Username:", "Password:")]
        right = expected is not None and tuple(given) == expected
        self.send(b"235 2.7.0 welcome\r\n" if right else b"535 5.7.8 wrong\r\n")

    def challenge(self, word: str) -> bytes:
        self.send(b"334 " + base64.b64encode(word.encode()) + b"\r\n")
        return self.read_line()

    def on_mail(self, argument: str) -> None:
        usual = b"250 2.1.0 ok\r\n" if self.sender is None else b"503 5.5.1 nested MAIL\r\n"
        if self.answer("mail", argument, usual)[:1] == b"2":
            self.sender, self.recipients = _path(argument), []

    def on_rcpt(self, argument: str) -> None:
        usual = b"250 2.1.5 ok\r\n" if self.sender is not None else b"503 5.5.1 MAIL first\r\n"
        if self.answer("rcpt", argument, usual)[:2] == b"25":
            self.recipients.append(_path(argument))

    def on_data(self, argument: str) -> None:
        usual = b"354 go\r\n" if self.recipients else b"554 5.5.1 no valid recipients\r\n"
        if self.answer("data", argument, usual)[:3] == b"354":
            self.receive()

    def on_rset(self, argument: str) -> None:
        self.answer("rset", argument, b"250 2.0.0 ok\r\n")
        self.sender, self.recipients = None, []

    def on_noop(self, argument: str) -> None:
        self.answer("noop", argument, b"250 ok\r\n")

    def on_quit(self, argument: str) -> None:
        self.answer("quit", argument, b"221 2.0.0 bye\r\n")
        raise _OverError

    def receive(self) -> None:
        turn = self.turn("body", "")
        act = self.scripted("body", turn)
        if act is not None:
            self.buffer += self.read_some()
            self.perform(act)
        data, start, end = bytearray(b"\r\n" + self.buffer), 0, -1
        while (end := data.find(b"\r\n.\r\n", start)) < 0:
            start = max(0, len(data) - 4)
            data += self.read_some()
        body, self.buffer = bytes(data[2 : end + 2]), bytes(data[end + 5 :])
        turn = self.turn("dot", "")
        act = self.scripted("dot", turn) or say(f"250 2.0.0 queued as {self.number}-{turn.count}")
        taken = act.said[:1] == b"2" if act.taken is None else act.taken
        if taken and self.recipients:
            mail = Mail(
                self.number,
                self.sender or "",
                tuple(self.recipients),
                _unstuffed(body),
                body,
                act.said[:1] == b"2",
                self.tls,
            )
            with self.server.lock:
                self.server.mails.append(mail)
        self.sender, self.recipients = None, []
        self.server.read_behind_dot.append(self.buffer.count(b"\n") > 0)
        self.perform(act)

    # --- answers --------------------------------------------------------------------------------------------

    def turn(self, verb: str, argument: str) -> Turn:
        with self.server.lock:
            self.server.counts[verb] += 1
            count = self.server.counts[verb]
        self.counts[verb] += 1
        return Turn(verb, argument, self.number, count, self.counts[verb])

    def scripted(self, verb: str, turn: Turn) -> Act | None:
        step = self.server.script.get(verb)
        if step is None or isinstance(step, Act):
            return step
        if callable(step):
            return step(turn)
        return step[min(turn.count, len(step)) - 1]

    def answer(self, verb: str, argument: str, usual: bytes) -> bytes:
        act = self.scripted(verb, self.turn(verb, argument)) or Act(usual)
        self.perform(act)
        return act.said

    def perform(self, act: Act) -> None:
        size = act.pieces or len(act.said) or 1
        for start in range(0, len(act.said), size):
            self.send(act.said[start : start + size])
        if act.then == "stall":
            self.server.stopped.wait(30)
            raise _OverError
        if act.then == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
        if act.then in {"cut", "reset"}:
            raise _OverError

    # --- octets ---------------------------------------------------------------------------------------------

    def read_line(self) -> bytes:
        while b"\n" not in self.buffer:
            self.buffer += self.read_some()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def read_some(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise _OverError
        return data

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def secure(self) -> None:
        assert self.server.tls is not None
        self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
        self.tls = True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            self.socket.close()


def _path(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]


def _unstuffed(data: bytes) -> bytes:
    return (b"\n" + data).replace(b"\n..", b"\n.")[1:]


def message_id(data: bytes) -> str:
    """The Message-ID of a mail as received."""
    for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line.lower().startswith(b"message-id:"):
            return line.partition(b":")[2].strip().decode()
    return ""
