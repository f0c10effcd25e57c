"""One call in a child process, with a time and a memory limit, that can never outlive its parent.

The child comes from a fork server that has the heavy imports loaded already, so that a call costs a fork
and not an import of pandas. The parent enforces the time; the kernel enforces the memory (RLIMIT_DATA:
writable private pages, which is what pandas allocates; RLIMIT_AS would count the address space that V8 and
DuckDB only reserve).
"""

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

from pipeline.errors import BuildCancelledError, BuildProcessError, PipelineError, ReportError, place_and_words

Progress = Callable[[object], None]
"""Called in the child with a small picklable value; arrives at the parent's `on_progress`."""

_CANCELLED = "the build was stopped because the service is stopping"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a child may take."""

    timeout: timedelta
    memory: int
    """Bytes of writable private memory; Linux only, not enforced elsewhere."""


class Children:
    """Starts calls in child processes. Safe to use from several threads; call `cancel_all` to stop."""

    def __init__(self, preload: Sequence[str] = (), monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))
        self._cancelled = threading.Event()

    def cancel_all(self) -> None:
        """Kills the children under way and refuses new calls: each call raises BuildCancelledError."""
        self._cancelled.set()

    def wait(self, seconds: float) -> None:
        """Lets time go by before another call. Raises BuildCancelledError after `cancel_all`."""
        if self._cancelled.wait(seconds):
            raise BuildCancelledError(_CANCELLED)

    def call(self, function: Callable[..., Any], request: object, limits: Allowance, on_progress: Progress) -> Any:
        """Runs `function(request, progress)` in a child and returns its (picklable) result.

        Raises the child's PipelineError again; BuildProcessError when it ran too long, needed too much
        memory or died; BuildCancelledError after `cancel_all`; ReportError with the place for any other exception.
        """
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_child, args=(theirs, function, request, limits.memory), daemon=True)
        process.start()
        theirs.close()
        try:
            return self._follow(ours, process, limits, on_progress)
        finally:
            ours.close()
            _kill_group(process.pid)
            process.join()
            process.close()

    def _follow(self, ours: Connection, process: Any, limits: Allowance, on_progress: Progress) -> Any:
        deadline = self._monotonic() + limits.timeout.total_seconds()
        while True:
            if self._cancelled.is_set():
                raise BuildCancelledError(_CANCELLED)
            left = deadline - self._monotonic()
            if left <= 0:
                raise BuildProcessError(
                    f"the build took longer than {limits.timeout.total_seconds():g} seconds and was stopped; "
                    'make it lighter or raise the job\'s "timeout"'
                )
            if not ours.poll(min(left, 0.2)):
                continue
            try:
                kind, value = ours.recv()
            except EOFError:
                process.join(timeout=5)
                raise BuildProcessError(_death(process.exitcode, limits)) from None
            if kind == "progress":
                on_progress(value)
            elif kind == "result":
                return value
            else:
                raise value


def _death(exitcode: int | None, limits: Allowance) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return (
            f"the build's process was ended by {name}; most often this means that it needed more than its "
            f'memory limit of {limits.memory / 1e6:g} MB: load less, or raise the job\'s "memory"'
        )
    return f"the build's process ended by itself with exit status {exitcode}; does its code call sys.exit()?"


def _kill_group(pid: int | None) -> None:
    if pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# --- in the child -------------------------------------------------------------------------------------------


def _child(connection: Connection, function: Callable[..., Any], request: object, memory: int) -> None:
    os.setsid()  # a group of its own, so that what the analyst's code starts is ended with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    send = _sender(connection)
    answer: tuple[str, object]
    try:
        answer = ("result", function(request, lambda value: send(("progress", value))))
    except PipelineError as error:
        answer = ("error", error)
    except MemoryError:
        text = f"the build needed more than its memory limit of {memory / 1e6:g} MB"
        answer = ("error", BuildProcessError(f'{text}: load less, or raise the job\'s "memory"'))
    except Exception as error:  # noqa: BLE001 - whatever an analyst's code can raise must reach its owner
        answer = ("error", ReportError(place_and_words(error)))
    send(answer)


def _sender(connection: Connection) -> Callable[[object], None]:
    lock = threading.Lock()

    def send(value: object) -> None:
        with lock:
            connection.send(value)

    return send


def _end_with_parent(connection: Connection) -> None:
    """The parent never writes: the pipe becomes readable only when the parent is gone."""
    with contextlib.suppress(EOFError, OSError):
        connection.recv_bytes()
    os._exit(1)
