"""Up to when the due times of each job have been handled, and by which schedule: what came before has its rows
in `runs`, what comes next is asked for by that schedule until another is put in force."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, bindparam, select, update

from pipeline.ledger.conflicts import insert_new
from pipeline.ledger.database import read, write
from pipeline.ledger.schema import watermarks

NEVER = "[]"
"""The schedule of a job that is disabled or no longer there."""
_SOME = 500
"""Jobs named in one statement."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far one job is."""

    handled_until: datetime
    schedule: str
    """As `schedule.remembered` writes it."""
    in_force_since: datetime


class Watermarks:
    """One a job. It only ever moves forward, also when two schedulers move it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def since(self, schedules: Mapping[str, str], now: datetime) -> dict[str, Watermark]:
        """Job → how far it was handled, and by which schedule. A job that is new here was handled up to `now`
        and has the schedule of `schedules` from then on, durably."""
        found = self.read(schedules)
        new = sorted(schedules.keys() - found.keys())
        if new:
            rows = [
                {"job": name, "handled_until": now, "schedule": schedules[name], "in_force_since": now} for name in new
            ]
            with write(self._engine) as connection:
                insert_new(connection, watermarks, rows, watermarks.c.job)
            found |= self.read(new)
        return found

    def put(self, schedules: Mapping[str, str], until: datetime) -> None:
        """All due times up to `until` have their rows; a schedule that is another than before is in force from then."""
        if not schedules:
            return
        names = sorted(schedules)
        behind = update(watermarks).where(watermarks.c.handled_until < until).values(handled_until=until)
        change = update(watermarks).where(watermarks.c.job == bindparam("of_job"))
        with write(self._engine) as connection:
            for first in range(0, len(names), _SOME):
                connection.execute(behind.where(watermarks.c.job.in_(names[first : first + _SOME])))
            known = connection.execute(select(watermarks.c.job, watermarks.c.schedule))
            changed = sorted(job for job, schedule in known if schedules.get(job, schedule) != schedule)
            if changed:
                connection.execute(
                    change.values(schedule=bindparam("now_in_force"), in_force_since=until),
                    [{"of_job": name, "now_in_force": schedules[name]} for name in changed],
                )

    def retire(self, but: Collection[str], now: datetime) -> None:
        """Jobs that are no longer there are due no more; one that comes back begins anew."""
        kept = set(but)
        with read(self._engine) as connection:
            rows = connection.execute(select(watermarks.c.job).where(watermarks.c.schedule != NEVER)).scalars()
            gone = [name for name in rows if name not in kept]
        self.put(dict.fromkeys(gone, NEVER), now)

    def read(self, jobs: Collection[str]) -> dict[str, Watermark]:
        """Of those that are known."""
        wanted = set(jobs)
        with read(self._engine) as connection:
            rows = connection.execute(select(watermarks)).all()
        return {
            row.job: Watermark(row.handled_until, row.schedule, row.in_force_since) for row in rows if row.job in wanted
        }
