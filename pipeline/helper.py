"""`pipeline worker`: another pair of hands for a ledger that a `pipeline serve` elsewhere plans into."""

import threading

from pipeline import __version__
from pipeline.engine.common_folder import require_common
from pipeline.engine.keyfile import UNSUBSCRIBE_KEY
from pipeline.errors import UsageError
from pipeline.hands import SWEEP_SECONDS, Hands
from pipeline.ledger.marks import Marks
from pipeline.reloading import Reloader, TakenUp
from pipeline.wiring import Workspace


class Helper:
    """Builds and delivers, and plans nothing, until told to stop."""

    def __init__(self, workspace: Workspace, *, builds: int = 2) -> None:
        """Raises UsageError where the ledger, or what goes with it, is not shared with anybody."""
        if workspace.engine.dialect.name == "sqlite":
            raise UsageError(
                "pipeline worker helps a `pipeline serve` on another machine, and a ledger on SQLite is a file of one "
                "machine alone: set LEDGER_URL=postgresql://user@host/database on both (docs/ledger.md, Moving to "
                "PostgreSQL). On this machine, `pipeline serve --builds N` builds more at once"
            )
        require_common(workspace.artifacts, Marks(workspace.engine))
        _require_key(workspace)
        self._workspace = workspace
        self._emit = workspace.log.emit
        self._hands = Hands(workspace, builds=builds, plans=False)
        self._reloader = Reloader(workspace, self._taken_up)

    def run(self, stop: threading.Event) -> bool:
        """Works until `stop` is set, then drains; whether it ended because it was told to."""
        project = self._workspace.project
        version = f"version {__version__}, as a worker: it plans nothing"
        self._emit("service.started", path=str(project.file), count=len(project.jobs), reason=version)
        self._hands.start()
        sweeper = threading.Thread(target=self._sweep, args=[stop], name="sweep", daemon=True)
        sweeper.start()
        return self._hands.work(stop, self._reloader.following(stop), sweeper.join)

    def look_again(self) -> None:
        """Reads jobs.yaml anew where no change of it was seen. Safe in a signal's handler."""
        self._reloader.stir()

    def _sweep(self, stop: threading.Event) -> None:
        while not stop.wait(SWEEP_SECONDS):
            self._hands.sweep()

    def _taken_up(self, change: TakenUp) -> None:
        self._hands.wake()
        if change.mailers:
            self._hands.change_mailers()


def _require_key(workspace: Workspace) -> None:
    """A worker makes no key of its own: whoever follows a link comes to `serve`, which could not open it."""
    key = workspace.var / UNSUBSCRIBE_KEY
    if any(job.audience.unsubscribe for job in workspace.project.jobs.values()) and not key.exists():
        raise UsageError(
            f"{key} is absent: nobody could unsubscribe by a link in a mail that is built here. Copy the file from the "
            "machine of `pipeline serve`, readable by this user alone (docs/operations.md, More machines)"
        )
