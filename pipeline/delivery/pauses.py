"""When a mailer's circuit opens, for how long, and whom that wakes. Pure; the ledger keeps it
(`ledger/circuits.py`)."""

from dataclasses import replace
from datetime import datetime, timedelta

from pipeline.delivery.retry import SLOW, pause_seconds
from pipeline.delivery.verdict import Kind, Verdict
from pipeline.ledger.ways import Circuit

PATIENT = frozenset({Kind.CONNECT, Kind.PROTOCOL, Kind.RATE, Kind.TRANSIENT, Kind.TLS, Kind.AMBIGUOUS})
"""What often heals by itself: nobody is woken before the third time in a row, unless it takes long."""
ALERT_AFTER = 3


def opened(mailer: str, before: Circuit | None, verdict: Verdict, now: datetime) -> Circuit:
    """The circuit after a failure.

    The failure of a probe, or of another class, counts: each in a row doubles the pause. What fails while it is open
    was under way when it opened, in this process or another; it can only ask for more time.
    """
    same = before is not None and before.kind == verdict.kind
    if before is not None and same and now < before.until:
        until = now + timedelta(seconds=pause_seconds(verdict, before.failures))
        return before if until <= before.until else replace(before, until=until)
    failures = before.failures + 1 if before is not None and same else 1
    return Circuit(
        mailer=mailer,
        since=before.since if before is not None and same else now,
        until=now + timedelta(seconds=pause_seconds(verdict, failures)),
        failures=failures,
        told=(before is not None and before.told) or failures >= alerts_after(verdict),
        kind=verdict.kind,
        phase=verdict.phase,
        code=verdict.code,
        enhanced=verdict.enhanced,
        rule=verdict.rule,
        reply=verdict.reply,
    )


def alerts_after(verdict: Verdict) -> int:
    """At which failure in a row somebody is told."""
    return ALERT_AFTER if verdict.kind in PATIENT and verdict.wait < SLOW else 1


def after_success(before: Circuit | None, now: datetime) -> Circuit | None:
    """The circuit after a mail went through: only one sent after the pause proves anything, those in flight when it
    began do not."""
    return None if before is None or before.until <= now else before


def after_probe(before: Circuit | None, owner: str) -> Circuit | None:
    """The circuit after the owner's probe came to an end that proves nothing: the next letter is another probe."""
    if before is None or before.probe != owner:
        return before
    return replace(before, probe=None, probe_until=None)
