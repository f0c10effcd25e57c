"""Parquet, written by pyarrow: every dtype that Arrow has, as it is."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import ExportError
from pipeline.report.exports.book import Book
from pipeline.report.extras import need
from pipeline.report.model import Datasets


def write(datasets: Datasets, path: Path, _book: Book) -> None:
    """One dataset. Raises ExportError naming the column that Arrow cannot hold."""
    ((name, frame),) = datasets.items()
    pa = need("pyarrow", "writing Parquet files", "parquet")
    parquet = need("pyarrow.parquet", "writing Parquet files", "parquet")
    for column in frame.columns:
        _check(pa, frame[column], f'column "{column}" of {name}')
    table = pa.Table.from_pandas(frame, preserve_index=False)
    parquet.write_table(table, path, compression="snappy")


def _check(pa: Any, column: "pd.Series[Any]", where: str) -> None:
    try:
        pa.Array.from_pandas(column)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ExportError(f"{where} cannot be written to Parquet: {reason}; give it one type") from error
