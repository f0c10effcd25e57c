"""What the delivery room asks of others, and what every mailer looks like. Protocols and plain values
only."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipeline.delivery.verdict import Verdict
from pipeline.ledger.records import Claim, Delivery, Journaled, Outcome, Swept
from pipeline.ledger.ways import Asking, Circuit, Taken

Clock = Callable[[], datetime]
"""Now, zone-aware UTC."""
ReadBase64 = Callable[[str], bytes]
"""SHA-256 of an artifact → its base64 in CRLF lines; OSError where it cannot be read."""
Sign = Callable[[Sequence[bytes], Collection[bytes]], bytes]
"""The chunks of a message and those of them that are an artifact's base64 → header fields to go in front of it."""


def unsigned(_chunks: Sequence[bytes], _shared: Collection[bytes]) -> bytes:
    """The Sign of a mailer without a key."""
    return b""


Note = Callable[[str, Verdict], object]
"""What is done differently from now on, and the answer for which it is."""


def unnoted(_change: str, _verdict: Verdict) -> None:
    """The Note of somebody whom nobody asks."""


Barred = Callable[[Sequence[Claim], str], Mapping[int, str]]
"""Claims and their mailer → the deliveries among them that must not be sent, and why (suppressions)."""


def nobody_barred(claims: Sequence[Claim], mailer: str) -> Mapping[int, str]:  # noqa: ARG001 - a `Barred`
    """For workers without suppressions."""
    return {}


class Outbox(Protocol):
    """What the worker needs of `ledger.outbox.Outbox`."""

    def take(self, asking: Asking) -> Taken: ...

    def journal(
        self, intents: Sequence[int], outcomes: Sequence[Outcome], owner: str, now: datetime, *, metered: str = ""
    ) -> Journaled: ...

    def circuit(self, mailer: str) -> Circuit | None: ...

    def change_circuit(
        self, mailer: str, change: Callable[[Circuit | None], Circuit | None]
    ) -> tuple[Circuit | None, Circuit | None]: ...

    def begin_metering(self, mailer: str, now: datetime) -> None: ...

    def release(self, owner: str) -> int: ...

    def extend(self, owner: str, until: datetime) -> int: ...

    def owners(self) -> set[str]: ...

    def recover(self, now: datetime, dead: Collection[str] = (), living: Collection[str] = ()) -> Swept: ...

    def expire(self, now: datetime) -> Swept: ...

    def next_due(self, mailer: str, now: datetime) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Result:
    """What a mailer says about one attempt at one delivery."""

    claim: Claim
    delivery: Delivery
    verdict: Verdict
    duration_ms: int
    bytes: int


class Desk(Protocol):
    """What a mailer works at: letters in, intents and results out. The worker stands behind it."""

    @property
    def stopping(self) -> bool:
        """Whether the mailer is to finish what is in flight and end."""

    @property
    def paused(self) -> bool:
        """Whether nothing may be sent at present."""

    def take(self, limit: int) -> Sequence[Claim]:
        """At most `limit` letters to send now; none where nothing is due, the mailer is paused, or it is
        to end."""

    def journal(self, intents: Sequence[Delivery], results: Sequence[Result]) -> frozenset[int]:
        """Makes both durable in one commit and returns the ids of the deliveries that may be sent now.

        An intent that is not among them was lost to another worker: its letter must not be sent.
        """

    def tell(self) -> None:
        """Writes to the log what `journal` made durable: to be called once what waited for the commit is under way.

        Whatever is asked of the desk later does it first, so that nothing is told out of order.
        """

    def give_back(self, claims: Sequence[tuple[Claim, Sequence[Delivery]]]) -> None:
        """Deliveries that were taken and not tried."""

    def rest(self, usual: float) -> float:
        """Seconds after which to ask again where `take` gave less than was asked for: `usual`, or less where the
        mailer's limits let more through before."""

    def pause(self, verdict: Verdict) -> None:
        """The way out does not work at present: nothing more is to be taken until a while has passed."""

    def adapted(self, change: str, verdict: Verdict) -> None:
        """The server does not do what it offers: what is done differently from now on, for its operators."""

    def beat(self) -> None:
        """To be called at least every few seconds while letters are held: keeps their lease."""


class Mailer(Protocol):
    """A way out."""

    @property
    def name(self) -> str: ...

    def run(self, desk: Desk) -> None:
        """Works until the desk gives nothing more and everything taken has a result or is given back."""

    def tend(self) -> None:
        """Between runs: ends what has been idle for too long."""

    def close(self) -> None:
        """The end: connections are closed politely, as far as that takes no time."""
