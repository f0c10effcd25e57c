"""The way to a relay: name, connection, TLS, certificate, capabilities, login, size, round trip."""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from pipeline.delivery.doctor.finding import Finding
from pipeline.delivery.smtp.capabilities import Capabilities
from pipeline.delivery.smtp.connect import Link, LinkError, open_link
from pipeline.delivery.smtp.pace import WINDOW
from pipeline.delivery.smtp.relay import Relay
from pipeline.delivery.smtp.reply import GarbageError, ReplyReader
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.delivery.verdict import Kind, Phase, Verdict

RENEW_BEFORE = 21
"""Days: certificates that renew themselves do so at 30, so below this nobody did."""
HANGS_UP = "the relay does not keep connections, or something between cuts them; ask its operator"
ADVICE = {
    Phase.CONNECT: "check host and port, and that a firewall lets this machine through",
    Phase.GREETING: "the host answers, but not as a mail server should; check port and security (tls or starttls)",
    Phase.EHLO: "ask the relay's operator why it refuses this machine",
    Phase.STARTTLS: "use smtps:// (or security: tls) if the relay has it; never send without TLS",
    Phase.TLS: "the certificate must be valid and name the host that jobs.yaml names; an own authority goes into"
    " SSL_CERT_FILE",
    Phase.AUTH: "check user and secret; gmail, outlook and yahoo want an app password or oauth2",
}


def examine_link(
    relay: Relay,
    context: ssl.SSLContext,
    timeouts: Timeouts,
    now: datetime,
    wanted_size: int,
    *,
    chunking: bool = True,
) -> Iterator[Finding]:
    """Everything between us and MAIL, which is never said. `wanted_size`: octets of the largest message. `chunking`:
    whether the mailer wants it."""
    resolved = _resolve(relay)
    yield resolved
    if resolved.level == "wrong":
        return
    try:
        link = open_link(relay, context, timeouts)
    except LinkError as error:
        yield _failed(error.verdict)
        return
    with link.socket:
        yield Finding("connect", "ok", f"{relay} answers")
        yield from _tls(relay, link, now)
        yield _ehlo(link.capabilities)
        yield _chunking(link.capabilities, wanted=chunking)
        yield _login(relay)
        yield _size(link.capabilities, wanted_size)
        yield _round_trip(link, timeouts)


def _resolve(relay: Relay) -> Finding:
    try:
        found = socket.getaddrinfo(relay.host, relay.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a host name"
        return Finding("resolve", "wrong", f"{relay.host}: {reason}", "check the host's name and this machine's DNS")
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    return Finding("resolve", "ok", f"{relay.host} is {', '.join(addresses)}")


def _failed(verdict: Verdict) -> Finding:
    advice = ADVICE.get(verdict.phase, "")
    if verdict.rule == "token-consent":
        advice = "consent again, and put the new refresh token into the environment"
    elif verdict.kind in {Kind.TRANSIENT, Kind.RATE}:
        advice = "the server says that it will do later; try again"
    said = " ".join(filter(None, (str(verdict.code or ""), verdict.enhanced, verdict.reply)))
    return Finding(str(verdict.phase), "wrong", said, advice)


def _tls(relay: Relay, link: Link, now: datetime) -> Iterator[Finding]:
    if not isinstance(link.socket, ssl.SSLSocket):
        yield Finding("tls", "ok", "none: it is on this machine")
        return
    yield Finding("tls", "ok", f"{link.tls}, {'from the first byte' if relay.security == 'tls' else 'by STARTTLS'}")
    certificate = link.socket.getpeercert() or {}
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    days = (ends - now).days
    names = [str(pair[1]) for pair in certificate.get("subjectAltName", ()) if len(pair) == 2]
    text = f"for {', '.join(names[:3])}{' …' if len(names) > 3 else ''}, valid until {ends:%Y-%m-%d}: {days} days"
    if days < RENEW_BEFORE:
        yield Finding("certificate", "warn", text, "tell the relay's operator to renew it")
    else:
        yield Finding("certificate", "ok", text)


def _ehlo(server: Capabilities) -> Finding:
    offers = {
        "PIPELINING": server.pipelining,
        "CHUNKING": server.chunking,
        "8BITMIME": server.eight_bit,
        "SIZE": server.size is not None,
        "SMTPUTF8": server.smtputf8,
    }
    has = f"offers {', '.join(name for name, offered in offers.items() if offered) or 'nothing that we use'}"
    if not server.pipelining:
        advice = "no PIPELINING: each mail takes several round trips; more connections make up for it"
        return Finding("ehlo", "warn", has, advice)
    return Finding("ehlo", "ok", has)


def _chunking(server: Capabilities, *, wanted: bool) -> Finding:
    if not wanted:
        return Finding("chunking", "ok", "not used: jobs.yaml says chunking: false")
    if not server.chunking:
        return Finding("chunking", "ok", "not used: the server does not offer it; one mail a round trip")
    if not server.pipelining:
        return Finding("chunking", "ok", "not used: the server offers no PIPELINING with it")
    return Finding("chunking", "ok", f"used: up to {WINDOW} mails a round trip on each connection, by BDAT")


def _login(relay: Relay) -> Finding:
    if relay.tokens is not None:
        return Finding("auth", "ok", f"logged in as {relay.user} by XOAUTH2")
    if relay.user:
        return Finding("auth", "ok", "logged in" if relay.user == relay.password else f"logged in as {relay.user}")
    return Finding("auth", "ok", "no login is configured: the relay must know this machine")


def _size(server: Capabilities, wanted: int) -> Finding:
    if not server.size:
        return Finding("size", "ok", "the server names no limit")
    limit = f"the server takes messages of {server.size / 1e6:.1f} MB"
    if wanted > server.size:
        advice = f"write attach_limit: {server.size // 1_000_000}MB, so that a larger mail is made smaller, not refused"
        return Finding("size", "wrong", f"{limit}, and attach_limit allows {wanted / 1e6:.1f} MB", advice)
    return Finding("size", "ok", limit)


def _round_trip(link: Link, timeouts: Timeouts) -> Finding:
    began = time.perf_counter()
    try:
        link.socket.settimeout(timeouts.command)
        link.socket.sendall(b"NOOP\r\n")
        reader = ReplyReader()
        replies = list(reader.feed(link.socket.recv(4096)))
        while not replies and (data := link.socket.recv(4096)):
            replies = list(reader.feed(data))
        link.socket.sendall(b"QUIT\r\n")
    except (OSError, GarbageError) as error:
        return Finding("noop", "wrong", f"no answer to NOOP: {error}", HANGS_UP)
    if not replies:
        return Finding("noop", "wrong", "no answer to NOOP: the connection was closed", HANGS_UP)
    if replies[0].code != 250:
        return Finding("noop", "wrong", f"NOOP: {replies[0]}", "ask the relay's operator what it wants")
    return Finding("noop", "ok", f"a round trip takes {(time.perf_counter() - began) * 1e3:.0f} ms")
