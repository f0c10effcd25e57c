"""When a deferred delivery is tried again. Pure: time and chance are passed in.

The analyst's plan (`retry: 1m, 5m*2, 1h`) is what happens, each wait times U(0.8, 1.2), drawn once and
stored. Not full jitter, which would often try again at once: deaf to greylisting, and not what the plan
says.
"""

from datetime import datetime, timedelta

from pipeline.delivery.verdict import Verdict
from pipeline.ledger.records import Terms


def next_attempt(terms: Terms, attempts: int, verdict: Verdict, now: datetime, draw: float) -> datetime | None:
    """The time of the next attempt, or None where the message expires before it.

    `attempts` counts the charged attempts, this one among them (0: none was charged). `draw` is a number in
    [0, 1). The wait is never shorter than `verdict.wait`: what greylisting needs, a full mailbox deserves,
    or the server named.
    """
    waits = terms.retry_seconds
    planned = waits[min(max(attempts, 1), len(waits)) - 1] * (0.8 + 0.4 * draw)
    least = verdict.wait * (1.0 + 0.2 * draw)
    when = now + timedelta(seconds=max(planned, least))
    return when if when < terms.expires_at else None


def pause_seconds(verdict: Verdict, failures: int) -> float:
    """How long a mailer rests after that many failures in a row (from 1) of the verdict's class.

    A host that does not answer is tried after 3 s and more patiently each time; a limit after a minute;
    what a person must put right after 15 minutes. Doubling, to 15 minutes and to two hours. What the server
    names is honoured.
    """
    first, most = (verdict.wait, 7200.0) if verdict.wait >= SLOW else (_FIRST_PAUSE.get(verdict.kind, 60.0), 900.0)
    return max(min(first * 2.0 ** (failures - 1), most), verdict.wait)


SLOW = 900.0
"""Seconds: what waits that long for its next look is put right by a person, or by the next day."""
_FIRST_PAUSE = {"CONNECT": 3.0, "PROTOCOL": 15.0}
