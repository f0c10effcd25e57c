"""Artifacts as base64 text, read and encoded once and shared by every mail that carries them."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from pipeline.message.wire import base64_lines

CAPACITY = 64 * 2**20
"""Octets of base64 that are kept: a few runs' workbooks, or one of the largest that a mail can carry."""


class Base64Cache:
    """A `ports.ReadBase64` over the artifact files. The least recently used go first; the newest always
    stays."""

    def __init__(self, path_of: Callable[[str], Path]) -> None:
        self._path_of = path_of
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def __call__(self, sha256: str) -> bytes:
        """The artifact in lines of 76 columns, always the same object while it is held. Raises OSError."""
        with self._lock:
            held = self._held.get(sha256)
            if held is not None:
                self._held.move_to_end(sha256)
                return held
        text = base64_lines(self._path_of(sha256).read_bytes())
        with self._lock:
            if sha256 not in self._held:
                self._held[sha256] = text
                self._size += len(text)
            while self._size > CAPACITY and len(self._held) > 1:
                _, dropped = self._held.popitem(last=False)
                self._size -= len(dropped)
            return self._held[sha256]
