"""The desk between one mailer and the outbox: hands out letters, makes results durable, then writes them
to the log."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pipeline.delivery.alerting import Refusals
from pipeline.delivery.lines import Line, adapted_line, attempt_line, late_line, run_line, suppressed_line
from pipeline.delivery.ports import Barred, Clock, Outbox, Result, nobody_barred
from pipeline.delivery.settle import settle, suppressed, untried, without
from pipeline.delivery.throttle import Throttle
from pipeline.delivery.verdict import Verdict
from pipeline.errors import LedgerError
from pipeline.ledger.records import Claim, Delivery, Journaled, Outcome
from pipeline.observe.log import Log

LEASE = timedelta(seconds=120)
"""How long a claim outlives its holder's last sign of life. Extended long before it ends."""
FAREWELL = timedelta(seconds=10)
"""How long a worker that is to end waits for a ledger that cannot be written."""
LEDGER_RETRY = 1.0
"""Seconds between two tries to write to a ledger that cannot be written."""
_NOTHING: tuple[Sequence[Result], Sequence[Outcome], Journaled] = (
    (),
    (),
    Journaled(frozenset(), frozenset(), frozenset(), ()),
)


class OutboxDesk:
    """One mailer's desk; see `ports.Desk`. Used by one thread."""

    def __init__(
        self,
        outbox: Outbox,
        mailer: str,
        owner: str,
        throttle: Throttle,
        *,
        log: Log,
        clock: Clock,
        sleep: Callable[[float], object],
        stopping: Callable[[], bool],
        chance: random.Random,
        barred: Barred = nobody_barred,
    ) -> None:
        self._outbox = outbox
        self._mailer = mailer
        self._owner = owner
        self._throttle = throttle
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._stopping = stopping
        self._chance = chance
        self._barred = barred
        self._lease_until: datetime | None = None
        self._refusals = Refusals(mailer)
        self._untold = _NOTHING
        """What is durable and not in the log yet."""
        self.attempts = 0
        """Attempts with a result so far."""

    @property
    def stopping(self) -> bool:
        return self._stopping()

    @property
    def paused(self) -> bool:
        return self._throttle.paused

    @property
    def closed_until(self) -> datetime | None:
        """Until when the mailer's circuit or its limits let nothing through; None: something may leave now."""
        return self._throttle.closed_until()

    def rest(self, usual: float) -> float:
        """See `ports.Desk.rest`."""
        return self._throttle.rest(usual)

    def take(self, limit: int) -> Sequence[Claim]:
        """See `ports.Desk.take`. After a pause one letter at a time, until a mail has gone through."""
        self.tell()
        if self.stopping or self._throttle.paused:
            return ()
        while claims := self._throttle.take(limit, LEASE):
            if self._lease_until is None:
                self._lease_until = self._clock() + LEASE
            sendable = self._without_suppressed(claims)
            if sendable:
                return sendable
        return ()

    def journal(self, intents: Sequence[Delivery], results: Sequence[Result]) -> frozenset[int]:
        """See `ports.Desk.journal`. Waits for a ledger that cannot be written as long as our claims
        hold, then raises LedgerError."""
        self.tell()
        now = self._clock()
        outcomes = [settle(result, now, self._chance.random()) for result in results]
        done = self._write([delivery.id for delivery in intents], outcomes)
        self.attempts += len(results)
        self._untold = results, outcomes, done
        return done.intended

    def tell(self) -> None:
        """See `ports.Desk.tell`."""
        (results, outcomes, done), self._untold = self._untold, _NOTHING
        lines: list[Line] = []
        for result, outcome in zip(results, outcomes, strict=True):
            if outcome.delivery not in done.lost:
                lines.append(attempt_line(self._mailer, result, outcome, resent=outcome.delivery in done.resent))
                lines += self._refusals.lines(result)
            elif outcome.delivery in done.late:
                lines.append(late_line(self._mailer, result, outcome))
        lines += map(run_line, done.ended)
        if any(result.verdict.ok for result in results):
            lines += self._throttle.worked()
        elif results:
            self._throttle.proved_nothing()
        self._log.emit_all(lines)

    def give_back(self, claims: Sequence[tuple[Claim, Sequence[Delivery]]]) -> None:
        """See `ports.Desk.give_back`."""
        self.tell()
        now = self._clock()
        self._write([], [untried(delivery, now) for _, deliveries in claims for delivery in deliveries])
        self._throttle.proved_nothing()

    def pause(self, verdict: Verdict) -> None:
        """See `ports.Desk.pause`: logs it, and raises an alert once in a series."""
        self.tell()
        self._log.emit_all(self._throttle.failed(verdict))

    def adapted(self, change: str, verdict: Verdict) -> None:
        """See `ports.Desk.adapted`."""
        self.tell()
        self._log.emit_all([adapted_line(self._mailer, change, verdict)])

    def beat(self) -> None:
        """See `ports.Desk.beat`: costs nothing until half of the lease is over."""
        now = self._clock()
        if self._lease_until is not None and now > self._lease_until - LEASE / 2:
            held = self._outbox.extend(self._owner, now + LEASE)
            self._lease_until = now + LEASE if held else None

    # --- inside -------------------------------------------------------------------------------------------

    def _without_suppressed(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """At the envelope, the last place there is: who must not be mailed is told apart from the rest."""
        barred = self._barred(claims, self._mailer)
        if not barred:
            return claims
        found = [one for claim in claims for one in claim.deliveries if one.id in barred]
        now = self._clock()
        done = self._write([], [suppressed(delivery, now, barred[delivery.id]) for delivery in found])
        told = [suppressed_line(self._mailer, one, barred[one.id]) for one in found if one.id not in done.lost]
        self._log.emit_all([*told, *map(run_line, done.ended)])
        return [left for claim in claims if (left := without(claim, barred)) is not None]

    def _write(self, intents: Sequence[int], outcomes: Sequence[Outcome]) -> Journaled:
        now = self._clock()
        give_up = min(self._lease_until or now, now + FAREWELL) if self.stopping else self._lease_until or now
        while True:
            try:
                self.beat()  # first: a lease that ended while the machine slept is ours as long as nobody took it
                return self._outbox.journal(
                    intents, outcomes, self._owner, self._clock(), metered=self._throttle.metered
                )
            except LedgerError:
                if self._clock() + timedelta(seconds=LEDGER_RETRY) >= give_up:
                    raise
                self._sleep(LEDGER_RETRY)
