"""What a message is made from, as the plain values that the other rooms hand in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.records import Artifact, RunKey
from pipeline.schedule.period import Period


class ChartLike(Protocol):
    """`report.build.ChartImage`: a PNG drawn at 2x; width and height in CSS px."""

    @property
    def name(self) -> str: ...
    @property
    def artifact(self) -> Artifact: ...
    @property
    def title(self) -> str: ...
    @property
    def alt(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


class FileLike(Protocol):
    """`report.build.ExportFile`: `rows` counts the rows of all its datasets, None for a document."""

    @property
    def artifact(self) -> Artifact: ...
    @property
    def filename(self) -> str: ...
    @property
    def rows(self) -> int | None: ...


class OwnRowsLike(Protocol):
    """`report.slices.OwnRows`: a recipient's part of a dataset, made into rows or a frame when asked for."""

    def __len__(self) -> int: ...
    @property
    def columns(self) -> Any: ...
    @property
    def frame(self) -> Any: ...
    @property
    def records(self) -> list[dict[str, Any]]: ...


class ReportLike(Protocol):
    """`report.build.Report`: a view is a DataFrame that nobody changes, or an `OwnRowsLike`."""

    @property
    def views(self) -> Mapping[str, Any]: ...
    @property
    def charts(self) -> Mapping[str, ChartLike]: ...
    @property
    def files(self) -> Sequence[FileLike]: ...


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run that the messages belong to. Nothing here comes from the clock."""

    key: RunKey
    period: Period
    date: datetime
    """The instant that the Date header names: aware, given by whoever starts the run, the same when it is
    rebuilt."""


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who gets one message. `bcc` is in the envelope and nowhere else."""

    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()

    @property
    def envelope(self) -> tuple[str, ...]:
        """Every address once, in order."""
        return tuple(dict.fromkeys(mailbox.address for mailbox in (*self.to, *self.cc, *self.bcc)))
