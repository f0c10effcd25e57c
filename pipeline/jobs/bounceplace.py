"""Where bounces come in: an IMAP URL, or the folder of a Maildir. No message repeats a URL: it may hold a secret."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from pipeline.jobs.names import did_you_mean, listed
from pipeline.jobs.tree import Findings, Node
from pipeline.jobs.urls import is_loopback

_PORTS = {"imaps": 993, "imap": 143, "imap+plain": 143}


@dataclass(frozen=True, slots=True)
class ImapAddress:
    """An IMAP URL, taken apart."""

    scheme: str
    """imaps: TLS from the first byte (RFC 8314); imap: STARTTLS required; imap+plain: loopback only."""
    host: str
    port: int
    user: str
    password: SecretStr
    folder: str


def parse_bounces(text: str) -> ImapAddress | str:
    """`imaps://user:password@host:993/FOLDER` → its parts; a text without `://` is a Maildir's folder.

    Raises ValueError.
    """
    scheme, colon, _ = text.partition("://")
    if not text.strip() or any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("bounces come from a mailbox; write imaps://user:password@host/INBOX or a Maildir's folder")
    if not colon:
        return text
    if scheme.lower() not in _PORTS:
        raise ValueError(f"an IMAP URL begins with {listed(_PORTS)}, then ://{did_you_mean(scheme, _PORTS)}")
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS[scheme.lower()]
    except ValueError:
        raise ValueError("the port of an IMAP URL is a number from 1 to 65535; percent-encode : / ? # @") from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not parts.hostname or not user or not password:
        raise ValueError("an IMAP URL names host, user and password: imaps://user:password@host/INBOX")
    if parts.query or parts.fragment or any(ord(c) < 32 or ord(c) == 127 for c in user + password):
        raise ValueError("an IMAP URL ends after the folder; percent-encode / ? # in a password")
    if scheme.lower() == "imap+plain" and not is_loopback(parts.hostname):
        raise ValueError("imap+plain:// reads in the clear: only from localhost; use imaps:// or imap://")
    folder = unquote(parts.path.strip("/")) or "INBOX"
    return ImapAddress(scheme.lower(), parts.hostname, port, user, SecretStr(password), folder)


def bounce_secrets(value: SecretStr) -> list[str]:
    """What must never be in a line of a log: of an IMAP URL its password, and the URL."""
    text = value.get_secret_value()
    place = parse_bounces(text)
    return [] if isinstance(place, str) else [text, place.password.get_secret_value()]


def check_mailbox(node: Node | None, findings: Findings) -> None:
    """A finding for a value that `parse_bounces` cannot read; what could not be resolved was told already."""
    if node is None:
        return
    text = node.value.get_secret_value() if isinstance(node.value, SecretStr) else node.text
    if text is not None and (text or not isinstance(node.value, SecretStr)):
        findings.check(node._replace(value=text), parse_bounces)
