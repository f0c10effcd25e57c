"""Drives the sessions of one mailer in one thread: answers in, one commit, bodies out.

Each turn reads what has come, hands new letters to sessions with room, makes all results and intents
durable in one commit, and only then writes the bodies whose intents it holds. So a crash leaves open at
most the letters in flight, and a commit is shared by all sessions.
"""

import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pipeline.delivery.ports import Desk, ReadBase64, Sign, unsigned
from pipeline.delivery.replies import classify_event
from pipeline.delivery.smtp.backlog import Backlog
from pipeline.delivery.smtp.connect import Link, LinkError
from pipeline.delivery.smtp.loading import Terms, Work
from pipeline.delivery.smtp.opener import Opener
from pipeline.delivery.smtp.pace import Pace
from pipeline.delivery.smtp.session import Session
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.delivery.verdict import Action, Kind, Phase, Verdict

MAX_MAILS = 1000
"""On one connection; then a fresh one, as servers like it (SendGrid cuts at 5,000, others at 100 with a
421)."""
BEAT = 1.0
"""Seconds after which a turn begins even if nothing happened."""
YOUNG = 1.0
"""Seconds: a connection that ends unused within them was not idle, it was refused."""
GATHER = 0.05
"""Seconds: the longest that an answer waits for others to share its commit."""
DRY = 0.25
"""Seconds for which an outbox that had too little is not asked again."""


class Pool:
    """The connections of one mailer. `run` works until the desk has nothing more; `tend` and `close` in
    between."""

    def __init__(
        self,
        open_link: Callable[[], Link],
        read_base64: ReadBase64,
        *,
        name: str,
        connections: int,
        timeouts: Timeouts,
        sign: Sign = unsigned,
        terms: Terms = Terms(),  # noqa: B008 - frozen
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._timeouts = timeouts
        self._monotonic = monotonic
        self._notes: list[tuple[str, Verdict]] = []
        """What is done differently from now on, for the desk."""
        self._pace = Pace(connections, chunking=terms.chunking, note=self._note)
        self._backlog = Backlog(read_base64, sign, terms, self._note)
        self._opener = Opener(open_link, name)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._opener, selectors.EVENT_READ)
        self._sessions: list[Session] = []
        self._dry_until = 0.0
        self._wake_at = 0.0
        self._commit_seconds = 0.0
        """What the last commit took."""
        self._waits_since: float | None = None
        """When the first answer came that no commit holds yet."""

    @property
    def name(self) -> str:
        return self._name

    def run(self, desk: Desk) -> None:
        """See `ports.Mailer.run`."""
        try:
            while self._turn(desk):
                self._open_more()
                self._wait()
        except BaseException:
            self._abandon()
            raise

    def tend(self) -> None:
        """Closes what has been idle for too long."""
        now = self._monotonic()
        for session in self._sessions:
            if now >= session.deadline:
                session.quit()
        self._drop_ended()

    def close(self) -> None:
        """Says QUIT on every connection and waits for hardly anything, for all at once. May be called twice."""
        for session in self._sessions:
            session.say_quit()
        for session in self._sessions:
            session.quit()
        self._drop_ended()
        self._selector.close()
        self._opener.close()

    def _note(self, change: str, verdict: Verdict) -> None:
        self._notes.append((change, verdict))

    # --- one turn -----------------------------------------------------------------------------------------

    def _turn(self, desk: Desk) -> bool:
        """Whether anything is left to wait for."""
        self._collect()
        self._adopt()
        self._heed(desk)
        if not self._backlog:
            self._fill(desk)
        self._assign()
        self._settle(desk)
        if self._backlog:  # while answers are under way, rather than when they have come
            self._fill(desk)
        return self._backlog.open or any(session.busy for session in self._sessions)

    def _adopt(self) -> None:
        """Takes the connections that were opened meanwhile."""
        for result in self._opener.results():
            if isinstance(result, LinkError):
                self._pace.not_opened(result.verdict, others_work=self._others_work)
                continue
            session = Session(result, self._timeouts, self._monotonic())
            self._selector.register(session.socket, selectors.EVENT_READ, session)
            self._sessions.append(session)
            self._pace.connections.good()

    def _collect(self) -> None:
        """Takes the works that are done from the sessions, and drops sessions that are over."""
        lost_chunks: list[Verdict] = []
        for session in self._sessions:
            done, session.done = session.done, []
            for work in done:
                judged = partial(self._pace.judged, carried=session.mails > 0)
                self._backlog.conclude(work, self._monotonic(), judged)
                if why := work.transaction.unwilling:
                    self._pace.no_chunks(why, next(iter(work.transaction.verdicts.values())))
            if session.ended:
                lost_chunks += filter(None, map(_lost_chunk, done))
                if session.surplus:
                    said = classify_event(Phase.IDLE, "garbage", session.ended)
                    self._pace.no_chunks("the server answers more often than it is asked", said)
            if session.ended and not session.mails:  # it came to nothing: do not hurry into the next
                refused = not session.assigned and self._monotonic() < session.opened + YOUNG
                closed = [classify_event(Phase.IDLE, "closed", session.ended)] if refused else []
                self._pace.came_to_nothing([*closed, *_of_connection(done)], others_work=self._others_work)
        if lost_chunks:
            self._pace.lost_chunks(lost_chunks[0])
        self._drop_ended()

    @property
    def _others_work(self) -> bool:
        return any(session.mails for session in self._sessions if not session.ended)

    def _heed(self, desk: Desk) -> None:
        """Gives back the letters at hand where they cannot leave now."""
        notes, self._notes[:] = self._notes[:], []
        for change, verdict in notes:
            desk.adapted(change, verdict)
        if (trouble := self._pace.take_trouble()) is not None:
            desk.pause(trouble)
        if self._backlog and (desk.stopping or desk.paused):
            desk.give_back(self._backlog.empty())

    def _fill(self, desk: Desk) -> None:
        """Keeps a few letters at hand for each connection."""
        if desk.stopping or desk.paused:
            return
        wanted = 8 * self._pace.connections.target
        idle = not self._backlog and not any(session.busy for session in self._sessions)
        if len(self._backlog) <= wanted // 2 and (idle or self._monotonic() >= self._dry_until):
            claims = desk.take(wanted)
            self._backlog.add(claims)
            self._rest(desk.rest(DRY) if len(claims) < wanted else 0.0)

    def _rest(self, seconds: float) -> None:
        """Asks for no more letters for so long. A limit that lets the next one through wakes us for it."""
        now = self._monotonic()
        self._dry_until = now + seconds
        self._wake_at = self._dry_until if 0.0 < seconds < DRY else now + BEAT

    def _assign(self) -> None:
        """Letters for the sessions with room, in turn, so that a few do not queue behind one connection."""
        now = self._monotonic()
        sessions = deque(self._sessions[: self._pace.connections.target])
        while self._backlog and sessions:
            session = sessions.popleft()
            if self._give(session, now):
                sessions.append(session)
        self._collect()

    def _give(self, session: Session, now: float) -> bool:
        """One letter, if there is room; whether it may get another."""
        window = self._pace.letters.target
        if not session.has_room(window, now):
            return False
        if session.assigned >= MAX_MAILS:
            if not session.busy:
                session.quit()
            return False
        if not session.busy and not session.fits_next(window, now):
            session.end("closed", "the server had closed the idle connection, or would confuse the next letter on it")
            return False
        work = self._backlog.next_work(session.capabilities, now, chunked=session.chunked(window, now))
        if work is not None:
            session.begin(work, now)
        return True

    def _settle(self, desk: Desk) -> None:
        """One commit; then the bodies whose intents it holds."""
        ready = [(session, works) for session in self._sessions if (works := session.ready)]
        began = self._monotonic()
        if not (ready or self._backlog.has_results):
            self._waits_since = None  # what waited went back to the backlog
            desk.beat()
            return
        if self._better_later(began):
            desk.beat()
            return
        intents = [delivery for _, works in ready for work in works for delivery in work.at_stake]
        intended = desk.journal(intents, self._backlog.take_results())
        now = self._monotonic()
        self._commit_seconds, self._waits_since = min(now - began, GATHER), None
        for session, works in ready:
            lost = [work for work in works if not intended.issuperset(delivery.id for delivery in work.at_stake)]
            for work in lost:
                session.withdraw(work, "another worker has taken this letter over")
            if len(lost) < len(works):
                session.send([work for work in works if work not in lost], now)
        desk.tell()

    def _better_later(self, now: float) -> bool:
        """Whether answers under way should share the commit: they get as long as the last one took, so that
        nothing waits longer than twice what it must, and a slow disk makes larger commits."""
        if self._waits_since is None:
            self._waits_since = now
        under_way = any(session.works and not session.ready for session in self._sessions)
        return under_way and now < self._waits_since + self._commit_seconds

    def _open_more(self) -> None:
        """As many connections as there is work for, up to what the server seems to like."""
        busy = sum(1 for session in self._sessions if session.busy)
        wanted = min(self._pace.connections.target, busy + len(self._backlog))
        for _ in range(wanted - len(self._sessions) - self._opener.pending):
            self._opener.start()

    def _wait(self) -> None:
        for session in self._sessions:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if session.wants_write else 0)
            if session.watched != events:
                session.watched = events
                self._selector.modify(session.socket, events, session)
        now = self._monotonic()
        nearest = min((session.deadline - now for session in self._sessions if session.busy), default=BEAT)
        if self._waits_since is not None:
            nearest = min(nearest, self._waits_since + self._commit_seconds - now)
        if self._wake_at > now:
            nearest = min(nearest, self._wake_at - now)
        found = self._selector.select(max(0.0, min(nearest, BEAT)))
        now = self._monotonic()
        for key, events in found:
            session = key.data
            if session is not None and events & selectors.EVENT_READ:
                session.readable(now)
            if session is not None and events & selectors.EVENT_WRITE:
                session.writable(now)
        for session in self._sessions:
            if session.busy and now >= session.deadline:
                session.expire()

    # --- sockets ------------------------------------------------------------------------------------------

    def _drop_ended(self) -> None:
        for session in self._sessions:
            if session.ended:
                self._selector.unregister(session.socket)
                session.socket.close()
        self._sessions = [session for session in self._sessions if not session.ended]

    def _abandon(self) -> None:
        """After a defect or a ledger that cannot be written: nothing in memory is to be trusted any more."""
        for session in self._sessions:
            session.end("closed", "abandoned")
        self._drop_ended()
        self._backlog.clear()
        self._pace.trouble, self._waits_since = None, None


def _lost_chunk(work: Work) -> Verdict | None:
    """Why nobody knows whether a letter arrived that went by BDAT."""
    verdicts = work.transaction.verdicts.values() if work.transaction.chunked else ()
    return next((verdict for verdict in verdicts if verdict.kind is Kind.AMBIGUOUS), None)


def _of_connection(done: Sequence[Work]) -> Iterator[Verdict]:
    """The verdicts that are the connection's fault rather than the letter's."""
    kinds = {Kind.CONNECT, Kind.PROTOCOL, Kind.AMBIGUOUS, Kind.RATE}
    for work in done:
        for verdict in work.transaction.verdicts.values():
            if verdict.kind in kinds and verdict.action is not Action.SPLIT:
                yield verdict
