"""The builders and the delivery of one process: what `pipeline serve` and `pipeline worker` have in common.

Both work off what the ledger has, whoever put it there, and both stop in the same order: nothing new is begun, mails
in flight are finished, builds get a while, and what they leave is due again.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from pipeline.delivery.worker import Worker
from pipeline.engine.dispatcher import Dispatcher
from pipeline.engine.freeing import free
from pipeline.engine.owner import dead_owners, forget_owner
from pipeline.errors import LedgerError, MailerError, ProjectErrors
from pipeline.wiring import Workspace

DRAIN = timedelta(seconds=30)
"""How long a stop waits for reports that are being built; then they are due again for the next start."""
SWEEP_SECONDS = 15.0
"""How often runs are freed whose builder died on another machine."""
RETRY_SECONDS = 5.0
"""Between two tries to begin with delivery where the machine does not let it."""


class Hands:
    """Builds and delivers until told to stop. Everything it needs comes from the workspace."""

    def __init__(self, workspace: Workspace, *, builds: int, drain: timedelta = DRAIN, plans: bool) -> None:
        """`plans`: whether due times become runs in this process."""
        self._workspace = workspace
        self._drain = drain
        self._emit = workspace.log.emit
        self._dispatcher = Dispatcher(
            runs=workspace.runs,
            builder=workspace.builder,
            project=lambda: workspace.project,
            clock=workspace.clock,
            emit=workspace.log.emit,
            size=builds,
            judges=plans,
            built=self._wake_worker,
        )
        self._worker: Worker | None = None
        self._turn = threading.Event()
        """Ends the delivery worker: to stop, or to go on with other mailers."""

    def start(self) -> None:
        """Frees what the dead left, and begins to build. Raises LedgerError."""
        self.recover()
        self._dispatcher.start()

    def wake(self) -> None:
        """There may be something new to build."""
        self._dispatcher.wake()

    def change_mailers(self) -> None:
        """Goes on with the mailers that the workspace has now."""
        self._turn.set()

    def work(self, stop: threading.Event, following: AbstractContextManager[None], wind_up: Callable[[], None]) -> bool:
        """Delivers until `stop` is set, `following` what changes. Then `wind_up` ends what else the process does, and
        builds are drained. Whether it ended because it was told to. Raises as `_deliver`."""
        try:
            with following:
                told = self._deliver(stop)
        finally:
            self._emit("service.stopping")
            wind_up()
            self._stop_building()
        self._emit("service.stopped")
        return told

    def _deliver(self, stop: threading.Event) -> bool:
        """One worker after the other until `stop` is set: other mailers are another worker's, and mails in flight are
        finished first. False: the last ended by itself. Raises MailerError where the first cannot be made; later ones
        are tried again."""
        threading.Thread(target=self._pass_on, args=[stop], name="stop", daemon=True).start()
        hopeless: tuple[type[Exception], ...] = (MailerError, ProjectErrors)
        while True:
            self._turn.clear()
            if stop.is_set():
                return True
            try:
                with self._workspace.worker() as worker:
                    self._worker, hopeless = worker, ()
                    worker.run_forever(self._turn)
            except hopeless:
                raise
            except (OSError, MailerError, ProjectErrors) as error:
                self._emit("service.error", reason=f"delivery rests and is tried again: {error}")
                stop.wait(RETRY_SECONDS)
                continue
            if not self._turn.is_set():
                return stop.is_set()

    def sweep(self) -> None:
        """Frees what died meanwhile, here or elsewhere, and looks for work. To be called every SWEEP_SECONDS."""
        try:
            self.recover()
        except LedgerError as error:
            self._emit("service.error", reason=f"the ledger: {error}")
        self._dispatcher.wake()

    def recover(self) -> None:
        """Runs that a dead builder left are due again; tests and repetitions are not: who asked is gone."""
        workspace = self._workspace
        dead = dead_owners(workspace.owners)
        free(workspace.runs, dead, workspace.clock, self._emit)
        held = workspace.outbox.owners()
        for owner in dead:
            if not any(name.partition("/")[0] == owner for name in held):
                forget_owner(workspace.owners, owner)

    def _stop_building(self) -> None:
        """Waits for what is being built; what takes too long is stopped and due again."""
        if not self._dispatcher.stop(self._drain):
            self._workspace.children.cancel_all()
            self._dispatcher.stop(self._drain)

    def _pass_on(self, stop: threading.Event) -> None:
        stop.wait()
        self._turn.set()

    def _wake_worker(self) -> None:
        """What was built can leave at once; before the worker is there, it looks by itself."""
        if self._worker is not None:
            self._worker.wake()
