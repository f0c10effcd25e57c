"""Who wants no more of one job's mails: their token becomes a suppression for that job alone, once, and is logged."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from typing import Protocol

from pipeline.delivery.operator_lines import suppression_line
from pipeline.delivery.ports import Clock
from pipeline.ledger.operator_records import Note, Suppression
from pipeline.message.unsubscribing import address_of
from pipeline.observe.log import Emit

WHO = "recipient"
"""Who suppresses the address: its owner."""
_ASKED = re.compile(r"\bunsubscribe\s+([A-Za-z0-9][A-Za-z0-9._-]{0,99})\s+([A-Za-z0-9_-]{24,600})(?![A-Za-z0-9_-])")


class Ledger(Protocol):
    """What leaving needs of `ledger.suppressing.Suppressions`."""

    def add(self, address: str, scope: str, note: Note) -> bool: ...


@dataclass(frozen=True, slots=True)
class Leaving:
    """Takes in who leaves. `key` gives what tokens are made with."""

    key: Callable[[], bytes]
    ledger: Ledger
    emit: Emit
    clock: Clock

    def whose(self, job: str, token: str) -> str | None:
        """The address that a token was made for; None where it is none of ours. Raises LedgerError without a key."""
        return address_of(self.key(), job, token)

    def leave(self, job: str, token: str, how: str) -> bool:
        """Suppresses the address for the job; a second time changes nothing. False: the token is none of ours.

        Raises LedgerError.
        """
        address = self.whose(job, token)
        if address is None:
            return False
        note = Note(WHO, self.clock(), f"unsubscribed {how}")
        scope = f"job:{job}"
        if self.ledger.add(address, scope, note):
            event, fields = suppression_line(
                "suppression.added", Suppression(address, scope, note.at, note.who, note.why), note
            )
            self.emit(event, **fields)
        return True

    def by_mail(self, data: bytes) -> bool:
        """Whether a mail asks for that by its subject, as the links in our mails write it; then it is done."""
        asked = _ASKED.search(_subject(data))
        return asked is not None and self.leave(asked[1], asked[2], "by mail")


def _subject(data: bytes) -> str:
    """Of any octets; empty where it cannot be read."""
    header = BytesHeaderParser(policy=policy.compat32).parsebytes(data).get("Subject", "")
    try:
        return str(make_header(decode_header(str(header))))
    except (MessageError, ValueError, LookupError):
        return ""
