"""Opens connections in threads of their own, so that a dead host does not hold up the sessions that work."""

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Iterator

from pipeline.delivery.smtp.connect import Link, LinkError


class Opener:
    """`start` as often as connections are wanted; `fileno` becomes readable when `results` has some."""

    def __init__(self, open_link: Callable[[], Link], name: str) -> None:
        self._open = open_link
        self._name = name
        self._results: queue.SimpleQueue[Link | Exception] = queue.SimpleQueue()
        self._near, self._far = socket.socketpair()
        self._near.settimeout(0.0)
        self._closed = threading.Event()
        self.pending = 0
        """Connections under way."""

    def start(self) -> None:
        self.pending += 1
        threading.Thread(target=self._work, name=f"connect-{self._name}", daemon=True).start()

    def fileno(self) -> int:
        return self._near.fileno()

    def results(self) -> Iterator[Link | LinkError]:
        """What has come of it so far. Raises what was no LinkError: a defect."""
        with contextlib.suppress(BlockingIOError):
            self._near.recv(4096)
        while self.pending:
            try:
                result = self._results.get_nowait()
            except queue.Empty:
                return
            self.pending -= 1
            if not isinstance(result, Link | LinkError):
                raise result
            yield result

    def close(self) -> None:
        """Links that come later are closed at once. May be called twice."""
        if self._closed.is_set():
            return
        self._closed.set()
        for result in self.results():
            if isinstance(result, Link):
                result.socket.close()
        self._near.close()
        self._far.close()

    def _work(self) -> None:
        result: Link | Exception
        try:
            result = self._open()
        except Exception as error:  # noqa: BLE001 - handed to the thread that asked, which raises it
            result = error
        if self._closed.is_set() and isinstance(result, Link):
            result.socket.close()
        self._results.put(result)
        with contextlib.suppress(OSError):  # nobody listens any more
            self._far.send(b"!")
