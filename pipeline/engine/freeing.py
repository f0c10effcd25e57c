"""What a builder leaves that has ended without a word: reports are due again, and nothing else is."""

from collections.abc import Callable, Collection
from datetime import datetime

from pipeline.ledger.runs import Runs
from pipeline.observe.log import Emit


def free(runs: Runs, dead: Collection[str], clock: Callable[[], datetime], emit: Emit) -> None:
    """Frees the runs of the `dead` and of those whose lease has ended. Tests, repetitions and notices fail: who asked
    is gone. Raises LedgerError."""
    for run in runs.recover(clock(), dead):
        if run.key.variant:
            runs.fail(run.key, "its builder died; ask for it again", clock())
        else:
            emit("run.due", job=run.key.job, run=str(run.key), due=run.key.due, reason="its builder died")
