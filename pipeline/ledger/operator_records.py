"""What operators do about the ledger, as plain values: who, when, why, and what it changed. No SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pipeline.ledger.records import Run
from pipeline.ledger.states import DeliveryState as D


class Action(StrEnum):
    """An operator's hand on deliveries, addresses and mailers; the words of the commands."""

    HOLD = "hold"
    RELEASE = "release"
    RESEND = "resend"
    CANCEL = "cancel"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Note:
    """Who acts, when and why: what the audit line says."""

    who: str
    at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One row of `audit`."""

    at: datetime
    who: str
    action: Action
    subject: str
    """The run, or the address, that it was about; a single delivery of a run by its number after `#`."""
    why: str
    changed: int
    """How many deliveries it changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """From which states to which an action moves deliveries."""

    sources: frozenset[D]
    target: D


CHANGES: dict[Action, Change] = {
    Action.HOLD: Change(frozenset({D.QUEUED, D.DEFERRED}), D.HELD),
    Action.CANCEL: Change(frozenset({D.QUEUED, D.DEFERRED, D.HELD}), D.CANCELLED),
    Action.RELEASE: Change(frozenset({D.HELD, D.UNCERTAIN}), D.QUEUED),
    Action.RESEND: Change(frozenset({D.FAILED, D.EXPIRED, D.UNCERTAIN, D.SUPPRESSED, D.CANCELLED}), D.QUEUED),
}
"""What each action may do; a test holds it against the states' own table. Sent stays sent, for ever."""

FAILED_ALONE = CHANGES[Action.RESEND].sources - {D.CANCELLED}
"""What `resend --failed` sends again: what nobody decided against."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What an action changed; nothing, where it had been done before."""

    run: Run
    """As it is now."""
    changed: Sequence[int]
    """The numbers of the deliveries that it moved, the first first."""
    in_flight: int
    """Deliveries that are being sent this moment, which no action reaches."""
    ended: tuple[Run, ...] = ()
    """The run, where this ended its last open delivery."""
    withdrawn: bool = False
    """Whether a run was cancelled before it had a single delivery to change."""
    was: Mapping[D, int] = field(default_factory=dict)
    """How many of them were in which state before."""
    examples: tuple[str, ...] = ()
    """The recipients of the first few."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One row of `suppressions`: an address that must not be mailed."""

    address: str
    """In lower case."""
    scope: str
    """`all`, `job:NAME` or `mailer:NAME`."""
    at: datetime
    who: str
    """An operator, `bounce`, or `recipient`: who unsubscribed."""
    why: str
