"""A mail from the bounce mailbox → a `Report`: RFC 3464 first, then the forms that older servers write. Pure.

Whatever the mail is, this ends in a value: a mailbox that strangers can write to holds everything.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from email import policy
from email.message import Message
from email.parser import BytesParser

from pipeline.delivery.bounces.report import FAILED, Fate, Report
from pipeline.delivery.smtp.dsn import from_xtext

Addresses = Callable[[Message], Iterable[str]]
"""A mail that is no RFC 3464 report → the addresses that it says have failed."""
LIMIT = 1_000_000
"""Octets of a mail that are read: reports are short, and what comes back with them does not matter."""
SAID = 500
"""Characters kept of a server's words."""

_ID = re.compile(r"<[^<>\s@]+@[^<>\s]+>")
_COPIED_ID = re.compile(r"^[> \t]*Message-ID:\s*(<[^<>\s@]+@[^<>\s]+>)", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REFUSAL = re.compile(r"\b[45]\d\d[ -](?:[45]\.\d{1,3}\.\d{1,3}[ :])?[^\n]*")


def nothing_more(_: Message) -> Iterable[str]:
    """For those who read RFC 3464 alone."""
    return ()


def read_report(data: bytes, others: Addresses = nothing_more) -> Report:
    """The report in a mail; one without fates where there is none to be read.

    `others` finds the failed addresses in mails of other forms (`flufl.bounce`, the extra "bounces").
    """
    # The compat32 policy takes what others stumble over; headers are only ever read as text here.
    mail = BytesParser(policy=policy.compat32).parsebytes(data[:LIMIT])
    identity = _first_id(str(mail.get("Message-ID", ""))) or f"sha256:{hashlib.sha256(data).hexdigest()}"
    blocks = [part for part in mail.walk() if part.get_content_type() == "message/delivery-status"]
    fates = tuple(fate for part in blocks for fate in _fates(part))
    envelope_ids = [str(block["Original-Envelope-Id"]) for part in blocks for block in _blocks(part)[:1]
                    if block["Original-Envelope-Id"]]  # fmt: skip
    if not blocks:
        fates = tuple(_told(address, mail) for address in _sorted(others(mail)))
    return Report(identity, tuple(_message_ids(mail, envelope_ids)), fates)


def _blocks(part: Message) -> Sequence[Message]:
    """The groups of fields of a message/delivery-status; the first is about the message."""
    payload = part.get_payload()
    return [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []


def _fates(part: Message) -> Iterator[Fate]:
    for block in _blocks(part):
        action = str(block.get("Action", "")).split("(")[0].strip().lower()
        addresses = _unique([*_address(block.get("Original-Recipient")), *_address(block.get("Final-Recipient"))])
        if not action or not addresses:
            continue
        said = _line(re.sub(r"^\s*[\w.-]+\s*;", "", str(block.get("Diagnostic-Code", "")), count=1))
        yield Fate(addresses, action, _status(str(block.get("Status", "")), said), said)


def _address(field: object) -> list[str]:
    """`rfc822; ana@example.com`: as it stands, and as it was before a server's xtext (RFC 3464 §2.3.1)."""
    if field is None:
        return []
    _, _, address = str(field).rpartition(";")
    address = address.strip().strip("<>").lower()
    return [address, from_xtext(address).lower()] if address else []


def _status(field: str, said: str) -> str:
    """The more precise of the field and the server's own words; servers write 5.0.0 where they do not think."""
    match, words = _STATUS.search(field), _STATUS.search(said)
    if match is None or match[1].endswith(".0.0"):
        return words[1] if words else match[1] if match else ""
    return match[1]


def _message_ids(mail: Message, envelope_ids: Iterable[str]) -> Iterator[str]:
    """From the surest to the least sure: our ENVID, the returned headers, what the report refers to, its text."""
    found = [f"<{from_xtext(one.strip())}>" for one in envelope_ids]
    parts = list(mail.walk())
    for part in parts:
        if part.get_content_type() == "message/rfc822":
            payload = part.get_payload()
            found += [str(one.get("Message-ID", "")) for one in payload if isinstance(one, Message)]
    for part in parts:
        if part.get_content_type() in {"text/rfc822-headers", "message/rfc822-headers"}:
            found += _COPIED_ID.findall(_text(part))
    found += _ID.findall(f"{mail.get('In-Reply-To', '')} {mail.get('References', '')}")
    for part in parts:
        if part.get_content_type() == "text/plain":
            found += _COPIED_ID.findall(_text(part))
    own = _first_id(str(mail.get("Message-ID", "")))
    yield from _unique(one.strip() for one in found if _ID.fullmatch(one.strip()) and one.strip() != own)


def _told(address: str, mail: Message) -> Fate:
    """What a mail in words says about an address: the paragraph behind it, from the refusal on if there is one."""
    text = "\n".join(_text(part) for part in mail.walk() if part.get_content_type() == "text/plain")
    _, _, behind = text.partition(address)
    paragraph = behind.lstrip(">: \n").split("\n\n", maxsplit=1)[0]
    match = _REFUSAL.search(paragraph)
    said = _line(match[0] if match else paragraph)
    return Fate((address,), FAILED, _status("", said), said)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return payload.decode("utf-8", "replace")


def _first_id(text: str) -> str:
    match = _ID.search(text)
    return match[0] if match else ""


def _line(text: str) -> str:
    return "".join(c for c in " ".join(text.split()) if c.isprintable())[:SAID]


def _sorted(addresses: Iterable[str]) -> list[str]:
    return sorted({address.lower() for address in addresses})


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
