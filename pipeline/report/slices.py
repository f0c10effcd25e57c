"""The rows of a dataset that belong to one value: cut apart once, then looked up."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from pipeline.errors import SourceError
from pipeline.report.project import near_miss

Key: TypeAlias = tuple[tuple[str, str, Any], ...]
"""(dataset, column, value), sorted: what tells one slice of a report from another."""


class Slicer:
    """Remembers which rows each value has, so that ten thousand recipients cost one pass over the data."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], dict[Any, Any]] = {}

    def cut(self, name: str, frame: pd.DataFrame, column: str, value: Any) -> pd.DataFrame:
        """The rows whose column equals the value, in order, with a plain index. Maybe none."""
        if (name, column) not in self._places:
            groups = frame.groupby(column, sort=False, observed=True, dropna=True)
            self._places[name, column] = dict(groups.indices)
        nothing = np.array([], dtype="int64")
        return frame.take(self._places[name, column].get(value, nothing)).reset_index(drop=True)


def key_of(row: Mapping[str, Any], slices: Mapping[str, str], datasets: Mapping[str, pd.DataFrame]) -> Key:
    """Raises SourceError for a dataset or column that is not there, for a row without the column or without
    a value in it, and where text is compared with numbers: that would never match."""
    key = []
    for name, column in sorted(slices.items()):
        if name not in datasets:
            raise SourceError(f'slice: there is no dataset "{name}"{near_miss(name, datasets)}')
        frame = datasets[name]
        if column not in frame.columns:
            raise SourceError(f'slice: dataset "{name}" has no column "{column}"{near_miss(column, frame.columns)}')
        if column not in row:
            raise SourceError(f'slice: the recipients have no column "{column}"{near_miss(column, row)}')
        value = row[column]
        if pd.isna(value):
            raise SourceError(f'slice: a recipient has nothing in "{column}": no rows of "{name}" are theirs')
        present = frame[column].dropna()
        if len(present) and isinstance(value, str) != isinstance(present.iloc[0], str):
            raise SourceError(
                f'slice: "{column}" is {value!r} for a recipient and {present.iloc[0]!r} in "{name}"; '
                "text never equals anything but text: make both the same"
            )
        key.append((name, column, value))
    return tuple(key)
