"""The life of a run: once for its due time, built by one, all of its messages sendable or none."""

from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest

from pipeline.errors import IllegalTransitionError, LedgerError, UsageError
from pipeline.ledger.database import read
from pipeline.ledger.records import Beside, RunKey
from pipeline.ledger.schema import artifacts, enclosures, messages, parts
from pipeline.ledger.states import DeliveryState, RunState
from pipeline.ledger.ways import Asking

MINUTE = timedelta(minutes=1)


# --- being there --------------------------------------------------------------------------------------------


def test_a_run_exists_once(desk) -> None:
    run, created = desk.runs.ensure(desk.key(), desk.now)
    assert (run.state, created) == (RunState.DUE, True)
    assert desk.runs.ensure(desk.key(), desk.now + MINUTE) == (run, False)


def test_many_at_once_say_which_are_new(desk) -> None:
    desk.runs.ensure(desk.key(hours=1), desk.now)
    keys = [desk.key(hours=hours) for hours in range(1200)]
    assert desk.runs.ensure_all(keys, desk.now) == {*keys} - {keys[1]}
    assert desk.runs.ensure_all(keys, desk.now) == set()
    assert {run.key for run in desk.runs.find(limit=2000)} == {*keys}
    assert desk.runs.ensure_all([], desk.now) == set()


@pytest.mark.parametrize(
    "due",
    [
        datetime(2013, 2, 1, 11, 30, 0, 1, tzinfo=UTC),
        datetime(2013, 2, 1, 11, 30, tzinfo=timezone(timedelta(hours=1))),
        datetime(2013, 2, 1, 11, 30),  # noqa: DTZ001
    ],
)
def test_a_due_time_that_its_key_cannot_say(desk, due: datetime) -> None:
    with pytest.raises(LedgerError, match="whole seconds in UTC"):
        desk.runs.ensure(RunKey("daily", due), desk.now)


def test_variants_are_numbered_and_never_the_real_one(desk) -> None:
    assert desk.runs.next_variant("daily", desk.now, "test").variant == "test-1"
    for variant in ("test-1", "test-9", "test-10", "again-3"):
        desk.runs.ensure(desk.key(variant=variant), desk.now)
    assert desk.runs.next_variant("daily", desk.now, "test").variant == "test-11"
    assert str(desk.runs.next_variant("daily", desk.now, "again")) == "daily@20130201T113000Z+again-4"


# --- building -----------------------------------------------------------------------------------------------


def test_one_builder_gets_it(desk) -> None:
    desk.runs.ensure(desk.key(), desk.now)
    period = (desk.now - timedelta(days=1), desk.now)
    run = desk.runs.start(desk.key(), "one", desk.now + MINUTE, desk.now, period=period)
    assert (run.state, run.started_at, run.builds) == (RunState.BUILDING, desk.now, 1)
    assert (run.period_start, run.period_end) == period
    assert desk.runs.start(desk.key(), "two", desk.now + MINUTE, desk.now) is None
    assert desk.runs.busy_jobs() == {"daily"}


def test_a_message_comes_out_as_it_went_in(desk) -> None:
    letters = [desk.letter("ana", "ana@example.com", "bo@example.com"), desk.letter("cy", parts=())]
    desk.queued(letters)
    claims = desk.outbox.take(Asking("relay", "w1", desk.now, MINUTE, 10)).claims
    assert [claim.letter for claim in claims] == letters
    assert [claim.terms for claim in claims] == [desk.terms()] * 2
    assert {claim.run for claim in claims} == {str(desk.key())}
    assert list(desk.runs.message_ids(desk.key())) == [("<ana@example.com>", 2), ("<cy@example.com>", 1)]


def test_enclosures_are_stored_once(desk) -> None:
    first = desk.building(desk.key())
    desk.runs.stage(first, "builder", desk.people(5))
    desk.runs.stage(first, "builder", desk.people(5, "q"))
    desk.runs.stage(desk.building(desk.key(hours=1)), "builder", [desk.letter("r", parts=desk.letter("x").parts[:1])])
    with read(desk.engine) as connection:
        counts = [len(connection.execute(t.select()).all()) for t in (messages, enclosures, parts, artifacts)]
    assert counts == [11, 2, 3, 2]


def test_nothing_staged_can_be_claimed_until_the_run_is_queued(desk) -> None:
    key = desk.building(desk.key())
    desk.runs.stage(key, "builder", desk.people(3))
    assert desk.claim() == []
    assert desk.outbox.next_due("relay", desk.now) is None
    assert set(desk.states().values()) == {"staged"}
    assert desk.outbox.counts(run=key) == {DeliveryState.STAGED: 3}
    assert len(desk.outbox.deliveries(state=DeliveryState.STAGED)) == 3
    assert desk.outbox.deliveries(state=DeliveryState.QUEUED) == []
    run = desk.runs.queue(key, "builder", desk.terms(), desk.now)
    assert (run.state, run.messages, run.deliveries) == (RunState.QUEUED, 3, 3)
    assert set(desk.states().values()) == {"queued"}
    assert len(desk.claim()) == 3


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (lambda desk: [desk.letter("new", "p1@example.com")], "two messages for p1@example.com"),
        (
            lambda desk: [desk.letter("new", "x@example.com", "x@example.com")],
            "two messages for x@example.com",
        ),
        (
            lambda desk: [desk.letter("a", "x@example.com"), desk.letter("b", "x@example.com")],
            "two .* x@example.com",
        ),
        (
            lambda desk: [desk.letter("p0", "x@example.com")],
            "the Message-ID <p0@example.com>, which .* already",
        ),
        (
            lambda desk: [desk.letter("n", "x@example.com"), desk.letter("n", "y@example.com")],
            "Message-ID <n@example",
        ),
    ],
)
def test_what_may_be_there_once(desk, second, said: str) -> None:
    key = desk.building(desk.key())
    desk.runs.stage(key, "builder", desk.people(2))
    with pytest.raises(LedgerError, match=said):
        desk.runs.stage(key, "builder", [desk.letter("fine"), *second(desk)])
    assert desk.states() == {"p0@example.com": "staged", "p1@example.com": "staged"}
    assert desk.runs.get(key).messages == 2


def test_a_recipient_may_be_in_two_runs(desk) -> None:
    desk.queued([desk.letter("a", "p@example.com")], desk.key())
    desk.queued([desk.letter("b", "p@example.com")], desk.key(hours=1))
    assert [found.run for found in desk.outbox.deliveries(recipient="p@example.com")] == [
        "daily@20130201T123000Z",
        "daily@20130201T113000Z",
    ]


def test_a_builder_that_was_given_up_can_do_nothing(desk) -> None:
    key = desk.building(desk.key(), "first")
    desk.runs.stage(key, "first", desk.people(3))
    assert desk.runs.beat(key, "first", desk.now + 5 * MINUTE)
    assert desk.runs.recover(desk.now + 4 * MINUTE) == []
    assert [run.key for run in desk.runs.recover(desk.now + 5 * MINUTE)] == [key]
    run = desk.runs.start(key, "second", desk.now + 9 * MINUTE, desk.now)
    assert (run.builds, run.messages) == (2, 0)
    assert desk.states() == {}

    assert not desk.runs.beat(key, "first", desk.now + 9 * MINUTE)
    with pytest.raises(LedgerError, match="not being built by first"):
        desk.runs.stage(key, "first", desk.people(3))
    with pytest.raises(LedgerError, match=r"given to another builder \(second\)"):
        desk.runs.queue(key, "first", desk.terms(), desk.now)
    with pytest.raises(LedgerError, match=r"given to another builder \(second\)"):
        desk.runs.fail(key, "why", desk.now, owner="first")
    desk.runs.stage(key, "second", desk.people(3))
    assert desk.runs.queue(key, "second", desk.terms(), desk.now).messages == 3


def test_builders_known_to_be_dead_need_no_waiting(desk) -> None:
    key = desk.building(desk.key(), "dead")
    desk.building(desk.key("other"), "alive")
    assert [run.key for run in desk.runs.recover(desk.now, dead={"dead"})] == [key]


def test_a_run_without_messages_is_not_queued(desk) -> None:
    key = desk.building(desk.key())
    desk.runs.stage(key, "builder", [])
    with pytest.raises(LedgerError, match="has no messages to queue; skip it"):
        desk.runs.queue(key, "builder", desk.terms(), desk.now)


@pytest.mark.parametrize("end", ["queue", "skip", "fail"])
def test_who_is_told_is_told_by_the_commit_that_it_is_about(desk, end: str) -> None:
    key, notice = desk.key(), desk.key(variant="notice-1")
    for one in (key, notice):
        desk.building(one)
        desk.runs.stage(one, "builder", desk.people(1, one.variant or "p"))
    terms = desk.terms() if end == "queue" else "because"
    act = partial(getattr(desk.runs, end), beside=[Beside(notice, desk.terms())])
    desk.runs.recover(desk.now + 10 * MINUTE)  # both are somebody else's to build
    with pytest.raises(LedgerError):
        _end(act, key, "builder", terms, desk.now)
    assert desk.runs.get(notice).state is RunState.DUE
    desk.runs.unstage(key)
    desk.runs.unstage(notice)
    for one in (key, notice):
        desk.building(one, "second")
        desk.runs.stage(one, "second", desk.people(1, one.variant or "p"))
    _end(act, key, "second", terms, desk.now)
    assert desk.runs.get(notice).state is RunState.QUEUED
    assert f"{notice.variant}0@example.com" in [d.recipient for d in desk.outbox.deliveries(state=DeliveryState.QUEUED)]


def _end(act, key, owner, terms, now):
    if isinstance(terms, str):
        return act(key, terms, now, owner=owner)
    return act(key, owner, terms, now)


def test_a_notice_that_is_somebody_elses_stops_nothing(desk) -> None:
    desk.building(desk.key())
    desk.runs.stage(desk.key(), "builder", desk.people(1))
    desk.building(desk.key(variant="notice-1"), "other")
    run = desk.runs.queue(
        desk.key(), "builder", desk.terms(), desk.now, beside=[Beside(desk.key(variant="notice-1"), desk.terms())]
    )
    assert run.state is RunState.QUEUED
    assert desk.runs.get(desk.key(variant="notice-1")).state is RunState.BUILDING


# --- not sending --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["skip", "fail"])
def test_a_run_that_ends_early_keeps_nothing_of_anybody(desk, end: str) -> None:
    key = desk.building(desk.key())
    desk.runs.stage(key, "builder", desk.people(3))
    run = getattr(desk.runs, end)(key, "because", desk.now, owner="builder")
    assert (run.reason, run.ended_at, run.messages, run.deliveries) == ("because", desk.now, 0, 0)
    assert desk.outbox.counts() == {}
    with read(desk.engine) as connection:
        assert connection.execute(messages.select()).all() == []


def test_a_failed_run_can_be_built_again(desk) -> None:
    key = desk.building(desk.key())
    desk.runs.fail(key, "no numbers", desk.now)
    later = desk.now + timedelta(days=9)
    run = desk.runs.reopen(key, later)
    assert (run.state, run.reason, run.ended_at) == (RunState.DUE, "", None)
    assert (run.builds, run.created_at) == (0, later)  # not found too old, or built too often, by whoever looks first
    assert desk.runs.start(key, "b2", later + MINUTE, later).builds == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda desk, key: desk.runs.start(key, "b", desk.now, desk.now),
            '"queued" and cannot become "building"',
        ),
        (lambda desk, key: desk.runs.skip(key, "r", desk.now), '"queued" and cannot become "skipped"'),
        (lambda desk, key: desk.runs.fail(key, "r", desk.now), '"queued" and cannot become "failed"'),
        (lambda desk, key: desk.runs.reopen(key, desk.now), '"queued" and cannot become "due"'),
        (
            lambda desk, key: desk.runs.queue(key, "b", desk.terms(), desk.now),
            '"queued" and cannot become "queued"',
        ),
    ],
)
def test_what_the_diagram_does_not_have(desk, change, said: str) -> None:
    key = desk.queued(desk.people(1))
    with pytest.raises(IllegalTransitionError, match=said):
        change(desk, key)
    assert desk.runs.get(key).state is RunState.QUEUED
    with pytest.raises(LedgerError, match='cannot be removed: it is "queued"'):
        desk.runs.unstage(key)
    assert len(desk.claim()) == 1


def test_a_run_that_is_not_there(desk) -> None:
    for change in (
        lambda: desk.runs.start(desk.key(), "b", desk.now, desk.now),
        lambda: desk.runs.fail(desk.key(), "r", desk.now),
        lambda: desk.runs.unstage(desk.key()),
    ):
        with pytest.raises(LedgerError, match="there is no run daily@20130201T113000Z"):
            change()
    assert desk.runs.get(desk.key()) is None


# --- looking ------------------------------------------------------------------------------------------------


def test_finding(desk) -> None:
    for job, hours in (("daily", 0), ("daily", 1), ("weekly", 2)):
        desk.runs.ensure(desk.key(job, hours), desk.now)
    desk.runs.skip(desk.key(hours=1), "r", desk.now)

    def found(**filters):
        return [(run.key.job, (run.key.due - desk.now) // timedelta(hours=1)) for run in desk.runs.find(**filters)]

    assert found() == [("weekly", 2), ("daily", 1), ("daily", 0)]
    assert found(job="daily") == [("daily", 1), ("daily", 0)]
    assert found(state=RunState.SKIPPED) == [("daily", 1)]
    assert found(since=desk.now + timedelta(hours=1), until=desk.now + timedelta(hours=2)) == [("daily", 1)]
    assert found(limit=1) == [("weekly", 2)]
    assert [run.key for run in desk.runs.open_runs("daily")] == [desk.key()]


def test_each_job_has_one_turn(desk) -> None:
    daily = [desk.key(hours=hours) for hours in range(3)]
    for key in (*daily, desk.key("weekly", 1), desk.key("tested", variant="test-1"), desk.key("built", -1)):
        desk.runs.ensure(key, desk.now)
    desk.building(desk.key("built", -2))
    turns = desk.runs.turns(desk.now)
    assert [(turn.run.key, turn.later.key, turn.busy) for turn in turns] == [
        (desk.key("built", -1), desk.key("built", -1), True),
        (daily[0], daily[2], False),
        (desk.key("weekly", 1), desk.key("weekly", 1), False),
    ]
    assert [turn.run.key for turn in desk.runs.turns(desk.now, limit=2)] == [desk.key("built", -1), daily[0]]


def test_resolving_what_a_person_types(desk) -> None:
    for key in (desk.key(), desk.key(variant="test-1"), desk.key("100%_sure"), desk.key("weekly")):
        desk.runs.ensure(key, desk.now)
    assert desk.runs.resolve(str(desk.key())).key == desk.key()
    assert desk.runs.resolve("wee").key == desk.key("weekly")
    assert desk.runs.resolve("100%_").key == desk.key("100%_sure")
    with pytest.raises(UsageError, match=r'"daily" means more than one run: .*\+test-1.*; write more'):
        desk.runs.resolve("daily")
    with pytest.raises(UsageError, match=r'no run "weakly@20130201T113000Z"; did you mean weekly@20130201T113000Z\?'):
        desk.runs.resolve("weakly@20130201T113000Z")
    with pytest.raises(UsageError, match="`pipeline runs` lists what there is"):
        desk.runs.resolve("%")
