"""The closed list of what the delivery log can say: every field and every event, with what it means.

The JSON Schema in docs/ is made from this page (`schema.py`), and `log.py` refuses whatever is not on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Level = Literal["debug", "info", "warning", "error", "critical"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error", "critical")
"""From the least to the most serious."""


class EventDefectError(Exception):
    """Code of ours logs what is not on the list. A defect, so deliberately no PipelineError."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    type: type
    description: str


FIELDS: Mapping[str, FieldSpec] = {
    "job": FieldSpec(str, "Name of the job in jobs.yaml."),
    "run": FieldSpec(str, "The run: job, due time, and a variant where it is not the real one."),
    "due": FieldSpec(datetime, "The due time of the run, whenever it was really built."),
    "message_id": FieldSpec(str, "The Message-ID, with angle brackets; the same on every attempt."),
    "delivery": FieldSpec(int, "Number of the delivery in the ledger: one message to one recipient."),
    "recipient": FieldSpec(str, "Envelope recipient; `sha256:` and 16 hex digits where the log hashes them."),
    "mailer": FieldSpec(str, "Name of the way out in jobs.yaml."),
    "attempt": FieldSpec(int, "Which attempt at this delivery it was, from 1; attempts not charged count not."),
    "phase": FieldSpec(str, "Where the reply came from: connect, ehlo, auth, mail, rcpt, data, dot, …"),
    "code": FieldSpec(int, "SMTP reply code (RFC 5321)."),
    "enhanced": FieldSpec(str, "Enhanced status code (RFC 3463), like 5.1.1."),
    "class": FieldSpec(str, "What the reply means to us: OK, TRANSIENT, RATE, PERM_RCPT, AUTH, AMBIGUOUS, …"),
    "rule": FieldSpec(str, "Which rule of the reply table decided."),
    "reply": FieldSpec(str, "The server's words, shortened, without secrets."),
    "bytes": FieldSpec(int, "Size on the wire, in bytes."),
    "duration_ms": FieldSpec(int, "How long it took, in milliseconds."),
    "next_attempt": FieldSpec(datetime, "When it is tried again."),
    "possible_duplicate": FieldSpec(bool, "True where an earlier attempt may have arrived as well."),
    "reason": FieldSpec(str, "Why, in one line for people."),
    "action": FieldSpec(str, "What an operator did: hold, release, resend, cancel."),
    "by": FieldSpec(str, "Who did it: a user of the machine, or who --by says; bounce or recipient: their mail did."),
    "scope": FieldSpec(str, "How far a suppression goes: all, job:NAME or mailer:NAME."),
    "period_start": FieldSpec(datetime, "Start of the period that the run reports on."),
    "period_end": FieldSpec(datetime, "End of that period, exclusive."),
    "messages": FieldSpec(int, "Number of messages of the run."),
    "deliveries": FieldSpec(int, "Number of deliveries: recipients over all messages."),
    "next_due": FieldSpec(datetime, "When the job is due next."),
    "since": FieldSpec(datetime, "When a condition that has ended began."),
    "path": FieldSpec(str, "A file of the project."),
    "step": FieldSpec(str, "How far a message was made smaller: zip, link or note (a file is left out)."),
    "count": FieldSpec(int, "How many of what the event is about."),
    "logger": FieldSpec(str, "Name of the library's logger whose line this was."),
    "message": FieldSpec(str, "The line that a library logged."),
    "traceback": FieldSpec(str, "Where an unexpected error came from; without local variables."),
}
"""Every field but `ts`, `level` and `event`, which each line has, in the order of a line."""


@dataclass(frozen=True, slots=True)
class EventSpec:
    level: Level | None
    """None: the level of the library's line."""
    required: tuple[str, ...]
    optional: tuple[str, ...]
    description: str


_WHO = "job run message_id delivery recipient"
_REPLY = "phase code enhanced class rule reply"
_ATTEMPT = f"mailer attempt {_REPLY} bytes duration_ms next_attempt possible_duplicate reason"


def _event(level: Level | None, needs: str, may: str, description: str) -> EventSpec:
    required = tuple(needs.split())
    return EventSpec(level, required, tuple(n for n in may.split() if n not in required), description)


def _run(level: Level, needs: str, may: str, description: str) -> EventSpec:
    return _event(level, f"job run {needs}", f"due {may} reason", description)


def _delivery(level: Level, needs: str, description: str) -> EventSpec:
    return _event(level, f"{_WHO} {needs}", _ATTEMPT, description)


_SERVICE: dict[str, EventSpec] = {
    "service.started": _event("info", "", "path count reason", "`pipeline serve` is ready to work."),
    "service.stopping": _event("info", "", "count reason", "It was asked to stop, and ends what it is at."),
    "service.stopped": _event("info", "", "duration_ms reason", "It has ended in good order."),
    "service.error": _event("error", "reason", "traceback", "Part of it failed; it goes on and tries again."),
    "service.pruned": _event("info", "count", "messages bytes reason", "Runs that are too old were removed."),
    "service.log": _event(None, "logger message", "traceback", "A library says something: a warning or worse."),
    "jobs.loaded": _event("info", "count", "path reason", "A changed jobs.yaml was read and is in force."),
    "jobs.added": _event("info", "job", "next_due reason", "A job that was not there before."),
    "jobs.changed": _event("info", "job", "next_due reason", "A job is not as it was; reason says what differs."),
    "jobs.removed": _event("info", "job", "reason", "A job is no longer there, and no longer due."),
    "jobs.rejected": _event("error", "reason", "path count", "A changed jobs.yaml has errors; the old one counts."),
}
_RUNS: dict[str, EventSpec] = {
    "run.due": _run("info", "due", "", "A due time has come, and a run was made for it."),
    "run.started": _run("info", "", "period_start period_end attempt", "The run's report is being built."),
    "run.waiting": _run("warning", "reason", "", "It waits for an earlier run of its job, or for fresh data."),
    "run.skipped": _run("info", "reason", "", "Nothing is sent for this due time, and that is meant."),
    "run.missed": _run("warning", "due reason", "", "The due time passed unheard and is not made up for."),
    "run.overlapped": _run("warning", "due reason", "", "It waited until a later due time of its job took its place."),
    "run.failed": _run("error", "reason", "duration_ms traceback", "It could not be built; nothing was sent."),
    "run.recipient_refused": _run("warning", "recipient reason", "", "One row's address cannot be used."),
    "run.empty_slices": _run("info", "count reason", "", "So many recipients have no rows of their own."),
    "run.queued": _run("info", "messages deliveries", "bytes duration_ms", "All its messages are in the outbox."),
    "run.held": _run("warning", "messages deliveries reason", "bytes", "All of it waits for somebody to release it."),
    "run.delivered": _run("info", "", "messages deliveries duration_ms", "Every delivery was sent."),
    "run.partly_delivered": _run("warning", "", "messages deliveries duration_ms", "Some were sent, some not."),
    "run.undelivered": _run("error", "", "messages deliveries duration_ms", "Nobody got it."),
    "run.already_done": _run("info", "", "", "It was asked for again, and had been done."),
    "message.queued": _event("info", "job run message_id", "recipient deliveries bytes", "A message is in the outbox."),
    "message.degraded": _event(
        "warning",
        "job run message_id step reason",
        "deliveries",
        "It was over its limit, and its files were zipped, linked or left out.",
    ),
}
_DELIVERIES: dict[str, EventSpec] = {
    "delivery.sent": _delivery("info", "mailer attempt", "The server has taken it over."),
    "delivery.deferred": _delivery("warning", "", "Not now; it is tried again by itself."),
    "delivery.failed": _delivery("error", "", "Refused for good."),
    "delivery.expired": _delivery("error", "", "Its time was over before it could be sent."),
    "delivery.suppressed": _delivery("info", "", "The address must not be mailed."),
    "delivery.held": _delivery("warning", "", "It waits for an operator."),
    "delivery.uncertain": _delivery("warning", "", "Nobody can know whether it arrived."),
    "delivery.answered_late": _delivery(
        "warning", "code", "The server's answer to one that is uncertain meanwhile; it stays so, the answer is kept."
    ),
    "delivery.cancelled": _delivery("info", "", "An operator took it back."),
    "delivery.requeued": _delivery("info", "", "An operator sends it, or sends it again."),
    "delivery.bounced": _delivery("warning", "class", "It was sent, and a report came back that it did not arrive."),
    "delivery.delayed": _delivery("info", "class", "It was sent, and a later server reports that it still tries."),
    "delivery.recovered": _delivery("info", "", "Its worker died before sending it; it is queued again."),
    "operator.acted": _event("info", "action by", "job run due delivery count reason", "A person changed the outbox."),
    "suppression.added": _event("info", "recipient scope by", "reason", "The address gets no mail from now on."),
    "suppression.removed": _event("info", "recipient scope by", "reason", "The address may be mailed again."),
    "bounce.unmatched": _event("warning", "reason", "recipient message_id code enhanced reply", "A report of whose?"),
    "mailer.paused": _event("warning", "mailer", f"{_REPLY} next_attempt reason", "This way out does not work."),
    "mailer.adapted": _event(
        "warning",
        "mailer reason",
        _REPLY,
        "Its server does not do what it offers; reason says what is done differently from now on.",
    ),
    "mailer.resumed": _event("info", "mailer", "class since duration_ms reason", "It works again."),
}
EVENTS: Mapping[str, EventSpec] = {
    **_SERVICE,
    **_RUNS,
    **_DELIVERIES,
    "alert.raised": _event(
        "error",
        "reason",
        f"job run due recipient mailer {_REPLY} next_attempt count",
        "Somebody should look; once for each trouble.",
    ),
    "alert.cleared": _event(
        "info", "reason", "job run due mailer class since duration_ms", "What was alerted of has ended."
    ),
}
"""Name → what a line of it must and may have. Lines of other names are never written."""
