"""A report about mails, as plain values: which mail, which recipient, what became of it."""

from dataclasses import dataclass

FAILED = "failed"
DELAYED = "delayed"


@dataclass(frozen=True, slots=True)
class Fate:
    """What a report says about one recipient."""

    addresses: tuple[str, ...]
    """The recipient as we wrote it, then as the reporting server knows it; in lower case, without doubles."""
    action: str
    """RFC 3464 §2.3.3: failed, delayed, or what needs no attention: delivered, relayed, expanded."""
    status: str
    """Enhanced status code, like 5.1.1; empty where none is given."""
    said: str
    """The words of the server that refused, or of the one that reports; one line."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report, whatever its form."""

    id: str
    """What it is known by: its Message-ID, else a hash of it."""
    message_ids: tuple[str, ...]
    """Message-IDs that it may be about, with angle brackets, the likeliest first."""
    fates: tuple[Fate, ...]
    """None: it is no report that could be read."""
