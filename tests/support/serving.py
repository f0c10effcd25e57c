"""A `pipeline serve` process, as operators run it."""

import json
import signal
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path
from typing import Any

from projects import clean_environ, json_lines, make_project

PATIENCE = 500
"""Log lines that may come before the one that a test waits for."""

LONGEST = 100
"""Seconds that a service may live in a test."""


class Serving:
    """A `pipeline serve` process, or that of another such command, whose log lines arrive one by one."""

    def __init__(self, project: Path, *command: str, **environ: str) -> None:
        self.project = project
        self.seen: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "-C", str(project), *(command or ("serve",))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environ(environ),
        )
        self._end = threading.Timer(LONGEST, self.process.kill)  # ends every wait for a line that never comes
        self._end.daemon = True
        self._end.start()

    def until(self, event: str, **fields: object) -> dict[str, Any]:
        """Reads the log until this event; it must come while the process lives."""
        assert self.process.stdout is not None
        for line in islice(self.process.stdout, PATIENCE):
            record = json.loads(line)
            self.seen.append(record)
            if record["event"] == event and all(record.get(k) == v for k, v in fields.items()):
                return record
        self.process.kill()
        _, errors = self.process.communicate(timeout=60)
        raise AssertionError(f"no {event} {fields} among {[r['event'] for r in self.seen]}\n{errors}")

    def stop(self) -> int:
        """SIGTERM, and the rest of the log."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with self.process.stdout as stdout, self.process.stderr as stderr:
            out, err = stdout.read(), stderr.read()  # communicate() would miss what was read ahead
        status = self.process.wait(60)
        self._end.cancel()
        self.seen += json_lines(out)
        assert err == ""
        return status

    def kill(self) -> None:
        self._end.cancel()
        self.process.kill()
        self.process.communicate(timeout=60)


SLOW = """\
import pathlib, time

def wait():
    import pandas as pd
    pathlib.Path("{started}").touch()
    while not pathlib.Path("{go}").exists():
        time.sleep(0.01)
    return pd.DataFrame({{"a": [1]}})
"""


def slow_project(folder: Path, jobs: str) -> Path:
    """`jobs` may have SLOW_DATA as data: such a report begins by making the file `started`, and ends when there is a
    file `go`."""
    slow = SLOW.format(started=folder / "started", go=folder / "go")
    return make_project(folder, jobs, reports__slow_dot_py=slow)


SLOW_DATA = "{x: {python: 'reports.slow:wait'}}"
