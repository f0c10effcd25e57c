"""Due times become runs: once each, also after downtime, crashes and with two schedulers."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from projects import make_project

from pipeline.engine.planner import Planner
from pipeline.jobs.calendars import Calendar
from pipeline.jobs.model import Job
from pipeline.ledger.records import RunKey
from pipeline.ledger.states import RunState
from pipeline.ledger.watermarks import Watermarks
from pipeline.wiring import Workspace

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
JOBS = """\
defaults: {from: a@example.com}
jobs:
  hourly:
    schedule: {cron: "0 * * * *", missed: MISSED, grace: 3 hours}
    data: reports/data/sales.csv
    to: b@example.com
"""


class Scene:
    """A project, its ledger, and a clock that only the test moves."""

    def __init__(self, folder: Path, missed: str) -> None:
        self.now = START
        self.events: list[tuple[str, str]] = []
        self.workspace = Workspace(
            make_project(folder, JOBS.replace("MISSED", missed)), clock=lambda: self.now, environ={}
        )

    def planner(self) -> Planner:
        engine = self.workspace.engine
        return Planner(self.workspace.runs, Watermarks(engine), lambda: self.now, self)

    @property
    def job(self) -> Job:
        return self.workspace.project.jobs["hourly"]

    def states(self) -> dict[int, str]:
        """Hours since the start → state of the run that was due then."""
        return {
            int((run.key.due - START) / timedelta(hours=1)): str(run.state)
            for run in self.workspace.runs.find(limit=1000)
        }

    def emit(self, event: str, /, **fields: object) -> None:
        self.emit_all([(event, fields)])

    def emit_all(self, events: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """The planner's log: what is in it is looked at, not how it is written."""
        self.events += [(event, str(fields["run"])) for event, fields in events]


@pytest.fixture
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    made = Scene(tmp_path, getattr(request, "param", "latest"))
    yield made
    made.workspace.close()


def test_a_new_job_has_missed_nothing(scene: Scene) -> None:
    assert scene.planner().handle([scene.job]) == 0
    assert scene.states() == {}


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        ("latest", {1: "missed", 2: "missed", 3: "missed", 4: "missed", 5: "due"}),
        ("all", {1: "missed", 2: "missed", 3: "due", 4: "due", 5: "due"}),
        ("skip", {1: "missed", 2: "missed", 3: "missed", 4: "missed", 5: "missed"}),
    ],
    indirect=["scene"],
)
def test_downtime_leaves_a_row_for_each_due_time(scene: Scene, expected: dict[int, str]) -> None:
    scene.planner().handle([scene.job])
    scene.now += timedelta(hours=5, minutes=30)
    assert scene.planner().handle([scene.job]) == list(expected.values()).count("due")
    assert scene.states() == expected
    assert [event for event, _ in scene.events] == [
        "run.due" if state == "due" else "run.missed" for state in expected.values()
    ]


def test_nothing_is_handled_twice(scene: Scene) -> None:
    for planner in (scene.planner(), scene.planner()):
        planner.handle([scene.job])
    scene.now += timedelta(hours=1)
    assert [planner.handle([scene.job]) for planner in (scene.planner(), scene.planner())] == [1, 0]
    assert scene.states() == {1: "due"}


def test_a_crash_before_the_watermark_moved_changes_nothing(scene: Scene) -> None:
    scene.planner().handle([scene.job])
    scene.now += timedelta(hours=2)
    scene.workspace.runs.ensure_all(
        [RunKey("hourly", START + timedelta(hours=h)) for h in (1, 2)],
        scene.now,
        {RunKey("hourly", START + timedelta(hours=1)): (RunState.MISSED, "too late")},
    )
    assert scene.planner().handle([scene.job]) == 0
    assert scene.states() == {1: "missed", 2: "due"}


def test_a_run_that_somebody_asked_for_ahead_of_time_hides_no_due_time(scene: Scene) -> None:
    scene.planner().handle([scene.job])
    scene.workspace.runs.ensure(RunKey("hourly", START + timedelta(hours=9)), scene.now)
    scene.now += timedelta(hours=1)
    assert scene.planner().handle([scene.job]) == 1
    assert scene.states() == {1: "due", 9: "due"}


def rescheduled(job: Job, cron: str) -> Job:
    (entry,) = job.schedule
    return job.model_copy(update={"schedule": (entry.model_copy(update={"cron": cron}),)})


@pytest.mark.parametrize("scene", ["all"], indirect=True)
def test_a_changed_schedule_counts_from_now_on_and_the_old_one_until_then(scene: Scene) -> None:
    scene.planner().handle([scene.job])
    half_past = rescheduled(scene.job, "30 * * * *")
    scene.now += timedelta(hours=2, minutes=45)  # hours 1 and 2 were the old schedule's, 1:30 and 2:30 nobody's
    assert scene.planner().handle([half_past]) == 2
    assert scene.states() == {1: "due", 2: "due"}
    scene.now += timedelta(hours=1)
    assert scene.planner().handle([half_past]) == 1
    dues = sorted(run.key.due - START for run in scene.workspace.runs.find())
    assert dues == [timedelta(hours=1), timedelta(hours=2), timedelta(hours=3, minutes=30)]


@pytest.mark.parametrize("scene", ["all"], indirect=True)
def test_a_disabled_job_misses_nothing(scene: Scene) -> None:
    scene.planner().handle([scene.job])
    scene.now += timedelta(hours=1)
    scene.planner().handle([scene.job.model_copy(update={"enabled": False})])
    scene.now += timedelta(hours=2)
    assert scene.planner().handle([scene.job]) == 0
    scene.now += timedelta(hours=1)
    assert scene.planner().handle([scene.job]) == 1
    assert scene.states() == {1: "due", 4: "due"}


@pytest.mark.parametrize("scene", ["all"], indirect=True)
def test_a_job_that_was_taken_out_and_comes_back_begins_anew(scene: Scene) -> None:
    planner = scene.planner()
    planner.handle([scene.job])
    planner.retire(but=["others"])
    scene.now += timedelta(hours=2)
    assert planner.handle([scene.job]) == 0
    scene.now += timedelta(hours=1)
    assert planner.handle([scene.job]) == 1
    assert scene.states() == {3: "due"}


def test_a_schedule_that_another_version_wrote_is_taken_as_the_jobs_own(scene: Scene) -> None:
    scene.planner().handle([scene.job])
    Watermarks(scene.workspace.engine).put({"hourly": '[{"weekly": true}]'}, scene.now)
    scene.now += timedelta(hours=1)
    assert scene.planner().handle([scene.job]) == 1


def test_a_holiday_leaves_a_row_that_says_so(scene: Scene) -> None:
    calendar = Calendar(name="office", weekend=("mon",))
    (entry,) = scene.job.schedule
    job = scene.job.model_copy(update={"schedule": (entry.model_copy(update={"calendar": calendar}),)})
    scene.planner().handle([job])
    scene.now += timedelta(hours=1)
    assert scene.planner().handle([job]) == 0
    (run,) = scene.workspace.runs.find()
    assert (str(run.state), run.reason) == ("skipped", "no business day of calendar office: weekend")
    assert scene.events == [("run.skipped", str(run.key))]


def test_ten_thousand_jobs_in_one_call(scene: Scene) -> None:
    jobs = [scene.job.model_copy(update={"name": f"job-{n}"}) for n in range(10_000)]
    scene.planner().handle(jobs)
    scene.now += timedelta(hours=1)
    assert scene.planner().handle(jobs) == 10_000
    assert len(scene.workspace.runs.find(state=RunState.DUE, limit=20_000)) == 10_000
