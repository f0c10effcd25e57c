"""Which refusals somebody must be told of, once each: a sender that is not taken, mails that are taken for bad, mails
that are malformed."""

from collections.abc import Iterator

from pipeline.delivery.lines import Line, refusal_line
from pipeline.delivery.ports import Result
from pipeline.delivery.verdict import Action, Kind

_MOST = 1000
"""Runs that are remembered as told; a worker lives for months."""


class Refusals:
    """What one mailer's desk has told of. Used by one thread."""

    def __init__(self, mailer: str) -> None:
        self._mailer = mailer
        self._senders: set[str] = set()
        self._runs: dict[tuple[str, str], None] = {}
        """(run, what), the oldest first."""

    def lines(self, result: Result) -> Iterator[Line]:
        """An alert, or none: of a sender until it is taken again, of the rest once a run."""
        sender, verdict = result.claim.letter.sender, result.verdict
        if verdict.ok:
            self._senders.discard(sender)
        elif verdict.kind is Kind.PERM_SENDER and verdict.action is Action.WAIT:
            if sender not in self._senders:
                self._senders.add(sender)
                yield self._line(result, f"does not take mail from {sender}")
        elif verdict.kind is Kind.PERM_MSG and (what := _what(verdict.enhanced, verdict.rule)):
            key = (result.claim.run, what)
            if key not in self._runs:
                self._runs[key] = None
                if len(self._runs) > _MOST:
                    del self._runs[next(iter(self._runs))]
                yield self._line(result, what)

    def _line(self, result: Result, what: str) -> Line:
        return refusal_line(self._mailer, result, f"mailer {self._mailer} {what}")


def _what(enhanced: str, rule: str) -> str:
    """What a refusal of a message for ever means for those who run this; empty for what is its author's alone."""
    if enhanced.startswith("5.6.") and enhanced != "5.6.7":
        return "finds mails malformed (5.6.x), which is a defect of the pipeline: report it with this line"
    if enhanced.startswith("5.7.") or "policy" in rule:
        return (
            "refuses mails by policy: deliverability; look at SPF, DKIM, DMARC and blocklists (`pipeline doctor`),"
            " nothing is tried again by itself"
        )
    return ""
