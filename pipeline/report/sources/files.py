"""Files of the project by their ending: CSV, Parquet, JSON, Excel. Read as they are now."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import SourceError
from pipeline.jobs.model import FileData
from pipeline.report import frames, project
from pipeline.report.model import Datasets, Facts
from pipeline.report.sources import arrow, excel, infer
from pipeline.report.sources.loaded import Loaded

Columns = tuple[str, ...] | None


def load(source: FileData, facts: Facts, _earlier: Datasets, _urls: Mapping[str, str]) -> Loaded:
    path = project.find(facts.root, source.file)
    read = _ENDINGS.get(_ending(path))
    if read is None:
        raise SourceError(f"{source.file}: unknown kind of file; it may end in {', '.join(_ENDINGS)}")
    inputs = (project.fingerprint(facts.root, path),)
    return Loaded(read(path, source.file, source.columns, facts.zone), inputs)


def read(path: Path, name: str, columns: Columns, zone: str) -> pd.DataFrame:
    """A file of a known ending, wherever it came from; `name` is what errors call it. Raises SourceError."""
    return _ENDINGS[_ending(path)](path, name, columns, zone)


def _ending(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:]) if suffixes[-1:] == [".gz"] else "".join(suffixes[-1:])


def _csv(path: Path, name: str, columns: Columns, zone: str) -> pd.DataFrame:
    """UTF-8 (a byte order mark is fine), comma-separated, first line the names; what pandas takes for
    missing is."""
    try:
        text = pd.read_csv(path, dtype="str", encoding="utf-8", skipinitialspace=False)
    except UnicodeDecodeError as error:
        todo = "ask for UTF-8" if "://" in name else "save it as UTF-8"
        raise SourceError(f"{name}: not UTF-8 at byte {error.start}; {todo}") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SourceError(f"{name}: cannot be read as CSV: {error}") from error
    text = excel.pick(frames.tidy(text, name), columns, name)
    return pd.DataFrame({column: infer.infer(text[column], zone) for column in text.columns})


def _parquet(path: Path, name: str, columns: Columns, zone: str) -> pd.DataFrame:
    return excel.pick(arrow.read_parquet(path, name, columns, zone), columns, name)


def _json(path: Path, name: str, columns: Columns, zone: str) -> pd.DataFrame:
    """A list of records, or lists of values by column."""
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise SourceError(f"{name}: not JSON: {error}") from error
    return _records(_by_row(records), name, columns, zone)


def _by_row(found: Any) -> Any:
    """`{"a": [1, 2], "b": [3, 4]}` as records; anything else as it is."""
    columns = list(found.values()) if isinstance(found, dict) else []
    if not columns or any(not isinstance(c, list) or len(c) != len(columns[0]) for c in columns):
        return found
    return [dict(zip(found, row, strict=True)) for row in zip(*columns, strict=True)]


def _json_lines(path: Path, name: str, columns: Columns, zone: str) -> pd.DataFrame:
    """One record a line."""
    records = []
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            try:
                records += [json.loads(line)] if line.strip() else []
            except ValueError as error:
                raise SourceError(f"{name}:{number}: not JSON: {error}") from error
    return _records(records, name, columns, zone)


def _records(records: Any, name: str, columns: Columns, zone: str) -> pd.DataFrame:
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise SourceError(f"{name}: must be a list of objects, one a row, or lists of the same length by column")
    names = list(dict.fromkeys(key for record in records for key in record))
    frame = frames.from_rows(names, ([record.get(key) for key in names] for record in records), name)
    for column in frame.columns:
        if isinstance(frame[column].dtype, pd.StringDtype):
            frame[column] = infer.times(frame[column], zone)
    return excel.pick(frame, columns, name)


def _excel(path: Path, name: str, columns: Columns, _zone: str) -> pd.DataFrame:
    return excel.read_sheet(path, name, 0, columns)


_ENDINGS: Mapping[str, Callable[[Path, str, Columns, str], pd.DataFrame]] = {
    ".csv": _csv,
    ".csv.gz": _csv,
    ".parquet": _parquet,
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".xlsx": _excel,
    ".xls": _excel,
    ".xlsb": _excel,
    ".ods": _excel,
}
