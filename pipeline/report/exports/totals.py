"""What stands under a column: the function that Excel calculates, and its value as built."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

from pipeline.jobs.columnspec import Total as TotalWord
from pipeline.report.exports.cells import Cells, Form, Format
from pipeline.report.exports.serials import Numbers

_ROWS = 50_000


class Function(Enum):
    """Name in jobs.yaml: what Excel calls it, and SUBTOTAL's number for it that passes over hidden rows."""

    SUM = ("sum", "sum", 109)
    MEAN = ("mean", "average", 101)
    MIN = ("min", "min", 105)
    MAX = ("max", "max", 104)
    COUNT = ("count", "count", 103)

    def __init__(self, word: TotalWord, excel: str, subtotal: int) -> None:
        self.word = word
        self.excel = excel
        self.subtotal = subtotal


FUNCTIONS: Mapping[TotalWord, Function] = {function.word: function for function in Function}


@dataclass(frozen=True, slots=True)
class Total:
    function: Function
    value: float
    format: str = ""
    """Where it is another than the column's."""


def total_of(cells: Cells, rows: int, function: Function) -> Total | None:
    """None where there is nothing to say: of text only a count; nothing of numbers with an infinite one."""
    if function is Function.COUNT:
        return Total(function, sum(map(_present, _pieces(cells, rows))), Format.WHOLE)
    if cells.form is not Form.NUMBER or (function in {Function.SUM, Function.MEAN} and not cells.adds):
        return None
    value = _value(function, [piece[~np.isnan(piece)] for piece in _pieces(cells, rows)])
    return None if value is None else Total(function, value)


def _value(function: Function, pieces: list[Numbers]) -> float | None:
    filled = [piece for piece in pieces if len(piece)]
    if not all(np.isfinite(piece).all() for piece in filled) or not (filled or function is Function.SUM):
        return None
    if function is Function.MIN:
        return float(min(piece.min() for piece in filled))
    if function is Function.MAX:
        return float(max(piece.max() for piece in filled))
    added = _sum(filled)
    return added if added is None or function is Function.SUM else added / sum(map(len, filled))


def _pieces(cells: Cells, rows: int) -> Iterator[Any]:
    for start in range(0, rows, _ROWS):
        yield cells.values(start, min(start + _ROWS, rows))


def _present(piece: Any) -> int:
    if isinstance(piece, list):
        return sum(value is not None for value in piece)
    return int(pd.notna(piece).sum())


def _sum(pieces: list[Numbers]) -> float | None:
    """Exact before it is rounded once; None beyond what a double holds."""
    if all(piece.dtype.kind == "i" for piece in pieces):
        return sum(int(piece.sum()) for piece in pieces)
    try:
        return math.fsum(value for piece in pieces for value in piece.tolist())
    except OverflowError:
        return None
