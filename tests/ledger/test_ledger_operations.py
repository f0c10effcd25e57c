"""What operators do about deliveries, on both databases: each legal, idempotent, and with its audit line."""

import tracemalloc
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from pipeline.errors import IllegalTransitionError, LedgerError
from pipeline.ledger.auditing import audit_of
from pipeline.ledger.database import write
from pipeline.ledger.operations import Operations
from pipeline.ledger.operator_records import CHANGES, FAILED_ALONE, Action, Note
from pipeline.ledger.records import RunKey
from pipeline.ledger.states import DELIVERY_TRANSITIONS, RunState
from pipeline.ledger.states import DeliveryState as D
from pipeline.ledger.suppressing import Suppressions
from pipeline.ledger.ways import Asking

LATER = 600
"""Minutes after NOW, when the terms of a run of these tests are over."""


def note(desk, minutes=1, why="the boss asked"):
    return Note("ana", desk.now + timedelta(minutes=minutes), why)


def end(desk, states):
    """A run with one delivery in each of the states, by recipient p0, p1, …; uncertain ones stay so."""
    key = desk.queued(desk.people(len(states)), terms=desk.terms(on_uncertain="hold"))
    ids = desk.claim()
    desk.outbox.journal([n for n, s in zip(ids, states, strict=True) if s is D.SENT], [], "w1", desk.now)
    direct = [(n, s) for n, s in zip(ids, states, strict=True) if s not in (D.SENT, D.UNCERTAIN)]
    unsure = [n for n, s in zip(ids, states, strict=True) if s is D.UNCERTAIN]
    desk.outbox.journal(unsure, [], "w1", desk.now)
    outcomes = [desk.outcome(n, s, 5 if s is D.DEFERRED else None) for n, s in direct]
    outcomes += [desk.outcome(n, s) for n, s in zip(ids, states, strict=True) if s in (D.SENT, D.UNCERTAIN)]
    desk.outbox.journal([], outcomes, "w1", desk.now)
    return key


def moved(desk, acted):
    """The deliveries that an action moved."""
    return list(Operations(desk.engine).changed(acted))


def run_of(desk, key):
    found = desk.runs.get(key)
    assert found is not None
    return found


def test_no_action_does_what_the_states_forbid():
    for change in CHANGES.values():
        assert all(change.target in DELIVERY_TRANSITIONS[source] for source in change.sources)
    assert all(D.SENT not in change.sources for change in CHANGES.values())
    assert CHANGES[Action.RESEND].sources > FAILED_ALONE


def test_hold_keeps_what_waits_and_release_sends_it(desk):
    key = end(desk, [D.SENT, D.DEFERRED])
    operations = Operations(desk.engine)
    held = operations.hold(key, note(desk))
    assert [(d.recipient, d.state) for d in moved(desk, held)] == [("p1@example.com", D.HELD)]
    assert [(run.state, run.ended_at) for run in held.ended] == [(RunState.HELD, None)]
    assert desk.claim("w2", minutes=6) == []
    released = operations.release(key, note(desk, 7), desk.terms())
    assert released.run.state is RunState.QUEUED
    assert released.run.ended_at is None
    assert desk.claim("w2", minutes=7) == list(released.changed)
    assert [d.possible_duplicate for d in moved(desk, released)] == [False]


@pytest.mark.parametrize("action", ["hold", "cancel"])
def test_what_is_done_twice_changes_nothing_the_second_time(desk, action):
    key = desk.queued(desk.people(2))
    act = getattr(Operations(desk.engine), action)
    assert len(act(key, note(desk)).changed) == 2
    again = act(key, note(desk, 2, "again"))
    assert (list(again.changed), again.was, again.examples, again.ended) == ([], {}, (), ())
    assert [(line.action, line.changed, line.why) for line in audit_of(desk.engine, key)] == [
        (action, 2, "the boss asked")
    ]


def test_a_claim_that_was_not_begun_is_taken_away_and_what_is_being_sent_is_not(desk):
    key = desk.queued(desk.people(2))
    first, second = desk.claim()
    assert desk.outbox.journal([first], [], "w1", desk.now).intended == {first}
    held = Operations(desk.engine).hold(key, note(desk, 0))
    assert (list(held.changed), held.in_flight, held.ended) == ([second], 1, ())
    late = desk.outbox.journal([second], [desk.outcome(first, D.SENT)], "w1", desk.now)
    assert (late.intended, late.lost) == (frozenset(), {second})
    assert desk.states(key) == {"p0@example.com": "sent", "p1@example.com": "held"}
    assert [run.state for run in late.ended] == [RunState.HELD]


def test_one_delivery_alone(desk):
    key = desk.queued(desk.people(2))
    number = desk.claim()[0]
    operations = Operations(desk.engine)
    operations.cancel(key, note(desk), delivery=number)
    assert sorted(desk.states(key).values()) == ["cancelled", "queued"]
    assert run_of(desk, key).state is RunState.QUEUED
    assert [line.subject for line in audit_of(desk.engine, key)] == [f"{key}#{number}"]


def test_resend_failed_sends_the_rest_again_and_nobody_else(desk):
    key = end(desk, [D.SENT, D.FAILED, D.EXPIRED, D.UNCERTAIN, D.CANCELLED, D.HELD])
    assert run_of(desk, key).state is RunState.HELD
    at = note(desk, LATER)
    acted = Operations(desk.engine).resend(key, at, desk.terms(hours=20))
    assert {d.recipient: (d.state, d.possible_duplicate, d.attempts) for d in moved(desk, acted)} == {
        "p1@example.com": (D.QUEUED, False, 0),
        "p2@example.com": (D.QUEUED, False, 0),
        "p3@example.com": (D.QUEUED, True, 0),
    }
    assert desk.states(key)["p0@example.com"] == "sent"
    assert acted.run.state is RunState.QUEUED
    assert len(desk.claim("w2", minutes=LATER)) == 3
    assert Operations(desk.engine).resend(key, at, desk.terms(hours=20)).was == {}


def test_resend_without_failed_brings_back_what_was_cancelled(desk):
    key = end(desk, [D.CANCELLED, D.FAILED])
    acted = Operations(desk.engine).resend(key, note(desk), desk.terms(), failed=False)
    assert len(acted.changed) == 2


def test_who_is_suppressed_is_not_sent_again(desk):
    key = end(desk, [D.SUPPRESSED, D.FAILED])
    Suppressions(desk.engine).add("P0@example.com", "job:daily", note(desk))
    acted = Operations(desk.engine).resend(key, note(desk), desk.terms())
    assert acted.examples == ("p1@example.com",)
    Suppressions(desk.engine).remove("p0@example.com", None, note(desk))
    again = Operations(desk.engine).resend(key, note(desk), desk.terms())
    assert (again.examples, again.was) == (("p0@example.com",), {D.SUPPRESSED: 1})


def test_a_release_after_its_time_gets_new_terms_and_one_in_time_keeps_its_own(desk):
    key = desk.queued(desk.people(2), terms=desk.terms(hours=6))
    operations = Operations(desk.engine)
    one, two = (d.id for d in desk.outbox.deliveries(run=key))
    operations.hold(key, note(desk), delivery=one)
    operations.release(key, note(desk), desk.terms(hours=99, mailer="other"), delivery=one)
    assert set(desk.claim(minutes=2)) == {one, two}
    operations.hold(key, note(desk, 1))
    operations.release(key, note(desk, LATER), desk.terms(hours=99, mailer="other"))
    claims = desk.outbox.take(
        Asking("other", "w9", desk.now + timedelta(minutes=LATER), timedelta(minutes=1), 5)
    ).claims
    assert {d.id for claim in claims for d in claim.deliveries} == {one, two}


@pytest.mark.parametrize("building", [False, True])
def test_cancel_before_there_are_messages_skips_the_run_and_stops_its_builder(desk, building):
    key = desk.key()
    desk.runs.ensure(key, desk.now)
    if building:
        desk.building(key)
        desk.runs.stage(key, "builder", desk.people(3))
    acted = Operations(desk.engine).cancel(key, note(desk))
    assert acted.withdrawn
    assert (acted.run.state, acted.run.reason) == (RunState.SKIPPED, "cancelled by ana: the boss asked")
    assert run_of(desk, key) == acted.run
    assert desk.outbox.deliveries(run=key) == []
    assert not desk.runs.beat(key, "builder", desk.now)
    assert [line.action for line in audit_of(desk.engine, key)] == [Action.CANCEL]


def test_what_has_no_messages_is_refused_with_what_to_do(desk):
    operations, key = Operations(desk.engine), desk.key()
    with pytest.raises(LedgerError, match="there is no run"):
        operations.hold(key, note(desk))
    desk.runs.ensure(key, desk.now)
    with pytest.raises(IllegalTransitionError, match=r'is "due", so there is nothing to hold: .* cancel it'):
        operations.hold(key, note(desk))
    desk.runs.fail(key, "no data", desk.now)
    with pytest.raises(IllegalTransitionError, match=r"pipeline run daily --at 2013-02-01T11:30:00Z"):
        operations.resend(key, note(desk), desk.terms())


def test_a_run_that_was_delivered_to_all_has_nothing_to_resend(desk):
    key = end(desk, [D.SENT])
    acted = Operations(desk.engine).resend(key, note(desk), desk.terms(), failed=False)
    assert (list(acted.changed), acted.run.state) == ([], RunState.DELIVERED)
    assert audit_of(desk.engine, key) == []


def test_a_run_that_was_held_when_it_was_queued_is_under_way_without_a_reason_once_released(desk):
    key = desk.building(desk.key())
    desk.runs.stage(key, "builder", desk.people(2))
    desk.runs.queue(key, "builder", desk.terms(), desk.now, held="waits for a review")
    acted = Operations(desk.engine).release(key, note(desk), desk.terms())
    assert (len(acted.changed), acted.run.state, acted.run.reason) == (2, RunState.QUEUED, "")
    assert len(desk.claim("w2", minutes=2)) == 2


def test_a_run_is_held_until_the_last_of_it_is_released_or_cancelled(desk):
    key = desk.building(desk.key())
    desk.runs.stage(key, "builder", desk.people(2))
    desk.runs.queue(key, "builder", desk.terms(), desk.now, held="waits for a review")
    first, second = (d.id for d in desk.outbox.deliveries(run=key))
    operations = Operations(desk.engine)
    released = operations.release(key, note(desk), desk.terms(), delivery=first)
    assert (released.run.state, released.run.reason) == (RunState.QUEUED, "waits for a review")
    desk.outbox.journal(desk.claim(minutes=1), [], "w1", desk.now)
    [run] = desk.outbox.journal([], [desk.outcome(first, D.SENT)], "w1", desk.now).ended
    assert (run.state, run.reason) == (RunState.HELD, "waits for a review")
    assert operations.hold(key, note(desk, 2)).ended == ()  # nothing to hold: it is not told of again
    cancelled = operations.cancel(key, note(desk, 3), delivery=second)
    assert [(run.state, run.ended_at) for run in cancelled.ended] == [(RunState.PARTLY_DELIVERED, note(desk, 3).at)]
    assert cancelled.run.state is RunState.PARTLY_DELIVERED


def test_many_are_moved_in_steps_and_told_in_the_order_of_their_numbers(desk):
    key = desk.queued(desk.people(1203))
    operations = Operations(desk.engine)
    first, *_, last = numbers = sorted(d.id for d in desk.outbox.deliveries(run=key, limit=2000))
    for one in (first, numbers[600], last):
        operations.hold(key, note(desk), delivery=one)
    cancelled = operations.cancel(key, note(desk))
    assert (list(cancelled.changed), cancelled.was) == (numbers, {D.HELD: 3, D.QUEUED: 1200})
    assert cancelled.examples == ("p0@example.com", "p1@example.com", "p2@example.com")
    assert [(d.id, d.state) for d in operations.changed(cancelled)] == [(n, D.CANCELLED) for n in numbers]
    assert set(desk.states(key).values()) == {"cancelled"}
    assert audit_of(desk.engine, key)[-1].changed == 1203


def test_what_one_step_in_the_middle_cannot_do_none_has_done(desk):
    key = desk.queued(desk.people(1203))
    (rotten,) = (d.id for d in desk.outbox.deliveries(run=key, recipient="p700@example.com"))
    with write(desk.engine) as connection:
        for statement in refuse_to_change(desk.engine.dialect.name, rotten):
            connection.execute(text(statement))
    with pytest.raises(IntegrityError, match="not this one"):
        Operations(desk.engine).cancel(key, note(desk))
    assert set(desk.states(key).values()) == {"queued"}
    assert audit_of(desk.engine, key) == []


def refuse_to_change(dialect, number):
    """Statements that make the database itself refuse any change of one delivery."""
    if dialect == "sqlite":
        refuse = "BEGIN SELECT raise(ABORT, 'not this one'); END"
        return [f"CREATE TRIGGER rotten BEFORE UPDATE ON deliveries WHEN old.id = {number} {refuse}"]
    raising = "BEGIN RAISE SQLSTATE '23000' USING MESSAGE = 'not this one'; END"
    rotten = f"CREATE TRIGGER rotten BEFORE UPDATE ON deliveries FOR EACH ROW WHEN (old.id = {number})"
    return [
        f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$",
        f"{rotten} EXECUTE FUNCTION refuse()",
    ]


def test_moving_many_keeps_no_more_of_each_than_its_number(desk):
    key = desk.queued(desk.people(4000))
    operations = Operations(desk.engine)
    operations.hold(key, note(desk))  # what is made once is made
    tracemalloc.start()
    try:
        acted = operations.release(key, note(desk, 2), desk.terms())
        told = sum(delivery.next_attempt_at == note(desk, 2).at for delivery in operations.changed(acted))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert told == 4000
    assert peak < 2_000_000  # one page of them; all together are more


class TestSuppressions:
    def test_scopes(self, desk):
        found = Suppressions(desk.engine)
        assert found.add("Ana@Example.com", "all", note(desk))
        assert not found.add("ana@example.com", "all", note(desk, 2, "twice"))
        found.add("bo@example.com", "job:daily", note(desk))
        found.add("cy@example.com", "mailer:relay", note(desk, why=""))
        people = ["ANA@example.com", "bo@example.com", "cy@example.com", "di@example.com"]
        assert found.barred("daily", "relay", people) == {
            "ANA@example.com": "suppressed by ana: the boss asked",
            "bo@example.com": "suppressed for job daily by ana: the boss asked",
            "cy@example.com": "suppressed for mailer relay by ana",
        }
        assert set(found.barred("weekly", "other", people)) == {"ANA@example.com"}

    def test_removed_from_one_scope_or_all(self, desk):
        found = Suppressions(desk.engine)
        for scope in ("all", "job:daily", "mailer:relay"):
            found.add("a@x.org", scope, note(desk))
        assert [one.scope for one in found.remove("A@X.org", "job:daily", note(desk))] == ["job:daily"]
        assert [one.scope for one in found.remove("a@x.org", None, note(desk))] == ["all", "mailer:relay"]
        assert found.remove("a@x.org", None, note(desk)) == found.find() == []

    def test_claims_are_looked_at_by_their_job(self, desk):
        desk.queued([desk.letter("a", "a@x.org", "b@x.org")])
        desk.queued([desk.letter("c", "A@x.org")], key=RunKey("weekly", desk.now))
        claims = desk.outbox.take(Asking("relay", "w1", desk.now, timedelta(minutes=1), 9)).claims
        found = Suppressions(desk.engine)
        assert dict(found.barred_claims(claims, "relay")) == {}
        found.add("a@x.org", "job:weekly", note(desk))
        barred = found.barred_claims(claims, "relay")
        assert list(barred.values()) == ["suppressed for job weekly by ana: the boss asked"]
        assert {d.recipient for c in claims for d in c.deliveries if d.id in barred} == {"A@x.org"}
