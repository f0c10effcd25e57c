"""Moves a run's deliveries from some states to another: all of them in the transaction that it is given, some hundred
at a time.

A run may have a million of them: of each only its number is kept.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, or_, select, update

from pipeline.ledger import suppressing
from pipeline.ledger.operator_records import Change, Note
from pipeline.ledger.paging import first_numbers
from pipeline.ledger.rows import AnyRow
from pipeline.ledger.schema import deliveries
from pipeline.ledger.states import DeliveryState

_PAGE = 500
"""Deliveries of one step: fewer than the values that every SQLite takes in a statement."""
_EXAMPLES = 3


@dataclass(slots=True)
class Moved:
    """What was moved; see `Acted`."""

    numbers: "array[int]" = field(default_factory=lambda: array("q"))
    was: Counter[DeliveryState] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, page: Sequence[AnyRow]) -> None:
        self.numbers.extend(row.id for row in page)
        self.was.update(DeliveryState(row.state) for row in page)
        self.examples += [row.recipient for row in page[: _EXAMPLES - len(self.examples)]]


def move(connection: Connection, run: AnyRow, change: Change, note: Note, *, delivery: int | None, anew: bool) -> Moved:
    """Moves what is in one of the change's states, or of that one delivery alone. `anew`: its attempts count from none,
    and who is suppressed stays so."""
    values = _values(change, note, anew=anew)
    moved = Moved()
    for page in _pages(connection, run, change, delivery):
        free = _without_suppressed(connection, run, page) if anew else page
        if free:
            connection.execute(update(deliveries).where(deliveries.c.id.in_([row.id for row in free])).values(**values))
            moved.add(free)
    return moved


def _pages(connection: Connection, run: AnyRow, change: Change, delivery: int | None) -> Iterator[Sequence[AnyRow]]:
    """Locked in the order in which the journal locks them, so that neither waits for the other."""
    locked = (
        select(deliveries.c.id, deliveries.c.state, deliveries.c.recipient)
        .where(deliveries.c.run_id == run.id, deliveries.c.state.in_(sorted(change.sources)))
        .order_by(deliveries.c.id)
        .with_for_update()
    )
    if delivery is not None:
        yield connection.execute(locked.where(deliveries.c.id == delivery)).all()
        return
    last = 0
    while numbers := connection.execute(first_numbers(run.id, change.sources, _PAGE, after=last)).scalars().all():
        yield connection.execute(locked.where(deliveries.c.id.in_(numbers))).all()
        last = numbers[-1]


def _without_suppressed(connection: Connection, run: AnyRow, page: Sequence[AnyRow]) -> Sequence[AnyRow]:
    barred = suppressing.barred(connection, run.job, run.mailer, [row.recipient for row in page])
    return [row for row in page if row.recipient not in barred] if barred else page


def _values(change: Change, note: Note, *, anew: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        "state": change.target,
        "next_attempt_at": note.at if change.target is DeliveryState.QUEUED else None,
        "owner": None,
        "lease_until": None,
        "possible_duplicate": or_(deliveries.c.possible_duplicate, deliveries.c.state == DeliveryState.UNCERTAIN),
        "updated_at": note.at,
    }
    return {**values, "attempts": 0} if anew else values
