"""Processes that the soak kills: `pipeline deliver` and `pipeline serve` at a later time, without a command line."""

import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.service import Service
from pipeline.wiring import Workspace, utc_now


def later(ahead: timedelta) -> Callable[[], datetime]:
    """A clock that is ahead of this machine's."""
    return lambda: utc_now() + ahead


def deliver(root: Path, ahead: timedelta) -> None:
    with Workspace(root, clock=later(ahead), environ={}) as workspace, workspace.worker() as worker:
        worker.run_until_idle()


def serve(root: Path, ahead: timedelta) -> None:
    """Until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Workspace(root, clock=later(ahead), environ={}) as workspace:
        Service(workspace).run(stop)
