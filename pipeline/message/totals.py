"""The row under a table: what columns come to, over all rows that the reader gets."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.jobs.columnspec import Total
from pipeline.jobs.totalwords import label_of

if TYPE_CHECKING:
    from pandas import Series


def total_of(series: "Series[Any]", total: Total, name: str) -> Any:
    """None where no values are there, unless nothing of numbers adds up to 0. Raises ValueError for a column that
    cannot be added up or compared."""
    if total == "count":
        return int(series.count())
    present = series.dropna()
    if total in {"sum", "mean"} and any(isinstance(value, str) for value in present.head(1)):
        raise ValueError(f'columns: "{name}" holds text, and a {total} needs numbers')
    if not len(present) and (total != "sum" or series.dtype.kind not in "iuf"):
        return None
    try:
        value = getattr(present, total)()
    except (TypeError, ValueError):
        raise ValueError(f'columns: the {total} of "{name}" needs numbers') from None
    return value.item() if hasattr(value, "item") else value


def labelled(cells: Sequence[str], totals: Sequence[Total | None]) -> tuple[str, ...]:
    """The row, its name in the first column unless that has a total itself; empty where no column has one."""
    if not any(totals):
        return ()
    return tuple(cells) if totals[0] is not None else (label_of(totals), *cells[1:])
