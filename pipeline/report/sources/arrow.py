"""Arrow tables → settled frames: Parquet files and DuckDB's results come this way, so that they look
alike."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import SourceError
from pipeline.report import frames
from pipeline.report.extras import need


def read_parquet(path: Path, name: str, columns: tuple[str, ...] | None, zone: str) -> pd.DataFrame:
    """Only the named columns, those of them that the file has, are read. Raises SourceError for what is no
    Parquet file, MissingExtraError without pyarrow."""
    pa = need("pyarrow", "reading Parquet files", "parquet")
    pq = need("pyarrow.parquet", "reading Parquet files", "parquet")
    try:
        there = pq.read_schema(path).names
        wanted = None if columns is None else [column for column in columns if column in there]
        table = pq.read_table(path, columns=wanted) if wanted != [] else pq.read_table(path)
    except pa.ArrowException as error:
        raise SourceError(f"{name}: cannot be read as Parquet: {error}") from error
    return to_frame(table, zone, name)


def to_frame(table: Any, zone: str, where: str) -> pd.DataFrame:
    """A pyarrow Table → frame. Integers and truth values with gaps stay what they are (Int64, boolean);
    dates are datetime64 at midnight; times with a zone come out in `zone`; integers in decimal clothes
    (DuckDB's sums) are integers; other decimals are Decimal objects."""
    pa = need("pyarrow", "Arrow tables", "parquet")
    for position, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type) and field.type.scale == 0:
            table = _whole(pa, table, position, field.name)
    masked = {getattr(pa, f"{sign}int{n}")(): f"{sign.upper()}Int{n}" for sign in ("", "u") for n in (8, 16, 32, 64)}
    dtypes = {kind: pd.api.types.pandas_dtype(name) for kind, name in masked.items()} | {pa.bool_(): pd.BooleanDtype()}
    frame = frames.tidy(table.to_pandas(types_mapper=dtypes.get, date_as_object=False), where)
    for column in frame.columns:
        if isinstance(frame[column].dtype, pd.DatetimeTZDtype):
            frame[column] = frame[column].dt.tz_convert(zone)
    objects = [column for column in frame.columns if frame[column].dtype == object]
    settled = frames.settle(frame.drop(columns=objects))
    return pd.DataFrame({c: frame[c] if c in objects else settled[c] for c in frame.columns}, index=frame.index)


def _whole(pa: Any, table: Any, position: int, name: str) -> Any:
    try:
        return table.set_column(position, name, table.column(position).cast(pa.int64()))
    except pa.ArrowInvalid:  # beyond 64 bits
        return table
