"""One connection that carries letters: a non-blocking socket between transactions and the wire.

While a body is written, the next letter's MAIL, RCPT and DATA may follow it in the same write (RFC 2920
§3.1), so that a letter costs one round trip. Answers go to the transactions in order.
"""

import contextlib
import selectors
import ssl
from collections import deque
from collections.abc import Iterable, Sequence

from pipeline.delivery.smtp.connect import Link
from pipeline.delivery.smtp.loading import Work
from pipeline.delivery.smtp.reply import GarbageError, ReplyReader
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.delivery.smtp.transaction import Stage
from pipeline.delivery.verdict import Phase

_JOIN_BELOW = 65536
"""Chunks shorter than this are joined before writing; longer ones (attachments shared by many mails) are
not copied."""


_RECORD = 16384
"""The most that TLS puts into one record (RFC 8446 §5.1): what it can hold back when the socket is full."""


class Session:
    """Owned by the pool, which calls `readable` and `writable` when the socket is, and reads the
    properties."""

    def __init__(self, link: Link, timeouts: Timeouts, now: float) -> None:
        link.socket.settimeout(0.0)
        self.socket = link.socket
        self.capabilities = link.capabilities
        self.works: deque[Work] = deque()
        """The first one's answers come next; a second one's opening stands behind the first one's dot."""
        self.done: list[Work] = []
        """Works whose every recipient has a verdict; the pool takes them away."""
        self.mails = 0
        """Mails that the server took over on this connection."""
        self.assigned = 0
        """Letters that were opened on it."""
        self.served = 0
        """Transactions that it answered."""
        self.ended = ""
        """Why it must not be used any more; empty while it may."""
        self._timeouts = timeouts
        self._tls = isinstance(link.socket, ssl.SSLSocket)
        self._reader = ReplyReader()
        self._out: deque[memoryview] = deque()
        self._queued = 0
        self._sent = 0
        self._dot_at: int | None = None
        self.opened = now
        self.watched = selectors.EVENT_READ
        """What the pool's selector watches it for."""
        self.deadline = now + timeouts.idle

    # --- what the pool asks -------------------------------------------------------------------------------

    @property
    def ready(self) -> Work | None:
        """The work whose body may be written once its intent is durable."""
        return self.works[0] if self.works and self.works[0].transaction.stage is Stage.READY else None

    @property
    def busy(self) -> bool:
        """Whether a letter is on it, or one's verdicts have not been taken away."""
        return bool(self.works or self.done)

    @property
    def wants_write(self) -> bool:
        return bool(self._out)

    @property
    def room(self) -> bool:
        """Whether another letter may be opened: on an idle session, or behind a body that is about to be
        written."""
        if self.ended or len(self.works) > 1:
            return False
        return not self.works or (self.capabilities.pipelining and self.ready is not None)

    def is_alive(self) -> bool:
        """For an idle session: nothing was said unasked and the connection stands."""
        try:
            self.socket.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False  # the end of the stream, or an answer that nobody asked for: often "421 idle for too long"

    # --- what the pool tells ------------------------------------------------------------------------------

    def begin(self, work: Work, now: float) -> None:
        """Opens a letter; behind the current body its first commands wait until `send_body`."""
        behind = bool(self.works)
        self.assigned += 1
        self.works.append(work)
        if not behind:
            self._write([work.transaction.start()])
            self._reap()
            self._patience(now)
            self.writable(now)

    def send_body(self, now: float) -> None:
        """Writes the ready body, its dot, and the opening of the letter behind it."""
        work = self.works[0]
        work.transaction.body_started()
        self._dot_at = self._queued + sum(map(len, work.body))
        behind = self.works[1].transaction.start() if len(self.works) > 1 else b""
        self._write([*work.body, behind])
        self._patience(now)
        self.writable(now)

    def writable(self, now: float) -> None:
        """Writes as much as the socket takes."""
        while self._out and not self.ended:
            view = self._out[0]
            if self._tls and self._dot_at is not None and self._sent + min(len(view), _RECORD) >= self._dot_at:
                self._pass_dot()  # a record that TLS has begun may leave later without our knowing
            try:
                count = self.socket.send(view)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError:
                self._read(now)  # the server may have said why before it closed
                self.end("reset", "the connection was reset while writing")
                return
            self._sent += count
            if count == len(view):
                self._out.popleft()
            else:
                self._out[0] = view[count:]
            if self._dot_at is not None and self._sent >= self._dot_at:
                self._pass_dot()
            self._patience(now)

    def readable(self, now: float) -> None:
        """Reads what has come and feeds the transactions; `end` follows where the connection is over."""
        over = self._read(now)
        if over and not self.ended:
            self.end(*over)
        self.writable(now)

    def expire(self) -> None:
        """The deadline has passed."""
        self.end("timeout", "no answer in time")

    def end(self, event: str, text: str) -> None:
        """The connection is over: every work gets its verdicts, by its phase. The pool closes the socket."""
        self.ended = self.ended or text
        excused = self.served > 0 and event in {"closed", "reset"}
        while self.works:
            work = self.works.popleft()
            if not work.transaction.done:
                work.transaction.lost(event, text, excused=excused)
            self.done.append(work)
            excused = True

    def quit(self) -> None:
        """QUIT, best effort: nothing that happens here changes anything."""
        with contextlib.suppress(OSError):
            self.socket.settimeout(self._timeouts.quit)
            self.socket.sendall(b"QUIT\r\n")
            self.socket.recv(4096)
        self.end("closed", "we ended the session")

    # --- inside -------------------------------------------------------------------------------------------

    def _read(self, now: float) -> tuple[str, str] | None:
        while not self.ended:
            try:
                data = self.socket.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None
            except OSError:
                return "reset", "the connection was reset"
            if not data:
                return "closed", "the server closed the connection"
            try:
                self._feed(data, now)
            except GarbageError as error:
                return "garbage", str(error)
            if not (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()):
                return None
        return None

    def _feed(self, data: bytes, now: float) -> None:
        for reply in self._reader.feed(data):
            if self.ended:
                return
            if not self.works:
                raise GarbageError(f"an answer that nobody asked for: {reply}")
            command = self.works[0].transaction.feed(reply)
            if command:
                self._write([command])
            if self.works[0].transaction.done:
                self._reap()
            self._patience(now)  # per whole answer: one that trickles in does not buy time

    def _reap(self) -> None:
        """Takes finished works off; their successor, if the session goes on, is next."""
        while self.works and self.works[0].transaction.done:
            transaction = self.works[0].transaction
            unsent = self._dot_at is not None and self._sent < self._dot_at
            self._dot_at = None
            self.served += not transaction.untouched
            self.mails += any(verdict.ok for verdict in transaction.verdicts.values())
            self.done.append(self.works.popleft())
            if transaction.session_over or unsent:
                self.end("closed", "the server ended the session")

    def _pass_dot(self) -> None:
        if self.works[0].transaction.stage is Stage.BODY:
            self.works[0].transaction.dot_possible()

    def _patience(self, now: float) -> None:
        phase = self.works[0].transaction.phase if self.works else Phase.IDLE
        self.deadline = now + (self._timeouts.of(phase) if self.works else self._timeouts.idle)

    def _write(self, chunks: Sequence[bytes]) -> None:
        for chunk in _joined(chunks):
            self._out.append(memoryview(chunk))
            self._queued += len(chunk)


def _joined(chunks: Iterable[bytes]) -> list[bytes]:
    """Neighbours that are short, in one piece; empty ones dropped."""
    joined: list[bytes] = []
    short: list[bytes] = []
    for chunk in chunks:
        if len(chunk) < _JOIN_BELOW:
            short.append(chunk)
            continue
        joined += (b"".join(short), chunk)
        short = []
    return [chunk for chunk in (*joined, b"".join(short)) if chunk]
