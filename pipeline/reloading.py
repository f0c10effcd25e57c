"""Takes up a changed project while the service runs: all of it or, where anything is wrong, nothing of it.

The schedule that was in force is handled up to this instant, the new one from it on, in one step under the same lock
as the planner's: no due time is lost or doubled. A build that is under way holds the project that it began with.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.engine.planner import wanted
from pipeline.errors import LedgerError, Problem, ProjectErrors, place_and_words
from pipeline.jobs import replyrules
from pipeline.jobs.changes import Change, compare
from pipeline.jobs.model import Job, Project
from pipeline.reading import Edition
from pipeline.schedule.due import next_due
from pipeline.watching import Watch
from pipeline.wiring import Workspace

RETRY_SECONDS = 5.0
"""Between two tries where the ledger cannot be used."""
_TOLD = 50
"""Problems that one line of the log holds; `pipeline check` has the rest."""


@dataclass(frozen=True, slots=True)
class TakenUp:
    """What is other than before."""

    before: Project
    project: Project
    jobs: list[str]
    mailers: bool
    """Mails go out by other ways, or are judged by other rules."""


@dataclass(slots=True)
class Reloader:
    """Looks at the files whenever it is stirred; one thread of its own calls `run`."""

    workspace: Workspace
    taken_up: Callable[[TakenUp], None]
    """Called when the project is the new one."""
    hand_over: Callable[[list[Job], Project], None] = lambda _jobs, _project: None
    """Called, under `lock`, with the jobs that are new or changed and the project that is about to be the one: due
    times up to now are the old one's. May raise LedgerError."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while the project becomes another."""
    _stirred: threading.Event = field(default_factory=threading.Event)
    _rejected: tuple[Problem, ...] = ()

    @contextmanager
    def following(self, stop: threading.Event) -> Iterator[None]:
        """Watches the files and takes up what changes meanwhile; at its end `stop` is set."""

        def failed(reason: str) -> None:
            self.workspace.log.emit("service.error", reason=reason)

        thread = threading.Thread(target=self.run, args=[stop], name="reload", daemon=True)
        thread.start()
        Watch(self.workspace.root, stop, self.stir, failed).start()
        try:
            yield
        finally:
            stop.set()
            self.stir()
            thread.join()

    def stir(self) -> None:
        """Something may have changed. Safe in a signal's handler."""
        self._stirred.set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set and it is stirred."""
        while not stop.is_set():
            self._stirred.wait()
            self._stirred.clear()
            while not stop.is_set() and not self._look():
                stop.wait(RETRY_SECONDS)

    def _look(self) -> bool:
        """False where it must look again because the ledger, or a file, could not be used."""
        try:
            return self._looked()
        except LedgerError as error:
            reason = f"waits for the ledger: {error}"
        except Exception as error:  # noqa: BLE001 - a file that vanished just now, a defect: later changes must be seen
            reason = f"cannot be taken up: {place_and_words(error)}"
        self.workspace.log.emit("service.error", reason=f"a changed jobs.yaml {reason}")
        return False

    def _looked(self) -> bool:
        workspace = self.workspace
        try:
            edition = workspace.read_anew()
        except ProjectErrors as errors:
            self._reject(errors.problems)
            return True
        before = workspace.project
        if before == edition.loaded.project and workspace.reply_rules == edition.rules:
            self._rejected = ()
            return True
        self._take_up(before, edition)
        return True

    def _take_up(self, before: Project, edition: Edition) -> None:
        after = edition.loaded.project
        changes = compare(before, after)
        new = [after.jobs[change.job] for change in changes if change.kind != "removed"]
        rules = self.workspace.reply_rules != edition.rules
        with self.lock:
            self.hand_over(new, after)
            self.workspace.adopt(edition)
        self._rejected = ()
        mailers = rules or before.mailers != after.mailers
        self.taken_up(TakenUp(before, after, [change.job for change in changes], mailers))
        self._tell(after, changes, rules=rules)

    def _tell(self, project: Project, changes: list[Change], *, rules: bool) -> None:
        emit = self.workspace.log.emit
        counts = {kind: sum(change.kind == kind for change in changes) for kind in ("added", "changed", "removed")}
        said = [f"{count} {kind}" for kind, count in counts.items() if count]
        said += [f"other rules in {replyrules.FILE}"] * rules
        emit(
            "jobs.loaded",
            path=project.file.name,
            count=len(project.jobs),
            reason=", ".join(said) or "no job is another than before",
        )
        for change in changes:
            details: dict[str, object] = {"job": change.job, "reason": "; ".join(change.details) or None}
            if change.kind != "removed":
                details["next_due"] = next_due(wanted(project.jobs[change.job]), self.workspace.clock())
            emit(f"jobs.{change.kind}", **details)

    def _reject(self, problems: tuple[Problem, ...]) -> None:
        if problems == self._rejected:
            return
        self._rejected = problems
        more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        reason = "; ".join(map(str, problems[:_TOLD])) + more
        file = self.workspace.project.file.name
        self.workspace.log.emit("jobs.rejected", path=file, count=len(problems), reason=reason)
