"""Takes secrets out of what a server says: some echo the command that they refuse."""

import base64
from collections.abc import Iterable

from pipeline.delivery.smtp.relay import Relay

MASK = "****"


def forms(relay: Relay) -> tuple[str, ...]:
    """Every form in which the password crosses the wire: as it is, and in base64 alone and inside AUTH
    PLAIN."""
    if not relay.password:
        return ()
    plain, alone = plain_response(relay), base64.b64encode(relay.password.encode()).decode()
    return (relay.password, plain, alone, alone.rstrip("="))


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret masked."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def plain_response(relay: Relay) -> str:
    """The initial response of SASL PLAIN (RFC 4616)."""
    return base64.b64encode(f"\0{relay.user}\0{relay.password}".encode()).decode()
