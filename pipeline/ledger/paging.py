"""A run's deliveries in the order of their numbers, some at a time: what that costs does not depend on how many it has.

An index has them by run, state and number: those of several states are read as one list for each state, and merged.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, union_all

from pipeline.ledger.records import Delivery
from pipeline.ledger.rows import DELIVERIES, to_delivery
from pipeline.ledger.schema import deliveries
from pipeline.ledger.states import DeliveryState


def first_numbers(run: int, states: Collection[DeliveryState], limit: int, *, after: int = 0) -> Select[int]:
    """The query for the lowest numbers above `after`, rising."""
    return _merged(run, states, limit, deliveries.c.id > after, falling=False)


def last_numbers(run: int, states: Collection[DeliveryState], limit: int, *, before: int | None = None) -> Select[int]:
    """The query for the highest numbers, below `before` where that is given, falling."""
    condition = None if before is None else deliveries.c.id < before
    return _merged(run, states, limit, condition, falling=True)


def by_numbers(connection: Connection, numbers: Sequence[int]) -> list[Delivery]:
    """Deliveries by their numbers, rising; those that are gone are left out."""
    rows = connection.execute(DELIVERIES.where(deliveries.c.id.in_(numbers)).order_by(deliveries.c.id))
    return [to_delivery(row) for row in rows]


def _merged(
    run: int, states: Collection[DeliveryState], limit: int, condition: ColumnElement[bool] | None, *, falling: bool
) -> Select[int]:
    def ordered(query: Select[Any], number: ColumnElement[int]) -> Select[Any]:
        return query.order_by(number.desc() if falling else number).limit(limit)

    def of(state: DeliveryState) -> Select[Any]:
        query = select(deliveries.c.id).where(deliveries.c.run_id == run, deliveries.c.state == state)
        if condition is not None:
            query = query.where(condition)
        return select(ordered(query, deliveries.c.id).subquery().c.id)  # SQLite wants limits in subqueries

    merged = union_all(*map(of, sorted(states))).subquery()
    return ordered(select(merged.c.id), merged.c.id)
