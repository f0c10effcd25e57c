"""Datasets taken apart for a writer, with the refusal that names the column."""

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from pipeline.errors import ExportError
from pipeline.report.kinds import Column, Kind, plain


@dataclass(frozen=True, slots=True)
class Plain:
    """A column with the kind of its values."""

    name: str
    values: Column
    kind: Kind


def taken_apart(dataset: str, frame: pd.DataFrame) -> list[Plain]:
    """Raises ExportError for a column that holds what no cell can: lists, bytes, objects."""
    return [taken(dataset, str(name), frame[name]) for name in frame.columns]


def taken(dataset: str, name: str, series: Column) -> Plain:
    """One column of them. Raises ExportError likewise."""
    try:
        return Plain(name, *plain(series))
    except ValueError as error:
        raise ExportError(
            f'column "{name}" of {dataset} holds {error}; make text or numbers of it, or leave it out'
        ) from error


def clock(duration: timedelta) -> str:
    """`26:03:04`, `-0:00:01.500000`: hours go on past 24."""
    microseconds = duration // timedelta(microseconds=1)
    sign = "-" if microseconds < 0 else ""
    seconds, fraction = divmod(abs(microseconds), 10**6)
    text = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}" if fraction else text
