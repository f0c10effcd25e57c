"""The states of runs and deliveries, and every change that is legal. Pure; the ledger enforces it by
compare-and-set.

    run        due → missed | overlapped | building → skipped | failed | queued → held | delivered | partly
    delivered | undelivered
    delivery   queued → sending → sent | deferred → … | failed | expired | suppressed | held | cancelled |
    uncertain

A delivery is stored as queued from the start and reads as staged until its run is queued: one update of one
row makes a million messages sendable, or none.
"""

from enum import StrEnum


class Word(StrEnum):
    """One of a closed list of words. Hashed as the text that it equals: Enum's own hash is of the member's name, and
    Python code, which a letter would run fifty times."""

    __hash__ = str.__hash__


class RunState(Word):
    DUE = "due"
    BUILDING = "building"
    MISSED = "missed"
    """Its due time passed while nothing ran, or nobody came to build it in time."""
    OVERLAPPED = "overlapped"
    """It waited for an earlier run of its job until a later due time took its place."""
    SKIPPED = "skipped"
    FAILED = "failed"
    QUEUED = "queued"
    HELD = "held"
    """It waits for a person: some of its deliveries are held, and nothing else is under way."""
    DELIVERED = "delivered"
    PARTLY_DELIVERED = "partly delivered"
    UNDELIVERED = "undelivered"


class DeliveryState(Word):
    STAGED = "staged"
    """Written while its run is still building; not sendable until the run is queued. Read, never stored."""
    QUEUED = "queued"
    SENDING = "sending"
    """The intent, written before the final dot may be: a crash here leaves a question, not silence."""
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    HELD = "held"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


R = RunState
RUN_TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    R.DUE: frozenset({R.BUILDING, R.MISSED, R.OVERLAPPED, R.SKIPPED, R.FAILED}),
    R.BUILDING: frozenset({R.SKIPPED, R.FAILED, R.QUEUED, R.DUE}),  # back to due: its builder died
    R.QUEUED: frozenset({R.HELD, R.DELIVERED, R.PARTLY_DELIVERED, R.UNDELIVERED}),
    R.HELD: frozenset({R.QUEUED, R.DELIVERED, R.PARTLY_DELIVERED, R.UNDELIVERED}),  # released, or cancelled
    R.MISSED: frozenset({R.DUE}),
    R.OVERLAPPED: frozenset({R.DUE}),
    R.SKIPPED: frozenset({R.DUE}),  # an operator wants it all the same
    R.FAILED: frozenset({R.DUE}),  # an operator runs it again
    R.DELIVERED: frozenset(),
    R.PARTLY_DELIVERED: frozenset({R.QUEUED}),  # resend --failed
    R.UNDELIVERED: frozenset({R.QUEUED}),
}

D = DeliveryState
DELIVERY_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    D.STAGED: frozenset({D.QUEUED, D.HELD}),
    D.QUEUED: frozenset(
        {D.QUEUED, D.SENDING, D.DEFERRED, D.FAILED, D.EXPIRED, D.SUPPRESSED, D.HELD, D.CANCELLED}
    ),  # to queued: claimed and given back untried
    D.DEFERRED: frozenset({D.SENDING, D.DEFERRED, D.QUEUED, D.FAILED, D.EXPIRED, D.SUPPRESSED, D.HELD, D.CANCELLED}),
    D.SENDING: frozenset({D.SENT, D.DEFERRED, D.QUEUED, D.FAILED, D.EXPIRED, D.UNCERTAIN}),
    D.UNCERTAIN: frozenset({D.QUEUED, D.HELD, D.EXPIRED}),
    D.HELD: frozenset({D.QUEUED, D.CANCELLED, D.EXPIRED}),
    D.SENT: frozenset(),
    D.FAILED: frozenset({D.QUEUED}),  # resend --failed
    D.EXPIRED: frozenset({D.QUEUED}),
    D.SUPPRESSED: frozenset({D.QUEUED}),
    D.CANCELLED: frozenset({D.QUEUED}),
}

ENDED = frozenset({D.SENT, D.FAILED, D.EXPIRED, D.SUPPRESSED, D.HELD, D.CANCELLED, D.UNCERTAIN})
"""States in which nothing more happens by itself; a run has ended when all its deliveries have."""

OPEN = frozenset(DeliveryState) - ENDED - {D.STAGED}
"""States in which something is still to happen: a run with one of these is queued."""

ABANDONED = frozenset({R.MISSED, R.OVERLAPPED, R.SKIPPED, R.FAILED})
"""States of a run that ended without a message; it may be made due again."""

UNSENDABLE = frozenset({R.DUE, R.BUILDING}) | ABANDONED
"""States of a run whose messages, if it has any, are staged: nobody may send them."""


def run_outcome(deliveries: dict[DeliveryState, int]) -> RunState:
    """The state of a run from the counts of its deliveries' states; QUEUED while any has not ended, then HELD
    while one waits for somebody to release it."""
    total = sum(deliveries.values())
    if any(count for state, count in deliveries.items() if state not in ENDED):
        return R.QUEUED
    if deliveries.get(D.HELD):
        return R.HELD
    sent = deliveries.get(D.SENT, 0)
    if sent == total:
        return R.DELIVERED
    return R.PARTLY_DELIVERED if sent else R.UNDELIVERED
