"""The proof of a run that waits for a review: its first mails as they would be sent, and who would get nothing.

In a child, from the letters that are staged for the run: what is released is what was shown.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.sinks import planned
from pipeline.ledger.database import open_ledger
from pipeline.ledger.letters import letters_of, suppressed_of
from pipeline.ledger.records import Artifact, Letter, RunKey
from pipeline.message.compose import megabytes
from pipeline.message.notice import Proof, ProofLine, ShownProof
from pipeline.message.wire import assemble, base64_lines
from pipeline.report.artifacts import ArtifactStore

LISTED = 20
"""Mails that a proof lists."""
ATTACHED = 3
"""Mails that it brings, to be opened in a mail program."""
SUPPRESSED = 10
"""Suppressed recipients that it names."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the letters of a run and their files are."""

    url: str
    root: Path
    artifacts: Path


@dataclass(frozen=True, slots=True)
class MailFile:
    """A whole mail as a file of another."""

    artifact: Artifact
    filename: str
    rows: None = None
    """It has none."""


def shown_proof(shelf: Shelf, run: RunKey, proof: Proof) -> ShownProof:
    """What the reviewer sees. Raises LedgerError, ReportError."""
    engine = open_ledger(shelf.url, shelf.root)
    try:
        letters = list(letters_of(engine, run, LISTED))
        count, suppressed = suppressed_of(engine, run, proof.mailer, SUPPRESSED)
    finally:
        engine.dispose()
    left_out = [*proof.refused, *(f"{who}: {why}" for who, why in suppressed.items())]
    if count > len(suppressed):
        left_out.append(f"and {count - len(suppressed):,} more that are suppressed")
    store = ArtifactStore(shelf.artifacts)
    return ShownProof(
        lines=tuple(_line(letter) for letter in letters),
        left_out=tuple(left_out),
        files=tuple(_mail(letter, number, store) for number, letter in enumerate(letters[:ATTACHED], 1)),
    )


def _line(letter: Letter) -> ProofLine:
    plan = planned(letter)
    return ProofLine(", ".join(plan.recipients), plan.subject, ", ".join([megabytes(plan.bytes), *plan.files]))


def _mail(letter: Letter, number: int, store: ArtifactStore) -> MailFile:
    """The octets that would be sent. Not as message/rfc822, which must not be base64 (RFC 2046 §5.2.1)."""
    octets = b"".join(assemble(letter, lambda sha256: base64_lines(store.read(sha256)), eight_bit=True))
    return MailFile(store.put(octets, "application/octet-stream"), f"mail-{number}.eml")
