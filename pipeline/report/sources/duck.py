"""SQL over the project's files and over earlier datasets, in a DuckDB that can reach nothing else."""

import contextlib
from typing import Any

import pandas as pd

from pipeline.errors import SourceError
from pipeline.jobs.model import SqlData
from pipeline.report import sqltext
from pipeline.report.extras import need
from pipeline.report.model import Datasets, Facts
from pipeline.report.sources import arrow, bound


def query(sql: str, source: SqlData, facts: Facts, earlier: Datasets, _url: str) -> pd.DataFrame:
    """One SELECT; relative paths start in the project folder, earlier datasets are tables by their names."""
    duckdb = need("duckdb", "SQL over files", "duckdb")
    statement = sqltext.parse(sql)
    values = bound.pick(statement, bound.values(facts), source.sql)
    # DuckDB resolves relative paths against the working folder, and checks them there; this process builds
    # one run.
    with contextlib.chdir(facts.root), _locked(duckdb, facts) as connection:
        for name, frame in earlier.items():
            connection.register(name, frame)
        try:
            text = statement.for_duckdb()
            kinds = [s.type for s in connection.extract_statements(text)]
            if kinds != [duckdb.StatementType.SELECT]:
                raise SourceError(f"{source.sql}: must be one SELECT, and nothing that changes anything")
            table = connection.sql(text, params=values or None).to_arrow_table()
        except duckdb.Error as error:
            raise SourceError(f"{source.sql}: {_words(error)}") from error
        return _floats(arrow.to_frame(table, facts.zone, source.sql))


def _locked(duckdb: Any, facts: Facts) -> Any:
    """In memory; no network, no extensions, no files but the project's, no way to change that from SQL.

    The zone lets wall-clock parameters compare rightly with TIMESTAMPTZ columns. Memory is half the child's,
    so that a query that is too big fails with DuckDB's own words and not with the child.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "memory_limit": f"{facts.memory // 2}B",
        },
    )
    folder = str(facts.root.resolve()).replace("'", "''")
    for setting in (
        f"SET TimeZone = '{facts.zone}'",
        f"SET allowed_directories = ['{folder}/']",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(setting)
    return connection


def _floats(frame: pd.DataFrame) -> pd.DataFrame:
    """Decimals become floats, as from every other database."""
    for column in frame.columns:
        if frame[column].dtype == object and pd.api.types.infer_dtype(frame[column], skipna=True) == "decimal":
            frame[column] = frame[column].astype("float64")
    return frame


def _words(error: Exception) -> str:
    text = str(error).strip()
    hint = "; only files inside the project can be read" if "disabled by configuration" in text else ""
    return text + hint
