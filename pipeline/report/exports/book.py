"""What a workbook shows besides rows: what its job says, and what its reader asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.jobs.columnspec import Columns, humanised
from pipeline.jobs.exporting import Export
from pipeline.jobs.model import Job
from pipeline.report.model import Facts


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart of the mail."""

    title: str
    alt: str
    png: bytes
    width: int
    """In CSS pixels."""


@dataclass(frozen=True, slots=True)
class Voice:
    """What a workbook says to one reader."""

    note: str
    params: Mapping[str, Any]
    """As they hold for the reader."""

    @property
    def key(self) -> tuple[tuple[str, str, Any], ...]:
        """What tells one workbook of the same rows from another."""
        return (("note", "", self.note), *(("param", name, repr(value)) for name, value in self.params.items()))


SILENT = Voice("", {})


@dataclass(frozen=True, slots=True)
class Book:
    """Everything in it comes from the job, the due time and the reader's row: nothing from the clock."""

    title: str = ""
    description: str = ""
    owner: str = ""
    period: str = ""
    due: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    """Zone-aware, in the reader's zone: a workbook that told when it was made would have other bytes each time."""
    locale: str = "en_US"
    filters: tuple[tuple[str, str], ...] = ()
    """What its rows were chosen by: param or column, and value."""
    note: str = ""
    cover: bool = False
    totals: bool = False
    columns: Mapping[str, Columns] = field(default_factory=dict)
    """By dataset."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """For the limits of columns."""
    pictures: tuple[Picture, ...] = ()


def book_of(
    job: Job, export: Export, facts: Facts, voice: Voice, *, own: Iterable[tuple[str, Any]], pictures: Iterable[Picture]
) -> Book:
    """`own` are the columns and values by which the reader's rows were cut out."""
    chosen = [*own, *((name, value) for name, value in voice.params.items() if value is not None)]
    return Book(
        title=job.title,
        description=job.description,
        owner=str(job.owner),
        period=facts.period.label,
        due=facts.due.astimezone(ZoneInfo(facts.zone)),
        locale=job.locale,
        filters=tuple(dict.fromkeys((humanised(name), str(value)) for name, value in chosen)),
        note=voice.note,
        cover=export.has_cover,
        totals=export.totals,
        columns=job.columns,
        params=voice.params,
        pictures=tuple(pictures),
    )
