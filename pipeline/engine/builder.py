"""One run from due to queued, skipped or failed: leased in the ledger, built in a child, told to the log."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.engine.build import BuildRequest, Sink, Summary, build, run_period
from pipeline.engine.freeing import free
from pipeline.engine.gating import GateNews, GateTerms, next_look
from pipeline.engine.news import empty_in_words, failure_notice, notices_about, reviewer_of
from pipeline.engine.notices import Notices
from pipeline.engine.owner import LEASE, hold_owner
from pipeline.engine.process import Allowance, Children, Progress
from pipeline.engine.proof import Shelf
from pipeline.engine.sinks import LedgerSink
from pipeline.engine.terms import terms_of
from pipeline.errors import BuildCancelledError, LedgerError, LedgerUnavailableError, PipelineError, ReportError
from pipeline.jobs.model import Job, Project
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.kept_records import Origin, Trouble
from pipeline.ledger.memory import Memory
from pipeline.ledger.records import Beside, Run, RunKey
from pipeline.ledger.runs import Runs
from pipeline.message.ladder import Degraded
from pipeline.observe.log import Emit

ATTEMPTS = 3
"""Builds of one run that may die (kill, power) before it is given up: a report must not crash the service for ever."""
_TELLINGS = 3
"""Tries to tell the owner of a run that is given up: its notice must not crash the service for ever either."""
BEAT_SECONDS = 15.0
LEDGER_PAUSE = 5.0
"""Seconds between two tries to tell the ledger what became of a build."""
_LEDGER_TRIES = 120
"""After so many its builder lets go of the run: its lease ends, and it is due again once the ledger is back."""


def back_off(waited: timedelta) -> timedelta:
    """How long a run rests that the ledger failed: the longer, the longer it has been waiting. Pure."""
    return min(max(waited / 4, timedelta(seconds=15)), timedelta(minutes=2))


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the project's state lives."""

    root: Path
    state: Path
    """Keys and all else that is this machine's own."""
    artifacts: Path
    owners: Path


@dataclass(frozen=True, slots=True)
class _End:
    """What the commit that ends a build writes beside the run."""

    owner: str
    origin: Origin
    beside: Sequence[Beside]


class Builder:
    """Builds runs of a project. Safe to use from several threads, each for a run of its own."""

    def __init__(
        self,
        *,
        runs: Runs,
        memory: Memory,
        ledger_url: str,
        folders: Folders,
        children: Children,
        clock: Callable[[], datetime],
        emit: Emit,
        masked: Callable[[str], str],
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        """`masked` takes secrets out of what an analyst's code said. `beat_seconds`: between two signs of life."""
        self._beat_seconds = beat_seconds
        self._masked = masked
        self._runs = runs
        self._memory = memory
        self._ledger_url = ledger_url
        self._folders = folders
        self._children = children
        self._clock = clock
        self._emit = emit
        shelf = Shelf(ledger_url, folders.root, folders.artifacts)
        self._notices = Notices(runs=runs, children=children, sink=self._sink, shelf=shelf, clock=clock, emit=emit)

    def rehearse(self, project: Project, key: RunKey, sink: Sink, on_progress: Progress) -> Summary:
        """Builds the run into another sink; the ledger learns nothing of it, and the gate only says what it would
        do. Raises ReportError."""
        terms = GateTerms(self._memory.before(key), rehearsal=True)
        request = self._request(project, key, sink, (), terms)
        return self._call(project.jobs[key.job], request, on_progress)

    def build(
        self,
        project: Project,
        key: RunKey,
        *,
        only_to: tuple[Mailbox, ...] = (),
        asked: bool = False,
        on_progress: Progress = lambda _: None,
    ) -> Run | None:
        """Builds a due run and returns it as it then is; None when another builder has it.

        Raises no ReportError: a run that cannot be built is failed in the ledger, with the reason; one that a ledger
        failed which cannot be used for now is due again a little later. Raises BuildCancelledError when the service
        is stopping; the run is due again then.
        """
        job = project.jobs[key.job]
        period = run_period(job, key)
        with hold_owner(self._folders.owners) as owner:
            now = self._clock()
            run = self._runs.start(key, owner, now + LEASE, now, period=(period.start, period.end))
            if run is None:
                return None
            if run.not_before is None:
                self._tell("run.started", run, period_start=period.start, period_end=period.end)
            with self._holding(run, owner):
                try:
                    terms = GateTerms(self._memory.before(key), now - run.created_at, asked=bool(key.variant))
                    request = self._request(project, key, self._sink(key, owner), only_to, terms)
                    summary = self._call(job, request, self._telling(key, on_progress))
                    return self._conclude(project, run, owner, summary, terms.before.trouble, asked=asked)
                except BuildCancelledError:
                    raise
                except PipelineError as error:
                    return self._ended_early(project, run, owner, error)

    def give_up(self, project: Project, key: RunKey, reason: str) -> Run | None:
        """Fails a due run that is not to be built again, and tells its owner, unless that is what ended the last
        processes; None when another builder has it."""
        with hold_owner(self._folders.owners) as owner:
            now = self._clock()
            run = self._runs.start(key, owner, now + LEASE, now)
            if run is None:
                return None
            with self._holding(run, owner):
                told = run.builds <= ATTEMPTS + _TELLINGS
                return self._fail(project, run, owner, ReportError(reason), told=told)

    def _request(
        self, project: Project, key: RunKey, sink: Sink, only_to: tuple[Mailbox, ...], terms: GateTerms
    ) -> BuildRequest:
        """What the child is handed: of the project its own job alone."""
        folders = self._folders
        return BuildRequest(project.only(key.job), key, folders.state, folders.artifacts, sink, only_to, terms)

    def _telling(self, key: RunKey, on_progress: Progress) -> Progress:
        """The progress of a build, messages that had to be made smaller told to the log too."""

        def tell(value: object) -> None:
            if isinstance(value, Degraded):
                self._emit(
                    "message.degraded", job=key.job, run=str(key), message_id=value.message_id, step=value.step,
                    deliveries=len(value.recipients), reason=f"too large for a mail: {', '.join(value.files)}",
                )  # fmt: skip
            on_progress(value)

        return tell

    def _call(self, job: Job, request: BuildRequest, on_progress: Progress) -> Summary:
        summary: Summary = self._children.call(build, request, Allowance(job.timeout, job.memory), on_progress)
        return summary

    def _sink(self, key: RunKey, owner: str) -> Sink:
        return LedgerSink(self._ledger_url, self._folders.root, key, owner)

    def _ended_early(self, project: Project, run: Run, owner: str, error: PipelineError) -> Run | None:
        """Fails the run; where only the ledger failed it, it is due again a little later. None where the ledger has
        given it to another builder, or has ended it, meanwhile."""
        for _ in range(_LEDGER_TRIES):
            try:
                if not self._runs.beat(run.key, owner, self._clock() + LEASE):
                    reason = f"a build of {run.key} counts no more: {self._masked(str(error))}"
                    self._emit("service.error", reason=reason)
                    return None
                if isinstance(error, LedgerUnavailableError):
                    return self._put_off(run, owner, self._masked(str(error)))
                return self._fail(project, run, owner, error)
            except LedgerUnavailableError:
                self._children.wait(LEDGER_PAUSE)
        raise error

    def _put_off(self, run: Run, owner: str, reason: str) -> Run:
        now = self._clock()
        waiting = self._runs.postpone(run.key, owner, reason, now + back_off(now - run.created_at))
        self._tell("run.waiting", waiting, reason=f"it is built again soon: {reason}")
        return waiting

    # --- what becomes of it -----------------------------------------------------------------------------------

    def _conclude(
        self, project: Project, run: Run, owner: str, summary: Summary, before: Trouble, *, asked: bool
    ) -> Run:
        for refusal in summary.refused:
            self._emit(
                "run.recipient_refused", job=run.key.job, run=str(run.key), recipient=refusal.address,
                reason=f"row {refusal.row}: {refusal.reason}",
            )  # fmt: skip
        if summary.refused_more:
            self._emit(
                "run.recipient_refused", job=run.key.job, run=str(run.key), recipient="",
                reason=f"{summary.refused_more:,} more rows than are named here get no message",
            )  # fmt: skip
        if summary.empty:
            count = len(summary.empty) + summary.empty_more
            self._tell("run.empty_slices", run, count=count, reason=empty_in_words(project, run.key))
        news = summary.gate
        if news.action == "wait":
            return self._wait(run, owner, news)
        beside = self._notices.stage(project, run, owner, notices_about(project, run, summary, before))
        end = _End(owner, Origin(news.values, news.armed, not news.failed, summary.ingredients), beside)
        if news.action == "skip":
            ended = self._skip(run, end, news.told, news.rules)
        elif not summary.messages:
            reason = "nobody has rows of their own" if summary.empty else "its audience is empty"
            ended = self._skip(run, end, reason, reason)
        else:
            ended = self._queue(project.jobs[run.key.job], run.key, end, summary, asked=asked)
        self._notices.tell(run, beside)
        self._alert(project, run, before, "gate" if news.failed else "", news.rules)
        return ended

    def _wait(self, run: Run, owner: str, news: GateNews) -> Run:
        now = self._clock()
        waiting = self._runs.postpone(run.key, owner, news.told, next_look(now, news.patience))
        if run.not_before is None:
            until = f"{now + news.patience:%Y-%m-%d %H:%M} UTC"
            self._tell("run.waiting", waiting, reason=f"looks again until {until}: {news.rules}")
        return waiting

    def _skip(self, run: Run, end: "_End", reason: str, logged: str) -> Run:
        skipped = self._runs.skip(run.key, reason, self._clock(), owner=end.owner, origin=end.origin, beside=end.beside)
        self._tell("run.skipped", skipped, reason=logged)
        return skipped

    def _queue(self, job: Job, key: RunKey, end: "_End", summary: Summary, *, asked: bool) -> Run:
        now, news, reviewer = self._clock(), summary.gate, reviewer_of(job, key)
        review = "" if reviewer is None else f"waits for a review by {reviewer.address}"
        held, logged = (news.told, news.rules) if news.action == "hold" else (review, review)
        terms = terms_of(job, key, now, asked=asked)
        queued = self._runs.queue(key, end.owner, terms, now, origin=end.origin, held=held, beside=end.beside)
        for message_id, recipients in self._runs.message_ids(key):
            self._emit("message.queued", job=key.job, run=str(key), message_id=message_id, deliveries=recipients)
        counts = {"messages": queued.messages, "deliveries": queued.deliveries, "bytes": summary.bytes}
        if held:
            self._tell("run.held", queued, reason=logged, **counts)
        else:
            self._tell("run.queued", queued, reason=news.rules or None, **counts)
        return queued

    def _fail(self, project: Project, run: Run, owner: str, error: PipelineError, *, told: bool = True) -> Run:
        reason = self._masked(str(error))
        before: Trouble = "" if run.key.variant else self._memory.before(run.key).trouble
        beside: Sequence[Beside] = ()
        if told and isinstance(error, ReportError) and not run.key.variant and before != "failed":
            failing = replace(run, reason=reason)  # who asked for a test sees what became of it
            beside = self._notices.stage(project, failing, owner, [failure_notice(project, failing)])
        failed = self._runs.fail(run.key, reason, self._clock(), owner=owner, beside=beside)
        self._tell("run.failed", failed, reason=failed.reason)
        self._notices.tell(run, beside)
        self._alert(project, run, before, "failed", failed.reason)
        return failed

    def _alert(self, project: Project, run: Run, before: Trouble, now: Trouble, reason: str) -> None:
        """Once when trouble begins, once when it is over."""
        fields = {"job": run.key.job, "run": str(run.key), "due": run.key.due}
        if run.key.variant and now != "failed":
            return
        if now and now != before:
            owner = project.jobs[run.key.job].owner.address
            self._emit("alert.raised", **fields, reason=reason, recipient=owner)
        elif before and not now:
            self._emit("alert.cleared", **fields, reason=f"{run.key.job} is right again")

    def _tell(self, event: str, run: Run, **fields: object) -> None:
        self._emit(event, job=run.key.job, run=str(run.key), due=run.key.due, **fields)

    @contextmanager
    def _holding(self, run: Run, owner: str) -> Iterator[None]:
        """Keeps the lease while the block runs, and gives back what a stop interrupts: that is no builder's death, and
        does not count as one."""
        with self._beating(run.key, owner):
            try:
                yield
            except BuildCancelledError:
                with suppress(LedgerError):  # then its lease ends
                    if not run.key.variant:
                        self._runs.postpone(run.key, owner, "its build was stopped with the service", self._clock())
                    free(self._runs, [owner], self._clock, self._emit)  # a notice, what is staged
                raise

    @contextmanager
    def _beating(self, key: RunKey, owner: str) -> Iterator[None]:
        """Keeps the lease while the block runs."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(self._beat_seconds):
                with suppress(LedgerError):  # busy for a while: the next one may still come in time
                    if not self._runs.beat(key, owner, self._clock() + LEASE):
                        return  # lost: staging and queueing will be refused, and say so

        thread = threading.Thread(target=beat, name=f"beat {key}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
