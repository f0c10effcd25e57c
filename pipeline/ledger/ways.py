"""The plain values about ways out: how fast one may send, and why it rests."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.ledger.records import Claim


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a mailer may send, in recipients, as providers count; None: as much as it can."""

    per_second: int | None = None
    per_hour: int | None = None
    """In any 60 minutes, not in a clock hour."""
    per_day: int | None = None
    """In any 24 hours."""

    @property
    def any(self) -> bool:
        return bool(self.per_second or self.per_hour or self.per_day)


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Circuit:
    """A mailer's circuit as it stands open: nothing is sent until `until`, then one letter as a probe."""

    mailer: str
    since: datetime
    until: datetime
    failures: int
    """In a row, this series."""
    told: bool
    """Whether somebody was alerted, and is to be told when it closes."""
    kind: str
    """The class of the answer that opened it."""
    phase: str
    code: int | None
    enhanced: str
    rule: str
    reply: str
    probe: str | None = None
    """The owner whose letter is the probe; nobody else may send one until `probe_until`."""
    probe_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What a worker wants to send next."""

    mailer: str
    owner: str
    now: datetime
    lease: timedelta
    limit: int
    """The most messages."""
    after: str = ""
    """The job that had the last turn: it begins with another one."""
    limits: Limits = NO_LIMITS
    """Of the mailer."""

    @property
    def until(self) -> datetime:
        """When what the worker got is no longer its own."""
        return self.now + self.lease


@dataclass(frozen=True, slots=True)
class Taken:
    """What a worker got to send, and what stood in the way of more."""

    claims: tuple[Claim, ...]
    circuit: Circuit | None = None
    """The mailer's circuit, where it is open or probing."""
    again_at: datetime | None = None
    """When its limits let more through; None where they do not stand in the way."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a mailer's limits is used at one instant; in recipients."""

    last_hour: int = 0
    last_day: int = 0
    in_hand: int = 0
    """Taken by workers and not yet decided: counted as used."""
    again_at: datetime | None = None
    """When there is room again; None: now."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a mailer."""

    deliveries: int = 0
    next_due: datetime | None = None
