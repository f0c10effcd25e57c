"""Whose turn it is: priority strictly, then every job in turn, whatever waits in the others."""

import uuid
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ledger.ways import Asking

MINUTE = timedelta(minutes=1)


def take(desk, limit: int, after: str = "", owner: str = "w1") -> list[str]:
    """The jobs of the letters that one claim hands out."""
    taken = desk.outbox.take(Asking("relay", owner, desk.now, MINUTE, limit, after=after))
    return [claim.job for claim in taken.claims]


def queue(desk, job: str, letters: int, *, run: int = 0, priority: int = 5) -> None:
    desk.queued(desk.people(letters, f"{job}-{run}-"), desk.key(job, run), desk.terms(priority=priority, hours=1000))


def test_a_job_of_many_letters_shares_every_claim_with_the_others(desk):
    queue(desk, "big", 100)
    queue(desk, "late", 2, run=1)
    queue(desk, "small", 1, run=2)
    assert sorted(take(desk, 9)) == ["big"] * 6 + ["late"] * 2 + ["small"]


def test_one_by_one_they_take_turns_and_within_a_job_the_earliest_run_comes_first(desk):
    queue(desk, "a", 2, run=1)
    queue(desk, "a", 1, run=0)
    queue(desk, "b", 3, run=7)
    order: list[str] = []
    runs: list[str] = []
    while found := desk.outbox.take(
        Asking("relay", "w1", desk.now, MINUTE, 1, after=order[-1] if order else "")
    ).claims:
        order.append(found[0].job)
        runs.append(found[0].run)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert [run for run in runs if run.startswith("a@")] == [str(desk.key("a", hours)) for hours in (0, 1, 1)]


def test_priority_goes_before_turns(desk):
    queue(desk, "urgent", 3, priority=1)
    queue(desk, "usual", 3, priority=5)
    assert [job for _ in range(6) for job in take(desk, 1, after="urgent")] == ["urgent"] * 3 + ["usual"] * 3


def test_what_is_not_due_or_somebody_elses_takes_no_turn(desk):
    queue(desk, "a", 1)
    queue(desk, "b", 1)
    assert take(desk, 1, owner="w2") == ["a"]
    assert take(desk, 5) == ["b"]
    assert take(desk, 5) == []


def test_five_hundred_waiting_runs_of_a_job_do_not_hide_another(desk):
    for run in range(60):
        queue(desk, "often", 1, run=run)
    queue(desk, "once", 1, run=90)
    assert "once" in take(desk, 4)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 6), min_size=2, max_size=5), limit=st.integers(1, 4))
def test_no_job_waits_while_another_is_served_twice_as_often(desk, sizes, limit):
    """However large the others are, and however many letters a claim hands out: between two turns of a job that has
    letters, no other job gets more than two claims' shares."""
    salt = uuid.uuid4().hex[:8]  # every example works in the same ledger
    mailer, jobs = f"relay-{salt}", [f"job{number}-{salt}" for number in range(len(sizes))]
    for job, size in zip(jobs, sizes, strict=True):
        desk.queued(desk.people(size, job), desk.key(job), desk.terms(mailer=mailer))
    left = dict(zip(jobs, sizes, strict=True))
    after, served = "", dict.fromkeys(jobs, 0)
    while any(left.values()):
        claims = desk.outbox.take(Asking(mailer, "w1", desk.now, MINUTE, limit, after=after)).claims
        assert 0 < len(claims) <= limit
        after = claims[-1].job
        for claim in claims:
            left[claim.job] -= 1
            served[claim.job] += 1
        waiting = [served[job] for job in jobs if left[job]]
        if waiting:
            assert max(served.values()) - min(waiting) <= 2 * limit
    assert served == dict(zip(jobs, sizes, strict=True))
