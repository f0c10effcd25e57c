"""Bounces: reports that a mail came back after it was sent, each taken in once. The delivery stays as it is:
what a server took over was sent, whatever came later."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from pipeline.ledger import suppressing
from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.database import read, write
from pipeline.ledger.operator_records import Note
from pipeline.ledger.records import Delivery, RunKey
from pipeline.ledger.rows import DELIVERIES, AnyRow, to_delivery
from pipeline.ledger.schema import bounces, deliveries, messages, runs
from pipeline.ledger.suppressing import EVERYWHERE

WHO = "bounce"
"""Who suppresses an address that is dead."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What a report says about one recipient of one mail."""

    report: str
    """What the report is known by."""
    message_ids: tuple[str, ...]
    recipients: tuple[str, ...]
    """The names of the one recipient, in lower case; the first is how we wrote it."""
    at: datetime
    kind: str
    code: int | None
    enhanced: str
    reply: str
    suppress: bool
    """Whether its recipient must not be mailed any more."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of it."""

    new: bool
    """False: it was taken in before, and nothing changed."""
    delivery: Delivery | None
    """None: the ledger has no such mail, or no such recipient of it."""
    suppressed: bool


@dataclass(frozen=True, slots=True)
class Bounce:
    """One row of `bounces`, of a delivery."""

    delivery: int
    recipient: str
    at: datetime
    kind: str
    code: int | None
    enhanced: str
    reply: str


class Bounces:
    """The bounces of one ledger. Safe to share between threads; each call is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take_in(self, returned: Returned) -> TakenIn:
        """Keeps the report beside its delivery and suppresses a dead address; a second time changes nothing."""
        with write(self._engine) as connection:
            row = _match(connection, returned.message_ids, returned.recipients)
            if not _insert(connection, returned, row):
                return TakenIn(new=False, delivery=None, suppressed=False)
            delivery = None if row is None else to_delivery(row)
            suppressed = False
            if delivery is not None and returned.suppress:
                why = " ".join(str(word) for word in (returned.code or "", returned.enhanced, returned.reply) if word)
                note = Note(WHO, returned.at, why)
                suppressed = suppressing.add(connection, delivery.recipient, EVERYWHERE, note)
            return TakenIn(new=True, delivery=delivery, suppressed=suppressed)

    def of_run(self, run: RunKey | str) -> list[Bounce]:
        """The bounces of one run, the first first."""
        query = (
            select(bounces, deliveries.c.recipient.label("addressee"))
            .join(deliveries, deliveries.c.id == bounces.c.delivery_id)
            .join(runs, runs.c.id == bounces.c.run_id)
            .where(runs.c.key == str(run))
            .order_by(bounces.c.id)
        )
        with read(self._engine) as connection:
            return [
                Bounce(row.delivery_id, row.addressee, row.at, row.kind, row.code, row.enhanced, row.reply)
                for row in connection.execute(query)
            ]


def _insert(connection: Connection, returned: Returned, row: AnyRow | None) -> bool:
    values = {
        "report": returned.report,
        "recipient": returned.recipients[0] if returned.recipients else "",
        "run_id": None if row is None else row.run_id,
        "delivery_id": None if row is None else row.id,
        "at": returned.at,
        "kind": returned.kind,
        "code": returned.code,
        "enhanced": returned.enhanced,
        "reply": returned.reply,
    }
    return bool(insert_new(connection, bounces, [values], bounces.c.report))


def _match(connection: Connection, message_ids: Sequence[str], recipients: Collection[str]) -> AnyRow | None:
    """The delivery that a report is about. A mail to one recipient needs no name: it may have been forwarded."""
    for message_id in message_ids:
        rows = connection.execute(DELIVERIES.where(messages.c.message_id == message_id)).all()
        named = [row for row in rows if row.recipient.lower() in recipients]
        if named or len(rows) == 1:
            return (named or rows)[0]
    return None
