"""Opens a connection up to the point where mail may be sent: TCP, greeting, EHLO, STARTTLS, AUTH. Blocking.

Not on smtplib: it reads replies of any length, gives one timeout to all phases, parses AUTH errors into
exceptions that hide the phase, and tries one mechanism after the other with the same password. Here: every
read has a bound and a deadline, TLS is verified, and nothing but EHLO, STARTTLS and QUIT is said before it.
"""

import base64
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pipeline.delivery.oauth import TokenError
from pipeline.delivery.replies import classify, classify_event
from pipeline.delivery.rules import Rule
from pipeline.delivery.smtp.capabilities import Capabilities, read_capabilities
from pipeline.delivery.smtp.relay import Relay, is_loopback, xoauth2_response
from pipeline.delivery.smtp.reply import GarbageError, Reply, ReplyReader
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.delivery.verdict import Action, Kind, Phase, Verdict
from pipeline.observe.redact import masker


class LinkError(Exception):
    """No connection that mail could be sent on; the verdict says why and in which phase."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(f"{verdict.phase}: {verdict.reply}")


@dataclass(frozen=True, slots=True)
class Link:
    """A connection ready for MAIL, blocking; whoever takes it owns the socket."""

    socket: socket.socket
    capabilities: Capabilities
    tls: str
    """`TLSv1.3 TLS_AES_256_GCM_SHA384`; empty without TLS."""


def verified_context() -> ssl.SSLContext:
    """The system's certificate authorities, names checked, TLS 1.2 or newer."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def open_link(
    relay: Relay,
    context: ssl.SSLContext,
    timeouts: Timeouts,
    monotonic: Callable[[], float] = time.monotonic,
    rules: Sequence[Rule] = (),
) -> Link:
    """A connection to the relay, greeted, secured and logged in. `rules` are an operator's. Raises LinkError.

    An access token that the server refuses may have been revoked early: one more try with a fresh one, on a
    connection of its own, since some servers hang up after a refusal.
    """
    if relay.tokens is None:
        return _open(relay, "", context, timeouts, monotonic, rules)
    token = _token(relay, relay.tokens.current)
    try:
        return _open(relay, token, context, timeouts, monotonic, rules)
    except LinkError as error:
        if (error.verdict.kind, error.verdict.phase) != (Kind.AUTH, Phase.AUTH):
            raise
    token = _token(relay, partial(relay.tokens.renewed, token))
    return _open(relay, token, context, timeouts, monotonic, rules)


def _token(relay: Relay, fetch: Callable[[], str]) -> str:
    try:
        return fetch()
    except TokenError as error:
        failure = _failure(relay, Phase.AUTH, error.event, str(error)).verdict
        raise LinkError(replace(failure, wait=max(failure.wait, error.wait))) from None


def _open(  # noqa: PLR0917 - handed on as they come
    relay: Relay,
    token: str,
    context: ssl.SSLContext,
    timeouts: Timeouts,
    monotonic: Callable[[], float],
    rules: Sequence[Rule],
) -> Link:
    dialogue = _Dialogue(_connected(relay, timeouts), relay, token, timeouts, monotonic, rules)
    try:
        if relay.security == "tls":
            dialogue.secure(context)
        dialogue.expect(Phase.GREETING, None, timeouts.greeting)
        capabilities = dialogue.hello()
        if relay.security == "starttls":
            capabilities = dialogue.start_tls(context, capabilities)
        if relay.user:
            dialogue.log_in(capabilities)
        return dialogue.link(capabilities)
    except BaseException:
        dialogue.close()
        raise


class _Dialogue:
    """A blocking conversation, each answer under its own deadline."""

    def __init__(  # noqa: PLR0917 - handed on as they come
        self,
        connection: socket.socket,
        relay: Relay,
        token: str,
        timeouts: Timeouts,
        monotonic: Callable[[], float],
        rules: Sequence[Rule],
    ) -> None:
        self._rules = rules
        self._socket = connection
        self._relay = relay
        self._token = token
        self._masked = masker((*relay.secrets, token) if token else relay.secrets)
        self._timeouts = timeouts
        self._monotonic = monotonic
        self._reader = ReplyReader()
        self._early: list[Reply] = []
        self._tls = ""

    def secure(self, context: ssl.SSLContext) -> None:
        """The TLS handshake; the certificate must be valid for the relay's name."""
        self._socket.settimeout(self._timeouts.command)
        try:
            secured = context.wrap_socket(self._socket, server_hostname=self._relay.host)
        except ssl.SSLCertVerificationError as error:
            raise self._failed(Phase.TLS, "untrusted", f"certificate: {error.verify_message}") from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise self._failed(Phase.TLS, "closed", "the connection was closed during the TLS handshake") from None
        except ssl.SSLError as error:
            raise self._failed(Phase.TLS, "untrusted", f"handshake: {error.reason or error}") from None
        except OSError as error:
            raise self._failed(Phase.TLS, _event(error, "reset"), _what(error)) from None
        self._socket = secured
        cipher = secured.cipher()
        self._tls = f"{secured.version()} {cipher[0] if cipher else ''}".strip()

    def hello(self) -> Capabilities:
        """EHLO; HELO where the server does not know it and nothing of it is needed."""
        name = _own_name(self._socket)
        reply = self.ask(Phase.EHLO, f"EHLO {name}", self._timeouts.command)
        if reply.code == 250:
            return read_capabilities(reply.lines)
        helo_will_do = self._relay.security != "starttls" and not self._relay.user
        verdict = self._judged(Phase.EHLO, reply, {Action.PLAIN} if helo_will_do else ())
        if verdict.action is not Action.PLAIN:
            raise LinkError(verdict)
        self.expect(Phase.EHLO, f"HELO {name}", self._timeouts.command)
        return Capabilities()

    def start_tls(self, context: ssl.SSLContext, offered: Capabilities) -> Capabilities:
        """STARTTLS (RFC 3207); what was offered before it is forgotten."""
        if not offered.starttls:
            text = "the server does not offer STARTTLS; somebody may be stripping it"
            raise self._failed(Phase.STARTTLS, "missing", text)
        self.expect(Phase.STARTTLS, "STARTTLS", self._timeouts.command)
        if self._early or self._reader.inside:
            text = "the server said more before the TLS handshake: somebody may be injecting answers"
            raise self._failed(Phase.STARTTLS, "injected", text)
        self.secure(context)
        return self.hello()

    def log_in(self, offered: Capabilities) -> None:
        """AUTH (RFC 4954), by PLAIN if offered, else LOGIN: one try, since a wrong password locks
        accounts."""
        ways = ("XOAUTH2",) if self._token else ("PLAIN", "LOGIN")
        if not offered.auth.intersection(ways):
            others = " ".join(sorted(offered.auth)) or "none at all"
            text = f"the server offers no login by {' or '.join(ways)}; it offers {others}"
            raise self._failed(Phase.AUTH, "missing", text)
        if self._token:
            self._log_in_by_token()
        elif "PLAIN" in offered.auth:
            self.expect(Phase.AUTH, f"AUTH PLAIN {self._relay.plain_response}", self._timeouts.command)
        else:
            self._log_in_by_login()

    def _log_in_by_token(self) -> None:
        """XOAUTH2: a refusal may come as 334 with JSON in base64; an empty line then asks for the real answer."""
        response = xoauth2_response(self._relay.user, self._token)
        reply = self.ask(Phase.AUTH, f"AUTH XOAUTH2 {response}", self._timeouts.command)
        detail = ""
        if reply.code == 334:
            detail = f" {_decoded(reply.text)}"
            reply = self.ask(Phase.AUTH, "", self._timeouts.command)
        verdict = self._judged(Phase.AUTH, reply)
        if not verdict.ok:
            raise LinkError(replace(verdict, reply=verdict.reply + self._masked(detail)))

    def _log_in_by_login(self) -> None:
        user, password = (
            base64.b64encode(value.encode()).decode() for value in (self._relay.user, self._relay.password)
        )
        for answer in ("AUTH LOGIN", user):
            reply = self.ask(Phase.AUTH, answer, self._timeouts.command)
            if reply.code != 334:
                raise LinkError(self._judged(Phase.AUTH, reply))
        self.expect(Phase.AUTH, password, self._timeouts.command)

    # --- one question, one answer -------------------------------------------------------------------------

    def expect(self, phase: Phase, command: str | None, timeout: float) -> None:
        """Asks, and raises LinkError unless the answer is the good one of that phase."""
        verdict = self._judged(phase, self.ask(phase, command, timeout))
        if not verdict.ok:
            raise LinkError(verdict)

    def ask(self, phase: Phase, command: str | None, timeout: float) -> Reply:
        """The server's answer; with no command, what it says by itself. Raises LinkError where none comes."""
        deadline = self._monotonic() + timeout
        try:
            if command is not None:
                self._socket.settimeout(timeout)
                self._socket.sendall(f"{command}\r\n".encode())
            return self._reply(deadline)
        except GarbageError as error:
            raise self._failed(phase, "garbage", str(error)) from None
        except EOFError:
            raise self._failed(phase, "closed", "the server closed the connection") from None
        except OSError as error:
            raise self._failed(phase, _event(error, "reset"), _what(error)) from None

    def _reply(self, deadline: float) -> Reply:
        while not self._early:
            left = deadline - self._monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            data = self._socket.recv(65536)
            if not data:
                raise EOFError
            self._early.extend(self._reader.feed(data))
        return self._early.pop(0)

    # --- endings ------------------------------------------------------------------------------------------

    def link(self, capabilities: Capabilities) -> Link:
        """What was opened. Raises LinkError if the server said more than it was asked."""
        if self._early or self._reader.inside:
            raise self._failed(Phase.EHLO, "garbage", "the server said more than it was asked")
        return Link(self._socket, capabilities, self._tls)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _judged(self, phase: Phase, reply: Reply, possible: Collection[Action] = ()) -> Verdict:
        text = self._masked(reply.text)
        return classify(phase, reply.code, reply.enhanced, text, possible=possible, extra=self._rules)

    def _failed(self, phase: Phase, event: str, text: str) -> LinkError:
        return _failure(self._relay, phase, event, text)


def _connected(relay: Relay, timeouts: Timeouts) -> socket.socket:
    """TCP, to the first of the host's addresses that answers (IPv6 and IPv4). Raises LinkError."""
    try:
        connection = socket.create_connection((relay.host, relay.port), timeouts.connect)
    except socket.gaierror as error:
        unknown = error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}
        raise _failure(relay, Phase.CONNECT, "nxdomain" if unknown else "dns", str(error.strerror)) from None
    except (OSError, UnicodeError) as error:
        raise _failure(relay, Phase.CONNECT, _event(error, "unreachable"), _what(error)) from None
    return made_ready(connection, relay)


def made_ready(connection: socket.socket, relay: Relay) -> socket.socket:
    """A fresh TCP connection, to this machine where there is no TLS. Raises LinkError; it is closed then."""
    try:
        peer = connection.getpeername()[0]  # fails where the server has hung up by now, before its greeting
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        connection.close()
        raise _failure(relay, Phase.GREETING, "reset", _what(error)) from None
    if relay.security == "plain" and not is_loopback(peer):
        connection.close()
        text = "the name leads to another machine: nothing is sent there without TLS"
        raise _failure(relay, Phase.CONNECT, "unreachable", text)
    return connection


def _failure(relay: Relay, phase: Phase, event: str, text: str) -> LinkError:
    return LinkError(classify_event(phase, event, masker(relay.secrets)(f"{relay}: {text}")))


def _decoded(challenge: str) -> str:
    """The JSON of an XOAUTH2 refusal, for people: `{"status":"401","schemes":"bearer",…}`."""
    try:
        text = base64.b64decode(challenge.strip(), validate=True).decode("ascii")
    except ValueError:
        return ""
    return "".join(c for c in text if c.isprintable())[:200]


def _own_name(sock: socket.socket) -> str:
    """For EHLO: this machine's full name if it has one, else its address (RFC 5321 §4.1.3). Never asks
    DNS."""
    name = socket.gethostname()
    if "." in name and name.isascii() and all(c.isalnum() or c in "-." for c in name):
        return name
    address = str(sock.getsockname()[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _event(error: Exception, otherwise: str) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused" if otherwise == "unreachable" else otherwise
    return "reset" if isinstance(error, ConnectionError) else otherwise


def _what(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
