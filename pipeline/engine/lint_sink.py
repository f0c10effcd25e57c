"""A build's letters, looked at instead of sent: each finding once, with how many letters have it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.engine.process import Progress
from pipeline.engine.spam import spam_finding
from pipeline.ledger.records import Letter
from pipeline.message.lint.finding import Finding, worst_first
from pipeline.message.lint.letter import lint_letter
from pipeline.message.wire import assemble, base64_lines
from pipeline.report.artifacts import ArtifactStore


@dataclass(frozen=True, slots=True)
class Found:
    """One finding, in how many letters, and whose letter had it first."""

    finding: Finding
    letters: int
    first: str


@dataclass(frozen=True, slots=True)
class LintSink:
    """Lints every letter, or that of `address` alone; hands back all `Found` at the end. Where it is told where the
    artifacts are, SpamAssassin is asked about the first letter."""

    address: str = ""
    artifacts: Path | None = None

    @contextmanager
    def open(self, progress: Progress) -> Iterator["_Lint"]:
        lint = _Lint(self.address, None if self.artifacts is None else ArtifactStore(self.artifacts))
        yield lint
        found = {kept.finding: kept for kept in lint.found.values()}
        for finding in worst_first(list(found)):
            progress(found[finding])
        progress(Linted(lint.letters, spam=lint.spam))


@dataclass(frozen=True, slots=True)
class Linted:
    """How many letters were looked at, and whether SpamAssassin looked at one."""

    letters: int
    spam: bool = False


@dataclass(slots=True)
class _Lint:
    address: str
    artifacts: ArtifactStore | None = None
    letters: int = 0
    spam: bool = False
    found: dict[tuple[str, ...], Found] = field(default_factory=dict)

    def add(self, letter: Letter) -> None:
        if self.address and self.address not in letter.recipients:
            return
        self.letters += 1
        findings = lint_letter(letter)
        if self.letters == 1 and self.artifacts is not None and (asked := _spam(letter, self.artifacts)):
            self.spam = True
            findings = worst_first([*findings, asked])
        seen = {_same(finding): finding for finding in reversed(findings)}
        for key, finding in seen.items():
            before = self.found.get(key) or Found(finding, 0, letter.recipients[0])
            self.found[key] = replace(before, letters=before.letters + 1)


def _spam(letter: Letter, artifacts: ArtifactStore) -> Finding | None:
    octets = assemble(letter, lambda sha256: base64_lines(artifacts.read(sha256)), eight_bit=True)
    return spam_finding(b"".join(octets))


def _same(finding: Finding) -> tuple[str, ...]:
    """What makes findings of two letters the same: all but the line, as a longer table moves what follows."""
    return finding.level, finding.rule, finding.what, re.sub(r"\d+", "", finding.where)
