"""Turns due times that have passed into runs: a row in the ledger for each, to be built or with the reason why not.

The ledger keeps, for each job, up to when its due times have been handled and by which schedule. A start after a
week of downtime, a wake-up on the second and a reload are the same call: everything since then is decided by
`plan_missed`, by the schedule that was in force. A changed one counts from this call on, and never backwards:
nothing that the old one asked for is lost, and nothing that the new one would have asked for is made up.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.jobs.model import Job, ScheduleEntry
from pipeline.ledger.records import RunKey
from pipeline.ledger.runs import Ended, Runs
from pipeline.ledger.states import RunState
from pipeline.ledger.watermarks import Watermarks
from pipeline.observe.log import Log
from pipeline.schedule.missed import Missed, plan_missed
from pipeline.schedule.remembered import read_schedule, schedule_text


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans for several jobs in a few commits, however many are due at once. Safe to call again: a run exists once."""

    runs: Runs
    watermarks: Watermarks
    clock: Callable[[], datetime]
    log: Log

    def handle(self, jobs: Sequence[Job]) -> int:
        """Writes a row for each due time since the last call; how many runs are to be built now."""
        now = self.clock()
        schedules = {job.name: schedule_text(wanted(job)) for job in jobs}
        handled = self.watermarks.since(schedules, now)
        decisions: dict[RunKey, Missed] = {}
        plans: dict[tuple[str, datetime], list[Missed]] = {}  # jobs by the thousand share a few schedules
        for job in jobs:
            mark = handled[job.name]
            shared = (mark.schedule, mark.handled_until)
            if shared not in plans:
                entries = wanted(job) if mark.schedule == schedules[job.name] else _in_force(mark.schedule, job)
                plans[shared] = plan_missed(entries, mark.handled_until, now)
            for missed in plans[shared]:
                decisions[RunKey(job.name, missed.due)] = missed
        ended: dict[RunKey, Ended] = {
            key: (RunState.SKIPPED if missed.holiday else RunState.MISSED, missed.reason)
            for key, missed in decisions.items()
            if not missed.run
        }
        created = self.runs.ensure_all(decisions, now, ended)
        self.log.emit_all(_line(key, missed) for key, missed in decisions.items() if key in created)
        self.watermarks.put(schedules, now)
        return sum(decisions[key].run for key in created)

    def retire(self, but: Collection[str]) -> None:
        """Jobs other than these are due no more; one that comes back has missed nothing meanwhile."""
        self.watermarks.retire(but, self.clock())


def _line(key: RunKey, missed: Missed) -> tuple[str, dict[str, object]]:
    event = "run.due" if missed.run else "run.skipped" if missed.holiday else "run.missed"
    return event, {"job": key.job, "run": str(key), "due": key.due, "reason": missed.reason or None}


def wanted(job: Job) -> tuple[ScheduleEntry, ...]:
    """The schedule that a job asks for: none where it is disabled."""
    return job.schedule if job.enabled else ()


def _in_force(text: str, job: Job) -> Sequence[ScheduleEntry]:
    try:
        return read_schedule(text)
    except ValueError:
        return wanted(job)  # another version's words: the job's own are the best guess
