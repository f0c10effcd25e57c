"""Which mailers are resting, until when, and why. In memory: a restart tries again at once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.delivery.retry import pause_seconds
from pipeline.delivery.verdict import Kind, Verdict

PATIENT = frozenset({Kind.CONNECT, Kind.PROTOCOL, Kind.RATE, Kind.TRANSIENT, Kind.AMBIGUOUS})
"""What often heals by itself: nobody is woken before the third time in a row."""
ALERT_AFTER = 3


@dataclass(frozen=True, slots=True)
class Pause:
    """One rest of one mailer. It stays open until a mail goes through: what follows `until` is only a
    probe."""

    verdict: Verdict
    since: datetime
    until: datetime
    failures: int
    alert: bool
    """Whether somebody is to be told now: once in every series of failures."""


class Pauses:
    """Each mailer's name is used by one thread only."""

    def __init__(self) -> None:
        self._open: dict[str, Pause] = {}

    def pause(self, name: str, verdict: Verdict, now: datetime) -> Pause:
        """Opens the mailer's pause, or prolongs it: each failure in a row doubles it. Another class
        begins anew."""
        before = self._open.get(name)
        if before is not None and before.verdict.kind is not verdict.kind:
            before = None
        failures = before.failures + 1 if before else 1
        until = now + timedelta(seconds=pause_seconds(verdict, failures))
        since = before.since if before else now
        alert = failures == (ALERT_AFTER if verdict.kind in PATIENT else 1)
        self._open[name] = Pause(verdict, since, until, failures, alert)
        return self._open[name]

    def until(self, name: str, now: datetime) -> datetime | None:
        """When it may be tried again; None: now."""
        pause = self._open.get(name)
        return pause.until if pause is not None and pause.until > now else None

    def is_probing(self, name: str, now: datetime) -> bool:
        """The rest is over and nothing has proved yet that it works again: one letter, not many."""
        pause = self._open.get(name)
        return pause is not None and pause.until <= now

    def good(self, name: str) -> Pause | None:
        """A mail went through: the pause that this ends, if there was one."""
        return self._open.pop(name, None)

    def get(self, name: str) -> Pause | None:
        """The mailer's pause as it stands, its alert not to be told again."""
        pause = self._open.get(name)
        return None if pause is None else replace(pause, alert=False)
