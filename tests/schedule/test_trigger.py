"""The trigger inside a real scheduler: no due time is lost and none comes twice."""

import pickle
import threading
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.due import due_times, firing_time
from pipeline.schedule.missed import plan_missed
from pipeline.schedule.trigger import DueTrigger, next_firing


def every(seconds: float, **more: object) -> ScheduleEntry:
    return ScheduleEntry.model_validate({"every": timedelta(seconds=seconds), "missed": "all", **more})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Runner:
    """The wiring that the trigger's docstring recommends, with a list in the ledger's place."""

    def __init__(self, entries: tuple[ScheduleEntry, ...], known: datetime, enough: int) -> None:
        self.entries = entries
        self.rows = [known]
        self.enough = enough
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.slow_once = threading.Event()
        self.calls = 0

    def handle(self) -> None:
        with self.lock:
            self.calls += 1
            for decision in plan_missed(self.entries, self.rows[-1], datetime.now(UTC)):
                assert decision.run
                self.rows.append(decision.due)
            if self.calls == 3:
                self.slow_once.wait(1)  # nobody sets it: a handler that is late for several due times
            if len(self.rows) > self.enough:
                self.done.set()


def run(entries: tuple[ScheduleEntry, ...], known: datetime, enough: int) -> Runner:
    runner = Runner(entries, known, enough)
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(
        runner.handle,
        DueTrigger(entries, "job"),
        id="job",
        next_run_time=datetime.now(UTC),
        misfire_grace_time=None,
        coalesce=True,
        max_instances=2,
    )
    scheduler.start()
    try:
        assert runner.done.wait(30)
    finally:
        scheduler.shutdown()
    return runner


def test_a_real_scheduler_handles_every_due_time_once_and_in_order() -> None:
    entries = (every(0.25), every(0.4, jitter=timedelta(seconds=0.2)))
    known = datetime.now(UTC) - timedelta(seconds=5)  # a start that has something to catch up with
    runner = run(entries, known, enough=45)
    assert runner.rows[1:] == list(due_times(entries, known, runner.rows[-1]))
    assert runner.calls > 3


moments = st.datetimes(
    datetime.fromisoformat("2024-03-01"), datetime.fromisoformat("2024-03-08"), timezones=st.just(UTC)
)
entries_with_jitter = st.lists(
    st.builds(
        lambda seconds, jitter: every(seconds, jitter=timedelta(seconds=jitter)),
        st.integers(60, 4000),
        st.integers(0, 4000),
    ),
    min_size=1,
    max_size=2,
)


@given(entries=entries_with_jitter, after=moments)
@settings(max_examples=40)
def test_the_next_firing_is_the_earliest_of_all(entries: list[ScheduleEntry], after: datetime) -> None:
    nearby = due_times(entries, after - timedelta(hours=2), after + timedelta(hours=3))
    firings = [firing_time(entries, "job", due) for due in nearby]
    assert next_firing(entries, "job", after) == min(firing for firing in firings if firing > after)


def test_a_trigger_skips_what_has_passed() -> None:
    trigger = DueTrigger([every(1)], "job")
    now = utc("2024-05-05T07:00:00.5")
    long_ago = now - timedelta(days=365)
    assert trigger.get_next_fire_time(long_ago, now) == utc("2024-05-05T07:00:01")
    assert trigger.get_next_fire_time(None, now) == utc("2024-05-05T07:00:01")
    assert trigger.get_next_fire_time(utc("2024-05-05T07:00:01"), now) == utc("2024-05-05T07:00:02")


def test_a_schedule_that_has_ended_fires_no_more() -> None:
    rule = ScheduleEntry(at=datetime.fromisoformat("2024-05-05T07:00"), jitter=timedelta(minutes=1))
    trigger = DueTrigger([rule], "job")
    firing = firing_time([rule], "job", utc("2024-05-05T07:00"))
    assert utc("2024-05-05T07:00") < firing < utc("2024-05-05T07:01")
    assert trigger.get_next_fire_time(None, utc("2024-05-05T06:00")) == firing
    assert trigger.get_next_fire_time(None, utc("2024-05-05T07:00")) == firing
    assert trigger.get_next_fire_time(firing, firing) is None


def test_a_trigger_can_be_kept_by_a_job_store() -> None:
    trigger = pickle.loads(pickle.dumps(DueTrigger([every(1)], "job")))
    assert (repr(trigger), trigger.entries) == ("<DueTrigger job>", (every(1),))
