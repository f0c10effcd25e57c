"""The life of runs, from due to delivered. Every change is compare-and-set: who comes second is told."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.sql.elements import ColumnElement

from pipeline.errors import IllegalTransitionError, LedgerError
from pipeline.ledger import finding, histories, memory, staging
from pipeline.ledger.closing import close_ended
from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.database import read, write
from pipeline.ledger.kept_records import Origin
from pipeline.ledger.records import Beside, Letter, Run, RunKey, Terms, Turn
from pipeline.ledger.rows import AnyRow, to_run
from pipeline.ledger.schema import runs
from pipeline.ledger.states import RUN_TRANSITIONS, RunState

Ended: TypeAlias = tuple[Literal[RunState.SKIPPED, RunState.MISSED], str]
"""What became of a due time that is not to be built, and why."""


class Runs:
    """The runs of one ledger. Safe to share between threads; each call is one transaction, except
    `unstage`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- being there ----------------------------------------------------------------------------------------

    def ensure(self, key: RunKey, now: datetime) -> tuple[Run, bool]:
        """The run of this key, and whether this call created it (as due). However many ask, it exists
        once."""
        created = self.ensure_all([key], now)
        return finding.expect(self._engine, key), key in created

    def ensure_all(
        self, keys: Collection[RunKey], now: datetime, ended: Mapping[RunKey, Ended] = MappingProxyType({})
    ) -> frozenset[RunKey]:
        """As `ensure`, for many at once and in one commit: ten thousand due times of one minute. Which of them this
        call created.

        Those in `ended` are made as skipped or missed, with their reason: nobody can begin to build them in between.
        """
        if not keys:
            return frozenset()
        named = {str(key): key for key in keys}
        rows = [_new(key, name, now, ended.get(key)) for name, key in sorted(named.items())]
        with write(self._engine) as connection:
            created = insert_new(connection, runs, rows, runs.c.key)
        return frozenset(named[name] for name in created)

    def next_variant(self, job: str, due: datetime, kind: Literal["test", "again", "notice"]) -> RunKey:
        """`test-1` or the first number after those that exist. Another may take it too: `ensure` says who was
        first."""
        return finding.next_variant(self._engine, job, due, kind)

    # --- building -------------------------------------------------------------------------------------------

    def start(
        self,
        key: RunKey,
        owner: str,
        lease_until: datetime,
        now: datetime,
        *,
        period: tuple[datetime, datetime] | None = None,
    ) -> Run | None:
        """Begins to build a due run; None when somebody else is building it.

        `owner` must be new for each build: it is what a builder that was given up is told apart by. What an
        earlier builder left staged is removed first. Raises IllegalTransitionError when the run is beyond
        building.
        """
        before = finding.expect(self._engine, key)
        if before.state is RunState.DUE and before.messages:
            self.unstage(key)
        start, end = period or (before.period_start, before.period_end)
        values = {
            "owner": owner,
            "lease_until": lease_until,
            "started_at": now,
            "reason": "",
            "period_start": start,
            "period_end": end,
            "builds": runs.c.builds + 1,
        }
        try:
            return self._change(key, RunState.BUILDING, values, runs.c.messages == 0)
        except IllegalTransitionError:
            if finding.expect(self._engine, key).state is RunState.BUILDING:
                return None
            raise

    def beat(self, key: RunKey, owner: str, lease_until: datetime) -> bool:
        """Says that the builder lives, until then; False when the run is no longer its to build, and it must
        stop."""
        mine = (runs.c.key == str(key), runs.c.state == RunState.BUILDING, runs.c.owner == owner)
        with write(self._engine) as connection:
            changed = connection.execute(update(runs).where(*mine).values(lease_until=lease_until))
        return changed.rowcount == 1

    def stage(self, key: RunKey, owner: str, letters: Sequence[Letter]) -> None:
        """Writes a batch of letters, unsendable until `queue`; all of the batch or nothing.

        Raises LedgerError when the run is not this owner's to build (any more), or when the run has a message
        for one of the recipients already, or the ledger one of the Message-IDs.
        """
        staging.stage(self._engine, key, owner, letters)

    def unstage(self, key: RunKey) -> int:
        """Removes what was staged for a run that is due, skipped or failed; how many messages that were.

        Raises LedgerError for a run in another state: its messages are somebody's.
        """
        removed = staging.remove(self._engine, key)
        if removed is None:
            state = finding.expect(self._engine, key).state
            raise LedgerError(f'the messages of run {key} cannot be removed: it is "{state}"')
        return removed

    def queue(
        self,
        key: RunKey,
        owner: str,
        terms: Terms,
        now: datetime,
        *,
        origin: Origin | None = None,
        held: str = "",
        beside: Sequence[Beside] = (),
    ) -> Run:
        """Makes all that was staged sendable, by one update of one row.

        With `held`, the reason, all of it is held instead, until somebody releases it. Raises LedgerError when
        nothing was staged (skip such a run) or the run is not this owner's to build.
        """
        values = {**_queued(terms, now), "reason": held}
        with write(self._engine) as connection:
            run = self._change_in(connection, key, RunState.QUEUED, values, runs.c.messages > 0, owner=owner)
            _queue_beside(connection, beside, owner, now)
            if origin is not None:
                memory.keep(connection, run.id, origin)
            if not held:
                return to_run(run)
            staging.hold_all(connection, run.id, now)
            return close_ended(connection, [run.id], now)[0]

    # --- not building ---------------------------------------------------------------------------------------

    def postpone(self, key: RunKey, owner: str, reason: str, until: datetime) -> Run:
        """Gives a run that is being built back until then: it is due, and its builder is free for others."""
        values = {
            "owner": None, "lease_until": None, "not_before": until, "reason": reason, "builds": runs.c.builds - 1
        }  # fmt: skip
        return self._change(key, RunState.DUE, values, owner=owner)

    def skip(
        self,
        key: RunKey,
        reason: str,
        now: datetime,
        *,
        owner: str | None = None,
        origin: Origin | None = None,
        beside: Sequence[Beside] = (),
    ) -> Run:
        """Ends a due or building run without sending: nothing is wrong. With `owner`, only if it is its
        builder."""
        return self._abandon(key, RunState.SKIPPED, reason, now, owner=owner, origin=origin, beside=beside)

    def abandon(self, key: RunKey, state: RunState, reason: str, now: datetime) -> Run:
        """Ends a due run in one of the states that have no message."""
        return self._abandon(key, state, reason, now, owner=None)

    def fail(
        self,
        key: RunKey,
        reason: str,
        now: datetime,
        *,
        owner: str | None = None,
        beside: Sequence[Beside] = (),
    ) -> Run:
        """Ends a due or building run without sending: something is wrong, and somebody must be told."""
        return self._abandon(key, RunState.FAILED, reason, now, owner=owner, beside=beside)

    def reopen(self, key: RunKey, now: datetime) -> Run:
        """Makes an abandoned run due again: somebody has mended what was wrong, or wants it all the same. It counts as
        due since now, and as never built: whoever looks after due runs does not find it too old at once."""
        values = {"reason": "", "ended_at": None, "not_before": None, "builds": 0, "created_at": now}
        return self._change(key, RunState.DUE, values)

    def recover(self, now: datetime, dead: Collection[str] = ()) -> list[Run]:
        """Runs whose builder died (its lease ended, or it is among `dead`) become due again; those runs.

        Finishes the removal of staged messages where that was cut short.
        """
        gone = (runs.c.lease_until <= now) | runs.c.owner.in_(sorted(dead))
        with write(self._engine) as connection:
            rows = connection.execute(
                update(runs)
                .where(runs.c.state == RunState.BUILDING, gone)
                .values(state=RunState.DUE, owner=None, lease_until=None)
                .returning(runs)
            ).all()
        for key in finding.littered(self._engine):
            staging.remove(self._engine, key)
        return [to_run(row) for row in sorted(rows, key=lambda row: row.due)]

    # --- looking --------------------------------------------------------------------------------------------

    def get(self, key: RunKey | str) -> Run | None:
        """The run of exactly this key."""
        with read(self._engine) as connection:
            row = finding.by_keys(connection, [str(key)]).get(str(key))
        return None if row is None else to_run(row)

    def resolve(self, text: str) -> Run:
        """The run that a person means: a whole key, or the beginning of exactly one.

        Raises UsageError with the candidates otherwise.
        """
        return finding.resolve(self._engine, text)

    def find(
        self,
        *,
        job: str | None = None,
        state: RunState | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """Runs due within [since, until), the latest first."""
        return finding.find(self._engine, job=job, state=state, since=since, until=until, limit=limit)

    def open_runs(self, job: str) -> list[Run]:
        """The job's runs that are due, building or queued, tests included; the earliest first."""
        return finding.open_runs(self._engine, job)

    def turns(self, now: datetime, limit: int = 1000) -> list[Turn]:
        """Each job's first due run, the longest due first. Tests and repetitions are their asker's to build."""
        return finding.turns(self._engine, now, limit)

    def busy_jobs(self) -> set[str]:
        """Jobs of which a run is being built, by whomever."""
        return finding.busy_jobs(self._engine)

    def history_begins(self, job: str) -> datetime | None:
        """Rows of its due times before then were pruned; None where none ever was."""
        return histories.history_begins(self._engine, job)

    def message_ids(self, key: RunKey) -> Iterator[tuple[str, int]]:
        """Message-ID and number of deliveries of each of the run's messages, in the order of staging."""
        return finding.message_ids(self._engine, key)

    # --- changing -------------------------------------------------------------------------------------------

    def _abandon(
        self,
        key: RunKey,
        to: RunState,
        reason: str,
        now: datetime,
        *,
        owner: str | None,
        origin: Origin | None = None,
        beside: Sequence[Beside] = (),
    ) -> Run:
        values = {"reason": reason, "ended_at": now, "owner": None, "lease_until": None, "not_before": None}
        with write(self._engine) as connection:
            row = self._change_in(connection, key, to, values, owner=owner)
            _queue_beside(connection, beside, owner or "", now)
            if origin is not None:
                memory.keep(connection, row.id, origin)
        run = to_run(row)
        if not run.messages:
            return run
        self.unstage(key)
        return finding.expect(self._engine, key)

    def _change(
        self,
        key: RunKey,
        to: RunState,
        values: Mapping[str, Any],
        *conditions: ColumnElement[bool],
        owner: str | None = None,
    ) -> Run:
        with write(self._engine) as connection:
            return to_run(self._change_in(connection, key, to, values, *conditions, owner=owner))

    def _change_in(
        self,
        connection: Connection,
        key: RunKey,
        to: RunState,
        values: Mapping[str, Any],
        *conditions: ColumnElement[bool],
        owner: str | None = None,
    ) -> AnyRow:
        sources = sorted(state for state, targets in RUN_TRANSITIONS.items() if to in targets)
        change = update(runs).where(runs.c.key == str(key), runs.c.state.in_(sources), *conditions)
        if owner is not None:
            change = change.where(runs.c.owner == owner)
        row = connection.execute(change.values(state=to, **values).returning(runs)).one_or_none()
        if row is None:
            there = connection.execute(select(runs).where(runs.c.key == str(key))).one_or_none()
            raise _refusal(key, to, there, owner)
        return row


def _new(key: RunKey, name: str, now: datetime, ended: Ended | None) -> dict[str, Any]:
    if key.due.utcoffset() != timedelta(0) or key.due.microsecond:
        raise LedgerError(f"{key.due.isoformat()} cannot be a due time: due times are whole seconds in UTC")
    return {
        "key": name,
        "job": key.job,
        "due": key.due,
        "variant": key.variant,
        "state": ended[0] if ended else RunState.DUE,
        "reason": ended[1] if ended else "",
        "ended_at": now if ended else None,
        "messages": 0,
        "deliveries": 0,
        "builds": 0,
        "created_at": now,
    }


def _queued(terms: Terms, now: datetime) -> dict[str, Any]:
    return {
        "mailer": terms.mailer,
        "priority": terms.priority,
        "expires_at": terms.expires_at,
        "retry_seconds": list(terms.retry_seconds),
        "on_uncertain": terms.on_uncertain,
        "queued_at": now,
        "owner": None,
        "lease_until": None,
        "not_before": None,
    }


def _queue_beside(connection: Connection, beside: Sequence[Beside], owner: str, now: datetime) -> None:
    """Those that are not this owner's any more stay as they are: a notice never stops what it is about."""
    for one in beside:
        mine = (runs.c.key == str(one.key), runs.c.state == RunState.BUILDING, runs.c.owner == owner)
        change = update(runs).where(*mine, runs.c.messages > 0)
        connection.execute(change.values(state=RunState.QUEUED, **_queued(one.terms, now)))


def _refusal(key: RunKey, to: RunState, there: AnyRow | None, owner: str | None) -> LedgerError:
    if there is None:
        return LedgerError(f"there is no run {key} in the ledger")
    if to not in RUN_TRANSITIONS[RunState(there.state)]:
        return IllegalTransitionError(f'run {key} is "{there.state}" and cannot become "{to}"')
    if owner is not None and there.owner != owner:
        holder = f"was given to another builder ({there.owner})" if there.owner else "is nobody's any more"
        return LedgerError(f"run {key} {holder}; the work of {owner} on it is void")
    if to is RunState.QUEUED:
        return LedgerError(f"run {key} has no messages to queue; skip it, with the reason")
    return LedgerError(f"run {key} changed while it was looked at; try again")
