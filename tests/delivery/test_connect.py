"""Opening connections: TLS before anything else, verified; one login; no secret in any text."""

import base64
import select
import socket
import ssl
import struct
from datetime import UTC, datetime, timedelta

import pytest
from delivery_bench import QUICK
from scripted_smtp import OFFERS, ScriptedServer, cut, reset, say, stall

from pipeline.delivery.smtp.connect import LinkError, made_ready, open_link, verified_context
from pipeline.delivery.smtp.relay import Relay, parse_relay
from pipeline.delivery.verdict import Action, Kind, Phase, Scope
from pipeline.errors import MailerError

CANARY = "c4nary:p@ss/wörd#1"
USER = "robot@example.com"
WITH_TLS = (*OFFERS, "STARTTLS", "AUTH PLAIN LOGIN")
FORMS = [
    CANARY,
    base64.b64encode(CANARY.encode()).decode(),
    base64.b64encode(f"\0{USER}\0{CANARY}".encode()).decode(),
]


def relay_for(server: ScriptedServer, security="starttls", *, login=True, host="") -> Relay:
    return Relay(host or server.host, server.port, security, *((USER, CANARY) if login else ()))


def failure(server: ScriptedServer, relay: Relay, context: ssl.SSLContext):
    """The verdict on a connection that cannot be opened; no form of the password is in it."""
    with pytest.raises(LinkError) as caught:
        open_link(relay, context, QUICK)
    told = f"{caught.value} {caught.value!r} {caught.value.verdict!r} {relay!r} {relay}"
    assert not [form for form in FORMS if form in told]
    return caught.value.verdict


def before_tls(server: ScriptedServer) -> set[str]:
    """The verbs that were said in plain text."""
    return {command.line.split()[0].decode().upper() for command in server.commands if not command.tls}


def test_starttls_then_login(server_tls, trusting):
    with ScriptedServer(offers=WITH_TLS, tls=server_tls, credentials=(USER, CANARY)) as server:
        link = open_link(relay_for(server), trusting, QUICK)
        link.socket.close()
    assert link.tls.startswith("TLSv1.")
    assert link.capabilities.pipelining
    assert before_tls(server) == {"EHLO", "STARTTLS"}
    assert [c.line.split()[0] for c in server.commands if c.tls] == [b"EHLO", b"AUTH"]


def test_tls_from_the_first_octet(server_tls, trusting):
    offers = (*OFFERS, "AUTH PLAIN")
    with ScriptedServer(offers=offers, tls=server_tls, implicit=True, credentials=(USER, CANARY)) as server:
        open_link(relay_for(server, "tls"), trusting, QUICK).socket.close()
    assert before_tls(server) == set()
    assert len(server.lines("AUTH")) == 1


def test_a_server_that_hangs_up_at_once_is_the_relays_trouble():
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()  # by RST
        select.select([connection], [], [])
        with pytest.raises(LinkError) as caught:
            made_ready(connection, Relay("127.0.0.1", 25, "plain"))
    assert (caught.value.verdict.kind, caught.value.verdict.phase) == (Kind.CONNECT, Phase.GREETING)
    assert connection.fileno() == -1


def test_login_by_the_old_mechanism(server_tls, trusting):
    offers = (*OFFERS, "STARTTLS", "AUTH=LOGIN")
    with ScriptedServer(offers=offers, tls=server_tls, credentials=(USER, CANARY)) as server:
        open_link(relay_for(server), trusting, QUICK).socket.close()
    assert server.lines("AUTH") == ["AUTH LOGIN"]


def test_a_wrong_password_is_tried_once(server_tls, trusting):
    with ScriptedServer(offers=WITH_TLS, tls=server_tls, credentials=(USER, "another")) as server:
        verdict = failure(server, relay_for(server), trusting)
    assert (verdict.kind, verdict.action, verdict.code) == (Kind.AUTH, Action.PAUSE, 535)
    assert len(server.lines("AUTH")) == 1


def test_a_server_that_echoes_the_login_gives_no_secret_away(server_tls, trusting):
    script = {"auth": lambda turn: say(f"535 5.7.8 cannot do AUTH {turn.argument} {CANARY}")}
    with ScriptedServer(offers=WITH_TLS, tls=server_tls, script=script) as server:
        verdict = failure(server, relay_for(server), trusting)
    assert "***" in verdict.reply


def test_without_starttls_nothing_follows(trusting):
    with ScriptedServer(offers=(*OFFERS, "AUTH PLAIN"), credentials=(USER, CANARY)) as server:
        verdict = failure(server, relay_for(server), trusting)
    assert (verdict.kind, verdict.phase) == (Kind.TLS, Phase.STARTTLS)
    assert before_tls(server) == {"EHLO"}


@pytest.mark.parametrize("answer", ["454 4.7.0 TLS not available", "502 5.5.1 what"])
def test_starttls_refused_is_the_end(server_tls, trusting, answer):
    with ScriptedServer(offers=WITH_TLS, tls=server_tls, script={"starttls": say(answer)}) as server:
        verdict = failure(server, relay_for(server), trusting)
    assert (verdict.kind, verdict.action) == (Kind.TLS, Action.PAUSE)
    assert before_tls(server) == {"EHLO", "STARTTLS"}


def test_an_answer_injected_before_tls_is_the_end(server_tls, trusting):
    script = {"starttls": say(b"220 go\r\n250-fake\r\n250 AUTH PLAIN\r\n")}
    with ScriptedServer(offers=WITH_TLS, tls=server_tls, script=script, tolerant=True) as server:
        verdict = failure(server, relay_for(server), trusting)
    assert verdict.rule == "starttls-injected"
    assert before_tls(server) == {"EHLO", "STARTTLS"}


def test_what_was_offered_before_tls_is_forgotten(server_tls, trusting):
    """AUTH is offered in plain text only: after the handshake it does not count."""
    script = {"ehlo": lambda turn: say(b"250-x\r\n250 PIPELINING\r\n") if turn.session_count > 1 else None}
    with ScriptedServer(offers=WITH_TLS, tls=server_tls, script=script) as server:
        verdict = failure(server, relay_for(server), trusting)
    assert (verdict.kind, verdict.phase) == (Kind.CAPABILITY, Phase.AUTH)
    assert not server.lines("AUTH")


def _context(certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["authority", "name", "date"])
def test_a_certificate_that_is_not_right_is_the_end(authority, trusting, security, wrong):
    past = datetime.now(UTC) - timedelta(days=1)
    context, trust = {
        "authority": (_context(authority.issue_cert("127.0.0.1")), verified_context()),
        "name": (_context(authority.issue_cert("mail.example.com")), trusting),
        "date": (_context(authority.issue_cert("127.0.0.1", not_after=past)), trusting),
    }[wrong]
    with ScriptedServer(
        offers=WITH_TLS, tls=context, implicit=security == "tls", credentials=(USER, CANARY), tolerant=True
    ) as server:
        verdict = failure(server, relay_for(server, security), trust)
    assert (verdict.kind, verdict.phase, verdict.wait) == (Kind.TLS, Phase.TLS, 900)
    assert "certificate" in verdict.reply
    assert not server.lines("AUTH")
    assert not server.lines("MAIL")


def test_an_old_protocol_is_refused(authority, trusting):
    context = _context(authority.issue_cert("127.0.0.1"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    old = ssl.create_default_context()
    authority.configure_trust(old)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with ScriptedServer(offers=WITH_TLS, tls=context, tolerant=True) as server:
        verdict = failure(server, relay_for(server), old)
    assert verdict.kind is Kind.TLS
    assert verified_context().minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_loopback_server_without_ehlo_is_greeted_with_helo(trusting):
    with ScriptedServer(script={"ehlo": say("500 5.5.1 what")}) as server:
        link = open_link(relay_for(server, "plain", login=False), trusting, QUICK)
        link.socket.close()
    assert not link.capabilities.pipelining
    assert len(server.lines("HELO")) == 1


def test_helo_is_no_way_to_log_in(trusting):
    with ScriptedServer(script={"ehlo": say("500 5.5.1 what")}) as server:
        verdict = failure(server, relay_for(server, "plain"), trusting)
    assert (verdict.kind, verdict.scope, verdict.action) == (Kind.PERM_SENDER, Scope.HOST, Action.PAUSE)
    assert verdict.wait == 900
    assert not server.lines("HELO")


ENDINGS = {"cut": cut(), "reset": reset(), "stall": stall(), "garbage": say("go away"), "421": cut("421 4.3.2 busy")}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("verb", ["connect", "ehlo", "starttls", "auth"])
def test_every_way_to_fail_before_mail_pauses_the_mailer_and_names_the_phase(server_tls, trusting, verb, ending):
    phase = {"connect": Phase.GREETING}.get(verb) or Phase(verb)
    with ScriptedServer(offers=WITH_TLS, tls=server_tls, script={verb: ENDINGS[ending]}, tolerant=True) as server:
        verdict = failure(server, relay_for(server), trusting)
    assert (verdict.phase, verdict.action) == (phase, Action.PAUSE)
    assert not server.lines("MAIL")


def test_a_port_where_nobody_listens(trusting):
    with ScriptedServer() as server:
        relay = relay_for(server, "plain")
    verdict = failure(server, relay, trusting)
    assert (verdict.kind, verdict.phase) == (Kind.CONNECT, Phase.CONNECT)
    assert str(relay.port) in verdict.reply


def test_a_name_that_does_not_exist(trusting):
    relay = Relay("relay.invalid", 587, "starttls")
    with pytest.raises(LinkError) as caught:
        open_link(relay, trusting, QUICK)
    assert caught.value.verdict.phase is Phase.CONNECT
    assert caught.value.verdict.rule in {"dns-unknown", "no-way"}  # without a network, DNS is "temporarily" silent


@pytest.mark.parametrize("pieces", [1, 3])
def test_answers_in_pieces_are_answers(trusting, pieces):
    script = {"connect": say("220 hello", pieces=pieces), "ehlo": say(b"250-x\r\n250 PIPELINING\r\n", pieces=pieces)}
    with ScriptedServer(script=script) as server:
        link = open_link(relay_for(server, "plain", login=False), trusting, QUICK)
        link.socket.close()
    assert link.capabilities.pipelining


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://u:p@mail.example.com", Relay("mail.example.com", 587, "starttls", "u", "p")),
        ("smtps://mail.example.com", Relay("mail.example.com", 465, "tls")),
        ("smtp+plain://localhost:2525", Relay("localhost", 2525, "plain")),
        ("smtp+plain://[::1]:2525/", Relay("::1", 2525, "plain")),
        ("smtp://a%40b:p%3A%2F%40@h:25", Relay("h", 25, "starttls", "a@b", "p:/@")),
    ],
)
def test_a_url_is_read(url, expected):
    assert parse_relay("relay", url) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "cannot be read"),
        ("mail.example.com:587", "cannot be read"),
        ("http://u:c4nary@h", "cannot be read"),
        ("smtp://u:c4nary/x@h:587", "cannot be read"),
        ("smtp://u:c4nary#x@h:587", "cannot be read"),
        ("smtp://u:p@h:c4nary", "cannot be read"),
        ("smtp://u:p@h:587/c4nary", "cannot be read"),
        ("smtp://u@h", "a user needs a password"),
        ("smtp://u:c4%0D%0Anary@h", "must not hold line breaks"),
        ("smtp+plain://mail.example.com:25", "only for a relay on this machine"),
        ("smtp+plain://192.0.2.1:25", "only for a relay on this machine"),
    ],
)
def test_a_url_that_cannot_be_used_is_named_and_never_quoted(url, said):
    with pytest.raises(MailerError, match=said) as caught:
        parse_relay("relay", url)
    assert 'mailer "relay"' in str(caught.value)
    assert "c4" not in str(caught.value)
