"""Commands that work until they are told to stop: their signals, their log, their exit status."""

import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from pipeline.cli.output import on_terminal
from pipeline.cli.workspace import open_workspace
from pipeline.wiring import Workspace


class Lasting(Protocol):
    """`pipeline serve` and `pipeline worker`."""

    def run(self, stop: threading.Event) -> bool:
        """Works until `stop` is set; whether it ended because of that."""

    def look_again(self) -> None:
        """Looks for changes of the project."""


def nothing(_: Workspace) -> AbstractContextManager[None]:
    """Nothing runs beside it."""
    return nullcontext()


def run_lasting(
    root: Path,
    make: Callable[[Workspace], Lasting],
    beside: Callable[[Workspace], AbstractContextManager[None]] = nothing,
    *,
    as_json: bool = False,
) -> int:
    """Runs it until SIGTERM or Ctrl-C; SIGHUP makes it look again. `beside` is entered while it runs. `as_json`: the
    log in JSON also on a terminal."""
    from pipeline.cli.people_stream import PeopleStream  # noqa: PLC0415

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stream = PeopleStream(sys.stdout) if on_terminal() and not as_json else sys.stdout
    with open_workspace(root, log_stream=stream) as workspace:
        workspace.checked()
        work = make(workspace)
        signal.signal(signal.SIGHUP, lambda *_: work.look_again())
        with beside(workspace):
            return 0 if work.run(stop) else 1
