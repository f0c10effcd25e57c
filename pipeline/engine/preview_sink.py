"""A build's letters for somebody who looks at one of them: that one, and who gets the others."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipeline.engine.process import Progress
from pipeline.ledger.records import Letter

MOST = 500
"""Letters whose recipients are listed: more than anybody scrolls through."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """Somebody gets a letter."""

    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PreviewSink:
    """Hands back the letter of `address` (the first where it is empty) and the recipients of the first 500."""

    address: str = ""

    @contextmanager
    def open(self, progress: Progress) -> Iterator["_Preview"]:
        yield _Preview(self.address, progress)


@dataclass(slots=True)
class _Preview:
    address: str
    progress: Progress
    found: bool = False
    letters: int = 0

    def add(self, letter: Letter) -> None:
        self.letters += 1
        if self.letters <= MOST:
            self.progress(Addressed(letter.recipients))
        if not self.found and (not self.address or self.address in letter.recipients):
            self.found = True
            self.progress(letter)
