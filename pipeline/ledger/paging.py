"""A run's deliveries in the order of their numbers, some at a time: what that costs does not depend on how many it has.

An index has them by run, state and number: those of several states are read as one list for each state, and merged.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Select, select, union_all

from pipeline.ledger.records import Delivery
from pipeline.ledger.rows import DELIVERIES, to_delivery
from pipeline.ledger.schema import deliveries
from pipeline.ledger.states import DeliveryState


def first_numbers(run: int, states: Collection[DeliveryState], limit: int, *, after: int = 0) -> Select[int]:
    """The query for the lowest numbers above `after`."""
    return _merged(run, states, limit, after)


def by_numbers(connection: Connection, numbers: Sequence[int]) -> list[Delivery]:
    """Deliveries by their numbers, in this order; those that are gone are left out."""
    rows = connection.execute(DELIVERIES.where(deliveries.c.id.in_(numbers)).order_by(deliveries.c.id))
    return [to_delivery(row) for row in rows]


def _merged(run: int, states: Collection[DeliveryState], limit: int, after: int) -> Select[int]:
    lists = [
        select(deliveries.c.id)
        .where(deliveries.c.run_id == run, deliveries.c.state == state, deliveries.c.id > after)
        .order_by(deliveries.c.id)
        .limit(limit)
        .subquery()
        for state in sorted(states)
    ]
    merged = union_all(*(select(one.c.id) for one in lists)).subquery()
    return select(merged.c.id).order_by(merged.c.id).limit(limit)
