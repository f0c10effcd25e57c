"""Refusals that somebody must be told of: once a run, or until they are over."""

from datetime import timedelta

import pytest
from delivery_bench import make_letter
from scripted_smtp import ScriptedServer, say


@pytest.mark.parametrize(
    ("phase", "answer", "reason"),
    [
        ("dot", "550 5.7.26 unauthenticated mail", "refuses mails by policy: deliverability; look at SPF"),
        ("rcpt", "550 5.7.1 blocked by our policy", "refuses mails by policy: deliverability; look at SPF"),
        ("dot", "554 5.6.0 malformed", "finds mails malformed (5.6.x), which is a defect of the pipeline"),
        ("dot", "550 5.3.4 too big", None),
        ("rcpt", "550 5.1.1 no such user", None),
    ],
)
def test_what_its_operators_must_know_is_an_alert_once_a_run(bench, mailer, phase, answer, reason):
    bench.queue([make_letter(n) for n in range(4)])
    with ScriptedServer(script={phase: lambda _: say(answer)}) as relay:
        bench.deliver_all(mailer(relay))
    assert bench.states() == {"failed": 4}
    raised = bench.named("alert.raised")
    assert len(raised) == (1 if reason else 0)
    if reason:
        assert raised[0]["reason"].startswith(f"mailer relay {reason}")
        assert (raised[0]["run"], raised[0]["reply"]) == (bench.deliveries()[0].run, answer.split(" ", 2)[2])


def test_a_sender_that_is_not_taken_is_told_until_it_is_taken(bench, mailer):
    bench.queue([make_letter(n) for n in range(3)], expires=timedelta(days=1))
    refused = "550 5.7.60 not allowed to send as this sender"
    with ScriptedServer(script={"mail": lambda turn: say(refused) if turn.count <= 2 else None}) as relay:
        bench.deliver_all(mailer(relay))
    assert bench.states() == {"sent": 3}
    (raised,) = bench.named("alert.raised")
    assert raised["reason"] == "mailer relay does not take mail from reports@example.com"
