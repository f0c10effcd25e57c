"""Whose turn it is: the best priority first, and within it every job in turn, each with its earliest run.

Jobs take turns by name, like people around a table; a worker remembers whom it served last. So a job of a hundred
thousand letters, or one with five hundred runs waiting, never keeps another of its priority from being served.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, FromClause, Text, and_, bindparam, cast, func, select
from sqlalchemy.sql.elements import ColumnElement

from pipeline.ledger.prepared import Prepared, Values, fetch
from pipeline.ledger.records import Terms
from pipeline.ledger.schema import UtcTime, deliveries, instant, micros, runs
from pipeline.ledger.states import RunState


class Turn(NamedTuple):
    """A run whose turn it is."""

    id: int
    key: str
    job: str
    terms: Terms


_waiting = deliveries.alias("first_waiting")


def first_due(of: FromClause = runs) -> ColumnElement[datetime]:
    """When a run's first waiting delivery is due. A scalar of its own for each run, never a join: the planner has no
    choice but to look into the index once a run."""
    return (
        select(func.min(_waiting.c.next_attempt_at, type_=UtcTime))
        .where(_waiting.c.run_id == of.c.id, _waiting.c.owner.is_(None), _waiting.c.next_attempt_at.is_not(None))
        .correlate(of)
        .scalar_subquery()
    )


def has_due(of: FromClause = runs) -> ColumnElement[bool]:
    """Whether a run has deliveries that are due `now` and nobody's."""
    return and_(of.c.state == RunState.QUEUED, of.c.expires_at > bindparam("now"), first_due(of) <= bindparam("now"))


_best, _head = runs.alias("best"), runs.alias("head")
_mailer: ColumnElement[str] = bindparam("mailer")
_PRIORITY = (
    select(_best.c.priority)
    .where(_best.c.mailer == _mailer, has_due(_best))
    .order_by(_best.c.priority)
    .limit(1)
    .scalar_subquery()
)


def _turns(condition: ColumnElement[bool]) -> Prepared:
    # Grouped in the order of the index and limited: it reads the runs of so many jobs and no others.
    heads = (
        select(_head.c.job, func.min(_head.c.due, type_=UtcTime).label("due"))
        .where(_head.c.mailer == _mailer, has_due(_head), _head.c.priority == _PRIORITY, condition)
        .group_by(_head.c.job)
        .order_by(_head.c.job)
        .limit(bindparam("most"))
        .subquery("heads")
    )
    turns = (
        select(
            runs.c.id,
            runs.c.key,
            runs.c.job,
            runs.c.mailer,
            runs.c.expires_at,
            runs.c.priority,
            cast(runs.c.retry_seconds, Text),  # some drivers would take the JSON apart, some would not
            runs.c.on_uncertain,
        )
        .join(heads, and_(runs.c.job == heads.c.job, runs.c.due == heads.c.due))
        .where(runs.c.mailer == _mailer, runs.c.priority == _PRIORITY, has_due())
        .order_by(runs.c.job, runs.c.id)
    )
    return Prepared(turns, "mailer", "now", "after", "most")


_BEHIND = _turns(_head.c.job > bindparam("after"))
_FROM_THE_START = _turns(_head.c.job <= bindparam("after"))


def next_runs(connection: Connection, mailer: str, now: datetime, most: int, after: str) -> Sequence[Turn]:
    """The next `most` jobs' runs in turn, beginning behind the job `after`; all of one priority."""
    values = mailer, micros(now), after
    found = fetch(connection, _BEHIND, *values, most)
    if after and len(found) < most:
        found += fetch(connection, _FROM_THE_START, *values, most - len(found))
    return [_turn(row) for row in found]


def _turn(row: Values) -> Turn:
    number, key, job, mailer, expires_at, priority, retry_seconds, on_uncertain = row
    terms = Terms(mailer, instant(expires_at), priority, tuple(json.loads(retry_seconds)), on_uncertain)
    return Turn(number, key, job, terms)
