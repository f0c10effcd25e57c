"""The pool against a real server: reuse, pipelining, splits, complaints, pauses, and what is never sent."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from delivery_bench import QUICK, make_letter
from scripted_smtp import OFFERS, Act, ScriptedServer, Turn, by_recipient, cut, reset, say, stall, times

from pipeline.ledger.records import Artifact, Part
from pipeline.ledger.ways import Asking
from pipeline.message.wire import base64_lines

HOUR = timedelta(hours=1)
BOOK = Part(Artifact("b" * 64, 6_000_000, "application/vnd.ms-excel"), "delays.xlsx", "attachment")
BOOK_TEXT = base64_lines(b"\xfb\xef\xbe" * 2_000_000)


def read_book(sha256: str) -> bytes:
    assert sha256 == BOOK.artifact.sha256
    return BOOK_TEXT


def test_letters_are_sent_over_one_connection_and_the_run_is_delivered(bench, mailer):
    run = bench.queue([make_letter(n) for n in range(5)])
    with ScriptedServer() as server:
        worked = bench.deliver(mailer(server))
    assert (worked.attempts, worked.waiting_until) == (5, None)
    assert bench.states() == {"sent": 5}
    assert server.sessions == 1
    assert max(server.received().values()) == 1
    assert [line["run"] for line in bench.named("run.delivered")] == [str(run)]


def test_the_mail_arrives_as_it_was_composed(bench, mailer):
    letter = make_letter(1, text="über\r\n.\r\n..two\r\n", html="<p>.</p>\r\n")
    bench.queue([letter])
    with ScriptedServer() as server:
        bench.deliver(mailer(server))
    (mail,) = server.mails
    assert mail.sender == letter.sender
    assert mail.data.startswith(letter.headers)
    assert letter.text in mail.data
    assert server.lines("MAIL") == [f"MAIL FROM:<{letter.sender}> SIZE={len(mail.data)} BODY=8BITMIME"]


def test_a_server_without_8bitmime_gets_seven_bits(bench, mailer):
    bench.queue([make_letter(1)])
    with ScriptedServer(offers=["PIPELINING"]) as server:
        bench.deliver(mailer(server))
    assert server.mails[0].data.isascii()
    assert server.lines("MAIL") == ["MAIL FROM:<reports@example.com>"]


def test_a_server_that_takes_back_8bitmime_gets_seven_bits(bench, mailer):
    bench.queue([make_letter(n) for n in range(3)])
    refuse = {"mail": lambda turn: say("555 5.5.4 no such parameter") if "BODY" in turn.argument else None}
    with ScriptedServer(script=refuse) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 3}
    assert all(mail.data.isascii() for mail in server.mails)


def test_the_next_letter_stands_behind_the_dot_of_the_one_before(bench, mailer):
    """One write, so the server has the second letter's commands before it has answered the first one's dot."""
    bench.queue([make_letter(n) for n in range(2)])
    with ScriptedServer() as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 2}
    assert server.read_behind_dot == [True, False]


def test_without_pipelining_it_works_too(bench, mailer):
    people = ["a@example.com", "bad@example.com", "c@example.com"]
    bench.queue([make_letter(1, people), make_letter(2)])
    script = {"rcpt": by_recipient({"bad@example.com": say("550 5.1.1 no such user")})}
    with ScriptedServer(script=script, offers=["SIZE 1000000"]) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 3, "failed": 1}
    assert server.sessions == 1


def test_a_refused_recipient_is_retried_alone(bench, mailer):
    people = ["a@example.com", "busy@example.com", "bad@example.com"]
    bench.queue([make_letter(1, people)])
    script = {
        "rcpt": lambda turn: (
            say("550 5.1.1 no such user") if "bad@" in turn.argument
            else say("450 4.2.1 busy") if "busy@" in turn.argument and turn.count <= 3
            else None
        )
    }  # fmt: skip
    with ScriptedServer(script=script) as server:
        bench.deliver_all(mailer(server))
    assert [mail.recipients for mail in server.mails] == [("a@example.com",), ("busy@example.com",)]
    assert bench.states() == {"sent": 2, "failed": 1}
    deferred = bench.named("delivery.deferred")[0]
    assert (deferred["recipient"], deferred["class"], deferred["code"]) == ("busy@example.com", "TRANSIENT", 450)
    assert deferred["next_attempt"] > deferred["ts"]
    assert len(bench.named("run.partly_delivered")) == 1


def test_too_many_recipients_are_split_at_once_and_the_limit_is_learnt(bench, mailer):
    people = [f"p{n}@example.com" for n in range(10)]
    bench.queue([make_letter(1, people)])
    bench.queue([make_letter(2, [f"q{n}@example.com" for n in range(8)])])

    taken: list[int] = [0]

    def rcpt(turn: Turn) -> Act | None:
        taken[0] += 1
        return say("452 4.5.3 too many recipients") if taken[0] > 4 else None

    def mail(turn: Turn) -> None:
        taken[0] = 0

    with ScriptedServer(script={"rcpt": rcpt, "mail": mail}) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 18}
    assert sorted(len(mail.recipients) for mail in server.mails) == [2, 4, 4, 4, 4]
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())
    assert bench.named("delivery.deferred") == []


def test_an_idle_connection_that_the_server_closed_is_replaced_without_a_word(bench, mailer):
    with ScriptedServer() as server:
        pool = mailer(server)
        worker = bench.worker({"relay": pool})
        for number in range(3):
            bench.queue([make_letter(number)])
            worker.run_until_idle()
            server.drop_all()
        worker.close()
    assert bench.states() == {"sent": 3}
    assert server.sessions == 3
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())


def test_a_connection_is_kept_between_two_runs(bench, mailer):
    with ScriptedServer() as server:
        worker = bench.worker({"relay": mailer(server)})
        for number in range(3):
            bench.queue([make_letter(number)])
            worker.run_until_idle()
        worker.close()
    assert server.sessions == 1


@pytest.mark.parametrize("unasked", [b"421 4.4.2 idle for too long\r\n", b"250 2.0.0 surprise\r\n"])
def test_an_idle_connection_on_which_the_server_spoke_is_not_used_again(bench, mailer, unasked):
    """What it said must not be taken for an answer to the next MAIL."""
    with ScriptedServer() as server:
        worker = bench.worker({"relay": mailer(server)})
        for number in range(2):
            bench.queue([make_letter(number)])
            worker.run_until_idle()
            server.speak(unasked)
        worker.close()
    assert bench.states() == {"sent": 2}
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())
    assert server.sessions == 2
    assert len(server.lines("MAIL")) == 2


def test_a_server_that_hangs_up_after_each_mail_gets_them_all(bench, mailer):
    bench.queue([make_letter(n) for n in range(4)])
    with ScriptedServer(script={"dot": cut("250 2.0.0 ok")}) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 4}
    assert max(server.received().values()) == 1
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())


def test_421_after_some_mails_only_ends_the_connection(bench, mailer):
    bench.queue([make_letter(n) for n in range(6)])
    script = {"mail": lambda turn: cut("421 4.7.0 too many messages here") if turn.session_count > 2 else None}
    with ScriptedServer(script=script) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 6}
    assert server.sessions == 3
    assert bench.named("mailer.paused") == []
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())


def test_421_before_any_mail_pauses_and_charges_nobody(bench, mailer):
    bench.queue([make_letter(n) for n in range(6)])
    with ScriptedServer(script={"mail": times(1, cut("421 4.7.0 try again later"))}) as server:
        worker = bench.worker({"relay": mailer(server)})
        assert worker.run_until_idle().waiting_until is not None
        assert len(server.lines("MAIL")) == 1
        (paused,) = bench.named("mailer.paused")
        assert (paused["class"], paused["code"]) == ("RATE", 421)
        bench.now = max(bench.now, worker.next_due())
        bench.deliver_all(mailer(server))
        worker.close()
    assert bench.states() == {"sent": 6}
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())


def test_throttling_is_not_charged_and_honours_the_named_delay(bench, mailer):
    bench.queue([make_letter(1)])
    with ScriptedServer(script={"mail": times(2, say("451 4.7.0 rate limited, try again in 600 seconds"))}) as server:
        start = bench.now
        bench.deliver_all(mailer(server))
    assert bench.states() == {"sent": 1}
    assert bench.deliveries()[0].attempts == 1
    assert (bench.now - start).total_seconds() >= 2 * 610
    assert len(bench.named("mailer.resumed")) == 1


def test_a_dead_host_pauses_the_mailer_and_costs_no_attempts(bench, mailer):
    bench.queue([make_letter(n) for n in range(50)], expires=HOUR * 2)
    with ScriptedServer() as server:
        pool = mailer(server)
    bench.deliver_all(pool, rounds=500)
    assert bench.states() == {"expired": 50}
    assert {delivery.attempts for delivery in bench.deliveries()} == {0}
    assert len(bench.named("alert.raised")) == 1
    assert 3 < len(bench.named("mailer.paused")) < 30
    assert len(bench.named("delivery.expired")) == 50
    assert len(bench.named("run.undelivered")) == 1


def test_after_a_pause_one_letter_probes_and_then_all_follow(bench, mailer):
    bench.queue([make_letter(n) for n in range(10)])
    down = threading.Event()
    down.set()
    script = {"connect": lambda turn: cut("421 4.3.2 maintenance") if down.is_set() else None}
    with ScriptedServer(script=script) as server:
        worker = bench.worker({"relay": mailer(server, connections=4)})
        for _ in range(4):
            bench.now = max(bench.now, worker.run_until_idle().waiting_until)
        assert server.sessions == 4
        down.clear()
        assert worker.run_until_idle().waiting_until is None
        worker.close()
    assert bench.states() == {"sent": 10}
    (resumed,) = bench.named("mailer.resumed")
    assert resumed["class"] == "RATE"


def test_a_wrong_password_pauses_alerts_once_and_burns_nothing(bench, mailer, server_tls):
    bench.queue([make_letter(n) for n in range(5)], expires=HOUR * 3)
    offers = (*OFFERS, "STARTTLS", "AUTH PLAIN")
    with ScriptedServer(offers=offers, tls=server_tls, credentials=("robot", "right")) as server:
        bench.deliver_all(mailer(server, scheme="smtp", login="robot:wrong@"))
    assert bench.states() == {"expired": 5}
    assert len(server.lines("AUTH")) == 4  # at 0, 15, 45 and 105 minutes
    assert server.lines("MAIL") == []
    (alert,) = bench.named("alert.raised")
    assert (alert["class"], alert["mailer"]) == ("AUTH", "relay")


def test_a_sender_that_is_not_allowed_alerts_and_does_not_stop_the_others(bench, mailer):
    bench.queue([make_letter(n, sender="wrong@example.com") for n in range(3)], expires=HOUR)
    bench.queue([make_letter(n) for n in range(10, 13)])
    script = {"mail": lambda turn: say("553 5.7.1 not owned by user robot") if "wrong@" in turn.argument else None}
    with ScriptedServer(script=script) as server:
        bench.deliver_all(mailer(server))
    assert bench.states() == {"expired": 3, "sent": 3}
    (alert,) = bench.named("alert.raised")
    assert "wrong@example.com" in alert["reason"]
    assert bench.named("mailer.paused") == []


def test_connections_grow_to_the_limit_while_the_server_is_happy(bench, mailer):
    bench.queue([make_letter(n) for n in range(60)])
    with ScriptedServer() as server:
        bench.deliver(mailer(server, connections=4))
    assert bench.states() == {"sent": 60}
    assert 1 < server.sessions <= 4
    assert server.most_at_once <= 4
    assert max(server.received().values()) == 1


def test_a_stalled_connection_does_not_hold_up_the_others(bench, mailer):
    bench.queue([make_letter(n) for n in range(40)])
    script = {"dot": lambda turn: stall(taken=True) if turn.session == 2 else None}
    with ScriptedServer(script=script) as server:
        bench.deliver(mailer(server, connections=3, timeouts=replace(QUICK, dot=0.8)))
    assert bench.states()["sent"] >= 38
    assert sum(delivery.possible_duplicate for delivery in bench.deliveries()) == 1


@pytest.mark.parametrize("scheme", ["smtp+plain", "smtp"])
@pytest.mark.parametrize("act", [cut(), reset(), stall()], ids=["cut", "reset", "stall"])
def test_a_cut_before_the_dot_was_written_is_retried_and_no_duplicate(bench, mailer, server_tls, scheme, act):
    """The server reads the beginning of 8 MB and no more, so the dot cannot have left this machine."""
    bench.queue([make_letter(1, parts=(BOOK,))])
    script = {"body": times(1, act)}
    offers = (*OFFERS, "STARTTLS")
    with ScriptedServer(script=script, offers=offers, tls=server_tls, tolerant=True, receive_buffer=65536) as server:
        # Of 8 MB half may wait in the kernel when our last octet has left: the dot's answer gets its time.
        bench.deliver_all(mailer(server, scheme=scheme, read_base64=read_book, timeouts=replace(QUICK, dot=10)))
    assert bench.states() == {"sent": 1}
    assert not bench.deliveries()[0].possible_duplicate
    (deferred,) = bench.named("delivery.deferred")
    assert (deferred["class"], deferred["phase"]) == ("CONNECT", "body")
    assert BOOK_TEXT in server.mails[0].data


@pytest.mark.parametrize("scheme", ["smtp+plain", "smtp"])
@pytest.mark.parametrize("act", [cut(taken=True), reset(taken=True), stall(taken=True)], ids=["cut", "reset", "stall"])
@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_a_cut_after_the_dot_is_uncertain_and_the_job_says_what_follows(bench, mailer, server_tls, scheme, act, policy):
    bench.queue([make_letter(1)], on_uncertain=policy)
    script = {"dot": times(1, act)}
    with ScriptedServer(script=script, offers=(*OFFERS, "STARTTLS"), tls=server_tls, tolerant=True) as server:
        bench.deliver_all(mailer(server, scheme=scheme))
    copies = server.received()[("person1@example.com", "<letter-1@example.com>")]
    (line,) = bench.named("delivery.uncertain")
    assert (line["class"], line["phase"]) == ("AMBIGUOUS", "dot")
    if policy == "resend":
        assert (bench.states(), copies) == ({"sent": 1}, 2)
        assert bench.deliveries()[0].possible_duplicate
        assert bench.named("delivery.sent")[0]["possible_duplicate"] is True
        assert line["next_attempt"] > line["ts"]
    else:
        assert (bench.states(), copies) == ({"uncertain": 1}, 1)
        assert len(bench.named("run.undelivered")) == 1


def test_a_reply_after_the_2xx_changes_nothing(bench, mailer):
    bench.queue([make_letter(1)])
    with ScriptedServer(script={"dot": say(b"250 2.0.0 ok\r\nnonsense\r\n"), "quit": reset()}) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 1}
    assert len(server.mails) == 1


def test_a_letter_too_large_for_the_server_is_not_offered(bench, mailer):
    bench.queue([make_letter(1, parts=(BOOK,)), make_letter(2)])
    with ScriptedServer(offers=["PIPELINING", "SIZE 1000000"]) as server:
        bench.deliver(mailer(server, read_base64=read_book))
    assert bench.states() == {"sent": 1, "failed": 1}
    (failed,) = bench.named("delivery.failed")
    assert (failed["class"], failed["enhanced"], failed["phase"]) == ("PERM_MSG", "5.3.4", "local")
    assert len(server.lines("MAIL")) == 1


def test_an_attachment_that_is_gone_fails_its_letter_alone(bench, mailer):
    bench.queue([make_letter(1, parts=(BOOK,)), make_letter(2)], retry=(60.0,), expires=HOUR)
    with ScriptedServer() as server:
        bench.deliver_all(mailer(server))
    assert bench.states() == {"sent": 1, "expired": 1}
    assert "cannot be read" in bench.named("delivery.deferred")[0]["reply"]


def test_a_letter_with_stray_line_ends_never_leaves(bench, mailer):
    bench.queue([make_letter(1, text="x\n.\nMAIL FROM:<evil@example.com>\r\n"), make_letter(2)])
    with ScriptedServer() as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 1, "failed": 1}
    assert bench.named("delivery.failed")[0]["class"] == "LOCAL"
    assert len(server.mails) == 1


def test_another_worker_that_took_a_letter_over_is_respected(bench, mailer):
    """The lease is broken between claim and dot: the letter must not leave through the first worker."""
    bench.queue([make_letter(1)])

    def rob(turn: Turn) -> None:
        bench.outbox.recover(bench.now, ["worker-1/relay"])
        robbed.extend(bench.outbox.take(Asking("relay", "robber", bench.now, HOUR, 1)).claims)

    robbed = []
    with ScriptedServer(script={"data": rob}) as server:
        bench.deliver(mailer(server))
    assert len(robbed) == 1
    assert server.mails == []
    assert bench.states() == {"queued": 1}
    assert [line for line in bench.events if line["event"].startswith("delivery.")] == []


@pytest.mark.parametrize("offers", [OFFERS, (*OFFERS, "CHUNKING"), OFFERS[1:]], ids=["DATA", "BDAT", "one by one"])
def test_who_refuses_mail_and_hangs_up_is_understood(bench, mailer, offers):
    bench.queue([make_letter(1)])
    with ScriptedServer(offers=offers, script={"mail": cut("530 5.7.57 Client not authenticated")}) as server:
        bench.deliver(mailer(server))
    (paused,) = bench.named("mailer.paused")
    assert (paused["class"], paused["phase"], paused["code"]) == ("AUTH", "mail", 530)
    assert len(bench.named("alert.raised")) == 1
    assert [delivery.attempts for delivery in bench.deliveries()] == [0]


@pytest.mark.parametrize(("answer", "state"), [("250 2.0.0 queued as 1", "sent"), ("554 5.6.0 no", "failed")])
def test_an_answer_that_comes_after_its_delivery_was_recovered_is_kept_beside_it(bench, mailer, answer, state):
    """Another process took this one for dead while its mail was on its way; the run has ended by that."""
    bench.queue([make_letter(1)], on_uncertain="hold")

    def dot(turn: Turn) -> Act:
        bench.outbox.recover(bench.now, ["worker-1/relay"])
        return say(answer)

    with ScriptedServer(script={"dot": dot}) as server:
        bench.deliver(mailer(server))
    (delivery,) = bench.deliveries()
    assert (delivery.state, delivery.attempts) == ("uncertain", 1)
    recovered, late = bench.outbox.attempts(delivery.id)
    assert (recovered.state, late.state, late.code, late.counts) == ("uncertain", state, int(answer[:3]), False)
    (line,) = [line for line in bench.events if line["event"].startswith("delivery.")]
    assert (line["event"], line["code"], line["attempt"]) == ("delivery.answered_late", int(answer[:3]), 1)
    assert answer.endswith(line["reply"])


@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_a_machine_that_slept_past_its_leases_reads_the_answers_that_are_there(bench, mailer, policy):
    """Whoever sweeps in the same process knows that it lives; another machine cannot."""
    bench.queue([make_letter(n) for n in range(3)], on_uncertain=policy)

    def dot(turn: Turn) -> None:
        bench.now += HOUR
        worker.sweep()

    with ScriptedServer(script={"dot": dot}) as server:
        worker = bench.worker({"relay": mailer(server)})
        worker.run_until_idle()
        worker.close()
    assert bench.states() == {"sent": 3}
    assert all((delivery.attempts, delivery.possible_duplicate) == (1, False) for delivery in bench.deliveries())
    assert len(server.mails) == 3


def test_a_server_that_hangs_up_after_ehlo_is_not_stormed(bench, mailer):
    bench.queue([make_letter(1)])
    with ScriptedServer(script={"ehlo": cut("250 scripted")}) as server:
        pool = mailer(server)
        worked = bench.deliver(pool)
    assert server.sessions <= 2
    (delivery,) = bench.deliveries()
    assert delivery.attempts <= 1  # one, where the letter was under way before the end was seen
    assert worked.waiting_until == (delivery.next_attempt_at if delivery.attempts else bench.now + timedelta(seconds=3))
    assert len(bench.named("mailer.paused")) == 1


def test_mails_in_flight_when_a_pause_begins_do_not_end_it(bench, mailer):
    """Two connections; one is throttled while the other's mail is on its way, and is taken a moment later."""
    bench.queue([make_letter(n) for n in range(30)])
    throttled = threading.Event()

    def mail(turn: Turn) -> Act | None:
        if turn.count < 12 or throttled.is_set():
            return None
        throttled.set()
        return say("451 4.7.0 rate limited")

    with ScriptedServer(script={"mail": mail}) as server:
        worked = bench.deliver(mailer(server, connections=3))
    assert bench.named("mailer.resumed") == []
    assert worked.waiting_until is not None
    assert (worked.waiting_until - bench.now).total_seconds() >= 48
    assert 0 < bench.states()["sent"] < 30
