"""SMTP and database URLs: what they may be. No message repeats any part of one: it may hold a secret."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from pipeline.jobs.names import did_you_mean, listed

_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
_LITERAL_PASSWORD = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*?:(?P<password>[^/?#]*)@")
_HIDDEN = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*\})*")


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """An SMTP URL, taken apart."""

    scheme: str
    """smtp: STARTTLS required (RFC 3207); smtps: TLS from the first byte (RFC 8314); smtp+plain: loopback
    only."""
    host: str
    port: int
    user: str
    """Empty: no authentication."""
    password: SecretStr


def parse_smtp_url(text: str) -> SmtpAddress:
    """`smtp://user:password@host:587` → its parts, user and password percent-decoded. Raises ValueError."""
    if any(ord(c) <= 32 or ord(c) == 127 for c in text):
        raise ValueError("an SMTP URL has no blanks, line breaks or control characters; percent-encode them")
    scheme, colon, _ = text.partition("://")
    if not colon:
        raise ValueError("not an SMTP URL; write one like smtp://user:password@host:587")
    if scheme.lower() not in _PORTS:
        raise ValueError(f"an SMTP URL begins with {listed(_PORTS)}, then ://{did_you_mean(scheme, _PORTS)}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(
            "the port of an SMTP URL is a number from 1 to 65535; percent-encode : / ? # @ in a password"
        ) from None
    return _checked(parts, _PORTS[parts.scheme] if port is None else port)


def check_smtp_url(text: str) -> None:
    """Raises ValueError unless `parse_smtp_url` can read it."""
    parse_smtp_url(text)


def check_source_url(text: str) -> None:
    """Raises ValueError unless it is `duckdb` or looks like an SQLAlchemy URL."""
    if text == "duckdb":
        return
    scheme, colon, _ = text.partition("://")
    if not colon or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*(\+[A-Za-z][A-Za-z0-9_]*)?", scheme):
        raise ValueError("not an SQLAlchemy URL like postgresql://user:password@host/database, nor the word duckdb")
    if scheme.lower() == "postgres":
        raise ValueError("SQLAlchemy calls it postgresql://, not postgres://")


def has_literal_password(text: str) -> bool:
    """Whether a URL as written in YAML holds a password that is not a `${NAME}`."""
    match = _LITERAL_PASSWORD.match(re.sub(r"\$\{[^}]*\}", lambda found: found[0].replace(":", ""), text))
    return match is not None and bool(match["password"]) and _HIDDEN.fullmatch(match["password"]) is None


def _checked(parts: SplitResult, port: int) -> SmtpAddress:
    host = parts.hostname or ""
    if not host:
        raise ValueError("the SMTP URL names no host")
    if not 1 <= port <= 65535:
        raise ValueError("the port of an SMTP URL is a number from 1 to 65535")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("an SMTP URL ends after host and port; percent-encode / ? # in a password")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError("an SMTP URL has both user and password, or neither")
    if any(ord(c) < 32 or ord(c) == 127 for c in user + password):
        raise ValueError("user and password of an SMTP URL must not hold control characters")
    if parts.scheme == "smtp+plain" and not is_loopback(host):
        raise ValueError("smtp+plain:// sends in the clear: only to localhost; use smtp:// or smtps://")
    return SmtpAddress(parts.scheme, host, port, user, SecretStr(password))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, so that nobody listens in between."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
