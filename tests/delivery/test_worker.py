"""The worker: what the dead left, what is too old, stopping in good order, and a ledger that cannot be written."""

import threading
from datetime import timedelta

import pytest
from delivery_bench import NOW, make_letter
from scripted_smtp import ScriptedServer

from pipeline.delivery.mailers.local import LocalMailbox
from pipeline.errors import LedgerError
from pipeline.ledger.ways import Asking

HOUR = timedelta(hours=1)


def test_with_nothing_to_do_it_says_so(bench, mailer):
    with ScriptedServer() as server:
        worked = bench.deliver(mailer(server))
    assert (worked.attempts, worked.waiting_until) == (0, None)
    assert server.sessions == 0


def test_what_is_too_old_expires_and_is_told(bench, mailer):
    run = bench.queue([make_letter(n) for n in range(3)], expires=HOUR)
    bench.now = NOW + 2 * HOUR
    with ScriptedServer() as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"expired": 3}
    assert server.mails == []
    assert len(bench.named("delivery.expired")) == 3
    assert [line["run"] for line in bench.named("run.undelivered")] == [str(run)]


def test_a_dead_workers_intents_are_uncertain_and_its_claims_are_free(bench, mailer):
    bench.queue([make_letter(n) for n in range(3)])
    claims = bench.outbox.take(Asking("relay", "dead-1/relay", bench.now, HOUR, 3)).claims
    bench.outbox.journal([claims[0].deliveries[0].id], [], "dead-1/relay", bench.now)
    with ScriptedServer() as server:
        worker = bench.worker({"relay": mailer(server)}, dead_owners=lambda: ["dead-1"])
        while (waiting := worker.run_until_idle().waiting_until) is not None:
            bench.now = max(bench.now, waiting)
        worker.close()
    assert bench.states() == {"sent": 3}
    assert len(bench.named("delivery.uncertain")) == 1
    assert sum(delivery.possible_duplicate for delivery in bench.deliveries()) == 1


def test_a_living_workers_claims_are_left_alone(bench, mailer):
    bench.queue([make_letter(n) for n in range(3)])
    bench.outbox.take(Asking("relay", "alive-1/relay", bench.now, HOUR, 2))
    with ScriptedServer() as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 1, "queued": 2}


def test_two_workers_share_and_never_double(bench, mailer):
    bench.queue([make_letter(n) for n in range(80)])
    with ScriptedServer() as server:
        bench.race(*(bench.worker({"relay": mailer(server, connections=2)}) for _ in range(2)))
    assert bench.states() == {"sent": 80}
    assert max(server.received().values()) == 1


def test_it_stops_in_good_order_with_mails_in_flight_finished_and_the_rest_given_back(bench, mailer):
    bench.queue([make_letter(n) for n in range(200)])
    stop = threading.Event()
    with ScriptedServer(script={"dot": lambda turn: stop.set() if turn.count == 20 else None}) as server:
        worker = bench.worker({"relay": mailer(server, connections=2)})
        worker.run_forever(stop)
        worker.close()
    states = bench.states()
    assert set(states) == {"sent", "queued"}
    assert 20 <= states["sent"] < 200
    assert states["sent"] == len(server.mails)
    assert bench.outbox.owners() == set()


def test_it_finds_letters_that_come_while_it_runs(bench, mailer):
    stop = threading.Event()
    with ScriptedServer(script={"dot": lambda turn: stop.set() if turn.count == 2 else None}) as server:
        worker = bench.worker({"relay": mailer(server)})
        thread = threading.Thread(target=worker.run_forever, args=(stop,))
        thread.start()
        bench.queue([make_letter(1), make_letter(2)])
        thread.join(20)
        worker.close()
    assert bench.states() == {"sent": 2}


def test_one_mailers_dead_host_does_not_stop_another(bench, mailer, tmp_path):
    bench.queue([make_letter(1)], mailer="relay")
    bench.queue([make_letter(2)], mailer="inbox")
    with ScriptedServer() as server:
        dead = mailer(server)
    inbox = LocalMailbox("inbox", tmp_path / "inbox", lambda _: b"")
    worker = bench.worker({"relay": dead, "inbox": inbox})
    worked = worker.run_until_idle()
    worker.close()
    assert bench.states() == {"sent": 1, "queued": 1}
    assert worked.waiting_until == bench.now + timedelta(seconds=3)


def test_what_is_queued_leaves_at_once_when_the_worker_is_woken(bench, mailer):
    stop, came = threading.Event(), threading.Semaphore(0)
    with ScriptedServer(script={"dot": lambda _: came.release()}) as server:
        worker = bench.worker({"relay": mailer(server)}, poll=3600.0)
        thread = threading.Thread(target=worker.run_forever, args=(stop,))
        thread.start()
        for number in range(1, 4):  # it may be anywhere between two looks when it is woken
            bench.queue([make_letter(number)])
            worker.wake()
            assert came.acquire(timeout=20)
        stop.set()
        thread.join(10)
        worker.close()
    assert bench.states() == {"sent": 3}


class Stubborn:
    """The real outbox, whose journal cannot be written for a while: a full disk, a locked database."""

    def __init__(self, outbox, failures):
        self._outbox = outbox
        self.failures = failures

    def __getattr__(self, name):
        return getattr(self._outbox, name)

    def journal(self, intents, outcomes, owner, now, **more):
        if outcomes and self.failures:
            self.failures -= 1
            raise LedgerError("the disk is full")
        return self._outbox.journal(intents, outcomes, owner, now, **more)


def test_outcomes_are_written_once_the_ledger_can_be_written_again(bench, mailer):
    bench.queue([make_letter(n) for n in range(3)])
    bench.outbox = Stubborn(bench.outbox, failures=5)
    with ScriptedServer() as server:
        bench.deliver(mailer(server))
    assert bench.outbox.failures == 0
    assert bench.states() == {"sent": 3}
    assert max(server.received().values()) == 1


def test_outcomes_that_can_never_be_written_leave_a_question_and_no_lie(bench, mailer):
    """The ledger fails for longer than the lease: what was sent is uncertain, and sent again as the job says."""
    bench.queue([make_letter(1)])
    bench.outbox = Stubborn(bench.outbox, failures=10**6)
    with ScriptedServer() as server:
        worker = bench.worker(
            {"relay": mailer(server)}, sleep=lambda s: setattr(bench, "now", bench.now + timedelta(seconds=s))
        )
        with pytest.raises(LedgerError, match="disk is full"):
            worker.run_until_idle()
        bench.outbox.failures = 0
        bench.now += HOUR
        bench.deliver_all(mailer(server))
        worker.close()
    assert bench.states() == {"sent": 1}
    assert bench.deliveries()[0].possible_duplicate
    assert len(server.mails) == 2
