"""The outbox: who may send what, what became of it, and when a run has ended."""

from datetime import timedelta

import pytest

from pipeline.errors import IllegalTransitionError, LedgerError
from pipeline.ledger.states import DeliveryState as D
from pipeline.ledger.states import RunState
from pipeline.ledger.ways import Asking

MINUTE = timedelta(minutes=1)


def _at(desk, minutes: int):
    return desk.now + minutes * MINUTE


# --- claims -------------------------------------------------------------------------------------------------


def test_a_claim_is_one_owners(desk) -> None:
    desk.queued(desk.people(5))
    first, second = desk.claim("w1", limit=3), desk.claim("w2", limit=3)
    assert (len(first), len(second)) == (3, 2)
    assert not set(first) & set(second)
    assert desk.claim("w3") == []
    assert desk.outbox.owners() == {"w1", "w2"}


def test_claims_come_by_priority_then_due_time_then_order(desk) -> None:
    desk.queued(desk.people(2, "late"), desk.key(hours=2), desk.terms(priority=5))
    desk.queued(desk.people(2, "early"), desk.key(hours=1), desk.terms(priority=5))
    desk.queued(desk.people(2, "urgent"), desk.key(hours=3), desk.terms(priority=1))
    desk.queued(desk.people(2, "other"), desk.key(), desk.terms(mailer="gmail"))
    order = []
    while claims := desk.outbox.take(Asking("relay", "w1", desk.now, MINUTE, 3)).claims:
        order += [claim.letter.recipients[0].partition("@")[0] for claim in claims]
    assert order == ["urgent0", "urgent1", "early0", "early1", "late0", "late1"]


def test_a_shared_message_is_claimed_whole_however_small_the_limit(desk) -> None:
    people = tuple(f"p{number}@example.com" for number in range(5))
    desk.queued([desk.letter("all", *people), desk.letter("one")])
    claims = desk.outbox.take(Asking("relay", "w1", desk.now, MINUTE, 1)).claims
    assert [claim.letter.recipients for claim in claims] == [people]
    assert [len(claim.deliveries) for claim in desk.outbox.take(Asking("relay", "w1", desk.now, MINUTE, 1)).claims] == [
        1
    ]


def test_a_retry_carries_only_those_that_are_due(desk) -> None:
    desk.queued([desk.letter("all", "a@example.com", "b@example.com", "c@example.com")])
    a, b, c = desk.claim()
    desk.outbox.journal([a, b], [], "w1", desk.now)
    done = [desk.outcome(a, D.SENT), desk.outcome(b, D.DEFERRED, 5), desk.outcome(c, D.FAILED)]
    assert desk.outbox.journal([], done, "w1", desk.now).ended == ()
    assert desk.claim(minutes=4) == []
    [claim] = desk.outbox.take(Asking("relay", "w2", _at(desk, 5), MINUTE, 10)).claims
    assert claim.letter.recipients == ("b@example.com",)
    assert [(one.id, one.state, one.attempts) for one in claim.deliveries] == [(b, D.DEFERRED, 1)]


def test_release_gives_back_what_was_not_begun(desk) -> None:
    desk.queued(desk.people(3))
    first, *_ = desk.claim()
    desk.outbox.journal([first], [], "w1", desk.now)
    assert desk.outbox.release("w1") == 2
    assert desk.outbox.release("w1") == 0
    assert len(desk.claim("w2")) == 2
    assert desk.outbox.owners() == {"w1", "w2"}


def test_a_heartbeat_keeps_claims(desk) -> None:
    desk.queued(desk.people(2))
    desk.claim()
    assert desk.outbox.extend("w1", _at(desk, 10)) == 2
    desk.outbox.recover(_at(desk, 9))
    assert desk.claim("w2", minutes=9) == []
    assert desk.outbox.extend("nobody", _at(desk, 10)) == 0


# --- the journal --------------------------------------------------------------------------------------------


def test_an_intent_needs_a_claim_that_holds(desk) -> None:
    desk.queued(desk.people(3))
    ids = desk.claim("w1")
    assert desk.outbox.journal(ids, [], "w2", desk.now).lost == frozenset(ids)
    assert desk.outbox.journal(ids, [], "w1", _at(desk, 1)).lost == frozenset(ids)
    done = desk.outbox.journal(ids[:2], [], "w1", desk.now)
    assert (done.intended, done.lost) == (frozenset(ids[:2]), frozenset())
    assert desk.outbox.journal(ids[:1], [], "w2", desk.now).lost == frozenset(ids[:1])
    assert sorted(desk.states().values()) == ["queued", "sending", "sending"]


def test_an_owner_that_knows_that_its_letter_was_not_taken_may_intend_it_anew_and_give_it_back(desk) -> None:
    desk.queued(desk.people(1))
    ids = desk.claim("w1")
    for _ in range(2):
        assert desk.outbox.journal(ids, [], "w1", desk.now).intended == frozenset(ids)
        assert list(desk.states().values()) == ["sending"]
    desk.outbox.journal([], [desk.outcome(ids[0], D.QUEUED, counts=False)], "w1", desk.now)
    assert desk.claim("w2") == ids


def test_outcomes_and_the_next_intents_go_in_one_commit(desk) -> None:
    desk.queued(desk.people(4))
    a, b, c, d = desk.claim()
    desk.outbox.journal([a, b], [], "w1", desk.now)
    done = desk.outbox.journal([c, d], [desk.outcome(a, D.SENT), desk.outcome(b, D.SENT)], "w1", desk.now)
    assert done.intended == {c, d}
    assert list(desk.states().values()) == ["sending", "sending", "sent", "sent"]


def test_an_attempt_is_a_row_and_the_last_reply_stays(desk) -> None:
    desk.queued(desk.people(1))
    [one] = desk.claim()
    desk.outbox.journal([one], [desk.outcome(one, D.DEFERRED, 5, counts=False)], "w1", desk.now)
    desk.claim(minutes=5)
    desk.outbox.journal([one], [desk.outcome(one, D.SENT)], "w1", _at(desk, 5))
    [delivery] = desk.outbox.deliveries()
    assert (delivery.attempts, delivery.code, delivery.verdict, delivery.reply) == (1, 250, "OK", "a reply")
    assert (delivery.next_attempt_at, delivery.updated_at) == (None, _at(desk, 5))
    tries = desk.outbox.attempts(one)
    assert [(t.state, t.code, t.counts, t.duration_ms) for t in tries] == [
        (D.DEFERRED, 451, False, 12),
        (D.SENT, 250, True, 12),
    ]


def test_given_back_untried_is_no_attempt(desk) -> None:
    desk.queued(desk.people(2))
    a, b = desk.claim()
    desk.outbox.journal([a], [], "w1", desk.now)
    outcomes = [desk.outcome(a, D.QUEUED, counts=False), desk.outcome(b, D.QUEUED, 3, counts=False)]
    assert desk.outbox.journal([], outcomes, "w1", desk.now).lost == frozenset()
    assert desk.outbox.attempts(a) == desk.outbox.attempts(b) == []
    assert {one.verdict for one in desk.outbox.deliveries()} == {""}
    assert desk.claim("w2") == [a]
    assert desk.claim("w2", minutes=3) == [b]


def test_an_outcome_that_comes_too_late_changes_nothing(desk) -> None:
    desk.queued(desk.people(1))
    [one] = desk.claim("w1")
    desk.outbox.journal([one], [], "w1", desk.now)
    desk.outbox.recover(_at(desk, 1))
    assert desk.claim("w2", minutes=1) == [one]
    done = desk.outbox.journal([], [desk.outcome(one, D.SENT)], "w1", _at(desk, 1))
    assert done.lost == {one}
    assert desk.states() == {"p0@example.com": "queued"}
    assert [attempt.verdict for attempt in desk.outbox.attempts(one)] == ["AMBIGUOUS"]


def test_an_outcome_that_comes_too_late_for_its_own_next_claim(desk) -> None:
    desk.queued(desk.people(1))
    [one] = desk.claim("w1")
    desk.outbox.journal([one], [], "w1", desk.now)
    desk.outbox.recover(_at(desk, 1))
    assert desk.claim("w1", minutes=1) == [one]
    assert desk.outbox.journal([], [desk.outcome(one, D.SENT)], "w1", _at(desk, 1)).lost == {one}
    assert desk.outbox.journal([one], [], "w1", _at(desk, 1)).intended == {one}


@pytest.mark.parametrize(
    ("intended", "state", "said"),
    [
        (False, D.SENT, 'is "queued" and cannot become "sent"'),
        (False, D.UNCERTAIN, 'is "queued" and cannot become "uncertain"'),
        (True, D.SUPPRESSED, 'is "sending" and cannot become "suppressed"'),
        (True, D.SENDING, 'is "sending" and cannot become "sending"'),
        (True, D.STAGED, 'is "sending" and cannot become "staged"'),
    ],
)
def test_an_illegal_outcome_writes_nothing(desk, intended: bool, state: D, said: str) -> None:
    desk.queued(desk.people(2))
    a, b = desk.claim()
    desk.outbox.journal([a, b] if intended else [b], [], "w1", desk.now)
    before = desk.states()
    with pytest.raises(IllegalTransitionError, match=f"delivery {a} {said}"):
        desk.outbox.journal([], [desk.outcome(b, D.SENT), desk.outcome(a, state)], "w1", desk.now)
    assert desk.states() == before
    assert desk.outbox.attempts(b) == []


def test_outcomes_that_would_be_lost_or_contradict(desk) -> None:
    desk.queued(desk.people(1))
    [one] = desk.claim()
    with pytest.raises(LedgerError, match="deferred without a time"):
        desk.outbox.journal([], [desk.outcome(one, D.DEFERRED)], "w1", desk.now)
    with pytest.raises(LedgerError, match="two outcomes in one batch"):
        desk.outbox.journal([one], [desk.outcome(one, D.SENT), desk.outcome(one, D.FAILED)], "w1", desk.now)
    assert desk.states() == {"p0@example.com": "queued"}


# --- uncertain ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_uncertain", "state", "duplicate"), [("resend", D.QUEUED, True), ("hold", D.UNCERTAIN, False)]
)
def test_a_lost_answer_is_what_the_run_says(desk, on_uncertain, state: D, duplicate: bool) -> None:
    key = desk.queued(desk.people(1), terms=desk.terms(on_uncertain))
    [one] = desk.claim()
    desk.outbox.journal([one], [], "w1", desk.now)
    done = desk.outbox.journal([], [desk.outcome(one, D.UNCERTAIN, 7)], "w1", desk.now)
    assert done.resent == (frozenset([one]) if duplicate else frozenset())
    [delivery] = desk.outbox.deliveries()
    assert (delivery.state, delivery.possible_duplicate, delivery.attempts) == (state, duplicate, 1)
    assert [attempt.state for attempt in desk.outbox.attempts(one)] == [D.UNCERTAIN]
    assert desk.claim(minutes=6) == []
    assert desk.claim(minutes=7) == ([one] if duplicate else [])
    assert [run.key for run in done.ended] == ([] if duplicate else [key])


@pytest.mark.parametrize(
    ("on_uncertain", "state", "duplicate"), [("resend", D.QUEUED, True), ("hold", D.UNCERTAIN, False)]
)
def test_a_sender_that_died(desk, on_uncertain, state: D, duplicate: bool) -> None:
    key = desk.queued(desk.people(3), terms=desk.terms(on_uncertain))
    sending, *claimed = desk.claim("dead")
    desk.outbox.journal([sending], [], "dead", desk.now)
    assert desk.outbox.recover(desk.now).deliveries == ()
    swept = desk.outbox.recover(desk.now, dead={"dead"})
    [delivery] = swept.deliveries
    assert (delivery.id, delivery.state, delivery.possible_duplicate) == (sending, state, duplicate)
    assert (delivery.attempts, delivery.verdict) == (1, "AMBIGUOUS")
    assert "(dead) ended before the outcome was known" in delivery.reply
    assert swept.ended == ()
    assert sorted(desk.claim("w2")) == sorted(claimed + ([sending] if duplicate else []))
    assert desk.outbox.owners() == {"w2"}
    assert desk.runs.get(key).state is RunState.QUEUED


def test_recovering_the_last_one_ends_the_run(desk) -> None:
    desk.queued(desk.people(1), terms=desk.terms("hold"))
    desk.outbox.journal(desk.claim(), [], "w1", desk.now)
    [run] = desk.outbox.recover(_at(desk, 1)).ended
    assert (run.state, run.ended_at) == (RunState.UNDELIVERED, _at(desk, 1))


# --- the end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([D.SENT, D.SENT], RunState.DELIVERED),
        ([D.SENT, D.FAILED], RunState.PARTLY_DELIVERED),
        ([D.FAILED, D.EXPIRED], RunState.UNDELIVERED),
    ],
)
def test_a_run_ends_with_its_last_delivery(desk, outcomes, state: RunState) -> None:
    key = desk.queued(desk.people(2))
    ids = desk.claim()
    desk.outbox.journal(ids, [], "w1", desk.now)
    assert desk.outbox.journal([], [desk.outcome(ids[0], outcomes[0])], "w1", desk.now).ended == ()
    assert desk.runs.get(key).state is RunState.QUEUED
    [run] = desk.outbox.journal([], [desk.outcome(ids[1], outcomes[1])], "w1", _at(desk, 1)).ended
    assert (run.key, run.state, run.ended_at) == (key, state, _at(desk, 1))
    assert desk.runs.get(key) == run
    assert desk.outbox.next_due("relay", desk.now) is None


def test_expiry_ends_what_waits_and_spares_what_is_being_sent(desk) -> None:
    key = desk.queued(desk.people(3), terms=desk.terms(hours=1))
    later = desk.queued(desk.people(1, "q"), desk.key(hours=1), terms=desk.terms(hours=2))
    sending, *_ = desk.claim(limit=1)
    desk.outbox.journal([sending], [], "w1", desk.now)
    assert desk.outbox.expire(_at(desk, 59)).deliveries == ()
    assert desk.outbox.next_due("relay", desk.now) == desk.now
    swept = desk.outbox.expire(_at(desk, 60))
    assert [delivery.state for delivery in swept.deliveries] == [D.EXPIRED] * 2
    assert swept.ended == ()
    [run] = desk.outbox.journal([], [desk.outcome(sending, D.SENT)], "w1", _at(desk, 61)).ended
    assert (run.key, run.state) == (key, RunState.PARTLY_DELIVERED)
    assert [run.key for run in desk.outbox.expire(_at(desk, 120)).ended] == [later]


def test_what_has_expired_is_not_claimed(desk) -> None:
    desk.queued(desk.people(1), terms=desk.terms(hours=1))
    assert desk.claim(minutes=60) == []
    assert len(desk.claim(minutes=59)) == 1


def test_sweeps_of_more_than_one_step(desk) -> None:
    desk.queued(desk.people(1001), terms=desk.terms(hours=1))
    ids = desk.claim("dead", limit=1001)
    desk.outbox.journal(ids[:1], [], "dead", desk.now)
    freed = [desk.outbox.recover(desk.now, {"dead"}) for _ in range(2)]
    assert [swept.more for swept in freed] == [True, False]
    assert sum(len(swept.deliveries) for swept in freed) == 1
    assert desk.outbox.owners() == set()
    ended = [desk.outbox.expire(_at(desk, 60)) for _ in range(2)]
    assert [(len(swept.deliveries), swept.more) for swept in ended] == [(1000, True), (1, False)]
    assert [[run.state for run in swept.ended] for swept in ended] == [[], [RunState.UNDELIVERED]]


def test_when_to_look_again(desk) -> None:
    assert desk.outbox.next_due("relay", desk.now) is None
    desk.queued(desk.people(2), terms=desk.terms(hours=1))
    a, b = desk.claim()
    assert desk.outbox.next_due("relay", desk.now) is None
    done = [desk.outcome(a, D.DEFERRED, 5), desk.outcome(b, D.DEFERRED, 90)]
    desk.outbox.journal([], done[1:], "w1", desk.now)
    assert desk.outbox.next_due("relay", desk.now) == _at(desk, 60), "it expires before its time comes"
    desk.outbox.journal([], done[:1], "w1", desk.now)
    assert desk.outbox.next_due("relay", desk.now) == _at(desk, 5)
    assert desk.outbox.next_due("relay", _at(desk, 9)) == _at(desk, 9)
    assert desk.outbox.next_due("gmail", desk.now) is None


def test_looking(desk) -> None:
    key = desk.queued(desk.people(2))
    desk.queued(desk.people(1, "w"), desk.key("weekly", 5))
    a, *_ = desk.claim(limit=1)
    desk.outbox.journal([a], [desk.outcome(a, D.SENT)], "w1", desk.now)

    def found(**filters):
        return [one.recipient.partition("@")[0] for one in desk.outbox.deliveries(**filters)]

    assert found() == ["w0", "p1", "p0"]
    assert found(run=key) == found(run=str(key)) == found(job="daily") == ["p1", "p0"]
    assert found(state=D.SENT) == ["p0"]
    assert found(recipient="w0@example.com") == ["w0"]
    assert found(since=desk.now + timedelta(hours=5)) == ["w0"]
    assert found(limit=1) == ["w0"]
    assert desk.outbox.counts() == {D.SENT: 1, D.QUEUED: 2}
    assert desk.outbox.counts(run=key) == {D.SENT: 1, D.QUEUED: 1}
    assert desk.outbox.counts(job="weekly") == {D.QUEUED: 1}
