"""What becomes of letters when the server behaves, and when it does not."""

from scripted_smtp import ScriptedServer, by_recipient, say


def test_letters_are_sent_over_one_connection_and_the_run_is_delivered(bench, mailer, letter):
    run = bench.queue([letter(n) for n in range(5)])
    with ScriptedServer() as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 5}
    assert len(server.mails) == 5
    assert server.sessions == 1
    assert len(bench.named("delivery.sent")) == 5
    assert [fields["run"] for fields in bench.named("run.delivered")] == [str(run)]


def test_a_refused_recipient_is_the_only_one_that_fails(bench, mailer, letter):
    people = ["a@example.com", "bad@example.com", "c@example.com"]
    bench.queue([letter(1, people)])
    script = {"rcpt": by_recipient({"bad@example.com": say("550 5.1.1 no such user")})}
    with ScriptedServer(script=script) as server:
        bench.deliver(mailer(server))
    assert server.mails[0].recipients == ("a@example.com", "c@example.com")
    assert bench.state_of("bad@example.com") == "failed"
    assert bench.states() == {"sent": 2, "failed": 1}
    assert len(bench.named("run.partly_delivered")) == 1
