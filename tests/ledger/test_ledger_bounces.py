"""Bounces in the ledger, on both databases: matched to their delivery, taken in once, dead addresses suppressed."""

from dataclasses import replace

from pipeline.ledger.bouncing import Bounces, Returned
from pipeline.ledger.operator_records import Note
from pipeline.ledger.states import DeliveryState as D
from pipeline.ledger.suppressing import Suppressions


def returned(desk, *recipients, ids=("<a@example.com>",), suppress=True, report="<r1@mx>"):
    return Returned(report, ids, recipients, desk.now, "PERM_RCPT", 550, "5.1.1", "no such user", suppress)


def sent(desk, *letters):
    key = desk.queued(list(letters))
    ids = desk.claim()
    desk.outbox.journal(ids, [], "w1", desk.now)
    desk.outbox.journal([], [desk.outcome(number, D.SENT) for number in ids], "w1", desk.now)
    return key


def test_a_dead_address_is_suppressed_and_its_delivery_stays_sent(desk):
    key = sent(desk, desk.letter("a", "Ana@x.org", "bo@x.org"))
    taken = Bounces(desk.engine).take_in(returned(desk, "ana@x.org"))
    assert (taken.new, taken.suppressed) == (True, True)
    assert taken.delivery is not None
    assert (taken.delivery.recipient, taken.delivery.state) == ("Ana@x.org", D.SENT)
    (one,) = Suppressions(desk.engine).find()
    assert (one.address, one.scope, one.who, one.why) == ("ana@x.org", "all", "bounce", "550 5.1.1 no such user")
    (kept,) = Bounces(desk.engine).of_run(key)
    assert (kept.delivery, kept.recipient, kept.enhanced) == (taken.delivery.id, "Ana@x.org", "5.1.1")


def test_a_report_is_taken_in_once_and_undoes_no_operator(desk):
    sent(desk, desk.letter("a", "ana@x.org"))
    bounces, found = Bounces(desk.engine), Suppressions(desk.engine)
    bounces.take_in(returned(desk, "ana@x.org"))
    found.remove("ana@x.org", None, Note("ana", desk.now))
    again = bounces.take_in(returned(desk, "ana@x.org"))
    assert (again.new, again.suppressed, found.find()) == (False, False, [])
    assert bounces.take_in(returned(desk, "ana@x.org", report="<r2@mx>")).suppressed


def test_one_report_about_two_recipients_is_two(desk):
    sent(desk, desk.letter("a", "ana@x.org", "bo@x.org"))
    bounces = Bounces(desk.engine)
    assert bounces.take_in(returned(desk, "ana@x.org")).new
    assert bounces.take_in(returned(desk, "bo@x.org")).new
    assert len(Suppressions(desk.engine).find()) == 2


def test_a_forwarded_mail_to_one_recipient_is_found_by_its_message_id(desk):
    sent(desk, desk.letter("a", "ana@x.org"), desk.letter("b", "ana2@x.org", "bo@x.org"))
    bounces = Bounces(desk.engine)
    taken = bounces.take_in(returned(desk, "someone@elsewhere.org", ids=("<nobody@x>", "<a@example.com>")))
    assert taken.delivery is not None
    assert taken.delivery.recipient == "ana@x.org"
    assert (
        bounces.take_in(returned(desk, "someone@elsewhere.org", ids=("<b@example.com>",), report="<r3>")).delivery
        is None
    )


def test_whose_mail_nobody_knows_suppresses_nobody(desk):
    sent(desk, desk.letter("a", "ana@x.org"))
    bounces = Bounces(desk.engine)
    taken = bounces.take_in(returned(desk, "ana@x.org", ids=("<forged@x>",)))
    assert (taken.new, taken.delivery, taken.suppressed) == (True, None, False)
    assert Suppressions(desk.engine).find() == []
    assert not bounces.take_in(returned(desk, "ana@x.org", ids=("<forged@x>",))).new


def test_what_may_be_mended_is_kept_and_suppresses_nobody(desk):
    key = sent(desk, desk.letter("a", "ana@x.org"))
    soft = replace(returned(desk, "ana@x.org", suppress=False), kind="TRANSIENT", code=452, enhanced="4.2.2")
    assert not Bounces(desk.engine).take_in(soft).suppressed
    assert Suppressions(desk.engine).find() == []
    assert [one.kind for one in Bounces(desk.engine).of_run(key)] == ["TRANSIENT"]
