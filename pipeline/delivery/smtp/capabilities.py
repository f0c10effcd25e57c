"""What a server offers in its answer to EHLO (RFC 5321 §4.1.1.1), as far as we use it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum


class Modesty(IntEnum):
    """How much of what a server offers is left alone, because it refused what it had offered."""

    NONE = 0
    NO_REPORTS = 1
    """Nothing of RFC 3461, the offer that is taken back most often."""
    NO_PARAMETERS = 2
    """Bare MAIL and RCPT, and so a mail in 7 bits."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    pipelining: bool = False
    """RFC 2920."""
    size: int | None = None
    """The largest message in octets (RFC 1870); 0: no limit named; None: SIZE is not offered."""
    eight_bit: bool = False
    """8BITMIME, RFC 6152."""
    smtputf8: bool = False
    """RFC 6531."""
    starttls: bool = False
    """RFC 3207."""
    chunking: bool = False
    """RFC 3030."""
    dsn: bool = False
    """RFC 3461."""
    auth: frozenset[str] = frozenset()
    """SASL mechanisms in capitals (RFC 4954)."""
    parameters: bool = True
    """Whether MAIL may carry any."""

    def asked(self, modesty: Modesty) -> "Capabilities":
        """What is used of it. The limit of SIZE holds also where it is not said how large a mail is."""
        if modesty is Modesty.NONE:
            return self
        if modesty is Modesty.NO_REPORTS:
            return replace(self, dsn=False)
        return replace(self, dsn=False, eight_bit=False, parameters=False)


def read_capabilities(lines: Sequence[bytes]) -> Capabilities:
    """From the lines of the reply; the first one is the server's name."""
    offered: dict[str, str] = {}
    for line in lines[1:]:
        # "AUTH=PLAIN" is how servers of the 1990s wrote it, and some still write both.
        keyword, _, value = line.decode("latin-1").strip().replace("AUTH=", "AUTH ", 1).partition(" ")
        known = offered.get(keyword.upper())
        offered[keyword.upper()] = f"{known} {value}" if known else value.strip()
    size = offered.get("SIZE")
    return Capabilities(
        pipelining="PIPELINING" in offered,
        size=None if size is None else int(size) if size.isascii() and size.isdigit() else 0,
        eight_bit="8BITMIME" in offered,
        smtputf8="SMTPUTF8" in offered,
        starttls="STARTTLS" in offered,
        chunking="CHUNKING" in offered,
        dsn="DSN" in offered,
        auth=frozenset(offered.get("AUTH", "").upper().split()),
    )
