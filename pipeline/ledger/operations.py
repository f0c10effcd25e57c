"""An operator's hand on the ledger: hold, release, resend, cancel. Each is one compare-and-set transaction
with an audit line; done twice, it changes nothing the second time.

What a worker has claimed and not begun is taken from it: its intent comes too late then (`Outbox.journal`),
and it sends nothing. What is being sent is out of reach.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, Engine, case, exists, func, or_, select, update

from pipeline.errors import IllegalTransitionError, LedgerError
from pipeline.ledger import staging
from pipeline.ledger.auditing import audit_of, write_audit
from pipeline.ledger.closing import close_ended
from pipeline.ledger.database import read, write
from pipeline.ledger.finding import by_keys
from pipeline.ledger.moving import move
from pipeline.ledger.operator_records import CHANGES, FAILED_ALONE, Acted, Action, AuditLine, Change, Note
from pipeline.ledger.paging import by_numbers
from pipeline.ledger.records import Delivery, Run, RunKey, Terms
from pipeline.ledger.rows import AnyRow, to_run, to_terms
from pipeline.ledger.schema import deliveries, runs
from pipeline.ledger.states import RUN_TRANSITIONS, DeliveryState, RunState

_PAGE = 500
"""Deliveries read in one statement."""
_REOPENED = frozenset(state for state, to in RUN_TRANSITIONS.items() if RunState.QUEUED in to) - {RunState.BUILDING}
_OPENED = _REOPENED | {RunState.QUEUED}
_QUEUED_ONCE = _OPENED | {RunState.DELIVERED}
_HOLDS = exists().where(deliveries.c.run_id == runs.c.id, deliveries.c.state == DeliveryState.HELD)


class Operations:
    """What an operator can do about runs and deliveries. Safe to share between threads.

    `delivery` narrows an action to one delivery of the run. Each raises LedgerError where there is no such
    run, and IllegalTransitionError where its deliveries are not in the outbox (it is due, building, skipped or failed).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def hold(self, run: RunKey, note: Note, *, delivery: int | None = None) -> Acted:
        """Keeps what waits from leaving, until it is released or cancelled."""
        return self._act(Action.HOLD, run, note, CHANGES[Action.HOLD], delivery=delivery)

    def release(self, run: RunKey, note: Note, terms: Terms, *, delivery: int | None = None) -> Acted:
        """Sends what is held or uncertain; an uncertain one goes as a possible duplicate.

        `terms` are for a run that has ended or whose time is over; one that is under way keeps its own.
        """
        return self._act(Action.RELEASE, run, note, CHANGES[Action.RELEASE], delivery=delivery, terms=terms)

    def resend(
        self, run: RunKey, note: Note, terms: Terms, *, failed: bool = True, delivery: int | None = None
    ) -> Acted:
        """Puts what was not sent into the outbox again, under fresh terms, its retries counted from none.

        `failed`: only what nobody decided against; else what was cancelled too. Whoever is suppressed stays so.
        """
        change = CHANGES[Action.RESEND]
        if failed:
            change = replace(change, sources=FAILED_ALONE)
        return self._act(Action.RESEND, run, note, change, delivery=delivery, terms=terms)

    def cancel(self, run: RunKey, note: Note, *, delivery: int | None = None) -> Acted:
        """Takes back what has not left. A run that is due or being built is skipped, with who and why."""
        if delivery is None:
            withdrawn = self._withdraw(run, note)
            if withdrawn is not None:
                return withdrawn
        return self._act(Action.CANCEL, run, note, CHANGES[Action.CANCEL], delivery=delivery)

    # --- looking --------------------------------------------------------------------------------------------

    def changed(self, acted: Acted) -> Iterator[Delivery]:
        """The deliveries that an action moved, as they are when they are read: a page at a time, the first first."""
        for first in range(0, len(acted.changed), _PAGE):
            with read(self._engine) as connection:
                page = by_numbers(connection, acted.changed[first : first + _PAGE])
            yield from page

    def run_of(self, delivery: int) -> RunKey | None:
        """The run of a delivery's number; None where there is no such delivery."""
        query = select(runs).join(deliveries, deliveries.c.run_id == runs.c.id).where(deliveries.c.id == delivery)
        with read(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else to_run(row).key

    def terms(self, run: RunKey, expires_at: datetime) -> Terms | None:
        """The terms that the run was last queued under, with another end; None where it never was."""
        with read(self._engine) as connection:
            row = _expect(connection, run)
        return None if row.mailer is None else replace(to_terms(row), expires_at=expires_at)

    def audit(self, run: RunKey) -> list[AuditLine]:
        """What operators did about the run, the first first."""
        return audit_of(self._engine, run)

    # --- inside ---------------------------------------------------------------------------------------------

    def _act(
        self,
        action: Action,
        key: RunKey,
        note: Note,
        change: Change,
        *,
        delivery: int | None,
        terms: Terms | None = None,
    ) -> Acted:
        with write(self._engine) as connection:
            row = _expect(connection, key)
            if row.state not in _QUEUED_ONCE:
                raise IllegalTransitionError(_not_queued(key, row, action))
            moved = move(connection, row, change, note, delivery=delivery, anew=action is Action.RESEND)
            changed = moved.numbers
            ended: tuple[Run, ...] = ()
            if changed and terms is not None:
                _reopen(connection, row.id, note, terms, always=action is Action.RESEND)
            elif changed:
                ended = close_ended(connection, [row.id], note.at)
            if changed:
                write_audit(connection, action, note, row.key, len(changed), run=row.id, delivery=delivery)
            now = to_run(_expect(connection, key))
            in_flight = _in_flight(connection, row.id, delivery)
            return Acted(now, changed, in_flight, ended, was=moved.was, examples=tuple(moved.examples))

    def _withdraw(self, key: RunKey, note: Note) -> Acted | None:
        """Skips a run that nobody has queued; None for one that is beyond that."""
        reason = f"cancelled by {note.who}{f': {note.why}' if note.why else ''}"
        early = (RunState.DUE, RunState.BUILDING)
        values = {"state": RunState.SKIPPED, "reason": reason, "ended_at": note.at, "owner": None, "lease_until": None}
        with write(self._engine) as connection:
            change = update(runs).where(runs.c.key == str(key), runs.c.state.in_(early)).values(**values)
            row = connection.execute(change.returning(runs)).one_or_none()
            if row is not None:
                write_audit(connection, Action.CANCEL, note, row.key, 0, run=row.id)
        if row is None:
            return None
        staging.remove(self._engine, key)
        return Acted(replace(to_run(row), messages=0, deliveries=0), (), 0, withdrawn=True)


def _expect(connection: Connection, key: RunKey) -> AnyRow:
    row = by_keys(connection, [str(key)]).get(str(key))
    if row is None:
        raise LedgerError(f"there is no run {key} in the ledger")
    return row


def _not_queued(key: RunKey, row: AnyRow, action: Action) -> str:
    todo = {
        RunState.DUE: "it has no messages yet; cancel it, or wait",
        RunState.BUILDING: "it has no finished messages yet; cancel it, or wait",
    }.get(
        RunState(row.state), f"it has no messages; `pipeline run {key.job} --at {key.due:%Y-%m-%dT%H:%M:%SZ}` builds it"
    )
    return f'run {key} is "{row.state}", so there is nothing to {action}: {todo}'


def _reopen(connection: Connection, run: int, note: Note, terms: Terms, *, always: bool) -> None:
    """The run is under way again; under the new terms, or under its own while these still hold."""
    values = {
        "state": RunState.QUEUED,
        "reason": case((_HOLDS, runs.c.reason), else_=""),  # why a gate or a review holds it, while it holds some
        "ended_at": None,
        "mailer": terms.mailer,
        "priority": terms.priority,
        "expires_at": terms.expires_at,
        "retry_seconds": list(terms.retry_seconds),
        "on_uncertain": terms.on_uncertain,
    }
    change = update(runs).where(runs.c.id == run, runs.c.state.in_(sorted(_OPENED)))
    if not always:
        change = change.where(or_(runs.c.state != RunState.QUEUED, runs.c.expires_at <= note.at))
    connection.execute(change.values(**values))


def _in_flight(connection: Connection, run: int, delivery: int | None) -> int:
    query = select(func.count()).where(deliveries.c.run_id == run, deliveries.c.state == DeliveryState.SENDING)
    if delivery is not None:
        query = query.where(deliveries.c.id == delivery)
    return connection.execute(query).scalar_one()
