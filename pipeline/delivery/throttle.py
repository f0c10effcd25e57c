"""The throttle in front of one mailer: its circuit and its limits, as the ledger keeps them for all processes."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pipeline.delivery.lines import Line, closed_lines, paused_lines
from pipeline.delivery.pauses import after_probe, after_success, opened
from pipeline.delivery.ports import Clock, Outbox
from pipeline.delivery.verdict import Verdict
from pipeline.errors import LedgerError
from pipeline.ledger.records import Claim
from pipeline.ledger.ways import NO_LIMITS, Asking, Circuit, Limits

LOOK = timedelta(seconds=1)
"""For so long what is known of the circuit is believed; then the ledger is asked whether another process, or an
operator, has changed it."""


class Throttle:
    """Used by one thread."""

    def __init__(self, outbox: Outbox, mailer: str, owner: str, clock: Clock, limits: Limits = NO_LIMITS) -> None:
        self._outbox = outbox
        self._mailer = mailer
        self._owner = owner
        self._clock = clock
        self._limits = limits
        self._metering = not limits.any
        self._circuit: Circuit | None = None
        self._probing = False
        self._looked: datetime | None = None
        self._again_at: datetime | None = None
        self._last_job = ""

    @property
    def metered(self) -> str:
        """The mailer's name where its attempts are to be counted."""
        return self._mailer if self._limits.any else ""

    def closed_until(self) -> datetime | None:
        """Until when nothing is handed out, by the circuit or the limits; None: something is, if it is due."""
        now = self._clock()
        circuit = self._look(now)
        latest = max(now, self._opens_at(circuit) or now, self._again_at or now)
        return latest if latest > now else None

    def _opens_at(self, circuit: Circuit | None) -> datetime | None:
        """When this owner may send through it; while another's probe is under way, when that is given up."""
        if circuit is None:
            return None
        if circuit.probe in (None, self._owner) or circuit.probe_until is None:
            return circuit.until
        return max(circuit.until, circuit.probe_until)

    @property
    def paused(self) -> bool:
        """Whether the circuit is open: what is in hand is to be given back."""
        now = self._clock()
        circuit = self._look(now)
        return circuit is not None and now < circuit.until

    def rest(self, usual: float) -> float:
        """Seconds after which it makes sense to ask again: `usual`, or less where a limit lets more through before."""
        if self._again_at is None or self.paused:
            return usual
        return min(usual, max(0.0, (self._again_at - self._clock()).total_seconds()))

    def take(self, limit: int, lease: timedelta) -> Sequence[Claim]:
        """At most `limit` letters; the next time it begins with another job."""
        now = self._clock()
        if not self._metering:
            self._outbox.begin_metering(self._mailer, now)
            self._metering = True
        asking = Asking(self._mailer, self._owner, now, lease, limit, self._last_job, self._limits)
        taken = self._outbox.take(asking)
        self._circuit, self._looked, self._again_at = taken.circuit, now, taken.again_at
        self._probing = taken.circuit is not None and (self._probing or bool(taken.claims))
        if taken.claims:
            self._last_job = taken.claims[-1].job
        return taken.claims

    def failed(self, verdict: Verdict) -> Iterator[Line]:
        """Opens the circuit, or keeps it open for longer; what is to be logged.

        Where the ledger cannot be written, it is open for this process alone: results in hand matter more.
        """
        now = self._clock()
        before = self._circuit
        try:
            before, after = self._outbox.change_circuit(
                self._mailer, lambda found: opened(self._mailer, found, verdict, now)
            )
        except LedgerError:
            after = opened(self._mailer, before, verdict, now)
        self._circuit, self._looked, self._probing = after, now, False
        if after is not None and after != before:
            yield from paused_lines(after, alert=after.told and not (before is not None and before.told))

    def worked(self) -> Iterator[Line]:
        """A mail went through: closes the circuit if it probes; what is to be logged."""
        now = self._clock()
        if self._circuit is None or now < self._circuit.until:
            return
        try:
            before, after = self._outbox.change_circuit(self._mailer, lambda found: after_success(found, now))
        except LedgerError:
            return  # the next mail closes it
        self._circuit, self._looked, self._probing = after, now, False
        if before is not None and after is None:
            yield from closed_lines(before, now)

    def proved_nothing(self) -> None:
        """The probe was given back, or was refused for a reason of its own: whoever comes next may probe at once."""
        if not self._probing:
            return
        self._probing = False
        try:
            _, self._circuit = self._outbox.change_circuit(self._mailer, lambda found: after_probe(found, self._owner))
        except LedgerError:
            return  # its time ends by itself

    def _look(self, now: datetime) -> Circuit | None:
        if self._looked is None or not self._looked <= now < self._looked + LOOK:
            try:
                self._circuit = self._outbox.circuit(self._mailer)
            except LedgerError:
                return self._circuit
            self._looked = now
        return self._circuit
