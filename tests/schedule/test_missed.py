"""Which of the due times that have passed run, and what the ledger is told about the others."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.due import due_times
from pipeline.schedule.missed import LISTED, Missed, in_words, plan_missed

REPLACED = "a later due time replaces it"


def entry(**rule: object) -> ScheduleEntry:
    return ScheduleEntry.model_validate({"cron": "0 * * * *", **rule})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def plan(rules: list[ScheduleEntry], last: str, now: str) -> list[tuple[str, bool, str]]:
    return [(f"{one.due:%H:%M}", one.run, one.reason) for one in plan_missed(rules, utc(last), utc(now))]


def test_a_wake_up_on_time_runs_whatever_the_policy() -> None:
    for missed in ("latest", "all", "skip"):
        rule = entry(missed=missed, grace=timedelta(0))
        assert plan([rule], "2024-05-05T06:00", "2024-05-05T07:00:01") == [("07:00", True, "")]


def test_latest_runs_only_the_newest_within_grace() -> None:
    assert plan([entry(missed="latest", grace="2 hours")], "2024-05-05T03:00", "2024-05-05T07:30") == [
        ("04:00", False, "3 h 30 min late, beyond its grace of 2 h"),
        ("05:00", False, "2 h 30 min late, beyond its grace of 2 h"),
        ("06:00", False, REPLACED),
        ("07:00", True, "30 min late"),
    ]


def test_grace_is_inclusive_and_such_a_due_time_still_gives_way() -> None:
    assert plan([entry(missed="latest", grace="1 hour")], "2024-05-05T05:00", "2024-05-05T07:00") == [
        ("06:00", False, REPLACED),
        ("07:00", True, ""),
    ]
    assert plan([entry(missed="all", grace="1 hour")], "2024-05-05T05:00", "2024-05-05T07:00")[0][1] is True


def test_all_runs_all_within_grace() -> None:
    assert plan([entry(missed="all", grace="2 hours")], "2024-05-05T04:00", "2024-05-05T07:30") == [
        ("05:00", False, "2 h 30 min late, beyond its grace of 2 h"),
        ("06:00", True, "1 h 30 min late"),
        ("07:00", True, "30 min late"),
    ]


def test_skip_runs_none_that_is_late() -> None:
    assert plan([entry(missed="skip")], "2024-05-05T05:00", "2024-05-05T07:30") == [
        ("06:00", False, "1 h 30 min late, and its schedule says skip"),
        ("07:00", False, "30 min late, and its schedule says skip"),
    ]


def test_a_due_time_gives_way_only_to_one_that_runs() -> None:
    rules = [entry(cron="0 6 * * *"), entry(cron="0 7 * * *", missed="skip")]
    assert plan(rules, "2024-05-05T05:00", "2024-05-05T07:30") == [
        ("06:00", True, "1 h 30 min late"),
        ("07:00", False, "30 min late, and its schedule says skip"),
    ]


def test_each_entry_has_its_own_grace() -> None:
    rules = [entry(cron="0 6 * * *", missed="all", grace="1 hour"), entry(cron="0 7 * * *", missed="all")]
    assert plan(rules, "2024-05-05T05:00", "2024-05-05T08:30") == [
        ("06:00", False, "2 h 30 min late, beyond its grace of 1 h"),
        ("07:00", True, "1 h 30 min late"),
    ]


def test_a_firing_delayed_by_jitter_is_on_time() -> None:
    rule = entry(missed="skip", jitter="10 minutes")
    assert plan([rule], "2024-05-05T06:00", "2024-05-05T07:09:50") == [("07:00", True, "")]


@pytest.mark.parametrize(
    ("last", "now"),
    [
        pytest.param(None, "2024-05-05T07:30", id="a new job"),
        pytest.param("2024-05-05T07:00", "2024-05-05T07:30", id="nothing since"),
        pytest.param("2024-05-05T09:00", "2024-05-05T07:30", id="a clock that went back"),
    ],
)
def test_nothing_is_missed(last: str | None, now: str) -> None:
    assert plan_missed([entry()], utc(last) if last else None, utc(now)) == []


def test_a_job_without_schedule_misses_nothing() -> None:
    assert plan_missed([], utc("2024-01-01"), utc("2024-05-05")) == []


@given(
    rules=st.lists(
        st.builds(
            lambda cron, missed, grace: entry(cron=cron, missed=missed, grace=timedelta(minutes=grace)),
            st.sampled_from(["*/10 * * * *", "0 * * * *", "30 6 * * *"]),
            st.sampled_from(["latest", "all", "skip"]),
            st.integers(0, 500),
        ),
        min_size=1,
        max_size=3,
    ),
    back=st.integers(0, 4000),
)
@settings(max_examples=60)
def test_every_due_time_gets_exactly_one_decision(rules: list[ScheduleEntry], back: int) -> None:
    now = utc("2024-05-05T07:30:20")
    last = now - timedelta(minutes=back)
    decisions = plan_missed(rules, last, now)
    assert [one.due for one in decisions] == list(due_times(rules, last, now))
    assert all(one.reason for one in decisions if not one.run)
    if all(rule.missed == "latest" for rule in rules):
        assert sum(one.run for one in decisions) <= 1


def test_a_year_of_downtime_stays_a_short_list() -> None:
    rule = entry(cron="* * * * *", missed="all", grace="6 hours")
    now = utc("2024-05-05T07:00:30")
    last = now - timedelta(days=365)
    started = time.process_time()
    decisions = plan_missed([rule], last, now)
    assert time.process_time() - started < 2
    assert sum(one.run for one in decisions) == 360
    assert len(decisions) == 1 + LISTED + 360
    reason = "it and all others before 2024-05-04 08:21:00 UTC are beyond grace, and too many to list"
    assert decisions[0] == Missed(utc("2023-05-06T07:01"), run=False, reason=reason)
    listed = list(due_times([rule], utc("2024-05-04T08:20:59"), now))
    assert [one.due for one in decisions[1:]] == listed


@pytest.mark.parametrize("count", [LISTED, LISTED + 1])
def test_the_list_is_cut_only_where_it_must_be(count: int) -> None:
    rule = entry(cron="* * * * *", grace="1 minute")
    now = utc("2024-05-05T07:00:30")
    horizon = now - timedelta(minutes=1)
    decisions = plan_missed([rule], horizon - timedelta(minutes=count), now)
    beyond = [one for one in decisions if not one.run]
    assert len(beyond) == count
    assert ("all others" in beyond[0].reason) == (count > LISTED)


def test_the_plan_of_naive_times_is_refused() -> None:
    naive = datetime.fromisoformat("2024-05-05")
    with pytest.raises(ValueError, match="has no time zone"):
        plan_missed([entry()], naive, naive + timedelta(days=1))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=12), "12 s"),
        (timedelta(minutes=2, seconds=5), "2 min 5 s"),
        (timedelta(hours=6), "6 h"),
        (timedelta(days=1, minutes=3), "1 day"),
        (timedelta(days=3, hours=4, minutes=3), "3 days 4 h"),
    ],
)
def test_lengths_of_time_in_words(span: timedelta, words: str) -> None:
    assert in_words(span) == words
