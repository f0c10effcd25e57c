"""Reports are asked for where they are offered (RFC 3461), and only there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.smtp.capabilities import Capabilities, read_capabilities
from pipeline.delivery.smtp.data import DataTransaction
from pipeline.delivery.smtp.dsn import from_xtext, mail_parameters, xtext
from pipeline.delivery.smtp.reply import Reply
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


def test_a_server_that_offers_what_it_refuses_is_asked_without():
    transaction = DataTransaction(Envelope("s@example.com", ("a@example.com",), 10, False, "<k@x>"), OFFERED)
    transaction.start()
    transaction.feed(Reply(555, "5.5.4", "unsupported option: ENVID"))
    transaction.feed(Reply(503, "", "need MAIL"))
    assert (
        transaction.feed(Reply(503, "", "need RCPT"))
        == b"MAIL FROM:<s@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n"
    )


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
