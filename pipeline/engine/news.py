"""What the people of a job are told about one run by mail: its owner of trouble and of its end, its reviewer of a
report that waits for them. Pure.

Trouble is told when it begins and when it is over. What is held is told each time, because it asks for a decision.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.engine.audience import Refusal
from pipeline.engine.build import Summary, run_period
from pipeline.engine.gating import GateNews
from pipeline.jobs.model import Job, Project
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.kept_records import Trouble
from pipeline.ledger.records import Run, RunKey
from pipeline.message.notice import Notice, Proof

_AGAIN = "pipeline run {job} --at {at}"
_DECIDE = ("pipeline release {run}", "pipeline cancel {run}")
_BECAME = {
    "skip": (
        "was not sent",
        "You hear of it when it is right again. Once the data is right, this one can be built again:",
        (_AGAIN,),
    ),
    "hold": ("is held", "It is composed and waits for you: release it, or cancel it.", _DECIDE),
    "send": (
        "was sent with a warning",
        "Everybody gets it, under a banner that says so: on_failure is send. You hear of it when it is right again.",
        (),
    ),
}
_REFUSED = 10
"""Rows of the audience that a review names."""


def reviewer_of(job: Job, key: RunKey) -> Mailbox | None:
    """Who must release the run before it leaves; a test asks nobody."""
    return None if key.variant.startswith("test-") else job.review


def notices_about(project: Project, run: Run, summary: Summary, before: Trouble) -> tuple[Notice, ...]:
    """What is to be told of a run that was built or turned back by its gate; `before`: what was wrong with the last."""
    job, news = project.jobs[run.key.job], summary.gate
    reviewer = reviewer_of(job, run.key) if summary.messages else None
    notices = [] if reviewer is None else [review_notice(project, run, summary, reviewer)]
    if run.key.variant:
        return tuple(notices)
    if news.failed and (before != "gate" or news.action == "hold") and reviewer != job.owner:
        notices.append(gate_notice(project, run, news))
    if before and not news.failed:
        notices.append(recovery_notice(project, run))
    return tuple(notices)


def gate_notice(project: Project, run: Run, news: GateNews) -> Notice:
    """A gate failed: which guard, with the numbers."""
    became, then, commands = _BECAME[news.action]
    told = tuple(finding.told for finding in news.findings)
    return _addressed(project, run, Notice(became, "its numbers did not pass the gate", told, then, commands))


def failure_notice(project: Project, run: Run) -> Notice:
    """The run could not be built."""
    then = "You hear of it when it works again. Once it is mended, this one can be built again:"
    return _addressed(project, run, Notice("failed", "it could not be built", (run.reason,), then, (_AGAIN,)))


def recovery_notice(project: Project, run: Run) -> Notice:
    """The first run without trouble after one that had some."""
    then = "What was not sent meanwhile is not sent by itself. This lists what became of it:"
    draft = Notice("is right again", "it was built, and its numbers passed", (), then, ("pipeline runs {job}",))
    return _addressed(project, run, draft)


def review_notice(project: Project, run: Run, summary: Summary, reviewer: Mailbox) -> Notice:
    """The proof of a run that is composed and held: what would go to whom."""
    refused = _some(summary.refused, summary.refused_more, "row {0.row}, {0.address}: {0.reason}")
    empty = ", ".join(_some(summary.empty, summary.empty_more, "{0.address}"))
    mailer = project.jobs[run.key.job].delivery.mailer
    proof = Proof(summary.messages, summary.deliveries, summary.bytes, tuple(refused), mailer)
    told = tuple(f"Its numbers did not pass the gate: {finding.told}" for finding in summary.gate.findings)
    if empty:
        told += (f"Without rows of their own, {empty_in_words(project, run.key)}: {empty}.",)
    then = "Nothing leaves until you decide: release sends all of it as it is, cancel gives it up."
    draft = Notice("waits for your review", "it is composed", told, then, _DECIDE, to=reviewer, proof=proof)
    return _addressed(project, run, draft)


def empty_in_words(project: Project, key: RunKey) -> str:
    """What becomes of recipients without rows of their own."""
    each = project.jobs[key.job].audience.each
    skipped = each is not None and each.empty == "skip"
    return "they get no message (empty: skip)" if skipped else "they get their message all the same (empty: send)"


def _some(rows: Sequence[Refusal], more: int, form: str) -> list[str]:
    """The first of them, and how many more there are."""
    told = [form.format(row) for row in rows[:_REFUSED]]
    rest = len(rows) - len(told) + more
    return [*told, f"and {rest:,} more"] if rest else told


def _addressed(project: Project, run: Run, draft: Notice) -> Notice:
    """The draft with the names of the job and the run in it, to the owner where it names nobody."""
    job = project.jobs[run.key.job]
    label = run_period(job, run.key).label
    names = {"job": job.name, "run": run.key, "at": f"{run.key.due:%Y-%m-%dT%H:%M:%SZ}"}
    return replace(
        draft,
        subject=f"{job.title} {draft.subject} ({label})",
        what=f"{job.title}, {label}, {draft.subject}: {draft.what}.",
        commands=tuple(command.format(**names) for command in draft.commands),
        to=draft.to or job.owner,
    )
