"""`pipeline serve`: the scheduler, and a pair of hands, started, drained and stopped in order.

APScheduler is the alarm clock, the ledger the memory. A wake-up only marks its job; one planner thread turns all
marked jobs into runs in a few commits, so that ten thousand jobs due in the same minute cost no more than one.
A changed jobs.yaml is taken up while all of this runs (`reloading.py`).
"""

import threading
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from pipeline import __version__
from pipeline.engine.common_folder import require_common
from pipeline.engine.planner import Planner, wanted
from pipeline.errors import LedgerError, MailerError, UsageError, place_and_words
from pipeline.hands import DRAIN, SWEEP_SECONDS, Hands
from pipeline.jobs.model import Job, Project
from pipeline.ledger.marks import Marks
from pipeline.ledger.watermarks import Watermarks
from pipeline.pruning import prune
from pipeline.reloading import Reloader, TakenUp
from pipeline.schedule.remembered import schedule_text
from pipeline.schedule.trigger import DueTrigger
from pipeline.wiring import Clock, Workspace

BOUNCES_SECONDS = 180.0
"""How often the mailbox for bounces is looked through, where there is one."""
PRUNE_AFTER = timedelta(minutes=10)
"""How long after its start what is too old is removed, where there is a retention; then once a day."""


class Service:
    """Runs a project until told to stop. Everything it needs comes from the workspace."""

    def __init__(self, workspace: Workspace, *, builds: int = 2, drain: timedelta = DRAIN) -> None:
        """Raises UsageError where other machines share the ledger and not the folder of artifacts."""
        if workspace.engine.dialect.name != "sqlite":
            require_common(workspace.artifacts, Marks(workspace.engine))
        self._workspace = workspace
        self._emit = workspace.log.emit
        self._planner = Planner(workspace.runs, Watermarks(workspace.engine), workspace.clock, workspace.log)
        self._hands = Hands(workspace, builds=builds, drain=drain, plans=True)
        self._marked: set[str] = set()
        self._changed = threading.Condition()
        self._stopping = False
        self._scheduler = BackgroundScheduler(timezone="UTC", job_defaults=_NEVER_DROPPED)
        self._alarms: list[str] = []
        """APScheduler's names for them; no job of an analyst's is called like one of ours."""
        self._planning = threading.Lock()
        self._pruning = threading.Lock()
        self._reloader = Reloader(workspace, self._taken_up, self._hand_over, self._planning)

    def run(self, stop: threading.Event) -> bool:
        """Works until `stop` is set, then drains; whether it ended because it was told to."""
        workspace = self._workspace
        self._emit(
            "service.started",
            path=str(workspace.project.file),
            count=len(workspace.project.jobs),
            reason=f"version {__version__}",
        )
        self._planner.retire(workspace.project.jobs)
        self._hands.start()
        planner = threading.Thread(target=self._plan, name="planner", daemon=True)
        planner.start()
        self._schedule(workspace.project)
        self._mark(list(workspace.project.jobs))  # after the triggers: no due time falls between the two
        return self._hands.work(stop, self._reloader.following(stop), lambda: self._wind_up(planner))

    def look_again(self) -> None:
        """Reads jobs.yaml anew where no change of it was seen. Safe in a signal's handler."""
        self._reloader.stir()

    # --- what changes -----------------------------------------------------------------------------------------

    def _hand_over(self, jobs: list[Job], project: Project) -> None:
        self._planner.handle(jobs)
        self._planner.retire(project.jobs)

    def _taken_up(self, change: TakenUp) -> None:
        self._set_alarms(change.project)
        self._mark(list(change.project.jobs))  # what has come due since, whoever would have woken for it
        if change.mailers:
            self._hands.change_mailers()

    # --- when -------------------------------------------------------------------------------------------------

    def _schedule(self, project: Project) -> None:
        self._set_alarms(project)
        # A suspended machine stops the scheduler's clock: a short interval makes it look again.
        self._scheduler.add_job(self._hands.sweep, "interval", seconds=SWEEP_SECONDS, id="sweep")
        self._scheduler.add_job(
            self._take_in_bounces,
            "interval",
            seconds=BOUNCES_SECONDS,
            id="(bounces)",
            max_instances=1,
            next_run_time=datetime.now(UTC),
        )
        self._scheduler.add_job(
            self._prune, "interval", hours=24, id="(prune)", max_instances=1,
            next_run_time=datetime.now(UTC) + PRUNE_AFTER,
        )  # fmt: skip
        self._scheduler.start()

    def _set_alarms(self, project: Project) -> None:
        """One for all jobs of the same schedule: jobs by the thousand share a few, and each wake-up has its price."""
        for alarm in self._alarms:
            if self._scheduler.get_job(alarm):  # one that never fires again is gone by itself
                self._scheduler.remove_job(alarm)
        together: dict[tuple[str, str], list[Job]] = {}
        for job in project.jobs.values():
            if entries := wanted(job):
                alone = job.name if any(entry.jitter for entry in entries) else ""
                together.setdefault((schedule_text(entries), alone), []).append(job)
        self._alarms = [self._set_alarm(jobs) for jobs in together.values()]

    def _set_alarm(self, jobs: list[Job]) -> str:
        trigger = ClockTrigger(DueTrigger(jobs[0].schedule, jobs[0].name), self._workspace.clock)
        names = [job.name for job in jobs]
        alarm: str = self._scheduler.add_job(self._mark, trigger, args=[names], id=f"job {names[0]}").id
        return alarm

    def _mark(self, names: list[str]) -> None:
        with self._changed:
            self._marked.update(names)
            self._changed.notify_all()

    def _plan(self) -> None:
        """The planner's thread: all jobs that are marked by the time it looks, together."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._marked or self._stopping)
                if self._stopping:
                    return
                names, self._marked = self._marked, set()
            try:
                with self._planning:
                    jobs = self._workspace.project.jobs
                    self._planner.handle([jobs[name] for name in sorted(names) if name in jobs])
            except LedgerError as error:
                self._plan_later(names, f"due times wait for the ledger: {error}")
            except Exception as error:  # noqa: BLE001 - a service that plans nothing any more must not look alive
                self._plan_later(names, f"due times wait, this is a defect: {place_and_words(error)}")
            self._hands.wake()

    def _plan_later(self, names: set[str], reason: str) -> None:
        self._emit("service.error", reason=reason)
        self._mark(sorted(names))
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, timeout=5)

    def _prune(self) -> None:
        older_than = self._workspace.project.retention
        with self._pruning:
            if older_than is None or self._stopping:
                return
            try:
                prune(self._workspace, older_than, stopping=lambda: self._stopping)
            except (LedgerError, UsageError, OSError) as error:
                self._emit("service.error", reason=f"what is too old stays for another day: {error}")

    def _take_in_bounces(self) -> None:
        try:
            self._workspace.take_in_bounces()
        except (MailerError, LedgerError) as error:
            self._emit("service.error", reason=str(error))

    def _wind_up(self, planner: threading.Thread) -> None:
        self._scheduler.shutdown(wait=False)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        planner.join()
        with self._pruning:  # its step that was under way; ledger and log are closed after us
            pass


_NEVER_DROPPED = {"misfire_grace_time": None, "coalesce": True, "max_instances": 2}
"""APScheduler's defaults skip work that is a second late; what is too late is `plan_missed`'s to say."""


class ClockTrigger(DueTrigger):
    """A DueTrigger that keeps the workspace's time: where its clock stands in 2013, it wakes when that clock strikes.

    For whole seconds of difference; the clock of this machine has none.
    """

    def __init__(self, inner: DueTrigger, clock: Clock) -> None:
        super().__init__(inner.entries, inner.job)
        self._clock = clock

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        ahead = timedelta(seconds=round((self._clock() - now).total_seconds()))
        previous = previous_fire_time + ahead if previous_fire_time else None
        fires = super().get_next_fire_time(previous, now + ahead)
        return None if fires is None else fires - ahead
