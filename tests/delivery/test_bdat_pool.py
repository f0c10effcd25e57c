"""The pool against a real server that offers CHUNKING: what goes by BDAT, and what where that does not work."""

import time
from dataclasses import replace
from functools import partial
from itertools import count

import pytest
from delivery_bench import QUICK, make_letter, no_artifacts
from scripted_smtp import CHUNKING, ScriptedServer, Turn, cut, reset, say, stall, times

from pipeline.delivery.smtp.connect import open_link
from pipeline.delivery.smtp.pace import WINDOW
from pipeline.delivery.smtp.pool import Pool
from pipeline.delivery.smtp.relay import Relay
from pipeline.ledger.records import Artifact, Part
from pipeline.message.wire import base64_lines

BOOK = Part(Artifact("b" * 64, 6_000_000, "application/vnd.ms-excel"), "delays.xlsx", "attachment")
BOOK_TEXT = base64_lines(b"\xfb\xef\xbe" * 2_000_000)
PATIENT = replace(QUICK, block=10, dot=10)
"""For eight megabytes on a busy machine."""


def test_letters_go_by_bdat_eight_a_round_trip_once_the_first_was_taken(bench, mailer):
    bench.queue([make_letter(n) for n in range(1 + 2 * WINDOW)])
    with ScriptedServer(offers=CHUNKING) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 1 + 2 * WINDOW}
    assert server.lines("DATA") == []
    assert server.sessions == 1
    assert server.read_behind_dot[0] is False
    assert sum(server.read_behind_dot) >= WINDOW - 1
    assert max(server.received().values()) == 1


def test_a_letter_arrives_as_it_was_composed_and_no_dot_is_doubled(bench, mailer):
    letter = make_letter(1, text="über\r\n.\r\n..two\r\n", html="<p>.</p>\r\n")
    bench.queue([letter])
    with ScriptedServer(offers=CHUNKING) as server:
        bench.deliver(mailer(server))
    (mail,) = server.mails
    assert mail.raw.startswith(letter.headers)
    assert letter.text in mail.raw
    assert server.lines() == [
        server.lines("EHLO")[0],
        f"MAIL FROM:<{letter.sender}> SIZE={len(mail.raw)} BODY=8BITMIME",
        "RCPT TO:<person1@example.com>",
        f"BDAT {len(mail.raw)} LAST",
        "QUIT",
    ]


def test_a_server_without_8bitmime_gets_seven_bits(bench, mailer):
    bench.queue([make_letter(1)])
    with ScriptedServer(offers=["PIPELINING", "CHUNKING"]) as server:
        bench.deliver(mailer(server))
    assert server.mails[0].data.isascii()
    assert server.lines("BDAT")


@pytest.mark.parametrize("offers", [("PIPELINING",), ("CHUNKING",)])
def test_without_both_offers_letters_go_by_data(bench, mailer, offers):
    bench.queue([make_letter(n) for n in range(3)])
    with ScriptedServer(offers=offers) as server:
        bench.deliver(mailer(server))
    assert (bench.states(), server.lines("BDAT")) == ({"sent": 3}, [])


def test_a_mailer_may_say_that_it_does_not_want_it(bench, mailer):
    bench.queue([make_letter(n) for n in range(3)])
    with ScriptedServer(offers=CHUNKING) as server:
        bench.deliver(mailer(server, chunking=False))
    assert (bench.states(), server.lines("BDAT")) == ({"sent": 3}, [])


@pytest.mark.parametrize("code", ["500", "501", "502", "504"])
def test_who_does_not_know_bdat_after_all_gets_one_letter_by_it_and_all_by_data(bench, mailer, code):
    bench.queue([make_letter(n) for n in range(20)])
    with ScriptedServer(offers=CHUNKING, script={"bdat": say(f"{code} 5.5.1 what is that")}, tolerant=True) as server:
        bench.deliver(mailer(server, connections=3))
    assert bench.states() == {"sent": 20}
    assert len(server.lines("BDAT")) == 1
    assert len(server.lines("DATA")) == 20
    (told,) = bench.named("mailer.adapted")
    assert (told["mailer"], told["phase"], told["code"]) == ("relay", "dot", int(code))
    assert "does not know BDAT: mails go by DATA" in told["reason"]
    assert max(server.received().values()) == 1
    assert all((delivery.attempts, delivery.possible_duplicate) == (1, False) for delivery in bench.deliveries())


def test_who_forgets_bdat_in_the_middle_gets_the_rest_by_data_and_what_nobody_knows_is_marked(bench, mailer):
    bench.queue([make_letter(n) for n in range(30)])
    with ScriptedServer(
        offers=CHUNKING, script={"bdat": lambda turn: say("502 5.5.1 what") if turn.count > 5 else None}, tolerant=True
    ) as server:
        bench.deliver_all(mailer(server))
    assert bench.states() == {"sent": 30}
    assert max(server.received().values()) == 1
    suspected = sum(delivery.possible_duplicate for delivery in bench.deliveries())
    assert suspected == len(bench.named("delivery.uncertain")) < WINDOW
    assert len(server.lines("DATA")) == 25


def test_parameters_that_are_refused_are_left_out(bench, mailer):
    bench.queue([make_letter(n) for n in range(12)])
    refuse = {"mail": lambda turn: say("555 5.5.4 no such parameter") if "BODY" in turn.argument else None}
    with ScriptedServer(offers=CHUNKING, script=refuse) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 12}
    assert all(mail.data.isascii() for mail in server.mails)
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())
    assert server.lines("DATA") == []


def test_refused_recipients_get_nothing_and_the_others_everything(bench, mailer):
    letters = [[f"a{n}@example.com", f"bad{n}@example.com", f"c{n}@example.com"] for n in range(5)]
    letters[3] = ["bad3@example.com"]  # nobody is left: its MAIL must not serve the next one
    bench.queue([make_letter(n, who, sender=f"s{n}@example.com") for n, who in enumerate(letters)])
    script = {"rcpt": lambda turn: say("550 5.1.1 no such user") if "<bad" in turn.argument else None}
    with ScriptedServer(offers=CHUNKING, script=script) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 8, "failed": 5}
    assert [(mail.sender, mail.recipients) for mail in server.mails] == [
        (f"s{n}@example.com", (f"a{n}@example.com", f"c{n}@example.com")) for n in (0, 1, 2, 4)
    ]
    assert server.sessions == 1


def test_too_many_recipients_are_split_at_once_and_the_limit_is_learnt(bench, mailer):
    bench.queue([make_letter(1, [f"p{n}@example.com" for n in range(10)])])
    bench.queue([make_letter(2, [f"q{n}@example.com" for n in range(8)])])
    numbers = count(1)

    def mail(turn: Turn) -> None:
        nonlocal numbers
        numbers = count(1)

    def rcpt(turn: Turn):
        return say("452 4.5.3 too many recipients") if next(numbers) > 4 else None

    with ScriptedServer(offers=CHUNKING, script={"rcpt": rcpt, "mail": mail}) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 18}
    assert sorted(len(mail.recipients) for mail in server.mails) == [2, 4, 4, 4, 4]
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())


def deliver_two_seconds_apart(bench, server, trusting):
    """Two letters over one connection, by the pool's clock."""
    later = 0.0
    pool = Pool(
        partial(open_link, Relay(server.host, server.port, "plain"), trusting, QUICK),
        no_artifacts,
        name="relay",
        connections=1,
        timeouts=QUICK,
        monotonic=lambda: time.monotonic() + later,
    )
    worker = bench.worker({"relay": pool})
    for number in range(2):
        bench.queue([make_letter(number)], on_uncertain="hold")
        worker.run_until_idle()
        later = 2.0
    worker.close()


def test_an_idle_connection_that_dies_leaves_nothing_in_doubt(bench, trusting):
    """The server hangs up in the moment in which the next letter comes, two seconds later by the pool's clock."""
    script = {"mail": lambda turn: cut() if turn.count == 2 else None}
    with ScriptedServer(offers=CHUNKING, script=script) as server:
        deliver_two_seconds_apart(bench, server, trusting)
    assert bench.states() == {"sent": 2}
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())
    assert (server.sessions, len(server.lines("MAIL")), len(server.lines("BDAT"))) == (2, 3, 2)


def test_what_bdat_left_on_a_connection_meets_no_letter_by_data(bench, trusting):
    """Nobody was accepted, so that the server still has the sender (RFC 3030 §2); two seconds later a letter would go
    by DATA on that connection."""
    script = {"rcpt": lambda turn: say("550 5.1.1 no such user") if turn.count == 1 else None}
    with ScriptedServer(offers=CHUNKING, script=script) as server:
        deliver_two_seconds_apart(bench, server, trusting)
    assert bench.states() == {"failed": 1, "sent": 1}
    assert (server.sessions, len(server.lines("MAIL")), server.lines("RSET")) == (2, 2, [])


def test_421_after_some_mails_costs_nobody_anything(bench, mailer):
    """A server that wants a new connection after some mails says so in the middle of a window."""
    bench.queue([make_letter(n) for n in range(20)], on_uncertain="hold")
    script = {"mail": lambda turn: cut("421 4.7.0 too many messages here") if turn.session_count > 5 else None}
    with ScriptedServer(offers=CHUNKING, script=script) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 20}
    assert server.sessions == 4
    assert max(server.received().values()) == 1
    assert bench.named("mailer.paused") == []
    assert all(delivery.attempts == 1 for delivery in bench.deliveries())


@pytest.mark.parametrize("act", [cut("250 2.0.0 ok"), cut(taken=True), reset(taken=True)], ids=["250", "cut", "reset"])
def test_a_server_that_hangs_up_after_two_mails_is_dared_less_and_less(bench, mailer, act):
    """Each break in a window leaves its letters uncertain, so the window is halved, and at last they go by DATA."""
    bench.queue([make_letter(n) for n in range(60)])
    script = {"dot": lambda turn: act if turn.session_count == 2 and turn.session <= 20 else None}
    with ScriptedServer(offers=CHUNKING, script=script) as server:
        bench.deliver_all(mailer(server))
    assert bench.states() == {"sent": 60}
    received = server.received()
    assert len(received) == 60
    suspected = {delivery.recipient for delivery in bench.deliveries() if delivery.possible_duplicate}
    assert {who for (who, _), copies in received.items() if copies > 1} <= suspected
    if act.said:
        assert len(suspected) <= 2 * WINDOW
    else:
        assert server.lines("DATA")
        assert "until 100 were taken" in bench.named("mailer.adapted")[0]["reason"]


@pytest.mark.parametrize("verb", ["mail", "rcpt", "rset"])
def test_who_answers_more_often_than_asked_is_found_out_before_a_refused_letter_counts_as_sent(bench, mailer, verb):
    """An answer too many moves all that follow, so that a letter would get the good one of its recipient."""
    bench.queue([make_letter(n) for n in range(12)], on_uncertain="hold")
    usual = {"mail": "250 2.1.0 ok", "rcpt": "250 2.1.5 ok", "rset": "250 2.0.0 ok"}[verb]
    extra = say(f"{usual}\r\n250 2.1.5 surprise")
    script = {
        verb: lambda turn: extra if turn.session == 1 and turn.session_count == 4 else None,
        "dot": lambda turn: say("554 5.6.0 no") if turn.session == 1 and turn.session_count >= 4 else None,
    }
    with ScriptedServer(offers=CHUNKING, script=script) as server:
        bench.deliver(mailer(server))
    acknowledged = {who for mail in server.mails if mail.acknowledged for who in mail.recipients}
    for delivery in bench.deliveries():
        assert (delivery.state == "sent") == (delivery.recipient in acknowledged), delivery
    assert 1 <= bench.states()["uncertain"] <= WINDOW
    (told,) = bench.named("mailer.adapted")
    assert "answers more often than it is asked" in told["reason"]
    assert server.lines("DATA")


@pytest.mark.parametrize("later", [False, True], ids=["at once", "while it is idle"])
def test_who_says_more_once_all_is_answered_gets_the_next_letters_by_data(bench, mailer, later):
    bench.queue([make_letter(1)])
    script = {} if later else {"dot": times(1, say("250 ok\r\n250 and more"))}
    with ScriptedServer(offers=CHUNKING, script=script) as server:
        worker = bench.worker({"relay": mailer(server)})
        worker.run_until_idle()
        if later:
            server.speak(b"250 and more\r\n")
        bench.queue([make_letter(n) for n in range(2, 5)])
        worker.run_until_idle()
        worker.close()
    assert bench.states() == {"sent": 4}
    assert len(server.lines("BDAT")) == 1
    assert "more often" in bench.named("mailer.adapted")[0]["reason"]


def test_a_stop_lets_the_window_end(bench, mailer):
    bench.queue([make_letter(n) for n in range(60)])

    def dot(turn: Turn) -> None:
        if turn.count == 20:
            worker.stop()

    with ScriptedServer(offers=CHUNKING, script={"dot": dot}) as server:
        worker = bench.worker({"relay": mailer(server)})
        worker.run_until_idle()
        worker.close()
    assert set(bench.states()) == {"sent", "queued"}
    assert 20 <= bench.states()["sent"] < 60
    assert bench.states()["sent"] == len(server.mails)


def test_a_stalled_window_is_uncertain_when_the_patience_with_a_dot_is_over(bench, mailer):
    bench.queue([make_letter(n) for n in range(12)], on_uncertain="hold")
    script = {"mail": lambda turn: stall() if turn.count == 3 else None}
    with ScriptedServer(offers=CHUNKING, script=script) as server:
        bench.deliver(mailer(server, timeouts=replace(QUICK, dot=0.6)))
    uncertain = bench.states()["uncertain"]
    assert 1 <= uncertain <= WINDOW
    assert bench.states() == {"sent": 12 - uncertain, "uncertain": uncertain}
    assert {line["phase"] for line in bench.named("delivery.uncertain")} == {"dot"}


def test_a_large_letter_goes_alone_and_whole(bench, mailer):
    bench.queue([make_letter(n, parts=(BOOK,) * (n % 2)) for n in range(4)])
    with ScriptedServer(offers=CHUNKING, receive_buffer=65536) as server:
        bench.deliver(mailer(server, timeouts=PATIENT, read_base64=lambda _: BOOK_TEXT))
    assert bench.states() == {"sent": 4}
    assert [BOOK_TEXT in mail.data for mail in server.mails].count(True) == 2


def test_a_cut_in_the_middle_of_a_large_letter_is_retried_and_no_duplicate(bench, mailer):
    bench.queue([make_letter(1, parts=(BOOK,))])
    with ScriptedServer(offers=CHUNKING, script={"body": times(1, cut())}, receive_buffer=65536) as server:
        bench.deliver_all(mailer(server, timeouts=PATIENT, read_base64=lambda _: BOOK_TEXT))
    assert bench.states() == {"sent": 1}
    assert not bench.deliveries()[0].possible_duplicate


def test_a_server_that_reads_no_further_until_its_answers_are_read_does_not_stop_us(bench, mailer):
    """Its answers are longer than what both ends hold back, and so are the letters: who only wrote would hang."""
    bench.queue([make_letter(n, parts=(BOOK,) if n == WINDOW - 1 else ()) for n in range(WINDOW)])
    long = say(b"".join(b"250-2.1.0 line %d %s\r\n" % (n, b"x" * 400) for n in range(60)) + b"250 2.1.0 ok")
    script = {verb: (lambda turn: long if turn.count > 1 else None) for verb in ("mail", "rcpt", "rset")}
    with ScriptedServer(offers=CHUNKING, script=script, receive_buffer=32768, send_buffer=4096) as server:
        bench.deliver(mailer(server, timeouts=PATIENT, read_base64=lambda _: BOOK_TEXT))
    assert bench.states() == {"sent": WINDOW}
    assert not any(delivery.possible_duplicate for delivery in bench.deliveries())


def test_over_tls_it_is_the_same(bench, mailer, server_tls):
    bench.queue([make_letter(n) for n in range(30)])
    with ScriptedServer(offers=(*CHUNKING, "STARTTLS"), tls=server_tls) as server:
        bench.deliver(mailer(server, scheme="smtp", connections=2))
    assert bench.states() == {"sent": 30}
    assert max(server.received().values()) == 1
    assert all(mail.tls for mail in server.mails)
