"""One connection that carries letters: a non-blocking socket between transactions and the wire.

While a body is written, the next letter's MAIL, RCPT and DATA may follow it in the same write (RFC 2920
§3.1), so that a letter costs one round trip. By BDAT several letters are in flight, so that a round trip carries as
many. Answers go to the transactions in order.
"""

import contextlib
import selectors
import ssl
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

from pipeline.delivery.smtp.connect import Link
from pipeline.delivery.smtp.loading import Work
from pipeline.delivery.smtp.reply import GarbageError, ReplyReader
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.delivery.smtp.transaction import Stage, Transaction
from pipeline.delivery.verdict import Phase

_JOIN_BELOW = 16384
"""Chunks shorter than this, a TLS record's most, are joined before writing; longer ones (attachments shared by many
mails) are not copied."""
_PIECES = 64
"""The most that are handed to the socket at once; systems allow 1,024."""
_IN_FLIGHT = 1 << 20
"""Octets of unanswered letters beyond which none is opened behind them: large ones share no round trip, for it is not
what they wait for, and what they hold in memory stays bounded."""
_FRESH = 1.0
"""Seconds after which a silent connection may have been given up by the server, however short its patience is. The next
letter on it goes by DATA, since a connection that turns out to be dead then leaves nothing in doubt."""
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
        """The first one's answers come next. By DATA there is one more at most, whose opening stands behind the first
        one's dot; by BDAT there are as many as the pool dares, all of them by BDAT."""
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
        self._ends: deque[tuple[int, Transaction]] = deque()
        """Where in the stream the last octet of each body stands that has not left yet."""
        self._spoken = False
        """Whether anything was said on this connection."""
        self._takes_chunks = False
        """Whether the server has taken a letter by BDAT here: till then there is one at a time, because who announces
        BDAT and does not know it takes the letter for commands."""
        self.surplus = False
        """Whether the server answered more often than it was asked, where letters went by BDAT."""
        self._cleared = True
        """False: BDAT failed and left what only RSET clears (RFC 3030 §2). A letter by BDAT begins with that, one by
        DATA does not."""
        self._closing = False
        """Whether 421 is the last thing that the server said."""
        self._quitting = False
        self._retired = False
        """No more letters: those in flight are waited for."""
        self.opened = now
        self._heard = now
        self.watched = selectors.EVENT_READ
        """What the pool's selector watches it for."""
        self.deadline = now + timeouts.idle

    # --- what the pool asks -------------------------------------------------------------------------------

    @property
    def ready(self) -> list[Work]:
        """The works whose bodies may be written once their intents are durable, in order."""
        return [work for work in self.works if work.transaction.stage is Stage.READY]

    @property
    def busy(self) -> bool:
        """Whether a letter is on it, or one's verdicts have not been taken away."""
        return bool(self.works or self.done)

    @property
    def wants_write(self) -> bool:
        return bool(self._out)

    def chunked(self, window: int, now: float) -> bool:
        """Whether the next letter goes by BDAT: the server offers what it takes, the pool dares, and the connection
        is known to stand."""
        offered = self.capabilities.chunking and self.capabilities.pipelining
        return window > 0 and offered and (bool(self.works) or now < self._heard + _FRESH)

    def has_room(self, window: int, now: float) -> bool:
        """Whether another letter may be opened: on an idle session, behind a body that is about to be written, or by
        BDAT as long as fewer than `window` are unanswered."""
        if self.ended or self._retired or self._closing:
            return False
        if not self.works:
            return True
        last = self.works[-1].transaction
        if not self.chunked(window, now):
            return not last.chunked and len(self.works) == 1 and self.capabilities.pipelining and bool(self.ready)
        allowed = window if self._takes_chunks else 1
        return last.chunked and len(self.works) < allowed and sum(work.size for work in self.works) < _IN_FLIGHT

    def fits_next(self, window: int, now: float) -> bool:
        """For an idle session: the connection stands, and nothing is left on it that the next letter would meet."""
        return self._is_alive() and (self._cleared or self.chunked(window, now))

    def _is_alive(self) -> bool:
        """Nothing was said unasked and the connection stands."""
        try:
            said = self.socket.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        self.surplus = self._takes_chunks and said[:1] == b"2"
        return False  # the end of the stream, or an answer that nobody asked for: often "421 idle for too long"

    # --- what the pool tells ------------------------------------------------------------------------------

    def begin(self, work: Work, now: float) -> None:
        """Opens a letter; behind another one its first commands wait until that one's body is sent."""
        behind = bool(self.works)
        self.assigned += 1
        self.works.append(work)
        if not behind:
            self._say([work.transaction.start()])
            self._reap()
            self._patience(now)
            self.writable(now)
        elif work.transaction.chunked:
            work.transaction.start()
            if work.transaction.done:
                self.done.append(self.works.pop())

    def send(self, works: Sequence[Work], now: float) -> None:
        """Writes ready bodies in one go, and behind one by DATA the opening of the letter after it."""
        chunks: list[bytes] = []
        end = self._queued
        for work in works:
            piece = [work.transaction.send_body(behind=self._spoken), *work.body]
            end += sum(map(len, piece))
            self._ends.append((end, work.transaction))
            self._spoken = True
            chunks += piece
        if len(self.works) > 1 and not self.works[0].transaction.chunked:
            chunks.append(self.works[1].transaction.start())
        self._say(chunks)
        self._patience(now)
        self.writable(now)

    def withdraw(self, work: Work, text: str) -> None:
        """A ready work that must not be sent. By DATA the server waits for its body, so that the session ends."""
        if not work.transaction.chunked:
            self.end("closed", text)
            return
        self.works.remove(work)
        work.transaction.lost("closed", text, excused=False)
        self.done.append(work)

    def writable(self, now: float) -> None:
        """Writes as much as the socket takes."""
        while self._out and not self.ended:
            if self._tls:  # a record that it has begun may leave later without our knowing
                self._pass_ends(self._sent + min(len(self._out[0]), _RECORD))
            try:
                count = self._send()
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError:
                self._read(now)  # the server may have said why before it closed
                self.end("reset", "the connection was reset while writing")
                return
            self._sent += count
            self._drop(count)
            self._pass_ends(self._sent)
            self._patience(now)

    def _send(self) -> int:
        """Octets that the socket took: without TLS of all pieces at once, so that a letter is one system call."""
        if self._tls:
            return self.socket.send(self._out[0])
        return self.socket.sendmsg(islice(self._out, _PIECES))

    def _drop(self, count: int) -> None:
        """The first octets of what is to be written."""
        while count:
            view = self._out.popleft()
            if count < len(view):
                self._out.appendleft(view[count:])
                return
            count -= len(view)

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
        broken = event in {"closed", "reset"}
        excused = self.served > 0 and broken
        while self.works:
            work = self.works.popleft()
            if not work.transaction.done:
                work.transaction.lost(event, text, excused=excused, announced=self._closing and broken)
            self.done.append(work)
            excused = True

    def say_quit(self) -> None:
        """QUIT, best effort: nothing that happens here changes anything."""
        self._quitting = True
        with contextlib.suppress(OSError):
            self.socket.settimeout(self._timeouts.quit)
            self.socket.sendall(b"QUIT\r\n")

    def quit(self) -> None:
        """Says QUIT, unless that was said, and waits a moment for the answer."""
        if not self._quitting:
            self.say_quit()
        with contextlib.suppress(OSError):
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
        answered = False
        for reply in self._reader.feed(data):
            answered = True
            if self.ended:
                return
            if not self.works:
                self.surplus = self._takes_chunks and reply.code != 421
                raise GarbageError(f"an answer that nobody asked for: {reply}")
            self._heard = now
            self._closing = reply.code == 421
            head = self.works[0].transaction
            if self._closing and head.chunked and head.stage is Stage.READY:
                self.end("closed", f"the server ended the session: {reply}")  # before this letter was begun
                return
            if command := head.feed(reply):
                self._say([command])
            if head.done:
                self._reap()
        if answered:  # a whole one: what trickles in does not buy time
            self._patience(now)

    def _reap(self) -> None:
        """Takes finished works off; their successor, if the session goes on, is next."""
        while self.works and self.works[0].transaction.done:
            work = self.works.popleft()
            transaction = work.transaction
            unsent = bool(self._ends) and self._ends[0][1] is transaction
            taken = any(verdict.ok for verdict in transaction.verdicts.values())
            self.served += not transaction.untouched
            self.mails += taken
            self._takes_chunks = self._takes_chunks or (taken and transaction.chunked)
            self._cleared = taken or not transaction.chunked
            self.done.append(work)
            self._retired = self._retired or transaction.session_over
            if unsent or (self._retired and not transaction.chunked):
                self.end("closed", "the server ended the session")
        if self._retired or self._closing:
            self._unload()

    def _unload(self) -> None:
        """Takes back what was not sent yet, since this session takes nothing more; without others it ends."""
        while self.works and self.works[-1].transaction.stage is Stage.READY:
            work = self.works.pop()
            work.transaction.lost("closed", "the server ended the session", excused=True)
            self.done.append(work)
        if not self.works and not self.ended:
            self.end("closed", "the server ended the session")

    def _pass_ends(self, octets: int) -> None:
        """So many octets of the stream may have left."""
        while self._ends and self._ends[0][0] <= octets:
            _, transaction = self._ends.popleft()
            if transaction.stage is Stage.BODY:
                transaction.dot_possible()

    def _patience(self, now: float) -> None:
        phase = self.works[0].transaction.phase if self.works else Phase.IDLE
        if self._closing:
            phase = Phase.MAIL
        self.deadline = now + (self._timeouts.of(phase) if self.works else self._timeouts.idle)

    def _say(self, chunks: Sequence[bytes]) -> None:
        for chunk in _joined(chunks):
            self._out.append(memoryview(chunk))
            self._queued += len(chunk)
            self._spoken = True


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
