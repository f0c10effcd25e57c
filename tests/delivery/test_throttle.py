"""The throttle: a circuit that outlives the process and is everybody's, and limits that hold at the server."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from delivery_bench import NOW, make_letter
from scripted_smtp import ScriptedServer, say, times

from pipeline.delivery.pauses import opened
from pipeline.delivery.replies import classify, classify_event
from pipeline.delivery.verdict import Phase
from pipeline.ledger.ways import Asking, Limits

MINUTE = timedelta(minutes=1)
DAILY = "550 5.4.5 Daily user sending limit exceeded"


def server(*answers: str) -> ScriptedServer:
    """MAIL is answered with these, one after the other, and as usual from then on."""
    return ScriptedServer(
        script={"mail": lambda turn: say(answers[turn.count - 1]) if turn.count <= len(answers) else None}
    )


def test_a_restart_knows_that_the_mailer_rests(bench, mailer):
    bench.queue([make_letter(n) for n in range(3)])
    with server(DAILY) as relay:
        assert bench.deliver(mailer(relay)).waiting_until == NOW + 60 * MINUTE
        asked = relay.sessions
        bench.now += 59 * MINUTE
        assert bench.deliver(mailer(relay)).waiting_until == NOW + 60 * MINUTE
        assert relay.sessions == asked
        bench.now += MINUTE
        bench.deliver_all(mailer(relay))
    assert bench.states() == {"sent": 3}
    assert [delivery.attempts for delivery in bench.deliveries()] == [1, 1, 1]


def test_one_alert_when_it_opens_and_one_when_it_closes_however_often_it_fails_in_between(bench, mailer):
    bench.queue([make_letter(n) for n in range(3)], expires=timedelta(days=2))
    with server(DAILY, DAILY, DAILY) as relay:
        bench.deliver_all(mailer(relay))
    assert bench.states() == {"sent": 3}
    assert len(bench.named("mailer.paused")) == 3
    assert len(bench.named("alert.raised")) == 1
    [cleared], [resumed] = bench.named("alert.cleared"), bench.named("mailer.resumed")
    assert cleared["since"] == resumed["since"] == bench.named("mailer.paused")[0]["ts"]
    assert bench.outbox.circuit("relay") is None


def test_what_heals_by_itself_alerts_nobody(bench, mailer):
    bench.queue([make_letter(1)])
    with server("421 4.7.0 too busy") as relay:
        bench.deliver_all(mailer(relay))
    assert bench.named("alert.raised") == bench.named("alert.cleared") == []
    assert len(bench.named("mailer.resumed")) == 1


def test_another_process_stops_at_once_and_only_one_sends_the_probe(bench, mailer):
    bench.queue([make_letter(n) for n in range(6)])
    with server(DAILY) as relay:
        bench.deliver(mailer(relay))
        bench.now += 60 * MINUTE
        one, other = (bench.worker({"relay": mailer(relay)}) for _ in range(2))
        taken = bench.outbox.take(Asking("relay", "worker-8/relay", bench.now, 10 * MINUTE, 9))
        assert len(taken.claims) == 1
        assert other.run_until_idle().attempts == 0
        bench.outbox.release("worker-8/relay")
        bench.outbox.change_circuit("relay", lambda _: None)
        assert one.run_until_idle().attempts == 5  # the one that was refused waits for its own time
        one.close()
        other.close()


def test_a_probe_that_is_refused_for_its_own_sake_leaves_the_next_to_whoever_comes(bench, mailer):
    bench.queue([make_letter(1)])
    script = {
        "connect": times(1, say("450 4.3.0 later")),
        "rcpt": times(1, say("550 5.1.1 no such user")),
    }
    with ScriptedServer(script=script) as relay:
        waiting = bench.deliver(mailer(relay)).waiting_until
        assert waiting is not None
        bench.now = waiting
        probe = bench.worker({"relay": mailer(relay)})
        probe.run_until_idle()
        bench.queue([make_letter(9)])
        bench.deliver(mailer(relay))  # another owner, at the same instant
        probe.close()
    assert bench.states() == {"failed": 1, "sent": 1}


def test_while_another_probes_there_is_nothing_to_do_until_its_time_ends(bench, mailer):
    bench.queue([make_letter(n) for n in range(2)])
    with server(DAILY) as relay:
        bench.deliver(mailer(relay))
        bench.now += 60 * MINUTE
        bench.outbox.take(Asking("relay", "worker-8/relay", bench.now, 10 * MINUTE, 9))
        assert bench.deliver(mailer(relay)).waiting_until == bench.now + 10 * MINUTE


def test_failures_that_were_under_way_when_it_opened_do_not_double_the_pause():
    quota = classify(Phase.MAIL, 550, "5.4.5", "")
    first = opened("relay", None, quota, NOW)
    assert opened("relay", first, quota, NOW + MINUTE) == opened("relay", first, quota, NOW + MINUTE)
    assert opened("relay", first, quota, NOW + MINUTE).failures == 1
    probe = opened("relay", first, quota, first.until)
    assert (probe.failures, probe.since, probe.until) == (2, NOW, first.until + 120 * MINUTE)


def test_a_server_that_names_a_longer_wait_is_believed_and_another_class_begins_anew():
    busy = classify(Phase.MAIL, 421, "4.7.0", "too busy")
    first = opened("relay", None, busy, NOW)
    named = opened("relay", first, classify(Phase.MAIL, 421, "4.7.0", "try again in 600 seconds"), NOW)
    assert (first.until, named.until) == (NOW + MINUTE, NOW + timedelta(seconds=610))
    refused = opened("relay", named, classify(Phase.AUTH, 535, "5.7.8", ""), NOW)
    assert (refused.failures, refused.until, refused.told) == (1, NOW + 15 * MINUTE, True)


@pytest.mark.parametrize(
    ("verdict", "alerts"),
    [
        (classify_event(Phase.CONNECT, "refused", ""), [3]),
        (classify(Phase.MAIL, 421, "", ""), [3]),
        (classify(Phase.MAIL, 550, "5.4.5", ""), [1]),
        (classify(Phase.AUTH, 535, "5.7.8", ""), [1]),
        (classify_event(Phase.TLS, "untrusted", ""), [1]),
    ],
)
def test_somebody_is_told_once_in_a_series(verdict, alerts):
    circuit, told = None, []
    for number in range(1, 8):
        before, circuit = circuit, opened("relay", circuit, verdict, circuit.until if circuit else NOW)
        if circuit.told and not (before and before.told):
            told.append(number)
    assert told == alerts


# --- limits -------------------------------------------------------------------------------------------------


def test_an_hours_limit_sends_that_many_and_waits_for_the_rest(bench, mailer):
    bench.queue([make_letter(n) for n in range(10)])
    with ScriptedServer() as relay:
        worker = bench.worker({"relay": mailer(relay, connections=3)}, limits={"relay": Limits(per_hour=4)})
        sent = []
        while (waiting := worker.run_until_idle().waiting_until) is not None:
            sent.append((bench.now, len(relay.mails)))
            bench.now = waiting
        worker.close()
    assert [count for _, count in sent] == [4, 8]
    assert sent[1][0] - sent[0][0] == timedelta(minutes=61)
    assert bench.states() == {"sent": 10}


def test_a_mail_to_more_than_its_limits_leave_is_sent_in_several_transactions_and_never_waits_for_ever(bench, mailer):
    """The same mail to all, under one Message-ID; who has it is not asked for again."""
    bench.queue([make_letter(1, [f"p{n}@example.com" for n in range(8)])], expires=timedelta(days=3))
    with ScriptedServer() as relay:
        worker = bench.worker({"relay": mailer(relay)}, limits={"relay": Limits(per_hour=3, per_day=5)})
        sent = []
        while (worked := worker.run_until_idle()).waiting_until is not None:
            if worked.attempts:
                sent.append((bench.now - NOW, worked.attempts))
            bench.now = worked.waiting_until
        worker.close()
    assert sent == [(timedelta(0), 3), (timedelta(minutes=61), 2)]
    assert bench.now - NOW == timedelta(hours=24, minutes=1)
    assert bench.states() == {"sent": 8}
    assert set(relay.received().values()) == {1}


def test_a_restart_does_not_forget_what_was_sent(bench, mailer):
    bench.queue([make_letter(n) for n in range(10)])
    with ScriptedServer() as relay:
        for _ in range(3):
            worker = bench.worker({"relay": mailer(relay)}, limits={"relay": Limits(per_day=4)})
            worker.run_until_idle()
            worker.close()
        assert len(relay.mails) == 4


def test_the_urgent_go_first_and_the_jobs_take_turns(bench, mailer):
    bench.queue([make_letter(n) for n in range(100, 106)])
    bench.queue([make_letter(n) for n in range(200, 202)])
    bench.queue([make_letter(n) for n in range(300, 302)], priority=1)
    with ScriptedServer() as relay:
        worker = bench.worker({"relay": mailer(relay)}, limits={"relay": Limits(per_hour=6)})
        worker.run_until_idle()
        worker.close()
        first = [mail.recipients[0][:7] for mail in relay.mails]
    assert first[:2] == ["person3", "person3"]
    assert sorted(first[2:]) == ["person1", "person1", "person2", "person2"]


def test_at_the_server_no_second_holds_more_than_its_limit_though_two_work(bench, mailer):
    """With the real clock; the spread is kept when letters are handed out, so a delay on the way may move one."""
    bench.clock = lambda: datetime.now(UTC)
    bench.queue([make_letter(n) for n in range(30)], expires=datetime.now(UTC) - NOW + timedelta(hours=1))
    times: list[datetime] = []
    lock = threading.Lock()

    def note(_turn) -> None:
        with lock:
            times.append(datetime.now(UTC))

    with ScriptedServer(script={"mail": note}) as relay:
        options = {"limits": {"relay": Limits(per_second=20)}, "sleep": threading.Event().wait}
        bench.race(*(bench.worker({"relay": mailer(relay, connections=2)}, **options) for _ in range(2)))
    assert bench.states() == {"sent": 30}
    assert times[-1] - times[0] >= timedelta(seconds=29 / 20 - 0.2)
    assert all(sum(start <= at < start + timedelta(seconds=0.9) for at in times) <= 20 for start in times)
