"""Questions about runs: by key, by what a person typed, by job and time."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Literal

from sqlalchemy import Connection, Engine, bindparam, func, select

from pipeline.errors import LedgerError, UsageError
from pipeline.ledger.database import read
from pipeline.ledger.records import Run, RunKey, Turn
from pipeline.ledger.rows import AnyRow, to_run
from pipeline.ledger.schema import UtcTime, deliveries, messages, runs
from pipeline.ledger.states import ABANDONED, RunState

_PAGE = 500
"""Rows asked for in one statement."""


def by_keys(connection: Connection, keys: Sequence[str]) -> dict[str, AnyRow]:
    """The rows of those keys that exist."""
    found: dict[str, AnyRow] = {}
    for first in range(0, len(keys), _PAGE):
        rows = connection.execute(select(runs).where(runs.c.key.in_(keys[first : first + _PAGE])))
        found |= {row.key: row for row in rows}
    return found


def expect(engine: Engine, key: RunKey) -> Run:
    """The run of a key that must be there. Raises LedgerError."""
    with read(engine) as connection:
        row = by_keys(connection, [str(key)]).get(str(key))
    if row is None:
        raise LedgerError(f"there is no run {key} in the ledger")
    return to_run(row)


def next_variant(engine: Engine, job: str, due: datetime, kind: Literal["test", "again", "notice"]) -> RunKey:
    """The first free number of a kind."""
    with read(engine) as connection:
        taken = connection.execute(
            select(runs.c.variant).where(
                runs.c.job == job, runs.c.due == due, runs.c.variant.startswith(f"{kind}-", autoescape=True)
            )
        ).scalars()
        numbers = [int(variant.removeprefix(f"{kind}-")) for variant in taken]
    return RunKey(job, due, f"{kind}-{max(numbers, default=0) + 1}")


def resolve(engine: Engine, text: str) -> Run:
    """The run whose key is `text` or, alone, begins with it; what an owner was told about a run is meant only by
    whoever writes the `+`. Raises UsageError naming the candidates."""
    with read(engine) as connection:
        exact = by_keys(connection, [text]).get(text)
        if exact is not None:
            return to_run(exact)
        query = select(runs).where(runs.c.key.startswith(text, autoescape=True))
        if "+" not in text:
            query = query.where(~runs.c.variant.startswith("notice-"))
        rows = connection.execute(query.order_by(runs.c.due.desc(), runs.c.id.desc()).limit(6)).all()
        if len(rows) == 1:
            return to_run(rows[0])
        if rows:
            shown = ", ".join(row.key for row in rows[:5]) + (", …" if len(rows) > 5 else "")
            raise UsageError(f'"{text}" means more than one run: {shown}; write more of the one that you mean')
        recent = connection.execute(select(runs.c.key).order_by(runs.c.due.desc()).limit(1000)).scalars()
        near = get_close_matches(text, recent, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; `pipeline runs` lists what there is"
    raise UsageError(f'there is no run "{text}"{hint}')


def find(
    engine: Engine,
    *,
    job: str | None,
    state: RunState | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> list[Run]:
    """Runs due within [since, until), the latest first; what its owner was told about a run comes after it."""
    told = runs.c.variant.startswith("notice-")
    query = select(runs).order_by(runs.c.due.desc(), told, runs.c.id.desc()).limit(limit)
    if job is not None:
        query = query.where(runs.c.job == job)
    if state is not None:
        query = query.where(runs.c.state == state)
    if since is not None:
        query = query.where(runs.c.due >= since)
    if until is not None:
        query = query.where(runs.c.due < until)
    with read(engine) as connection:
        return [to_run(row) for row in connection.execute(query)]


def open_runs(engine: Engine, job: str) -> list[Run]:
    """The job's runs in which something is still to happen, the earliest first."""
    unfinished = [RunState.DUE, RunState.BUILDING, RunState.QUEUED]
    query = select(runs).where(runs.c.job == job, runs.c.state.in_(unfinished))
    with read(engine) as connection:
        return [to_run(row) for row in connection.execute(query.order_by(runs.c.due, runs.c.id))]


def turns(engine: Engine, now: datetime, limit: int) -> list[Turn]:
    """The first and the latest due run of each job that has one, of real runs that wait for a builder and for nothing
    else: the longest due first. What a job has waiting behind its first is not read: there is no end to it."""
    waits = runs.c.not_before.is_(None) | (runs.c.not_before <= now)
    first, last = (f(runs.c.due, type_=UtcTime) for f in (func.min, func.max))
    building = select(runs.c.job).where(runs.c.state == RunState.BUILDING)
    heads = (
        select(runs.c.job, first.label("first"), last.label("last"), runs.c.job.in_(building).label("busy"))
        .where(runs.c.state == RunState.DUE, runs.c.variant == "", waits)
        .group_by(runs.c.job)
        .order_by(first, runs.c.job)
        .limit(limit)
    )
    with read(engine) as connection:
        found = connection.execute(heads).all()
        keys = [str(RunKey(row.job, due)) for row in found for due in {row.first, row.last}]
        rows = by_keys(connection, keys)
    due = {key: to_run(row) for key, row in rows.items()}
    return [
        Turn(due[str(RunKey(row.job, row.first))], due[str(RunKey(row.job, row.last))], bool(row.busy))
        for row in found
    ]  # fmt: skip


def busy_jobs(engine: Engine) -> set[str]:
    """Jobs of which a run is being built."""
    query = select(runs.c.job).where(runs.c.state == RunState.BUILDING).distinct()
    with read(engine) as connection:
        return set(connection.execute(query).scalars())


def message_ids(engine: Engine, key: RunKey) -> Iterator[tuple[str, int]]:
    """Message-ID and number of deliveries of each message of a run, in pages: a run may have a million."""
    query = (
        select(messages.c.id, messages.c.message_id, func.count().label("recipients"))
        .join(runs, runs.c.id == messages.c.run_id)
        .join(deliveries, deliveries.c.message_id == messages.c.id)
        .where(runs.c.key == str(key), messages.c.id > bindparam("after"))
        .group_by(messages.c.id, messages.c.message_id)
        .order_by(messages.c.id)
        .limit(_PAGE)
    )
    after = 0
    while True:
        with read(engine) as connection:
            page = connection.execute(query, {"after": after}).all()
        yield from ((row.message_id, row.recipients) for row in page)
        if len(page) < _PAGE:
            return
        after = page[-1].id


def littered(engine: Engine) -> list[RunKey]:
    """Runs that ended without sending and still have staged messages."""
    ended = runs.c.state.in_(sorted(ABANDONED))
    with read(engine) as connection:
        return [to_run(row).key for row in connection.execute(select(runs).where(ended, runs.c.messages > 0))]
