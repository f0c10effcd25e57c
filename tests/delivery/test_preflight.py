"""What is known before MAIL is not asked: a message over the server's SIZE, a mailbox name that no ASCII can carry."""

import pytest
from delivery_bench import make_letter
from scripted_smtp import OFFERS, ScriptedServer

from pipeline.jobs.scalars import parse_mailbox


@pytest.mark.parametrize("offers", [OFFERS, (*OFFERS, "SMTPUTF8")])
def test_a_mailbox_name_beyond_ascii_fails_alone_and_a_domain_travels_as_idna(bench, mailer, offers):
    domain = parse_mailbox("ana@bücher.example").address
    with ScriptedServer(offers=offers) as server:
        bench.queue([make_letter(1, ["jürgen@example.com", domain])])
        bench.deliver(mailer(server))
    assert bench.state_of("jürgen@example.com") == "failed"
    assert bench.state_of("ana@xn--bcher-kva.example") == "sent"
    (failed,) = bench.named("delivery.failed")
    assert (failed["phase"], failed["enhanced"], failed["class"]) == ("local", "5.6.7", "CAPABILITY")
    assert server.lines("RCPT") == ["RCPT TO:<ana@xn--bcher-kva.example>"]
    assert "SMTPUTF8" not in server.lines("MAIL")[0]


@pytest.mark.parametrize(("size", "state"), [(500, "failed"), (5000, "sent"), (0, "sent")])
def test_a_message_over_the_server_s_size_is_not_offered(bench, mailer, size, state):
    with ScriptedServer(offers=("PIPELINING", f"SIZE {size}")) as server:
        bench.queue([make_letter(1)])
        bench.deliver(mailer(server))
    assert set(bench.states()) == {state}
    assert bool(server.lines("MAIL")) is (state == "sent")
