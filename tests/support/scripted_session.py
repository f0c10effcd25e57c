"""One session of a scripted server: reads commands, and says what the script or SMTP says."""

import base64
import contextlib
import socket
import struct
from collections import Counter
from typing import TYPE_CHECKING

from scripted_acts import Act, Command, Mail, Turn, say

if TYPE_CHECKING:
    from scripted_smtp import ScriptedServer


class OverError(Exception):
    """The session has ended."""


class Session:
    def __init__(self, server: "ScriptedServer", connection: socket.socket, number: int) -> None:
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
        raise OverError

    def on_bdat(self, argument: str) -> None:
        """Always LAST, and without recipients refused once the chunk was read, as RFC 3030 has it."""
        scripted = self.scripted("bdat", self.turn("bdat", argument))
        if scripted is not None:
            self.perform(scripted)
            return
        size, _, last = argument.partition(" ")
        assert last == "LAST"
        self.interrupt()
        while len(self.buffer) < int(size):
            self.buffer += self.read_some()
        body, self.buffer = self.buffer[: int(size)], self.buffer[int(size) :]
        if self.recipients:
            self.take(body, body)
        else:
            self.send(b"503 5.5.1 need RCPT\r\n")

    def receive(self) -> None:
        self.interrupt()
        data, start, end = bytearray(b"\r\n" + self.buffer), 0, -1
        while (end := data.find(b"\r\n.\r\n", start)) < 0:
            start = max(0, len(data) - 4)
            data += self.read_some()
        raw, self.buffer = bytes(data[2 : end + 2]), bytes(data[end + 5 :])
        self.take(_unstuffed(raw), raw)

    def interrupt(self) -> None:
        """What the script does in the middle of a body."""
        act = self.scripted("body", self.turn("body", ""))
        if act is not None:
            if not self.buffer:
                self.buffer += self.read_some()
            self.perform(act)

    def take(self, body: bytes, raw: bytes) -> None:
        """The end of a body: taken over, or what the script says."""
        turn = self.turn("dot", "")
        act = self.scripted("dot", turn) or say(f"250 2.0.0 queued as {self.number}-{turn.count}")
        told = act.said[:1] == b"2"
        if self.recipients and (told if act.taken is None else act.taken):
            mail = Mail(self.number, self.sender or "", tuple(self.recipients), body, raw, told, self.tls)
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
            raise OverError
        if act.then == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
        if act.then in {"cut", "reset"}:
            raise OverError

    # --- octets ---------------------------------------------------------------------------------------------

    def read_line(self) -> bytes:
        while b"\n" not in self.buffer:
            self.buffer += self.read_some()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def read_some(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise OverError
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
