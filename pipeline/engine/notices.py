"""The owner is told, by a real mail through the outbox, what kept a run from being an ordinary one.

A notice is a run of its own beside the report's (variant `notice-1`, …): it has the same durability, and is never
counted, built again or told about. It is in the outbox before the report's run ends: a crash in between tells twice
and never not at all.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.engine.audience import allowed
from pipeline.engine.build import Sink, run_period
from pipeline.engine.gating import GateNews
from pipeline.engine.owner import LEASE
from pipeline.engine.process import Children, Limits, Progress
from pipeline.engine.terms import terms_of
from pipeline.errors import BuildCancelledError, LedgerError, PipelineError
from pipeline.jobs.model import Project
from pipeline.ledger.records import Run, RunKey
from pipeline.ledger.runs import Runs
from pipeline.message.notice import Notice, notice_letter
from pipeline.observe.log import Emit

_LIMITS = Limits(timedelta(seconds=60), 1_000_000_000)


@dataclass(frozen=True, slots=True)
class NoticeRequest:
    """All that the child needs; plain and picklable."""

    project: Project
    run: RunKey
    key: RunKey
    notice: Notice
    sink: Sink


def compose_notice(request: NoticeRequest, progress: Progress) -> None:
    """In a child: templates are rendered there and nowhere else."""
    job = request.project.jobs[request.key.job]
    period = run_period(job, request.run)
    with request.sink.open(progress) as sink:
        sink.add(notice_letter(request.project, request.run, request.key, period, request.notice))


class Notices:
    """Puts notices into the outbox. Raises nothing but BuildCancelledError: what cannot be told by mail is told by
    the log alone."""

    def __init__(
        self,
        *,
        runs: Runs,
        children: Children,
        sink: Callable[[RunKey, str], Sink],
        clock: Callable[[], datetime],
        emit: Emit,
    ) -> None:
        self._runs = runs
        self._children = children
        self._sink = sink
        self._clock = clock
        self._emit = emit

    def tell(self, project: Project, run: Run, owner: str, notice: Notice) -> None:
        """Tells the owner of the run's job; `owner` is the lease that the caller works under."""
        job = project.jobs[run.key.job]
        if not allowed(job.owner.address, project.allow_recipients):
            self._failed(run, f"its owner cannot be told: {job.owner.address} is not in allow_recipients")
            return
        try:
            key = self._runs.next_variant(job.name, run.key.due, "notice")
        except LedgerError as error:
            self._failed(run, f"its owner cannot be told: {error}")
            return
        try:
            now = self._clock()
            self._runs.ensure(key, now)
            if self._runs.start(key, owner, now + LEASE, now) is None:
                return
            request = NoticeRequest(project, run.key, key, notice, self._sink(key, owner))
            self._children.call(compose_notice, request, _LIMITS, lambda _: None)
            queued = self._runs.queue(key, owner, terms_of(job, key, now, asked=True), now)
        except BuildCancelledError:
            raise
        except PipelineError as error:
            with suppress(LedgerError):
                self._runs.fail(key, str(error), self._clock(), owner=owner)
            self._failed(run, f"its owner cannot be told: {error}")
        else:
            self._emit(
                "run.queued", job=job.name, run=str(key), due=key.due, messages=queued.messages,
                deliveries=queued.deliveries, reason=f"a notice to the owner of {run.key}",
            )  # fmt: skip

    def _failed(self, run: Run, reason: str) -> None:
        self._emit("alert.raised", job=run.key.job, run=str(run.key), reason=reason)


_AGAIN = "pipeline run {job} --at {at}"
_BECAME = {
    "skip": (
        "was not sent",
        "The next one comes as usual. Once the data is right, this one can be built again:",
        (_AGAIN,),
    ),
    "hold": (
        "is held",
        "It is composed and waits for you: release it, or cancel it.",
        ("pipeline release {run}", "pipeline cancel {run}"),
    ),
    "send": ("was sent with a warning", "Everybody gets it, under a banner that says so: on_failure is send.", ()),
}


def gate_notice(project: Project, run: Run, news: GateNews) -> Notice:
    """What the owner is told of a gate that failed: which guard, with the numbers."""
    became, then, commands = _BECAME[news.action]
    told = tuple(finding.told for finding in news.findings)
    draft = Notice(became, "its numbers did not pass the gate", told, then, commands)
    return _addressed(project, run, draft)


def failure_notice(project: Project, run: Run) -> Notice:
    """What the owner is told of a run that could not be built."""
    then = "Nothing is sent for this due time. Once it is mended, it can be built again:"
    return _addressed(project, run, Notice("failed", "it could not be built", (run.reason,), then, (_AGAIN,)))


def _addressed(project: Project, run: Run, draft: Notice) -> Notice:
    """The draft with the names of the job and the run in it."""
    job = project.jobs[run.key.job]
    label = run_period(job, run.key).label
    names = {"job": job.name, "run": run.key, "at": f"{run.key.due:%Y-%m-%dT%H:%M:%SZ}"}
    return replace(
        draft,
        subject=f"{job.title} {draft.subject} ({label})",
        what=f"{job.title}, {label}, {draft.subject}: {draft.what}.",
        commands=tuple(command.format(**names) for command in draft.commands),
    )
