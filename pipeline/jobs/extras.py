"""Capabilities whose packages are not installed: found when a project is checked, not at seven in the
morning."""

from collections.abc import Callable, Iterator, Mapping

from pydantic import SecretStr

from pipeline.errors import MissingExtraError
from pipeline.jobs.check_files import WORKBOOKS
from pipeline.jobs.fetching import HttpData
from pipeline.jobs.model import ExcelData, FileData, Job, SqlData

_MODULES = {
    "charts": "vl_convert",
    "duckdb": "duckdb",
    "excel": "python_calamine",
    "parquet": "pyarrow",
    "pdf": "plutoprint",
    "postgres": "psycopg",
    "zip": "pyzipper",
}
"""Extra → the module that its package brings."""
_POSTGRES = ("postgresql://", "postgresql+psycopg://")

Where = tuple[str | int, ...]


def missing_extras(
    job: Job, sources: Mapping[str, SecretStr], installed: Callable[[str], bool]
) -> Iterator[tuple[str, Where]]:
    """(message, where in the job) for everything in a job that an extra brings which is not installed."""
    lacking = {extra for extra, module in _MODULES.items() if not installed(module)}
    for what, extra, where in _needs(job, sources):
        if extra in lacking:
            yield str(MissingExtraError(what, extra)), where


def _needs(job: Job, sources: Mapping[str, SecretStr]) -> Iterator[tuple[str, str, Where]]:
    for name, dataset in job.data.items():
        if isinstance(dataset, SqlData):
            yield from _of_source(sources[dataset.source].get_secret_value(), ("data", name, "source"))
        elif isinstance(dataset, ExcelData):
            yield "reading Excel", "excel", ("data", name, "excel")
        elif isinstance(dataset, FileData):
            yield from _of_file(dataset.file.lower(), ("data", name, "file"))
        elif isinstance(dataset, HttpData):
            yield from _of_file(dataset.http.lower(), ("data", name, "http"))
    for name, chart in job.charts.items():
        if chart.kind != "python":
            yield f"a {chart.kind} chart", "charts", ("charts", name, "kind")
    yield from _of_exports(job)


def _of_exports(job: Job) -> Iterator[tuple[str, str, Where]]:
    for index, export in enumerate(job.exports):
        if export.kind == "parquet":
            yield "writing Parquet", "parquet", ("exports", index, "kind")
        elif export.kind == "pdf":
            yield "writing PDF", "pdf", ("exports", index, "kind")
        if export.password is not None:
            yield "a ZIP archive with a password", "zip", ("exports", index, "password")


def _of_source(url: str, where: Where) -> Iterator[tuple[str, str, Where]]:
    if url == "duckdb":
        yield "SQL over files", "duckdb", where
    elif url.startswith(_POSTGRES):
        yield "PostgreSQL", "postgres", where


def _of_file(path: str, where: Where) -> Iterator[tuple[str, str, Where]]:
    if path.endswith(WORKBOOKS):
        yield "reading Excel", "excel", where
    elif path.endswith(".parquet"):
        yield "reading Parquet", "parquet", where
