"""Where an SMTP mailer connects to and as whom, read from its URL or its provider's settings. No secret shows in a
repr or an error."""

import base64
import ipaddress
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

from pipeline.errors import MailerError
from pipeline.jobs.model import ProviderMailer, SmtpMailer
from pipeline.jobs.providers import PRESETS

Security = Literal["starttls", "tls", "plain"]
_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("starttls", 587),
    "smtps": ("tls", 465),
    "smtp+plain": ("plain", 25),
}


class Tokens(Protocol):
    """Where access tokens come from; both methods raise `oauth.TokenError`."""

    def current(self) -> str: ...

    def renewed(self, refused: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Relay:
    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)
    tokens: Tokens | None = field(default=None, repr=False)
    """Login is by XOAUTH2 with these instead of a password."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def plain_response(self) -> str:
        """The initial response of SASL PLAIN (RFC 4616), in base64."""
        return base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may hold: some servers echo the command that they refuse."""
        return (self.password, self.plain_response) if self.password else ()


def xoauth2_response(user: str, token: str) -> str:
    """The initial response of SASL XOAUTH2, in base64, as Google and Microsoft define it."""
    return base64.b64encode(f"user={user}\1auth=Bearer {token}\1\1".encode()).decode()


def relay_of(mailer: SmtpMailer | ProviderMailer, tokens: Tokens | None = None) -> Relay:
    """The relay of a mailer. `tokens`: for one that logs in by OAuth2. Raises MailerError, without any secret."""
    if isinstance(mailer, SmtpMailer):
        return parse_relay(mailer.name, mailer.smtp.get_secret_value())
    secret = mailer.api_key or mailer.password
    password = secret.get_secret_value() if secret and tokens is None else ""
    user = mailer.user or PRESETS[mailer.provider].user.format(api_key=password)
    if any(ord(c) < 32 for c in user + password):
        raise MailerError(f'mailer "{mailer.name}": user and secret must not hold line breaks or control characters')
    return Relay(mailer.host, mailer.port, mailer.security, user, password, tokens)


def parse_relay(name: str, url: str) -> Relay:
    """Reads `smtp://user:password@host:587`, `smtps://…` or `smtp+plain://localhost:25`.

    Raises MailerError; its message names the mailer and never any part of the URL but a known scheme.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise MailerError(_wrong(name)) from None
    known = _SCHEMES.get(parts.scheme)
    if known is None or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise MailerError(_wrong(name))
    security, default_port = known
    relay = Relay(
        parts.hostname,
        port or default_port,
        security,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
    if bool(relay.user) != bool(relay.password):
        raise MailerError(f'mailer "{name}": a user needs a password and a password a user; write both or neither')
    if any(c in relay.user + relay.password for c in "\r\n\0"):
        raise MailerError(f'mailer "{name}": user and password must not hold line breaks')
    if security == "plain" and not is_loopback(relay.host):
        raise MailerError(
            f'mailer "{name}": smtp+plain:// is only for a relay on this machine (localhost); use smtp:// or smtps://'
        )
    return relay


def is_loopback(host: str) -> bool:
    """Whether the name or address means this machine, without asking DNS."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _wrong(name: str) -> str:
    return (
        f'mailer "{name}": its URL cannot be read; write smtp://user:password@host:587, smtps://host:465 or '
        "smtp+plain://localhost:25, and characters like @ : / # of a password as %40 %3A %2F %23"
    )
