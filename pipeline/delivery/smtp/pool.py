"""Drives the sessions of one mailer in one thread: answers in, one commit, bodies out.

Each turn reads what has come, hands new letters to sessions with room, makes all results and intents
durable in one commit, and only then writes the bodies whose intents it holds. So a crash leaves open at
most the letters in flight, and a commit is shared by all sessions.
"""

import selectors
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pipeline.delivery.ports import Desk, ReadBase64, Result, Sign, unsigned
from pipeline.delivery.replies import classify_event
from pipeline.delivery.smtp.concurrency import Concurrency
from pipeline.delivery.smtp.connect import Link, LinkError
from pipeline.delivery.smtp.loading import Load, Terms, Work, make_work
from pipeline.delivery.smtp.opener import Opener
from pipeline.delivery.smtp.session import Session
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.delivery.verdict import Action, Kind, Phase, Verdict
from pipeline.ledger.records import Delivery

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
        self._read_base64 = read_base64
        self._sign = sign
        self._terms = terms
        self._timeouts = timeouts
        self._monotonic = monotonic
        self._concurrency = Concurrency(connections)
        self._opener = Opener(open_link, name)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._opener, selectors.EVENT_READ)
        self._sessions: list[Session] = []
        self._backlog: deque[Load] = deque()
        self._results: list[Result] = []
        self._max_recipients: int | None = None
        self._trouble: Verdict | None = None
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
        """Says QUIT on every connection and waits for hardly anything. May be called twice."""
        for session in self._sessions:
            session.quit()
        self._drop_ended()
        self._selector.close()
        self._opener.close()

    # --- one turn -----------------------------------------------------------------------------------------

    def _turn(self, desk: Desk) -> bool:
        """Whether anything is left to wait for."""
        self._collect()
        self._adopt()
        self._fill(desk)
        self._assign()
        self._settle(desk)
        return bool(self._backlog or self._results) or any(session.busy for session in self._sessions)

    def _adopt(self) -> None:
        """Takes the connections that were opened meanwhile."""
        for result in self._opener.results():
            if isinstance(result, LinkError):
                self._concurrency.complaint()
                self._trouble_with(result.verdict)
                continue
            session = Session(result, self._timeouts, self._monotonic())
            self._selector.register(session.socket, selectors.EVENT_READ, session)
            self._sessions.append(session)

    def _collect(self) -> None:
        """Takes the works that are done from the sessions, and drops sessions that are over."""
        for session in self._sessions:
            done, session.done = session.done, []
            for work in done:
                self._conclude(work, session)
            if session.ended and not session.mails:  # it came to nothing: do not hurry into the next
                if not session.assigned and self._monotonic() < session.opened + YOUNG:
                    self._trouble_with(classify_event(Phase.IDLE, "closed", session.ended))
                for verdict in _of_connection(done):
                    self._trouble_with(verdict)
        self._drop_ended()

    def _fill(self, desk: Desk) -> None:
        """Keeps a few letters at hand for each connection; gives them back where they cannot leave now."""
        if self._trouble is not None:
            desk.pause(self._trouble)
            self._concurrency.restart()
            self._trouble = None
        if desk.stopping or desk.paused:
            if self._backlog:
                desk.give_back([(load.claim, load.deliveries) for load in self._backlog])
                self._backlog.clear()
            return
        wanted = 8 * self._concurrency.target
        idle = not self._backlog and not any(session.busy for session in self._sessions)
        if len(self._backlog) <= wanted // 2 and (idle or self._monotonic() >= self._dry_until):
            claims = desk.take(wanted)
            self._backlog.extend(Load(claim, claim.deliveries) for claim in claims)
            self._rest(desk.rest(DRY) if len(claims) < wanted else 0.0)

    def _rest(self, seconds: float) -> None:
        """Asks for no more letters for so long. A limit that lets the next one through wakes us for it."""
        now = self._monotonic()
        self._dry_until = now + seconds
        self._wake_at = self._dry_until if 0.0 < seconds < DRY else now + BEAT

    def _assign(self) -> None:
        now = self._monotonic()
        for session in self._sessions[: self._concurrency.target]:
            while self._backlog and session.room:
                if session.assigned >= MAX_MAILS:
                    if not session.busy:
                        session.quit()
                    break
                if not session.busy and not session.is_alive():
                    session.end("closed", "the server had closed the idle connection")
                    break
                work = self._work(self._backlog.popleft(), session, now)
                if work is not None:
                    session.begin(work, now)
        self._collect()

    def _settle(self, desk: Desk) -> None:
        """One commit; then the bodies whose intents it holds."""
        ready = [(session, work) for session in self._sessions if (work := self._ready(session)) is not None]
        began = self._monotonic()
        if not (ready or self._results) or self._better_later(began):
            desk.beat()
            return
        results, self._results = self._results, []
        intended = desk.journal([delivery for _, work in ready for delivery in work.accepted], results)
        now = self._monotonic()
        self._commit_seconds, self._waits_since = min(now - began, GATHER), None
        for session, work in ready:
            if all(delivery.id in intended for delivery in work.accepted):
                session.send_body(now)
            else:
                session.end("closed", "another worker has taken this letter over")

    def _better_later(self, now: float) -> bool:
        """Whether answers under way should share the commit: they get as long as the last one took, so that
        nothing waits longer than twice what it must, and a slow disk makes larger commits."""
        if self._waits_since is None:
            self._waits_since = now
        under_way = any(session.works and session.ready is None for session in self._sessions)
        return under_way and now < self._waits_since + self._commit_seconds

    def _ready(self, session: Session) -> Work | None:
        """The work whose body may go out, its body made anew if the server turned out not to take 8-bit
        text."""
        work = session.ready
        if work is not None and work.eight_bit and not work.transaction.eight_bit:
            try:
                work.remake_for_seven_bit(self._read_base64, self._sign)
            except OSError as error:
                session.end("closed", f"we ended it: an attachment cannot be read any more: {error.strerror}")
                return None
        return work

    def _open_more(self) -> None:
        """As many connections as there is work for, up to what the server seems to like."""
        busy = sum(1 for session in self._sessions if session.busy)
        wanted = min(self._concurrency.target, busy + len(self._backlog))
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

    # --- letters ------------------------------------------------------------------------------------------

    def _work(self, load: Load, session: Session, now: float) -> Work | None:
        """The load made ready for a session; None where it cannot be sent at all, which is then its
        result."""
        most = self._max_recipients
        if most is not None and len(load.deliveries) > most:
            self._backlog.appendleft(replace(load, deliveries=load.deliveries[most:]))
            load = replace(load, deliveries=load.deliveries[:most])
        work = make_work(load, session.capabilities, self._read_base64, now, self._sign, self._terms)
        if isinstance(work, Verdict):
            self._results += [Result(load.claim, delivery, work, 0, 0) for delivery in load.deliveries]
            return None
        return work

    def _conclude(self, work: Work, session: Session) -> None:
        """A finished work's verdicts become results, another transaction, or another try on another
        session."""
        split: list[Delivery] = []
        again: list[Delivery] = []
        duration = round((self._monotonic() - work.started) * 1000)
        for delivery in work.load.deliveries:
            verdict = self._judged(work.transaction.verdicts[delivery.recipient], session)
            if verdict.action is Action.SPLIT:
                split.append(delivery)
            elif verdict.action is Action.AGAIN:
                again.append(delivery)
            else:
                self._results.append(Result(work.load.claim, delivery, verdict, duration, work.size))
        if again:
            self._backlog.appendleft(replace(work.load, deliveries=tuple(again)))
        if split:
            self._max_recipients = len(work.transaction.accepted)
            names = frozenset(delivery.recipient for delivery in split)
            self._backlog.appendleft(replace(work.load, deliveries=tuple(split), split_before=names))

    def _judged(self, verdict: Verdict, session: Session) -> Verdict:
        """What the verdict means for the connections; a 421 on one that has carried mail only ends that
        one."""
        if verdict.ok:
            self._concurrency.good()
        elif verdict.code == 421 and verdict.phase is Phase.MAIL and session.mails:
            self._concurrency.complaint()
            return replace(verdict, action=Action.AGAIN)
        elif verdict.action is Action.PAUSE:
            self._trouble = verdict
        elif verdict.kind is Kind.RATE and verdict.action is not Action.SPLIT:
            self._concurrency.complaint()
        return verdict

    def _trouble_with(self, verdict: Verdict) -> None:
        """A connection failed; that is the mailer's trouble unless another one works."""
        if self._trouble is None and not any(session.mails for session in self._sessions if not session.ended):
            self._trouble = verdict

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
        self._results.clear()
        self._trouble, self._waits_since = None, None


def _of_connection(done: Sequence[Work]) -> Iterator[Verdict]:
    """The verdicts that are the connection's fault rather than the letter's."""
    kinds = {Kind.CONNECT, Kind.PROTOCOL, Kind.AMBIGUOUS, Kind.RATE}
    for work in done:
        for verdict in work.transaction.verdicts.values():
            if verdict.kind in kinds and verdict.action is not Action.SPLIT:
                yield verdict
