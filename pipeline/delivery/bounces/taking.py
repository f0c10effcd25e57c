"""One round through the mailbox: each report, and each wish to leave, is read, judged, kept in the ledger, logged, and
only then marked.

A crash anywhere repeats the mail in hand, and the ledger knows what it has.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pipeline.delivery.bounces.judging import is_dead, judge
from pipeline.delivery.bounces.mailboxes import Mailbox
from pipeline.delivery.bounces.reading import Addresses, read_report
from pipeline.delivery.bounces.report import DELAYED, FAILED, Fate, Report
from pipeline.delivery.lines import Line, told, who
from pipeline.delivery.ports import Clock
from pipeline.delivery.verdict import Verdict
from pipeline.ledger.bouncing import WHO, Returned, TakenIn
from pipeline.observe.log import Emit


class Ledger(Protocol):
    """What a round needs of `ledger.bouncing.Bounces`."""

    def take_in(self, returned: Returned) -> TakenIn: ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one round found."""

    mails: int = 0
    bounced: int = 0
    delayed: int = 0
    suppressed: int = 0
    unmatched: int = 0
    """Reports about mails that the ledger does not have."""
    unsubscribed: int = 0
    """Mails that ask for no more of a job's, by the links in ours."""
    unread: int = 0
    """Mails that are no report."""
    known: int = 0
    """Reports that were taken in before."""


def nobody_leaves(_mail: bytes) -> bool:
    """For those who take in reports alone."""
    return False


def take_in(  # noqa: PLR0917 - all that a round touches
    mailbox: Mailbox,
    ledger: Ledger,
    others: Addresses,
    emit: Emit,
    clock: Clock,
    leaves: Callable[[bytes], bool] = nobody_leaves,
) -> Round:
    """Works through what is new; `leaves` takes a mail that asks to be unsubscribed. Raises LedgerError and
    MailerError; what was done until then stays done."""
    counts = dict.fromkeys(Round.__dataclass_fields__, 0)
    for name, data in mailbox.new():
        counts["mails"] += 1
        if leaves(data):
            counts["unsubscribed"] += 1
            mailbox.done(name, report=True)
            continue
        report = read_report(data, others)
        fates = [fate for fate in report.fates if fate.action in {FAILED, DELAYED}]
        for fate in fates:
            verdict = judge(fate)
            taken = ledger.take_in(_returned(report, fate, verdict, clock))
            counts[_count(fate, taken)] += 1
            counts["suppressed"] += taken.suppressed
            for event, fields in lines(report, fate, verdict, taken):
                emit(event, **fields)
        if not report.fates:
            counts["unread"] += 1
            emit("bounce.unmatched", **told({"reason": _NO_REPORT, "message_id": report.id}))
        mailbox.done(name, report=bool(report.fates))
    return Round(**counts)


_NO_REPORT = "a mail in the mailbox for bounces is no report that can be read; it is flagged there"


def lines(report: Report, fate: Fate, verdict: Verdict, taken: TakenIn) -> Iterator[Line]:
    """The log lines of one fate; none for what was known."""
    if not taken.new:
        return
    reply = {"code": verdict.code, "enhanced": fate.status, "reply": fate.said}
    if taken.delivery is None:
        about = {"recipient": fate.addresses[0], "message_id": next(iter(report.message_ids), "")}
        yield "bounce.unmatched", told({**about, **reply, "reason": "the ledger has no such mail to this recipient"})
        return
    event = "delivery.bounced" if fate.action == FAILED else "delivery.delayed"
    yield event, told({**who(taken.delivery), **reply, "class": verdict.kind, "rule": verdict.rule})
    if taken.suppressed:
        why = " ".join(str(word) for word in (verdict.code or "", fate.status, fate.said) if word)
        one: dict[str, object] = {
            "recipient": taken.delivery.recipient.lower(),
            "scope": "all",
            "by": WHO,
            "reason": why,
        }
        yield "suppression.added", told(one)


def _returned(report: Report, fate: Fate, verdict: Verdict, clock: Clock) -> Returned:
    return Returned(
        report=report.id,
        message_ids=report.message_ids,
        recipients=fate.addresses,
        at=clock(),
        kind=verdict.kind,
        code=verdict.code,
        enhanced=fate.status,
        reply=fate.said,
        suppress=is_dead(fate, verdict),
    )


def _count(fate: Fate, taken: TakenIn) -> str:
    if not taken.new:
        return "known"
    if taken.delivery is None:
        return "unmatched"
    return "bounced" if fate.action == FAILED else "delayed"
