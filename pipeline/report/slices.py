"""The rows of a dataset that belong to one value: looked up in one pass over the data, cut out many at a time.

A slice is a range of a block: rows of some hundred recipients taken from the dataset in one go, because pandas
takes as long for twenty rows as for ten thousand. Whether it is read as plain rows or as a frame, it is made
when first asked for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from pipeline.errors import SourceError
from pipeline.report.project import near_miss

Key: TypeAlias = tuple[tuple[str, str, Any], ...]
"""(dataset, column, value), sorted: what tells one slice of a report from another."""

_KEPT = 2_000
"""Slices that are remembered: all of them where many recipients share few, the last ones where each has an own."""
_BLOCK = 20_000
"""Rows of one block, at most, unless a single slice has more."""


class OwnRows:
    """One slice, in order. Whoever gets it looks and changes nothing: it may be shared."""

    __slots__ = ("_block", "_frame", "_records", "_start", "_stop")

    def __init__(self, block: "_Block", start: int, stop: int) -> None:
        self._block = block
        self._start = start
        self._stop = stop
        self._frame: pd.DataFrame | None = None
        self._records: list[dict[str, Any]] | None = None

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def columns(self) -> "pd.Index[str]":
        return self._block.frame.columns

    @property
    def frame(self) -> pd.DataFrame:
        """The rows with a plain index."""
        if self._frame is None:
            self._frame = self._block.frame.iloc[self._start : self._stop].reset_index(drop=True)
        return self._frame

    @property
    def records(self) -> list[dict[str, Any]]:
        """What `frame.to_dict("records")` gives, for a fraction of the price."""
        if self._records is None:
            own = slice(self._start, self._stop)
            self._records = self._block.to_records(zip(*[values[own] for values in self._block.values], strict=True))
        return self._records


class _Block:
    """Rows of several slices, one after the other."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.to_records = _records_maker(tuple(frame.columns))

    @cached_property
    def values(self) -> list[list[Any]]:
        """Its columns as lists of plain values."""
        return [self._plain(name) for name in self.frame.columns]

    def _plain(self, name: str) -> list[Any]:
        if isinstance(self.frame[name].dtype, pd.StringDtype):
            return self.frame[name].tolist()  # there is nothing to unbox, which to_dict does value by value
        values: list[Any] = self.frame[[name]].to_dict("list")[name]
        return values


@lru_cache(maxsize=64)
def _records_maker(names: tuple[str, ...]) -> Callable[[Iterable[tuple[Any, ...]]], list[dict[str, Any]]]:
    """Rows → dicts, with the names compiled in as a namedtuple's are: a third of the time of `dict(zip(…))`."""
    values = [f"v{number}" for number in range(len(names))]
    record = ", ".join(f"{name!r}: {value}" for name, value in zip(names, values, strict=True))
    made: Callable[[Iterable[tuple[Any, ...]]], list[dict[str, Any]]] = eval(  # noqa: S307 - names as literals
        f"lambda rows: [{{{record}}} for {', '.join(values)}, in rows]"
    )
    return made


class _Places:
    """Where each value of one column of a dataset is."""

    def __init__(self, frame: pd.DataFrame, column: str) -> None:
        codes, values = pd.factorize(frame[column])
        self.frame = frame
        self._order = np.argsort(codes, kind="stable")
        # Rows without a value have the code -1 and come first.
        self._starts = np.searchsorted(codes[self._order], np.arange(len(values) + 1))
        self._codes = {value: code for code, value in enumerate(values.tolist())}
        self.example = next(iter(self._codes), None)
        """One of the values, None where there is none."""

    def of(self, value: Any) -> "np.ndarray[Any, Any]":
        """The numbers of its rows, in order; maybe none."""
        code = self._codes.get(value)
        if code is None:
            return self._order[:0]
        return self._order[self._starts[code] : self._starts[code + 1]]


class Slicer:
    """The slices of one report's datasets. Memory stays bounded however many recipients there are."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], _Places] = {}
        self._known: dict[tuple[str, str, Any], OwnRows] = {}

    def cut(self, frames: Mapping[str, pd.DataFrame], key: Key) -> dict[str, OwnRows]:
        """The slice of each dataset in the key."""
        missing = [piece for piece in key if piece not in self._known]
        if missing:
            self._learn(frames, missing)
        return {piece[0]: self._known[piece] for piece in key}

    def expect(self, frames: Mapping[str, pd.DataFrame], keys: Iterable[Key]) -> None:
        """Cuts what `cut` will be asked for next, all at once."""
        wanted = dict.fromkeys(piece for key in keys for piece in key)
        for piece in wanted:  # the latest wanted stand last, and are forgotten last
            if piece in self._known:
                self._known[piece] = self._known.pop(piece)
        self._learn(frames, [piece for piece in wanted if piece not in self._known])

    def key_of(self, row: Mapping[str, Any], slices: Mapping[str, str], frames: Mapping[str, pd.DataFrame]) -> Key:
        """Raises SourceError for a dataset or column that is not there, for a row without the column or without
        a value in it, and where text is compared with numbers: that would never match."""
        key = []
        for name, column in sorted(slices.items()):
            places = self._places_of(frames, name, column)
            if column not in row:
                raise SourceError(f'slice: the recipients have no column "{column}"{near_miss(column, row)}')
            value = row[column]
            if value.__class__ is not str and pd.isna(value):
                raise SourceError(f'slice: a recipient has nothing in "{column}": no rows of "{name}" are theirs')
            example = places.example
            if example is not None and isinstance(value, str) != isinstance(example, str):
                raise SourceError(
                    f'slice: "{column}" is {value!r} for a recipient and {example!r} in "{name}"; '
                    "text never equals anything but text: make both the same"
                )
            key.append((name, column, value))
        return tuple(key)

    def _places_of(self, frames: Mapping[str, pd.DataFrame], name: str, column: str) -> _Places:
        places = self._places.get((name, column))
        if places is None:
            if name not in frames:
                raise SourceError(f'slice: there is no dataset "{name}"{near_miss(name, frames)}')
            there = frames[name].columns
            if column not in there:
                raise SourceError(f'slice: dataset "{name}" has no column "{column}"{near_miss(column, there)}')
            places = self._places[name, column] = _Places(frames[name], column)
        return places

    def _learn(self, frames: Mapping[str, pd.DataFrame], pieces: list[tuple[str, str, Any]]) -> None:
        self._forget(len(pieces))
        by_column: dict[tuple[str, str], list[Any]] = {}
        for name, column, value in pieces:
            by_column.setdefault((name, column), []).append(value)
        for (name, column), values in by_column.items():
            places = self._places_of(frames, name, column)
            for part in _in_blocks([(value, places.of(value)) for value in values]):
                block = _Block(places.frame.take(np.concatenate([rows for _, rows in part])))
                at = 0
                for value, rows in part:
                    self._known[name, column, value] = OwnRows(block, at, at + len(rows))
                    at += len(rows)

    def _forget(self, more: int) -> None:
        for piece in list(self._known)[: max(0, len(self._known) + more - _KEPT)]:
            del self._known[piece]


def _in_blocks(found: list[tuple[Any, Any]]) -> Iterator[list[tuple[Any, Any]]]:
    block: list[tuple[Any, Any]] = []
    size = 0
    for value, rows in found:
        if block and size + len(rows) > _BLOCK:
            yield block
            block, size = [], 0
        block.append((value, rows))
        size += len(rows)
    if block:
        yield block
