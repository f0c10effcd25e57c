"""Limits: no window ever holds more, and what fits is not held back; with pure numbers, then with real ledgers."""

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger.limits import DAY, HOUR, MINUTE, SECOND, Pace, handed_out, paced_room, portion, room, window_room
from pipeline.ledger.outbox import Outbox
from pipeline.ledger.states import DeliveryState as D
from pipeline.ledger.ways import Asking, Limits

NOW = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)
LEASE = timedelta(minutes=5)


# --- the spread over a second -------------------------------------------------------------------------------


@given(
    per_second=st.integers(1, 300),
    steps=st.lists(st.tuples(st.integers(0, 400_000), st.integers(1, 400)), min_size=1, max_size=80),
)
def test_no_second_holds_more_than_its_limit(per_second, steps):
    """Whoever asks whenever, for single letters or for one with many recipients."""
    pace, now, given_out = Pace(), NOW, []
    for wait, wanted in steps:
        now += timedelta(microseconds=wait)
        allowed = paced_room(per_second, pace, now)
        count = min(wanted, allowed.of_one)
        pace = handed_out(per_second, pace, count, now)
        given_out.append((now, count))
    for start, _ in given_out:
        assert sum(count for at, count in given_out if start <= at < start + SECOND) <= per_second


@pytest.mark.parametrize("per_second", [1, 2, 3, 14, 39, 40, 55, 99, 200, 1000])
def test_who_asks_in_time_gets_nearly_all_of_it_evenly(per_second):
    pace, now, times = Pace(), NOW, []
    while now < NOW + 10 * SECOND:
        allowed = paced_room(per_second, pace, now)
        if allowed.of_several:
            pace = handed_out(per_second, pace, allowed.of_several, now)
            times.append((now, allowed.of_several))
        now = max(now + timedelta(microseconds=1), pace.next_at)
    assert sum(count for _, count in times) >= 9.3 * per_second
    size, between = portion(per_second)
    assert {count for _, count in times} == {size}
    assert {b[0] - a[0] for a, b in pairwise(times)} <= {between}


# --- windows ------------------------------------------------------------------------------------------------


@given(
    limit=st.integers(1, 12),
    steps=st.lists(
        st.tuples(st.integers(0, 1500), st.integers(1, 6), st.integers(0, 900), st.booleans()), min_size=1, max_size=60
    ),
)
def test_no_hour_holds_more_than_its_limit(limit, steps):
    """Letters are handed out, sent some time later or given back untried; whenever they were sent, every hour holds."""
    now, held, used, sent = NOW, [], Counter(), []
    for wait, wanted, takes, is_sent in steps:
        now += timedelta(seconds=wait)
        for entry in [entry for entry in held if entry[0] <= now]:  # outcomes that have come meanwhile
            held.remove(entry)
            if entry[1]:
                used[entry[0].replace(second=0, microsecond=0)] += 1
        allowed = window_room(limit, HOUR, used, len(held), now)
        for _ in range(min(wanted, allowed.of_several)):
            outcome = now + timedelta(seconds=takes)
            held.append((outcome, is_sent))
            if is_sent:
                sent.append(outcome)
    for moment in sent:
        assert sum(moment - HOUR < other <= moment for other in sent) <= limit


def test_a_place_is_free_again_within_a_minute_after_the_window():
    used = {NOW: 3}
    full = window_room(3, HOUR, used, 0, NOW + MINUTE)
    assert (full.of_several, full.again_at) == (0, NOW + MINUTE + HOUR)
    assert window_room(3, HOUR, used, 0, full.again_at - timedelta(microseconds=1)).of_several == 0
    assert window_room(3, HOUR, used, 0, full.again_at).of_several == 3


def test_the_narrowest_limit_counts_and_its_time_is_told():
    limits = Limits(per_second=10, per_hour=5, per_day=100)
    assert room(limits, Pace(), {NOW: 4}, 0, NOW).of_one == 1
    tight = room(Limits(per_hour=5, per_day=4), Pace(), {NOW: 4}, 0, NOW)
    assert (tight.of_several, tight.again_at) == (0, NOW + MINUTE + DAY)


# --- with a ledger ------------------------------------------------------------------------------------------


def take(desk, limits: Limits, *, at: timedelta = timedelta(0), owner: str = "w1", limit: int = 100):
    return desk.outbox.take(Asking("relay", owner, desk.now + at, LEASE, limit, limits=limits))


def ids(taken) -> list[int]:
    return [delivery.id for claim in taken.claims for delivery in claim.deliveries]


def finish(desk, found: list[int], state: D = D.SENT, *, at: timedelta = timedelta(0), owner: str = "w1") -> None:
    if state is D.SENT:
        desk.outbox.journal(found, [], owner, desk.now + at)
    wait = 600 if state in (D.DEFERRED, D.QUEUED) else None
    done = [desk.outcome(one, state, wait) for one in found]
    desk.outbox.journal([], done, owner, desk.now + at, metered="relay")


def test_what_is_in_hand_counts_and_what_is_given_back_does_not(desk):
    desk.queued(desk.people(10))
    limits = Limits(per_hour=4)
    found = ids(take(desk, limits))
    assert len(found) == 4
    assert ids(take(desk, limits, owner="w2")) == []
    finish(desk, found[:2])
    assert ids(take(desk, limits, owner="w2")) == []
    finish(desk, found[2:], D.QUEUED)
    again = ids(take(desk, limits, owner="w2"))
    assert len(again) == 2
    finish(desk, again, D.FAILED, owner="w2")
    full = take(desk, limits)
    assert (ids(full), full.again_at) == ([], desk.now + HOUR + MINUTE)
    assert len(ids(take(desk, limits, at=HOUR + MINUTE))) == 4


def test_a_message_is_taken_apart_only_where_there_is_no_room_for_it(desk):
    desk.queued([desk.letter("all", *(f"p{number}@example.com" for number in range(6)))])
    found = ids(take(desk, Limits(per_second=4)))
    assert len(found) == 4
    assert len(ids(take(desk, Limits(per_second=4), at=timedelta(seconds=0.9)))) == 0
    assert len(ids(take(desk, Limits(per_second=4), at=timedelta(seconds=1.1)))) == 2


def test_what_was_sent_before_there_were_limits_counts_and_twice_counting_changes_nothing(desk):
    desk.queued(desk.people(10))
    found = desk.claim(limit=3)
    desk.outbox.journal(found, [], "w1", desk.now)
    desk.outbox.journal([], [desk.outcome(one, D.SENT) for one in found], "w1", desk.now)
    for _ in range(2):
        desk.outbox.begin_metering("relay", desk.now)
        assert desk.outbox.usage("relay", Limits(per_day=4), desk.now).last_day == 3
    assert len(ids(take(desk, Limits(per_day=4)))) == 1


def test_what_the_dead_may_have_sent_counts(desk):
    desk.queued(desk.people(3))
    limits = Limits(per_hour=2)
    found = ids(take(desk, limits))
    desk.outbox.journal(found[:1], [], "w1", desk.now)
    desk.outbox.recover(desk.now, ["w1"])
    assert len(ids(take(desk, limits, owner="w2"))) == 1
    assert desk.outbox.usage("relay", limits, desk.now).last_hour == 1


def test_usage_says_what_is_used_and_when_there_is_room_again(desk):
    desk.queued(desk.people(5))
    limits = Limits(per_hour=3, per_day=10)
    assert desk.outbox.usage("relay", limits, desk.now).again_at is None
    found = ids(take(desk, limits))
    finish(desk, found[:2])
    now = desk.outbox.usage("relay", limits, desk.now)
    assert (now.last_hour, now.last_day, now.in_hand) == (2, 2, 1)
    assert now.again_at == desk.now + HOUR + MINUTE
    desk.outbox.begin_metering("relay", desk.now + 2 * DAY)
    assert desk.outbox.usage("relay", limits, desk.now + 2 * DAY).last_day == 0


TAKER = Path(__file__).parent / "limited_taker.py"


def test_racing_processes_together_stay_within_every_limit(desk, url):
    """Each takes, sends and takes again as fast as it can, until nobody gets any more."""
    desk.queued(desk.people(60))
    limits = Limits(per_second=1000, per_hour=25, per_day=40)
    command = [sys.executable, str(TAKER), url]
    racers = [subprocess.Popen([*command, f"w{n}"], stdout=subprocess.PIPE, text=True) for n in range(3)]
    counts = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert sum(counts) == 25
    assert Outbox(desk.engine).counts()[D.SENT] == 25
    assert desk.outbox.usage("relay", limits, desk.now).last_hour == 25
