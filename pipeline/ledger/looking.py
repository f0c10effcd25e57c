"""Questions of people about deliveries: how many are in each state, and which, the latest first.

A run may have a million of them, and none of these answers reads more than it tells of, but for the counts: those
read an index. So the latest of several runs are found by the highest number in each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select

from pipeline.ledger.database import read
from pipeline.ledger.paging import by_numbers, last_numbers
from pipeline.ledger.records import Attempt, Delivery
from pipeline.ledger.rows import DELIVERIES, delivery_state, to_attempt, to_delivery
from pipeline.ledger.schema import attempts, deliveries, runs
from pipeline.ledger.states import UNSENDABLE, DeliveryState

_PAGE = 500
_STORED = frozenset(DeliveryState) - {DeliveryState.STAGED}


@dataclass(frozen=True, slots=True)
class Which:
    """Which deliveries are asked for; what is None does not matter."""

    run: str | None = None
    job: str | None = None
    state: DeliveryState | None = None
    recipient: str | None = None
    since: datetime | None = None
    """The due time of their run."""

    @property
    def stored(self) -> frozenset[DeliveryState]:
        """The states as the ledger has them: what is staged is stored as queued."""
        if self.state is None:
            return _STORED
        return frozenset({DeliveryState.QUEUED if self.state is DeliveryState.STAGED else self.state})

    def of_run(self) -> list[ColumnElement[bool]]:
        """What their runs must be like."""
        conditions: list[ColumnElement[bool]] = []
        if self.run is not None:
            conditions.append(runs.c.key == self.run)
        if self.job is not None:
            conditions.append(runs.c.job == self.job)
        if self.since is not None:
            conditions.append(runs.c.due >= self.since)
        if self.state is DeliveryState.STAGED:
            conditions.append(runs.c.state.in_(sorted(UNSENDABLE)))
        if self.state is DeliveryState.QUEUED:
            conditions.append(runs.c.state.not_in(sorted(UNSENDABLE)))
        return conditions


def counts(connection: Connection, which: Which) -> dict[DeliveryState, int]:
    """How many deliveries are in each state, of a run, of a job, or of all."""
    some = select(deliveries.c.run_id, deliveries.c.state, func.count().label("some"))
    if conditions := which.of_run():
        some = some.where(deliveries.c.run_id.in_(select(runs.c.id).where(*conditions)))
    each = some.group_by(deliveries.c.run_id, deliveries.c.state).subquery()  # in the order of the index
    staged = runs.c.state.in_(sorted(UNSENDABLE)) & (each.c.state == DeliveryState.QUEUED)
    query = (
        select(each.c.state, staged.label("staged"), func.sum(each.c.some).label("some"))
        .join(runs, runs.c.id == each.c.run_id)
        .group_by(each.c.state, staged)
    )
    return {
        DeliveryState.STAGED if row.staged else DeliveryState(row.state): int(row.some)
        for row in connection.execute(query)
    }


def newest(engine: Engine, which: Which, limit: int) -> Iterator[Delivery]:
    """The latest deliveries of those, the highest number first, read some hundred at a time."""
    if which.recipient is not None:
        yield from _to_somebody(engine, which, limit)
        return
    for page in _pages(engine, which, limit):
        with read(engine) as connection:
            found = by_numbers(connection, page)
        yield from reversed(found)


def attempts_at(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Attempt]]:
    """The attempts at each of these deliveries that was tried, the first first."""
    query = select(attempts).where(attempts.c.delivery_id.in_(numbers)).order_by(attempts.c.delivery_id, attempts.c.id)
    found: dict[int, list[Attempt]] = {}
    for row in connection.execute(query):
        found.setdefault(row.delivery_id, []).append(to_attempt(row))
    return found


def _to_somebody(engine: Engine, which: Which, limit: int) -> list[Delivery]:
    """An index leads to them: a person has few."""
    query = DELIVERIES.where(deliveries.c.recipient == which.recipient, *which.of_run())
    if which.state is not None:
        query = query.where(delivery_state == which.state)
    with read(engine) as connection:
        rows = connection.execute(query.order_by(deliveries.c.id.desc()).limit(limit))
        return [to_delivery(row) for row in rows]


def _pages(engine: Engine, which: Which, limit: int) -> Iterator[Sequence[int]]:
    if which == Which():
        yield from _of_all(engine, limit)
        return
    with read(engine) as connection:
        heads = _heads(connection, which, limit)
        if len(heads) > 1:
            numbers = _of_several(connection, heads, which, limit)
    if len(heads) > 1:
        yield from (numbers[first : first + _PAGE] for first in range(0, len(numbers), _PAGE))
    elif heads:
        yield from _of_one(engine, heads[0][1], which, limit)


def _heads(connection: Connection, which: Which, limit: int) -> list[tuple[int, int]]:
    """The runs that the latest can be of, each with its highest number: of as many runs as deliveries are asked for,
    those with the highest."""
    highest: dict[int, int] = {}
    for state in sorted(which.stored):
        top = (
            select(deliveries.c.id)
            .where(deliveries.c.run_id == runs.c.id, deliveries.c.state == state)
            .order_by(deliveries.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        each = select(runs.c.id, top.label("top")).where(*which.of_run()).subquery()
        query = select(each).where(each.c.top.is_not(None)).order_by(each.c.top.desc()).limit(limit)
        for row in connection.execute(query):
            highest[row.id] = max(row.top, highest.get(row.id, 0))
    return sorted(((top, run) for run, top in highest.items()), reverse=True)[:limit]


def _of_several(connection: Connection, heads: Sequence[tuple[int, int]], which: Which, limit: int) -> list[int]:
    numbers: list[int] = []
    for top, run in heads:
        if len(numbers) == limit and top < numbers[-1]:
            break
        found = connection.execute(last_numbers(run, which.stored, limit)).scalars()
        numbers = sorted([*numbers, *found], reverse=True)[:limit]
    return numbers


def _of_one(engine: Engine, run: int, which: Which, limit: int) -> Iterator[Sequence[int]]:
    return _in_pages(engine, limit, lambda most, last: last_numbers(run, which.stored, most, before=last))


def _of_all(engine: Engine, limit: int) -> Iterator[Sequence[int]]:
    def latest(most: int, last: int | None) -> Select[int]:
        query = select(deliveries.c.id).order_by(deliveries.c.id.desc()).limit(most)
        return query if last is None else query.where(deliveries.c.id < last)

    return _in_pages(engine, limit, latest)


def _in_pages(engine: Engine, limit: int, ask: Callable[[int, int | None], Select[int]]) -> Iterator[Sequence[int]]:
    """Each page is one statement, so that what changes its state meanwhile is neither told twice nor passed over."""
    last: int | None = None
    while limit > 0:
        with read(engine) as connection:
            page = connection.execute(ask(min(limit, _PAGE), last)).scalars().all()
        if not page:
            return
        yield page
        limit -= len(page)
        last = page[-1]
