"""A call in a child process: results, errors, limits, and never outliving its parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.engine.process import Allowance, Children, Progress
from pipeline.errors import (
    BuildCancelledError,
    BuildProcessError,
    MissingExtraError,
    PipelineError,
    Problem,
    ProjectErrors,
    ReportError,
    SourceError,
)

LIMITS = Allowance(timeout=timedelta(seconds=30), memory=1_000_000_000)


def double(request: int, progress: Progress) -> int:
    progress(f"doubling {request}")
    return 2 * request


def fail(request: PipelineError | Exception, progress: Progress) -> None:
    raise request


def allocate(request: int, progress: Progress) -> int:
    return len(bytearray(request))


def hang(request: str, progress: Progress) -> None:
    child = subprocess.Popen(["sleep", "600"])
    Path(request).write_text(f"{os.getpid()} {child.pid}")
    progress("hanging")
    threading.Event().wait()


def leave(request: int, progress: Progress) -> None:
    os._exit(request)


def kill_self(request: int, progress: Progress) -> None:
    os.kill(os.getpid(), request)


@pytest.fixture(scope="module")
def children() -> Children:
    return Children()


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def wait_until(condition: object, seconds: float = 10) -> bool:
    """Polls a condition that another process makes true; there is no event to wait for across processes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        threading.Event().wait(0.01)
    return False


def test_result_and_progress_arrive(children: Children) -> None:
    seen: list[object] = []
    assert children.call(double, 21, LIMITS, seen.append) == 42
    assert seen == ["doubling 21"]


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (SourceError("no such table"), SourceError, "no such table"),
        (MissingExtraError("SQL over files", "duckdb"), MissingExtraError, "duckdb"),
        (ProjectErrors([Problem("jobs.yaml", 1, 2, "no")]), ProjectErrors, "jobs.yaml:1:2: no"),
        (
            ZeroDivisionError("division by zero"),
            ReportError,
            r"test_process\.py:\d+: ZeroDivisionError: division",
        ),
    ],
)
def test_errors_come_back(children: Children, raised: Exception, kind: type[PipelineError], text: str) -> None:
    with pytest.raises(kind, match=text):
        children.call(fail, raised, LIMITS, print)


def test_too_much_memory_is_an_error_and_not_a_dead_machine(children: Children) -> None:
    assert children.call(allocate, 100_000_000, LIMITS, print) == 100_000_000
    with pytest.raises(BuildProcessError, match="memory limit of 1000 MB"):
        children.call(allocate, 2_000_000_000, LIMITS, print)


def test_too_long_kills_the_child_and_what_it_started(tmp_path: Path) -> None:
    """The time is up once the child says that it hangs, however slow this machine is."""
    now = [0.0]
    children = Children(monotonic=lambda: now[0])
    pids = tmp_path / "pids"
    with pytest.raises(BuildProcessError, match="longer than 60 seconds"):
        children.call(
            hang, str(pids), Allowance(timedelta(seconds=60), LIMITS.memory), lambda _: now.append(now.pop() + 61)
        )
    child, started = map(int, pids.read_text().split())
    assert not alive(child)
    assert wait_until(lambda: not alive(started))  # killed with it, and ended by the kernel in its own time


@pytest.mark.parametrize(
    ("function", "argument", "text"),
    [
        (leave, 3, "exit status 3"),
        (kill_self, signal.SIGKILL, "ended by SIGKILL"),
        (kill_self, signal.SIGSEGV, "SIGSEGV"),
    ],
)
def test_a_dead_child_is_reported(children: Children, function: object, argument: int, text: str) -> None:
    with pytest.raises(BuildProcessError, match=text):
        children.call(function, argument, LIMITS, print)  # type: ignore[arg-type]


def test_cancel_stops_a_build_under_way(tmp_path: Path) -> None:
    children = Children()
    pids = tmp_path / "pids"
    with pytest.raises(BuildCancelledError, match="stopping"):
        children.call(hang, str(pids), LIMITS, lambda _: children.cancel_all())
    assert not alive(int(pids.read_text().split()[0]))


PARENT = """
import sys
sys.path.insert(0, sys.argv[2])
from test_process import LIMITS, hang
from pipeline.engine.process import Children
if __name__ == "__main__":
    Children().call(hang, sys.argv[1], LIMITS, lambda value: print(value, flush=True))
"""


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    pids = tmp_path / "pids"
    parent = subprocess.Popen([sys.executable, script, pids, Path(__file__).parent], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "hanging\n"
    child = int(pids.read_text().split()[0])
    assert alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_until(lambda: not alive(child))
    os.kill(int(pids.read_text().split()[1]), signal.SIGKILL)  # what it started is init's now: clean up
