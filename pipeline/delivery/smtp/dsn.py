"""Asks the server to report what becomes of a letter later: ENVID, NOTIFY and ORCPT (RFC 3461). Pure."""

import re

ENVID_LIMIT = 100
"""The longest ENVID in octets, encoded (RFC 3461 §4.4)."""
_PLAIN = re.compile(r"[!-*,-<>-~]*")


def mail_parameters(message_id: str) -> str:
    """For MAIL: only the headers of the letter come back, and its Message-ID as ENVID names it in the report.

    An identifier that does not fit is left out: the report's copy of the headers holds it too.
    """
    envid = xtext(message_id.removeprefix("<").removesuffix(">"))
    return f" RET=HDRS ENVID={envid}" if 0 < len(envid) <= ENVID_LIMIT else " RET=HDRS"


def rcpt_parameters(recipient: str) -> str:
    """For RCPT: a report of failure and delay, none of success; the address as we wrote it comes back."""
    return f" NOTIFY=FAILURE,DELAY ORCPT=rfc822;{xtext(recipient)}"


def xtext(value: str) -> str:
    """RFC 3461 §4: printable ASCII but `+` and `=` as it stands, every other octet as `+` and two hex digits."""
    if _PLAIN.fullmatch(value):  # nearly all addresses are
        return value
    return "".join(chr(c) if 0x21 <= c <= 0x7E and c not in b"+=" else f"+{c:02X}" for c in value.encode())


def from_xtext(value: str) -> str:
    """What `xtext` was given; text that is no xtext is returned as it stands."""
    head, *rest = value.split("+")
    try:
        octets = head.encode() + b"".join(bytes.fromhex(part[:2]) + part[2:].encode() for part in rest)
        return octets.decode() if all(len(part) >= 2 for part in rest) else value
    except ValueError:
        return value
