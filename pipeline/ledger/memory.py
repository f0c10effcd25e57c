"""Each run's origin, one row beside it: written when the run is queued or skipped, read by the next one's gate."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, select

from pipeline.ledger.database import read
from pipeline.ledger.kept_records import Before, Ingredient, Kept, Origin, Trouble
from pipeline.ledger.records import Artifact, Part, RunKey
from pipeline.ledger.rows import AnyRow
from pipeline.ledger.schema import artifacts, messages, origins, parts, runs
from pipeline.ledger.states import RunState

_WENT_OUT = (RunState.QUEUED, RunState.DELIVERED, RunState.PARTLY_DELIVERED)


class Memory:
    """What the runs of one ledger were made from, and what they keep. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def before(self, key: RunKey) -> Before:
        """What the gate of this run may ask of the job's real runs that were due earlier."""
        earlier = (
            select(runs.c.due, origins)
            .join(runs, runs.c.id == origins.c.run_id)
            .where(runs.c.job == key.job, runs.c.variant == "", runs.c.due < key.due)
            .order_by(runs.c.due.desc())
            .limit(1)
        )
        tried = (
            select(runs.c.state, origins.c.passed)
            .outerjoin(origins, runs.c.id == origins.c.run_id)
            .where(runs.c.job == key.job, runs.c.variant == "", runs.c.due < key.due)
            .where((runs.c.state == RunState.FAILED) | origins.c.run_id.is_not(None))
            .order_by(runs.c.due.desc())
            .limit(1)
        )
        with read(self._engine) as connection:
            latest = connection.execute(earlier).one_or_none()
            sent = connection.execute(earlier.where(runs.c.state.in_(_WENT_OUT))).one_or_none()
            last = connection.execute(tried).one_or_none()
        return Before(
            sent_due=sent.due if sent else None,
            values={name: _kept(value) for name, value in sent.kept.items()} if sent else {},
            armed=latest.armed if latest else True,
            trouble=_trouble(last) if last else "",
        )

    def last_sent(self, key: RunKey) -> RunKey | None:
        """The job's last real run that was due before this one and whose messages went out."""
        query = (
            select(runs.c.due)
            .where(runs.c.job == key.job, runs.c.variant == "", runs.c.due < key.due, runs.c.state.in_(_WENT_OUT))
            .order_by(runs.c.due.desc())
            .limit(1)
        )
        with read(self._engine) as connection:
            due = connection.execute(query).scalar()
        return None if due is None else RunKey(key.job, due)

    def origin(self, key: RunKey) -> Origin | None:
        """What a run was made from; None for one that was not built to its end."""
        query = select(origins).join(runs, runs.c.id == origins.c.run_id).where(runs.c.key == str(key))
        with read(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return Origin(
            values={name: _kept(value) for name, value in row.kept.items()},
            armed=row.armed,
            passed=row.passed,
            ingredients=tuple(Ingredient(*item) for item in row.ingredients),
        )

    def artifacts(self, key: RunKey) -> list[Part]:
        """The files and pictures of a run's messages, each once under each of its names; at most a thousand."""
        mine = (
            select(messages.c.enclosure_id)
            .where(messages.c.run_id == select(runs.c.id).where(runs.c.key == str(key)).scalar_subquery())
            .distinct()
        )
        query = (
            select(parts.c.filename, parts.c.disposition, parts.c.cid, artifacts)
            .join(artifacts, artifacts.c.sha256 == parts.c.sha256)
            .where(parts.c.enclosure_id.in_(mine))
            .distinct()
            .order_by(parts.c.disposition, parts.c.filename, artifacts.c.sha256)
            .limit(1000)
        )
        with read(self._engine) as connection:
            rows = connection.execute(query).all()
        return [
            Part(Artifact(row.sha256, row.size, row.media_type), row.filename, row.disposition, row.cid) for row in rows
        ]


def keep(connection: Connection, run_id: int, origin: Origin) -> None:
    """Writes a run's origin, in place of what an earlier build of it left."""
    connection.execute(delete(origins).where(origins.c.run_id == run_id))
    connection.execute(
        origins.insert().values(
            run_id=run_id,
            armed=origin.armed,
            passed=origin.passed,
            kept={name: _as_json(value) for name, value in origin.values.items()},
            ingredients=[[item.path, item.sha256, item.size] for item in origin.ingredients],
        )
    )


def _trouble(row: AnyRow) -> Trouble:
    if row.state == RunState.FAILED:
        return "failed"
    return "" if row.passed else "gate"


def _as_json(value: Kept) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, timedelta):
        return {"microseconds": value // timedelta(microseconds=1)}
    return value


def _kept(value: Any) -> Kept:
    if not isinstance(value, dict):
        return value  # type: ignore[no-any-return]
    if "time" in value:
        return datetime.fromisoformat(value["time"])
    return timedelta(microseconds=value["microseconds"])
