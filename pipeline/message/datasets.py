"""A dataset as templates see it: plain rows to go over, and the frame behind them for everything else.

`for r in delays` and its kin need no pandas: a recipient's own rows become a frame only when a template asks
for one.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.message.facts import OwnRowsLike

if TYPE_CHECKING:
    from pandas import DataFrame, Index

Record = dict[str, Any]


class Dataset:
    """Stands for a DataFrame wherever a template names one. Holds nothing of its own and changes nothing, so
    letters may share it."""

    def __init__(self, source: "DataFrame | OwnRowsLike") -> None:
        self._source = source

    @cached_property
    def frame(self) -> "DataFrame":
        """The whole of it, as pandas has it."""
        source: Any = self._source
        frame: DataFrame = source if is_frame(source) else source.frame
        return frame

    @cached_property
    def records(self) -> list[Record]:
        """Its rows by column name, made once."""
        source: Any = self._source
        records: list[Record] = records_of(source) if is_frame(source) else source.records
        return records

    @property
    def columns(self) -> "Index[Any]":
        return self._source.columns

    def is_of(self, value: object) -> bool:
        """Whether the value is this dataset, or its very frame."""
        return value is self or value is self.__dict__.get("frame", self._source)

    def quick(self, attribute: str) -> Callable[..., Any] | None:
        """Ways to go over rows that need no frame."""
        if attribute == "to_dict":
            return self._to_dict
        return None

    def _to_dict(self, orient: str = "dict", **options: Any) -> Any:
        if orient == "records" and not options:
            return list(self.records)
        return self.frame.to_dict(orient, **options)

    # --- what Python's operators and Jinja's filters ask for ---

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __reversed__(self) -> Iterator[Record]:
        return reversed(self.records)

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __getitem__(self, key: Any) -> Any:
        """The row of a number; otherwise what the frame has under the key."""
        return self.records[key] if type(key) is int else self.frame[key]

    def __str__(self) -> str:
        return str(self.frame)

    def __eq__(self, other: object) -> Any:
        return self.frame == frame_or_value(other)

    def __ne__(self, other: object) -> Any:
        return self.frame != frame_or_value(other)

    __hash__ = object.__hash__

    def __lt__(self, other: Any) -> Any:
        return self.frame < frame_or_value(other)

    def __le__(self, other: Any) -> Any:
        return self.frame <= frame_or_value(other)

    def __gt__(self, other: Any) -> Any:
        return self.frame > frame_or_value(other)

    def __ge__(self, other: Any) -> Any:
        return self.frame >= frame_or_value(other)

    def __add__(self, other: Any) -> Any:
        return self.frame + frame_or_value(other)

    def __sub__(self, other: Any) -> Any:
        return self.frame - frame_or_value(other)

    def __mul__(self, other: Any) -> Any:
        return self.frame * frame_or_value(other)

    def __truediv__(self, other: Any) -> Any:
        return self.frame / frame_or_value(other)


def is_frame(value: object) -> bool:
    """Whether it is a DataFrame, without importing pandas to find out."""
    kind = type(value)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] == "pandas"


def frame_or_value(value: Any) -> Any:
    """What pandas and Python functions are given in place of a dataset."""
    return value.frame if type(value) is Dataset else value


def loop_over(value: Any) -> Any:
    """What `for` goes over: the rows of a dataset or frame, otherwise the value itself."""
    if type(value) is Dataset:
        return value.records
    return records_of(value) if is_frame(value) else value


def records_of(frame: Any) -> list[Record]:
    """A frame's rows by column name; a named index (groupby leaves one) is among the columns."""
    from pipeline.message.columns import with_index  # noqa: PLC0415 - only where a frame is

    frame = with_index(frame)
    names, columns = list(frame.columns), frame.to_dict("list").values()
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
