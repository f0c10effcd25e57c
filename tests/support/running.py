"""`pipeline serve` in a thread of the test's own process: all of it but the command line, without a process's start."""

import json
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.service import Service
from pipeline.wiring import Workspace

PATIENCE = 60
"""Seconds that a test waits for a line, and for the end."""


class _Lines:
    """A stream whose whole lines go onto a queue."""

    def __init__(self) -> None:
        self.queue: queue.Queue[dict[str, Any]] = queue.Queue()

    def write(self, text: str) -> int:
        for line in text.splitlines():
            self.queue.put(json.loads(line))
        return len(text)

    def flush(self) -> None:
        pass


class Running:
    """A service whose log lines arrive one by one; as `serving.Serving`, without a process."""

    def __init__(self, project: Path, run: Callable[[Workspace, threading.Event], bool] | None = None) -> None:
        self.project = project
        self.seen: list[dict[str, Any]] = []
        self.told_to_stop: bool | None = None
        self._stop = threading.Event()
        self._lines = _Lines()
        self._run = run or (lambda workspace, stop: Service(workspace).run(stop))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def until(self, event: str, **fields: object) -> dict[str, Any]:
        """Reads the log until this event."""
        while True:
            try:
                record = self._lines.queue.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no {event} {fields} among {[r['event'] for r in self.seen]}") from None
            self.seen.append(record)
            if record["event"] == event and all(record.get(k) == v for k, v in fields.items()):
                return record

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> int:
        """What SIGTERM does, and the rest of the log; the exit status that the command would have."""
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        while not self._lines.queue.empty():
            self.seen.append(self._lines.queue.get())
        return 0 if self.told_to_stop else 1

    def _serve(self) -> None:
        with Workspace(self.project, environ={}, log_stream=self._lines) as workspace:  # type: ignore[arg-type]
            workspace.checked()
            self.told_to_stop = self._run(workspace, self._stop)
