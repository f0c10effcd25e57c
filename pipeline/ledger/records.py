"""The ledger's plain values: what goes in and what comes out. No SQL, no pandas, no sockets.

All times are zone-aware UTC. The states and their legal changes are in `ledger/states.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pipeline.ledger.states import DeliveryState, RunState

# --- runs ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunKey:
    """The identity of a run: a job, a due time, and a variant.

    The variant of the one real run is empty. `pipeline run --to` makes `test-1`, `test-2`, …; `--again` makes
    `again-1`, …: they never count as the real one.
    """

    job: str
    due: datetime
    variant: str = ""

    def __str__(self) -> str:
        """`daily-delays@20130201T113000Z` or `daily-delays@20130201T113000Z+test-1`: the `run` of logs and
        commands."""
        stem = f"{self.job}@{self.due:%Y%m%dT%H%M%SZ}"
        return f"{stem}+{self.variant}" if self.variant else stem


@dataclass(frozen=True, slots=True)
class Run:
    """One row of `runs`."""

    key: RunKey
    state: RunState
    reason: str
    """Why it is skipped or failed, in one line; empty otherwise."""
    period_start: datetime | None
    period_end: datetime | None
    messages: int
    deliveries: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    builds: int = 0
    """How often somebody began to build it: more than one means that builders died."""
    not_before: datetime | None = None
    """It is due and waits for fresh data: nobody builds it before then."""


# --- artifacts and messages ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """A job's first due run, and its latest: one and the same where only one is due."""

    run: Run
    later: Run
    busy: bool
    """A run of the job is being built."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """The bytes of an export or chart, stored once under their SHA-256 (hex)."""

    sha256: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Part:
    """An artifact as it hangs on a message: inside the HTML (`cid` set) or as a file."""

    artifact: Artifact
    filename: str
    disposition: Literal["inline", "attachment"]
    cid: str = ""
    """Content-ID without angle brackets; only for inline parts."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A finished message as the outbox keeps it: what is personal as bytes, what is shared by hash.

    `headers` is the whole header block except MIME-Version, Content-Type and Content-Transfer-Encoding, each
    line ended by CRLF. `text` and `html` are UTF-8 with CRLF line ends, each ending in CRLF. `message.wire`
    turns a letter into the bytes on the wire, always the same.
    """

    message_id: str
    """With angle brackets; the same on every attempt."""
    sender: str
    """Envelope sender (RFC 5321 reverse-path), an address without a name."""
    recipients: tuple[str, ...]
    """Envelope recipients, one delivery each; no address twice."""
    headers: bytes
    text: bytes
    html: bytes
    parts: tuple[Part, ...]
    subject: str
    """For people reading the ledger; the header itself is in `headers`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a run's messages are to be delivered; the same for all of them."""

    mailer: str
    expires_at: datetime
    priority: int
    retry_seconds: tuple[float, ...]
    """Waits after the 1st, 2nd, … attempt; the last repeats."""
    on_uncertain: Literal["resend", "hold"]


@dataclass(frozen=True, slots=True)
class Beside:
    """A run whose letters the same owner has staged, queued by the commit that ends another run or queues it: its
    owner is told then, once, or not at all."""

    key: RunKey
    terms: Terms


# --- deliveries ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one envelope recipient."""

    id: int
    message: int
    run: str
    job: str
    message_id: str
    recipient: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    code: int | None
    enhanced: str
    verdict: str
    """The class of the last reply: a word of DELIVERY.md §4.1, empty before the first."""
    reply: str
    possible_duplicate: bool
    """True once it is to be sent again after an attempt whose outcome nobody could know."""
    updated_at: datetime | None = None
    """When its state last changed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message handed to one worker: the letter and those of its deliveries that are due."""

    message: int
    run: str
    job: str
    letter: Letter
    terms: Terms
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt at one delivery came to; `Outbox.journal` writes it."""

    delivery: int
    state: DeliveryState
    """The state to move to: from `sending` sent, deferred, failed, expired, uncertain, queued (not tried);
    from a claim without an intent all but sent and uncertain, and suppressed, held, cancelled."""
    at: datetime
    duration_ms: int
    phase: str
    """Where the reply came from: connect, greeting, ehlo, starttls, tls, auth, mail, rcpt, data, body, dot,
    local."""
    code: int | None
    enhanced: str
    verdict: str
    reply: str
    """The reply's text, truncated and without secrets."""
    next_attempt_at: datetime | None = None
    counts: bool = True
    """False: the attempt is not charged to the delivery (RATE, AUTH, another recipient's fault)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of `attempts`: what one try at a delivery came to."""

    delivery: int
    at: datetime
    state: DeliveryState
    """What the delivery became."""
    phase: str
    code: int | None
    enhanced: str
    verdict: str
    reply: str
    duration_ms: int
    counts: bool


@dataclass(frozen=True, slots=True)
class Journaled:
    """What one call of `Outbox.journal` changed."""

    intended: frozenset[int]
    """Deliveries that are `sending` now; these, and no others, may be sent."""
    lost: frozenset[int]
    """Deliveries whose claim was no longer the caller's: not to be sent, and their outcome was not
    written."""
    resent: frozenset[int]
    """Uncertain ones that will be sent again because their run says `on_uncertain: resend`."""
    ended: tuple[Run, ...]
    """Runs whose last open delivery this was."""
    late: frozenset[int] = frozenset()
    """Lost ones whose delivery is uncertain: the answer is kept beside it."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What `Outbox.recover` or `Outbox.expire` changed: the deliveries as they are now, and the runs that
    this ended."""

    deliveries: tuple[Delivery, ...]
    ended: tuple[Run, ...]
    more: bool = False
    """Whether there may be more to change: call again."""
