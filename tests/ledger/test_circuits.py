"""Circuits in the ledger: shared, durable, one probe at a time, changed by one at a time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from pipeline.ledger.database import open_ledger
from pipeline.ledger.operator_records import Note
from pipeline.ledger.outbox import Outbox
from pipeline.ledger.schema import audit
from pipeline.ledger.ways import Asking, Circuit

MINUTE = timedelta(minutes=1)


def circuit(desk, minutes: int = 5, failures: int = 1) -> Circuit:
    return Circuit(
        "relay", desk.now, desk.now + minutes * MINUTE, failures, False, "AUTH", "auth", 535, "5.7.8", "rule", "no"
    )


def got(desk, owner: str, minutes: float) -> int:
    return len(desk.outbox.take(Asking("relay", owner, desk.now + minutes * MINUTE, MINUTE, 10)).claims)


def test_an_open_one_lets_nothing_through_and_every_process_sees_it(desk, url):
    desk.queued(desk.people(3))
    assert desk.outbox.circuit("relay") is None
    assert desk.outbox.change_circuit("relay", lambda _: circuit(desk)) == (None, circuit(desk))
    engine = open_ledger(url)
    other = Outbox(engine)
    assert other.circuit("relay") == circuit(desk)
    taken = other.take(Asking("relay", "w2", desk.now, MINUTE, 10))
    assert (taken.claims, taken.circuit) == ((), circuit(desk))
    assert desk.outbox.circuit("inbox") is None
    engine.dispose()


def test_then_one_letter_goes_to_one_owner(desk):
    desk.queued(desk.people(5))
    desk.outbox.change_circuit("relay", lambda _: circuit(desk))
    assert got(desk, "w1", 4.9) == 0
    assert got(desk, "w1", 5) == 1
    assert got(desk, "w2", 5) == 0
    assert got(desk, "w1", 5) == 1  # what became of the first proved nothing: the prober goes on
    assert got(desk, "w2", 6.1) == 1  # the prober was not heard of again


def test_nobody_holds_the_probe_while_nothing_is_due(desk):
    desk.outbox.change_circuit("relay", lambda _: circuit(desk))
    assert got(desk, "w1", 5) == 0
    desk.queued(desk.people(1))
    assert got(desk, "w2", 5) == 1


def test_closed_it_lets_everything_through_and_keeps_nothing(desk):
    desk.queued(desk.people(3))
    desk.outbox.change_circuit("relay", lambda _: circuit(desk))
    got(desk, "w1", 5)
    before, after = desk.outbox.change_circuit("relay", lambda _: None)
    assert (before.probe, after) == ("w1", None)
    assert got(desk, "w2", 0) == 2
    assert desk.outbox.circuit("relay") is None
    assert desk.outbox.change_circuit("relay", lambda before: before) == (None, None)


def test_those_who_open_it_at_once_are_counted_one_by_one(desk):
    def fail(before):
        return replace(circuit(desk), failures=before.failures + 1 if before else 1)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: desk.outbox.change_circuit("relay", fail), range(12)))
    assert desk.outbox.circuit("relay").failures == 12


def test_an_operator_closes_it_once_and_leaves_a_line(desk):
    note = Note("ana", desk.now, "new password")
    desk.outbox.change_circuit("relay", lambda _: circuit(desk))
    assert desk.outbox.resume("relay", note) == circuit(desk)
    assert desk.outbox.resume("relay", note) is None
    with desk.engine.connect() as connection:
        [line] = connection.execute(select(audit)).all()
    assert (line.at, line.who, line.action, line.subject, line.why) == (
        desk.now,
        "ana",
        "resume",
        "mailer:relay",
        "new password",
    )
