"""Turns due times that have passed into runs: a row in the ledger for each, to be built or with the reason why not.

The ledger keeps, for each job, up to when its due times have been handled. A start after a week of downtime, a
wake-up on the second and a reload are the same call: everything since then is decided by `plan_missed`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.jobs.model import Job
from pipeline.ledger.records import RunKey
from pipeline.ledger.runs import Runs
from pipeline.ledger.watermarks import Watermarks
from pipeline.observe.log import Emit
from pipeline.schedule.missed import Missed, plan_missed


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans for several jobs in two commits, however many are due at once. Safe to call again: a run exists once."""

    runs: Runs
    watermarks: Watermarks
    clock: Callable[[], datetime]
    emit: Emit

    def handle(self, jobs: Sequence[Job]) -> int:
        """Writes a row for each due time since the last call; how many runs are to be built now."""
        now = self.clock()
        handled = self.watermarks.since([job.name for job in jobs], now)
        decisions = {
            RunKey(job.name, missed.due): missed
            for job in jobs
            if job.enabled
            for missed in plan_missed(job.schedule, handled[job.name], now)
        }
        skipped = {key: missed.reason for key, missed in decisions.items() if not missed.run}
        made = self.runs.ensure_all(list(decisions), now, skipped)
        for run, created in made:
            if created:
                self._tell(run.key, decisions[run.key])
        self.watermarks.put([job.name for job in jobs], now)
        return sum(created and decisions[run.key].run for run, created in made)

    def _tell(self, key: RunKey, missed: Missed) -> None:
        event = "run.due" if missed.run else "run.skipped" if missed.holiday else "run.missed"
        self.emit(event, job=key.job, run=str(key), due=key.due, reason=missed.reason or None)
