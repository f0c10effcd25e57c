"""Due times against a witness that walks UTC minute by minute, over the days on which clocks change."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.due import due_times, firing_time, last_due, next_due

MINUTE = timedelta(minutes=1)

# Zone and a UTC date near a change of clocks: gaps and folds of 30 minutes to a day, at odd hours.
CHANGES = [
    ("America/New_York", date(2013, 3, 10)),
    ("America/New_York", date(2013, 11, 3)),
    ("Europe/Berlin", date(2024, 3, 31)),
    ("Europe/Berlin", date(2024, 10, 27)),
    ("Australia/Lord_Howe", date(2024, 10, 5)),  # 30 minutes
    ("Australia/Lord_Howe", date(2024, 4, 6)),
    ("Asia/Kathmandu", date(1985, 12, 31)),  # by 15 minutes, for good
    ("Africa/Casablanca", date(2024, 3, 10)),  # Ramadan
    ("Africa/Casablanca", date(2024, 4, 14)),
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that never was
    ("Antarctica/Troll", date(2024, 3, 31)),  # two hours
    ("Antarctica/Troll", date(2024, 10, 27)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # a day without midnight
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/Havana", date(2024, 11, 3)),  # midnight twice
    ("America/St_Johns", date(2010, 3, 14)),  # one minute past midnight
    ("America/St_Johns", date(2010, 11, 7)),
]


def entry(**rule: object) -> ScheduleEntry:
    return ScheduleEntry.model_validate(rule)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def walls_of(zone: ZoneInfo, start: datetime, minutes: int) -> list[tuple[datetime, datetime]]:
    """(instant, wall time) for each minute."""
    instants = [start + MINUTE * n for n in range(minutes)]
    return [(instant, instant.astimezone(zone).replace(tzinfo=None, fold=0)) for instant in instants]


def witness(
    zone: ZoneInfo, start: datetime, minutes: int, minute_set: set[int], hour_set: set[int] | None
) -> list[datetime]:
    """The due times by the rule's own words; `hour_set` None is `*`."""

    def asked(wall: datetime) -> bool:
        return wall.minute in minute_set and (hour_set is None or wall.hour in hour_set)

    found: list[datetime] = []
    before = (start - timedelta(days=2)).astimezone(zone).replace(tzinfo=None, fold=0)
    seen = {wall for _, wall in walls_of(zone, start - timedelta(days=2), 2 * 1440)}
    previous = max(seen, default=before)
    for instant, wall in walls_of(zone, start, minutes):
        if hour_set is None:
            due = asked(wall)
        else:
            skipped = [previous + MINUTE * n for n in range(1, max(1, (wall - previous) // MINUTE))]
            due = (asked(wall) and wall not in seen) or any(asked(gone) for gone in skipped)
        if due:
            found.append(instant)
        seen.add(wall)
        previous = max(previous, wall)
    return found


@pytest.mark.parametrize(("zone", "day"), CHANGES)
@settings(max_examples=12)
@given(
    minute_set=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    hour_set=st.none() | st.sets(st.integers(0, 23) | st.integers(0, 3), min_size=1, max_size=4),
)
def test_due_times_are_what_a_walk_through_the_minutes_finds(
    zone: str, day: date, minute_set: set[int], hour_set: set[int] | None
) -> None:
    start = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=16)
    minutes = 40 * 60
    hours = "*" if hour_set is None else ",".join(map(str, sorted(hour_set)))
    rule = entry(cron=f"{','.join(map(str, sorted(minute_set)))} {hours} * * *", timezone=zone)
    found = list(due_times([rule], start - timedelta(seconds=1), start + MINUTE * (minutes - 1)))
    assert found == witness(ZoneInfo(zone), start, minutes, minute_set, hour_set)


rules = st.one_of(
    st.builds(
        lambda minute, hour, day, zone: entry(cron=f"{minute} {hour} {day}", timezone=zone),
        st.sampled_from(["0", "*/15", "30,45", "*"]),
        st.sampled_from(["*", "*/3", "2", "0-3", "7,23"]),
        st.sampled_from(["* * *", "* * mon-fri", "1,15 * *", "L * *", "* * sun#1"]),
        st.sampled_from([zone for zone, _ in CHANGES]),
    ),
    st.builds(
        lambda seconds, zone: entry(every=timedelta(seconds=seconds), timezone=zone),
        st.integers(600, 400_000),
        st.sampled_from([zone for zone, _ in CHANGES]),
    ),
    st.builds(
        lambda at, zone: entry(at=at, timezone=zone),
        st.datetimes(wall("2024-03-01"), wall("2024-04-30")),
        st.sampled_from([zone for zone, _ in CHANGES]),
    ),
)
instants_2024 = st.datetimes(wall("2024-03-01"), wall("2024-04-30"), timezones=st.just(UTC))


@given(entries=st.lists(rules, min_size=1, max_size=3), bounds=st.lists(instants_2024, min_size=3, max_size=3))
@settings(max_examples=60)
def test_a_split_range_gives_the_same_due_times(entries: list[ScheduleEntry], bounds: list[datetime]) -> None:
    first, middle, last = sorted(bounds)
    last = min(last, first + timedelta(days=4))
    middle = min(middle, last)
    whole = list(due_times(entries, first, last))
    assert whole == [*due_times(entries, first, middle), *due_times(entries, middle, last)]
    assert whole == sorted(set(whole))
    assert all(first < due <= last and due.tzinfo is UTC for due in whole)
    assert set(whole) == {due for one in entries for due in due_times([one], first, last)}


@given(entries=st.lists(rules, min_size=1, max_size=3), until=instants_2024)
@settings(deadline=None)
def test_last_due_is_the_last_of_the_due_times(entries: list[ScheduleEntry], until: datetime) -> None:
    last = last_due(entries, until)
    assert last is None or last <= until
    following = next_due(entries, last or until - timedelta(days=700))
    assert following is None or following > until


@pytest.mark.parametrize(
    ("cron", "until", "expected"),
    [
        ("30 6 * * *", "2013-02-01T06:30", "2013-02-01T06:30"),
        ("30 6 * * *", "2013-02-01T06:29", "2013-01-31T06:30"),
        ("0 7 * * mon", "2013-02-02T06:00", "2013-01-28T07:00"),
        ("0 7 1 3 *", "2013-02-02T06:00", "2012-03-01T07:00"),
        ("* * * * *", "2013-02-02T06:00", "2013-02-02T06:00"),
    ],
)
def test_last_due(cron: str, until: str, expected: str) -> None:
    assert last_due([entry(cron=cron)], utc(until)) == utc(expected)


def test_a_schedule_that_has_not_begun_has_no_last_due_time() -> None:
    assert last_due([entry(at=wall("2024-01-01T00:00"))], utc("2023-01-01")) is None
    assert last_due([], utc("2023-01-01")) is None


@given(entries=st.lists(rules, min_size=1, max_size=3), after=instants_2024)
@settings(max_examples=60)
def test_next_due_is_the_first_of_the_due_times(entries: list[ScheduleEntry], after: datetime) -> None:
    following = next_due(entries, after)
    first = next(due_times(entries, after, after + timedelta(days=40)), None)
    assert following == first or (first is None and following is not None)
    if following is not None:
        assert list(due_times(entries, after, following)) == [following]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param({"cron": "30 2 * * *"}, ["07:00"], id="in the gap: at its end"),
        pytest.param({"cron": "*/20 2-3 * * *"}, ["07:00", "07:20", "07:40"], id="several: once"),
        pytest.param({"cron": "30 * * * *"}, ["06:30", "07:30"], id="elapsed: nothing in the gap"),
        pytest.param({"at": wall("2013-03-10T02:30")}, ["07:00"], id="at, in the gap"),
        pytest.param({"every": "40 minutes"}, ["06:20", "07:00", "07:40"], id="every: elapsed"),
    ],
)
def test_spring_gap_in_new_york(rule: dict[str, object], expected: list[str]) -> None:
    rule_there = entry(timezone="America/New_York", **rule)
    found = due_times([rule_there], utc("2013-03-10T06:00"), utc("2013-03-10T07:59"))
    assert [f"{due:%H:%M}" for due in found] == expected


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 1 * * *", ["05:30"]),
        ("*/30 1 * * *", ["05:00", "05:30"]),
        ("30 * * * *", ["05:30", "06:30"]),
        ("30 */1 * * *", ["05:30", "06:30"]),
    ],
)
def test_autumn_fold_in_new_york(cron: str, expected: list[str]) -> None:
    rule = entry(cron=cron, timezone="America/New_York")
    found = due_times([rule], utc("2013-11-03T04:59"), utc("2013-11-03T06:59"))
    assert [f"{due:%H:%M}" for due in found] == expected


@pytest.mark.parametrize("after", ["2013-11-03T05:45", "2013-11-03T06:00", "2013-11-03T06:29:59"])
def test_the_second_of_two_hours_is_found_from_within_the_fold(after: str) -> None:
    rule = entry(cron="30 * * * *", timezone="America/New_York")
    assert next_due([rule], utc(after)) == utc("2013-11-03T06:30")


def test_a_skipped_date_happens_at_the_start_of_the_next() -> None:
    rule = entry(cron="0 9 30 12 *", timezone="Pacific/Apia")
    assert next_due([rule], utc("2011-06-01")) == local("2011-12-31T00:00", "Pacific/Apia")


@pytest.mark.parametrize(
    ("rule", "after", "expected"),
    [
        ({"every": "1 hour", "timezone": "Asia/Kolkata"}, "2024-05-05T00:10", "2024-05-05T00:30"),
        ({"every": "1 day", "timezone": "UTC"}, "2024-05-05T00:00", "2024-05-06T00:00"),
        ({"every": "1 week", "timezone": "UTC"}, "2024-05-05T00:00", "2024-05-06T00:00"),  # a Monday
        ({"every": "1 day"}, "1999-05-05T12:00", "1999-05-06T00:00"),  # before the anchor too
    ],
)
def test_every_is_anchored_to_a_fixed_monday(rule: dict[str, str], after: str, expected: str) -> None:
    assert next_due([entry(**rule)], utc(after)) == utc(expected)


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ({"cron": "0 23 * * *"}, "2024-05-05T23:00"),
        ({"cron": "30 * * * *"}, "2024-05-05T23:30"),
        ({"every": "6 hours"}, "2024-05-05T19:00"),  # counted from midnight of standard time
    ],
)
def test_until_is_the_last_local_date(rule: dict[str, str], last: str) -> None:
    rule_until = entry(timezone="America/New_York", until=date(2024, 5, 5), **rule)
    found = list(due_times([rule_until], utc("2024-05-04"), utc("2024-06-01")))
    assert found[-1] == local(last, "America/New_York")
    assert next_due([rule_until], found[-1]) is None


def test_until_where_a_fold_brings_the_date_back() -> None:
    # St John's set its clocks from 00:01 back to 23:01: half past eleven came twice, with a midnight between.
    zone = "America/St_Johns"
    rule = entry(cron="*/30 * * * *", timezone=zone, until=date(2010, 11, 6))
    found = list(due_times([rule], local("2010-11-06T22:45", zone), utc("2010-11-08")))
    shown = [due.astimezone(ZoneInfo(zone)) for due in found]
    assert [f"{due:%d %H:%M}/{due.fold}" for due in shown] == ["06 23:00/0", "06 23:30/0", "06 23:30/1"]


def test_at_after_until_never_happens() -> None:
    rule = entry(at=wall("2024-05-06T09:00"), until=date(2024, 5, 5))
    assert next_due([rule], utc("2024-01-01")) is None


def test_weekdays_are_counted_as_unix_does() -> None:
    for weekday in ("1", "mon", "MON"):
        assert next_due([entry(cron=f"0 7 * * {weekday}")], utc("2024-05-05T12:00")) == utc("2024-05-06T07:00")


def test_no_entries_are_never_due() -> None:
    assert next_due([], utc("2024-01-01")) is None
    assert list(due_times([], utc("2024-01-01"), utc("2025-01-01"))) == []


def test_what_has_been_is_not_due_again() -> None:
    assert next_due([entry(at=wall("2024-01-01T00:00"))], utc("2024-01-01")) is None


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        next_due([entry(cron="0 7 * * *")], wall("2024-01-01"))
    with pytest.raises(ValueError, match="has no time zone"):
        list(due_times([entry(cron="0 7 * * *")], utc("2024-01-01"), wall("2024-01-02")))


def test_every_nothing_is_refused_and_does_not_hang() -> None:
    with pytest.raises(ValueError, match="longer than nothing"):
        next_due([entry(every=timedelta(0))], utc("2024-01-01"))


@given(job=st.text(max_size=20), entries=st.lists(rules, min_size=1, max_size=2), after=instants_2024)
@settings(max_examples=30)
def test_jitter_delays_the_firing_and_keeps_the_order(job: str, entries: list[ScheduleEntry], after: datetime) -> None:
    jittered = [one.model_copy(update={"jitter": timedelta(minutes=20)}) for one in entries]
    dues = list(due_times(jittered, after, after + timedelta(hours=12)))
    assert dues == list(due_times(entries, after, after + timedelta(hours=12)))
    firings = [firing_time(jittered, job, due) for due in dues]
    assert firings == [firing_time(jittered, job, due) for due in dues]
    assert all(due <= firing < due + timedelta(minutes=20) for due, firing in zip(dues, firings, strict=True))
    assert all(firing < following for firing, following in zip(firings, dues[1:], strict=False))


def test_jitter_spreads_jobs_that_are_due_together() -> None:
    rule = entry(cron="0 7 * * *", jitter=timedelta(seconds=60))
    due = utc("2024-05-05T07:00")
    delays = [(firing_time([rule], f"job-{n}", due) - due).total_seconds() for n in range(400)]
    assert len(set(delays)) == 400
    quarters = [sum(low <= delay < low + 15 for delay in delays) for low in (0, 15, 30, 45)]
    assert min(quarters) > 60  # 100 expected in each
    assert firing_time([rule], "job", due + MINUTE) == due + MINUTE  # asked for by nobody


def test_ten_thousand_jobs_know_their_next_due_time_in_a_second() -> None:
    rules = [entry(cron=f"{n % 60} {n % 24} * * mon-fri", timezone="Europe/Berlin") for n in range(10_000)]
    started = time.process_time()
    assert all(next_due([rule], utc("2024-05-05T12:34:56")) for rule in rules)
    assert time.process_time() - started < 2  # 0.5 s on one core of 2024; the rest is for slower ones
