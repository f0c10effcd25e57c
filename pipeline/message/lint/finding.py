"""One thing that a reader of the mail would stumble over."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is, worst first."""

    ERROR = "error"
    """Some readers cannot use the mail, or it says something that nobody meant."""
    WARNING = "warning"
    """It looks or reads wrong for some readers."""
    NOTE = "note"
    """Good to know; the mail reads well without a change."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where, and what to do about it."""

    level: Level
    rule: str
    """The name of the check, `alt-text`, for filters and tests."""
    what: str
    where: str
    """`html:12 <img>` (a line of message.html as `pipeline preview --out` writes it), `text:3`, `Subject`."""
    advice: str

    def __str__(self) -> str:
        return f"{self.level}: {self.where}: {self.what}; {self.advice} [{self.rule}]"


def error(rule: str, what: str, where: str, advice: str) -> Finding:
    return Finding(Level.ERROR, rule, what, where, advice)


def warning(rule: str, what: str, where: str, advice: str) -> Finding:
    return Finding(Level.WARNING, rule, what, where, advice)


def note(rule: str, what: str, where: str, advice: str) -> Finding:
    return Finding(Level.NOTE, rule, what, where, advice)


def worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Each finding once, errors before warnings before notes, else in the order of the mail."""
    order = list(Level)
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: order.index(finding.level)))
