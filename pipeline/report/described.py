"""Whether a dataset has the columns that the job describes: known once it is loaded."""

from collections.abc import Iterator

import pandas as pd

from pipeline.errors import SourceError
from pipeline.jobs.columnspec import Columns
from pipeline.jobs.model import Job, Project
from pipeline.jobs.names import did_you_mean
from pipeline.jobs.places import place_of


def check_described(job: Job, project: Project, name: str, frame: pd.DataFrame) -> None:
    """Raises SourceError for every column of `columns` that is not there, each with its place in jobs.yaml. A frame
    without any column describes nothing."""
    there = [str(column) for column in frame.columns]
    place = ("jobs", job.name, "columns", name)
    told = [
        f'{place_of(project.file, *place, *path)}: dataset "{name}" has no column "{column}", '
        f"only {', '.join(there)}{did_you_mean(column, there)}"
        for column, path in _named(job.columns.get(name, {}))
        if there and column not in there
    ]
    if told:
        raise SourceError("\n".join(told))


def _named(columns: Columns) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every column that a description names, with the keys where it does."""
    for name, spec in columns.items():
        yield name, (name,)
        if spec.highlight is not None and spec.highlight.against is not None:
            yield spec.highlight.against, (name, "highlight", "delta")
