"""People are told about a run by a real mail through the outbox.

A notice is a run of its own beside the report's (variant `notice-1`, …): it has the same durability, and is never
counted, built again or told about. It is staged here and queued by the very commit that ends or queues the report's
run: a crash before it leaves neither, and nobody is told or asked twice.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.engine.audience import allowed
from pipeline.engine.build import Sink, run_period
from pipeline.engine.owner import LEASE
from pipeline.engine.process import Allowance, Children, Progress
from pipeline.engine.proof import Shelf, shown_proof
from pipeline.engine.terms import terms_of
from pipeline.errors import BuildCancelledError, LedgerError, PipelineError
from pipeline.jobs.model import Project
from pipeline.ledger.records import Beside, Run, RunKey
from pipeline.ledger.runs import Runs
from pipeline.ledger.states import RunState
from pipeline.message.facts import RunFacts
from pipeline.message.notice import Notice, notice_letter
from pipeline.observe.log import Emit

_ALLOWED = Allowance(timedelta(seconds=60), 1_000_000_000)


@dataclass(frozen=True, slots=True)
class NoticeRequest:
    """All that the child needs; plain and picklable."""

    project: Project
    run: RunKey
    key: RunKey
    notice: Notice
    sink: Sink
    shelf: Shelf


def compose_notice(request: NoticeRequest, progress: Progress) -> None:
    """In a child: templates are rendered there and nowhere else."""
    period = run_period(request.project.jobs[request.key.job], request.run)
    shown = shown_proof(request.shelf, request.run, request.notice.proof) if request.notice.proof else None
    facts = RunFacts(request.key, period, request.key.due)
    letter = notice_letter(request.project, request.run, facts, request.notice, shown)
    with request.sink.open(progress) as sink:
        sink.add(letter)


class Notices:
    """Stages notices. Raises nothing but BuildCancelledError: what cannot be told by mail is told by the log alone."""

    def __init__(
        self,
        *,
        runs: Runs,
        children: Children,
        sink: Callable[[RunKey, str], Sink],
        shelf: Shelf,
        clock: Callable[[], datetime],
        emit: Emit,
    ) -> None:
        self._runs = runs
        self._children = children
        self._sink = sink
        self._shelf = shelf
        self._clock = clock
        self._emit = emit

    def stage(self, project: Project, run: Run, owner: str, notices: Sequence[Notice]) -> tuple[Beside, ...]:
        """Composes them under the lease of `owner`; what comes back is to be queued with the run."""
        staged = (self._stage(project, run, owner, notice) for notice in notices)
        return tuple(one for one in staged if one is not None)

    def tell(self, run: Run, beside: Sequence[Beside]) -> None:
        """Logs those that were queued with the run."""
        for one in beside:
            queued = self._runs.get(one.key)
            if queued is not None and queued.state is RunState.QUEUED:
                self._emit(
                    "run.queued", job=run.key.job, run=str(one.key), due=run.key.due, messages=queued.messages,
                    deliveries=queued.deliveries, reason=f"a notice about {run.key}",
                )  # fmt: skip

    def _stage(self, project: Project, run: Run, owner: str, notice: Notice) -> Beside | None:
        job = project.jobs[run.key.job]
        to = (notice.to or job.owner).address
        if not allowed(to, project.allow_recipients):
            self._failed(run, to, notice, f"{to} is not in allow_recipients")
            return None
        key: RunKey | None = None
        try:
            now = self._clock()
            key = self._runs.next_variant(job.name, run.key.due, "notice")
            self._runs.ensure(key, now)
            if self._runs.start(key, owner, now + 2 * LEASE, now) is None:
                return None
            sink = self._sink(key, owner)
            request = NoticeRequest(project.only(job.name), run.key, key, notice, sink, self._shelf)
            self._children.call(compose_notice, request, _ALLOWED, lambda _: None)
        except BuildCancelledError:
            raise
        except PipelineError as error:
            if key is not None:
                with suppress(LedgerError):
                    self._runs.fail(key, str(error), self._clock(), owner=owner)
            self._failed(run, to, notice, str(error))
            return None
        return Beside(key, terms_of(job, key, now, asked=True))

    def _failed(self, run: Run, to: str, notice: Notice, why: str) -> None:
        reason = f"{to} cannot be told ({notice.subject}): {why}"
        self._emit("alert.raised", job=run.key.job, run=str(run.key), reason=reason)
