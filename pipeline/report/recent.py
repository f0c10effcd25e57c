"""What was made last: made once for all who want it soon again, and forgotten before it fills the memory."""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Remembers the values of the keys that were asked for last, at most so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[K, V] = {}

    def of(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, made where it is not known (any more)."""
        value = self._values.pop(key) if key in self._values else make()
        self._values[key] = value  # the latest wanted stand last, and are forgotten last
        if len(self._values) > self._most:
            del self._values[next(iter(self._values))]
        return value
