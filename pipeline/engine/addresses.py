"""Which row named an address first, in some 40 octets an address: a run may have a million of them."""

from array import array

_FIRST = 1 << 10
_EMPTY = 0
_64_BITS = (1 << 64) - 1
_32_BITS = (1 << 32) - 1


class FirstRows:
    """Remembers the row of each address by 96 bits of two hashes. Two addresses that share them are expected once
    in 10^17 runs of a million; a dict of the texts would take five times the room."""

    def __init__(self) -> None:
        self._count = 0
        self._room(_FIRST)

    def first(self, address: str, row: int) -> int:
        """The row that named the address first; this one where none did. Rows count from 1."""
        place, check = hash(address) & _64_BITS, hash(address[::-1]) & _32_BITS
        at = self._find(place, check)
        if self._rows[at] != _EMPTY:
            return self._rows[at]
        self._places[at], self._checks[at], self._rows[at] = place, check, row
        self._count += 1
        if 2 * self._count > len(self._rows):
            self._grow()
        return row

    def _find(self, place: int, check: int) -> int:
        mask = len(self._rows) - 1
        at = place & mask
        while self._rows[at] != _EMPTY and (self._places[at] != place or self._checks[at] != check):
            at = (at + 1) & mask
        return at

    def _grow(self) -> None:
        known = zip(self._places, self._checks, self._rows, strict=True)
        self._room(2 * len(self._rows))
        for place, check, row in known:
            if row != _EMPTY:
                at = self._find(place, check)
                self._places[at], self._checks[at], self._rows[at] = place, check, row

    def _room(self, size: int) -> None:
        self._places = array("Q", bytes(8 * size))
        self._checks, self._rows = array("I", bytes(4 * size)), array("I", bytes(4 * size))
