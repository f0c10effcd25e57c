"""A build's letters, looked at instead of sent: each finding once, with how many letters have it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pipeline.engine.process import Progress
from pipeline.ledger.records import Letter
from pipeline.message.lint.finding import Finding, worst_first
from pipeline.message.lint.letter import lint_letter


@dataclass(frozen=True, slots=True)
class Found:
    """One finding, in how many letters, and whose letter had it first."""

    finding: Finding
    letters: int
    first: str


@dataclass(frozen=True, slots=True)
class LintSink:
    """Lints every letter, or that of `address` alone; hands back all `Found` at the end."""

    address: str = ""

    @contextmanager
    def open(self, progress: Progress) -> Iterator["_Lint"]:
        lint = _Lint(self.address)
        yield lint
        found = {kept.finding: kept for kept in lint.found.values()}
        for finding in worst_first(list(found)):
            progress(found[finding])
        progress(Linted(lint.letters))


@dataclass(frozen=True, slots=True)
class Linted:
    """How many letters were looked at."""

    letters: int


@dataclass(slots=True)
class _Lint:
    address: str
    letters: int = 0
    found: dict[tuple[str, ...], Found] = field(default_factory=dict)

    def add(self, letter: Letter) -> None:
        if self.address and self.address not in letter.recipients:
            return
        self.letters += 1
        seen = {_same(finding): finding for finding in reversed(lint_letter(letter))}
        for key, finding in seen.items():
            before = self.found.get(key) or Found(finding, 0, letter.recipients[0])
            self.found[key] = replace(before, letters=before.letters + 1)


def _same(finding: Finding) -> tuple[str, ...]:
    """What makes findings of two letters the same: all but the line, as a longer table moves what follows."""
    return finding.level, finding.rule, finding.what, re.sub(r"\d+", "", finding.where)
