"""Suppressions hold at the envelope: who must not be mailed is not named to the server, the others get theirs."""

from datetime import timedelta

from delivery_bench import make_letter
from scripted_smtp import ScriptedServer, say

from pipeline.ledger.operator_records import Note
from pipeline.ledger.suppressing import Suppressions


def deliver(bench, relay):
    worker = bench.worker({"relay": relay}, barred=Suppressions(bench.engine).barred_claims)
    worker.run_until_idle()
    worker.close()


def suppress(bench, *addresses, scope="all"):
    for address in addresses:
        Suppressions(bench.engine).add(address, scope, Note("ana", bench.now, "asked not to be"))


def test_one_of_a_shared_letter_is_left_out(bench, mailer):
    run = bench.queue([make_letter(1, ("a@example.com", "b@example.com")), make_letter(2)])
    suppress(bench, "B@example.com")
    with ScriptedServer() as server:
        deliver(bench, mailer(server))
    assert sorted(who for mail in server.mails for who in mail.recipients) == ["a@example.com", "person2@example.com"]
    assert bench.states() == {"sent": 2, "suppressed": 1}
    (line,) = bench.named("delivery.suppressed")
    assert (line["recipient"], line["reason"]) == ("b@example.com", "suppressed by ana: asked not to be")
    assert [line["run"] for line in bench.named("run.partly_delivered")] == [str(run)]


def test_a_batch_of_suppressed_ones_does_not_hide_what_is_behind_it(bench, mailer):
    bench.queue([make_letter(n) for n in range(300)])
    suppress(bench, *(f"person{n}@example.com" for n in range(299)))
    with ScriptedServer() as server:
        deliver(bench, mailer(server))
    assert [mail.recipients for mail in server.mails] == [("person299@example.com",)]
    assert bench.states() == {"sent": 1, "suppressed": 299}


def test_nobody_left_ends_the_run_without_a_connection(bench, mailer):
    bench.queue([make_letter(1)])
    suppress(bench, "person1@example.com", scope="mailer:relay")
    with ScriptedServer() as server:
        deliver(bench, mailer(server))
    assert server.sessions == 0
    assert bench.states() == {"suppressed": 1}
    assert len(bench.named("run.undelivered")) == 1


def test_a_suppression_that_comes_between_two_attempts_counts(bench, mailer):
    bench.queue([make_letter(1)], retry=(60.0,))
    with ScriptedServer({"rcpt": say("450 4.2.1 later")}) as server:
        deliver(bench, mailer(server))
        assert bench.states() == {"deferred": 1}
        suppress(bench, "person1@example.com")
        bench.now += timedelta(minutes=30)
        deliver(bench, mailer(server))
    assert (bench.states(), server.mails) == ({"suppressed": 1}, [])


def test_another_jobs_suppression_is_nothing_to_this_one(bench, mailer):
    bench.queue([make_letter(1)])
    suppress(bench, "person1@example.com", scope="job:other")
    with ScriptedServer() as server:
        deliver(bench, mailer(server))
    assert bench.states() == {"sent": 1}
