"""Reports are asked for where they are offered (RFC 3461), and only there."""

import pytest
from delivery_bench import make_letter
from hypothesis import given
from hypothesis import strategies as st
from scripted_smtp import ScriptedServer, say

from pipeline.delivery.smtp.capabilities import Capabilities, Modesty, read_capabilities
from pipeline.delivery.smtp.data import DataTransaction
from pipeline.delivery.smtp.dsn import from_xtext, mail_parameters, xtext
from pipeline.delivery.smtp.transaction import Envelope

OFFERED = Capabilities(pipelining=True, size=1000, dsn=True)


def opening(server: Capabilities, sender: str = "s@example.com", recipient: str = "a@example.com") -> list[str]:
    envelope = Envelope(sender, (recipient,), 10, eight_bit=False, message_id="<k=1@example.com>")
    return DataTransaction(envelope, server).start().decode().split("\r\n")[:-1]


def test_where_it_is_offered_both_commands_ask():
    assert opening(OFFERED, recipient="a+b@example.com") == [
        "MAIL FROM:<s@example.com> SIZE=10 RET=HDRS ENVID=k+3D1@example.com",
        "RCPT TO:<a+b@example.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb@example.com",
        "DATA",
    ]


@pytest.mark.parametrize(
    ("server", "sender"), [(Capabilities(pipelining=True), "s@example.com"), (Capabilities(True, dsn=True), "")]
)
def test_elsewhere_and_for_the_null_sender_nothing_is_asked(server, sender):
    assert opening(server, sender) == [f"MAIL FROM:<{sender}>", "RCPT TO:<a@example.com>", "DATA"]


def test_what_is_used_of_an_offer_that_was_taken_back():
    sizes = ["MAIL FROM:<s@example.com> SIZE=10", "RCPT TO:<a@example.com>", "DATA"]
    assert opening(OFFERED.asked(Modesty.NO_REPORTS)) == sizes
    assert opening(OFFERED.asked(Modesty.NO_PARAMETERS)) == ["MAIL FROM:<s@example.com>", *sizes[1:]]


DSN = ("PIPELINING", "SIZE 35882577", "8BITMIME", "DSN")
REFUSALS = ["555 5.5.4 unsupported option", "504 parameter not implemented", "501 syntax error in parameters"]


def refusing(refusal: str, *words: str):
    """A server that offers DSN, and SIZE, and refuses commands with those words."""
    return lambda turn: say(refusal) if any(word in turn.argument for word in words) else None


@pytest.mark.parametrize("offers", [DSN, (*DSN, "CHUNKING"), DSN[1:]], ids=["DATA", "BDAT", "one by one"])
@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(
    ("verb", "words", "kept"), [("mail", ["ENVID"], "SIZE="), ("rcpt", ["NOTIFY"], "SIZE="), ("mail", ["SIZE"], ">")]
)
def test_a_server_that_refuses_what_it_offers_is_asked_once_more_without(
    bench, mailer, offers, refusal, verb, words, kept
):
    """On that connection; nobody fails, nothing is charged, and no later letter is asked for it again."""
    bench.queue([make_letter(n, [f"a{n}@example.com", f"b{n}@example.com"]) for n in range(6)])
    with ScriptedServer(offers=offers, script={verb: refusing(refusal, *words)}) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"sent": 12}
    assert server.sessions == 1
    assert max(server.received().values()) == 1
    assert all((delivery.attempts, delivery.possible_duplicate) == (1, False) for delivery in bench.deliveries())
    refused = [line for line in server.lines(verb) if any(word in line for word in words)]
    assert len(refused) <= 4  # of one letter, and of one that was under way behind it
    assert kept in server.lines("MAIL")[-1]
    assert "ENVID" not in server.lines("MAIL")[-1]
    (told,) = bench.named("mailer.adapted")
    assert (told["mailer"], told["phase"], told["code"]) == ("relay", verb, int(refusal[:3]))


def test_a_recipient_that_is_refused_with_and_without_is_refused_and_the_reports_stay(bench, mailer):
    """501 may be about the address: then there is nothing to be learnt about parameters."""
    script = {"rcpt": lambda turn: say("501 what is that") if "<bad" in turn.argument else None}
    bench.queue([make_letter(1, ["bad@example.com"]), make_letter(2)])
    with ScriptedServer(offers=DSN, script=script) as server:
        bench.deliver(mailer(server))
    assert bench.states() == {"failed": 1, "sent": 1}
    assert len(server.lines("RCPT TO:<bad")) == 2
    assert "NOTIFY" in server.lines("RCPT TO:<person2")[-1]
    assert bench.named("mailer.adapted") == []


def test_the_offer_is_read_from_ehlo():
    assert read_capabilities([b"mx.example.com", b"DSN", b"SIZE 5"]).dsn
    assert not read_capabilities([b"dsn.example.com", b"SIZE 5"]).dsn


@given(st.text())
def test_xtext_is_one_printable_word_that_comes_back(text):
    encoded = xtext(text) if text.isascii() else xtext(text.encode("ascii", "replace").decode())
    assert all("!" <= c <= "~" and c != "=" for c in encoded)
    if text.isascii():
        assert from_xtext(encoded) == text


@pytest.mark.parametrize("text", ["a+", "a+4", "a+zz", "+ff"])
def test_what_is_no_xtext_stays_as_it_is(text):
    assert from_xtext(text) == text


def test_an_identifier_that_does_not_fit_is_left_out():
    assert mail_parameters(f"<{'k' * 100}>") == f" RET=HDRS ENVID={'k' * 100}"
    assert mail_parameters(f"<{'k' * 101}>") == " RET=HDRS"
    assert mail_parameters("") == " RET=HDRS"
