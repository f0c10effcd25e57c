"""`pipeline prune`, and once a day where jobs.yaml has a `retention`: runs that are too old, and files left over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pipeline.engine.common_folder import refuse_shared, require_common
from pipeline.ledger.marks import Marks
from pipeline.ledger.pruning import Pruning
from pipeline.report.sweeping_up import sweep_artifacts, sweep_store
from pipeline.wiring import Workspace


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or would be."""

    runs: int
    messages: int
    files: int
    bytes: int
    """Of mails and files; a database gives room back to itself, not to the disk."""


def prune(
    workspace: Workspace, older_than: timedelta, *, dry: bool = False, stopping: Callable[[], bool] = lambda: False
) -> Pruned:
    """Removes runs that were due, and had ended, longer ago, and files that nothing names any more.

    Dry, it removes nothing, and counts of the files only those that nothing names already. Ends early,
    between two steps of some hundred rows or two files, once it is `stopping`. Raises
    LedgerError, OSError, UsageError where the artifacts are another ledger's, too.
    """
    marks = Marks(workspace.engine)
    refuse_shared(workspace.artifacts, marks)
    require_common(workspace.artifacts, marks)
    before = workspace.clock() - older_than
    ledger = Pruning(workspace.engine)
    runs = messages = size = 0
    for run in ledger.old_runs(before):
        if stopping():
            break
        if dry or ledger.remove(run, stopping):
            runs, messages, size = runs + 1, messages + run.messages, size + run.bytes
    if not dry:
        ledger.forget_files(stopping)
    now = workspace.clock().timestamp()
    swept = sweep_artifacts(workspace.artifacts, ledger.unknown, now, dry=dry, stopping=stopping)
    store = workspace.project.store
    if store is not None:
        swept += sweep_store(workspace.root / store.folder, before.timestamp(), dry=dry, stopping=stopping)
    done = Pruned(runs, messages, swept.files, size + swept.bytes)
    if not dry and done != Pruned(0, 0, 0, 0):
        workspace.log.emit(
            "service.pruned", count=done.runs, messages=done.messages, bytes=done.bytes,
            reason=f"runs due before {before:%Y-%m-%d %H:%M} UTC, and {done.files} files",
        )  # fmt: skip
    return done
