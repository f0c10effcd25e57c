"""Whether a dataset has the columns that the job describes, and they what it wants of them: known once it is loaded."""

from collections.abc import Iterator, Mapping

import pandas as pd

from pipeline.errors import SourceError
from pipeline.jobs.columnspec import Columns
from pipeline.jobs.model import Job, Project
from pipeline.jobs.names import did_you_mean
from pipeline.jobs.places import place_of
from pipeline.report.fitting import misfits
from pipeline.report.kinds import Column


def check_described(job: Job, project: Project, name: str, frame: pd.DataFrame) -> None:
    """Raises SourceError for every column of `columns` that is not there, and for every format, total or highlight
    that does not fit what its column holds, each with its place in jobs.yaml. A frame without any column describes
    nothing."""
    columns = {str(column): frame.iloc[:, place] for place, column in enumerate(frame.columns)}
    described = job.columns.get(name, {})
    if not described or not columns:
        return
    place = ("jobs", job.name, "columns", name)
    told = [
        f'{place_of(project.file, *place, *keys)}: dataset "{name}"{fault}'
        for keys, fault in (*_absent(described, columns), *_unfit(described, columns))
    ]
    if told:
        raise SourceError("\n".join(told))


_Fault = tuple[tuple[str, ...], str]
"""The keys of the description where it is, and what it is."""


def _absent(described: Columns, columns: Mapping[str, Column]) -> Iterator[_Fault]:
    for column, keys in _named(described):
        if column not in columns:
            yield keys, f' has no column "{column}", only {", ".join(columns)}{did_you_mean(column, columns)}'


def _unfit(described: Columns, columns: Mapping[str, Column]) -> Iterator[_Fault]:
    for column, spec in described.items():
        if columns.keys() >= {column, *filter(None, [spec.highlight and spec.highlight.against])}:
            for misfit in misfits(column, spec, columns):
                yield (column, *misfit.keys), f": {misfit.message}"


def _named(columns: Columns) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every column that a description names, with the keys where it does."""
    for name, spec in columns.items():
        yield name, (name,)
        if spec.highlight is not None and spec.highlight.against is not None:
            yield spec.highlight.against, (name, "highlight", "delta")
