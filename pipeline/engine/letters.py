"""From a report to its letters: one for all, or one for each row of the audience; and who gets none, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pipeline.engine.audience import Refusal, Row, personal
from pipeline.engine.process import Progress
from pipeline.errors import ReportError
from pipeline.jobs.audience import Each
from pipeline.jobs.model import Job
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.records import Letter
from pipeline.message.facts import Recipients
from pipeline.message.ladder import Fitted
from pipeline.message.manner import Manners, ReadsAs
from pipeline.report.build import Report

AHEAD = 256
"""Recipients whose slices are cut out together."""
NAMED = 10_000
"""Rows that are named of those that get nothing; of a million, a person needs the reason and the number."""


@dataclass(frozen=True, slots=True)
class Addressees:
    """Whom a run may mail."""

    patterns: Sequence[str]
    """Of `allow_recipients`."""
    only_to: tuple[Mailbox, ...] = ()
    """These alone, in the place of everybody."""


@dataclass(slots=True)
class Named:
    """Rows of the audience: the first by name, and how many more there are."""

    rows: list[Refusal] = field(default_factory=list)
    more: int = 0

    def add(self, row: Refusal) -> None:
        if len(self.rows) < NAMED:
            self.rows.append(row)
        else:
            self.more += 1


@dataclass(slots=True)
class Letters:
    """Iterate over it once; what it then knows of rows is complete."""

    job: Job
    report: Report
    fitted: Fitted
    manners: Manners
    to: Addressees
    tell: Progress
    """Told how each one's letter reads, where that differs."""
    refused: Named = field(default_factory=Named)
    """Rows that get no message."""
    empty: Named = field(default_factory=Named)
    """Rows without a row of their own in any sliced dataset; whether they get a message, the job says."""

    def __iter__(self) -> Iterator[Letter]:
        """Raises ReportError for an audience that is larger than the job allows."""
        audience = self.job.audience
        if audience.each is not None:
            yield from self._personal(audience.each)
        elif self.to.only_to:
            yield self.fitted.letter(self.report, Recipients(to=self.to.only_to), None)
        else:
            yield self.fitted.letter(self.report, Recipients(audience.to, audience.cc, audience.bcc), None)

    def _personal(self, each: Each) -> Iterator[Letter]:
        if not self.to.only_to:
            check_size(self.job, each, len(self.report.datasets[each.data]))
        rows = _rows(self.report, each.data)
        found = enumerate(personal(each, rows, self.to.patterns, self.to.only_to, check=self.manners.of), start=1)
        while some := list(islice(found, AHEAD)):
            self.report.expect((item[1] for _, item in some if not isinstance(item, Refusal)), each.slice)
            for number, item in some:
                if isinstance(item, Refusal):
                    self.refused.add(item)
                else:
                    yield from self._letter(each, number, *item)

    def _letter(self, each: Each, number: int, mailbox: Mailbox, row: Row) -> Iterator[Letter]:
        own = self.report.sliced(row, each.slice)
        if each.slice and not any(len(own.views[name]) for name in each.slice):
            nothing = Refusal(number, mailbox.address, f"no row of {', '.join(each.slice)} is theirs")
            self.empty.add(nothing)
            if each.empty == "skip":
                return
        if self.manners.differ:
            self.tell(ReadsAs((mailbox.address,), self.manners.of(row)))
        yield self.fitted.letter(own, Recipients(to=(mailbox,)), row)


def check_size(job: Job, each: Each, rows: int) -> None:
    """Raises ReportError for more rows than the job allows: a join gone wrong must not mail the world."""
    if rows > each.max:
        raise ReportError(
            f"jobs.{job.name}.audience.each: {each.data} has {rows:,} rows, more than the {each.max:,} that max allows,"
            f" so nothing is sent; if all of them are meant, write max: {rows} or more"
        )


def _rows(report: Report, dataset: str) -> Iterator[Row]:
    """The rows of a dataset as dictionaries, one at a time: a million recipients are not copied first."""
    frame: Any = report.datasets[dataset]
    names = [str(column) for column in frame.columns]
    for values in frame.itertuples(index=False, name=None):
        yield dict(zip(names, values, strict=True))
