"""A job and a due time → datasets, charts and files; and the same for the rows that one recipient may see."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd

from pipeline.errors import ExportError, SourceError
from pipeline.jobs.columnspec import params_of
from pipeline.jobs.model import Export, Job, Project
from pipeline.report import charts, exports
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.described import check_described
from pipeline.report.exports.book import SILENT, Book, Picture, Voice, book_of
from pipeline.report.exports.names import refuse_twins
from pipeline.report.model import ChartImage, ExportFile, Facts, InputFile, Progress
from pipeline.report.recent import Recent
from pipeline.report.slices import Key, OwnRows, Slicer
from pipeline.report.sources import load_dataset, own
from pipeline.schedule.period import Period

Row = Mapping[str, Any]
Name = Callable[[str, Row | None], str]
"""A file name's template and the recipient's row (None for a shared message) → text."""


@dataclass(frozen=True, eq=False)
class Report:
    """What one message is made from. Charts and files are drawn and written when they are first asked for,
    so that a report of which everybody gets a part costs nothing as a whole."""

    frames: Mapping[str, pd.DataFrame]
    """For looking only; `datasets` is what may be handed out."""
    inputs: tuple[InputFile, ...]
    """The project's files that made it, each once; files that a DuckDB query reads by itself are not among
    them."""
    maker: "_Maker"
    key: Key = ()
    row: Row | None = None

    @property
    def views(self) -> Mapping[str, pd.DataFrame | OwnRows]:
        """The datasets for those who only look: whole ones as frames, a recipient's own rows as rows."""
        return self.frames.views if isinstance(self.frames, _Frames) else self.frames

    @property
    def datasets(self) -> dict[str, pd.DataFrame]:
        """The reader's own copies; free until somebody changes one (pandas 3 copies on write)."""
        return {name: own(frame) for name, frame in self.frames.items()}

    @cached_property
    def charts(self) -> dict[str, ChartImage]:
        """By name, in the job's order. Raises ChartError."""
        return {name: self.maker.chart(name, self.frames, self.key) for name in self.maker.job.charts}

    @cached_property
    def files(self) -> tuple[ExportFile, ...]:
        """In the job's order. Raises ExportError, also where two have one name."""
        names = self.maker.filenames(self.row)
        return tuple(replace(self.maker.file(number, name, self), filename=name) for number, name in enumerate(names))

    def sliced(self, row: Row, slices: Mapping[str, str]) -> "Report":
        """The report of one recipient: of each dataset in `slices` the rows whose column equals the row's
        value of the same name, and charts and files of those; equal slices are drawn and written once.

        Raises SourceError for a dataset or column that is not there, and for a row without a value.
        """
        slicer = self.maker.slicer
        key = slicer.key_of(row, slices, self.frames)
        frames = _Frames({**self.frames, **slicer.cut(self.frames, key)})
        return Report(frames, self.inputs, self.maker, key, row)

    def expect(self, rows: Iterable[Row], slices: Mapping[str, str]) -> None:
        """Says for whom `sliced` will be asked next: their rows are cut out together, which is much quicker. What
        is wrong with one of them is left to `sliced` to say."""
        keys = []
        for row in rows:
            with suppress(SourceError):
                keys.append(self.maker.slicer.key_of(row, slices, self.frames))
        self.maker.slicer.expect(self.frames, keys)


class _Frames(Mapping[str, pd.DataFrame]):
    """Datasets of one recipient: a frame is made of own rows when it is asked for."""

    def __init__(self, views: Mapping[str, pd.DataFrame | OwnRows]) -> None:
        self.views = views

    def __getitem__(self, name: str) -> pd.DataFrame:
        found = self.views[name]
        return found.frame if isinstance(found, OwnRows) else found

    def __iter__(self) -> Iterator[str]:
        return iter(self.views)

    def __len__(self) -> int:
        return len(self.views)


_KEPT = 2_000
"""Charts, and files, that are remembered; some hundred bytes each. What is forgotten is made again, the same."""


@dataclass(frozen=True)
class _Maker:
    """Draws and writes for one slice or another, each thing once as long as it is among the latest."""

    job: Job
    facts: Facts
    store: ArtifactStore
    name: Name
    progress: Progress
    document: "Document"
    voice: "Voicing"
    slicer: Slicer = field(default_factory=Slicer)
    drawn: Recent[tuple[str, Key], ChartImage] = field(default_factory=lambda: Recent(_KEPT))
    written: Recent[tuple[int, str, Key, Key], ExportFile] = field(default_factory=lambda: Recent(_KEPT))

    def chart(self, name: str, frames: Mapping[str, pd.DataFrame], key: Key) -> ChartImage:
        chart = self.job.charts[name]
        place = (name, _part(key, charts.uses(chart, self.facts, frames)))

        def draw() -> ChartImage:
            self.progress(f"chart {name}")
            mine = {dataset: own(frame) for dataset, frame in frames.items()}
            return charts.draw(name, chart, mine, self.facts, self.store)

        return self.drawn.of(place, draw)

    def file(self, number: int, name: str, report: Report) -> ExportFile:
        """One export; what it is called counts only where the name is part of the bytes, in a ZIP."""
        export = self.job.exports[number]
        if export.kind in exports.DOCUMENTS:
            self.progress(f"file {export.kind}")
            page = self.document(number, report)
            return exports.build_document(export, page, name, self.store, self.facts.due)
        voice = self._voice(number, report) if export.kind == "xlsx" else SILENT
        shown = {*export.data, *(self._drawn_from(report) if export.charts else ())}
        place = (number, name if export.zip else "", _part(report.key, shown), voice.key)

        def write() -> ExportFile:
            self.progress(f"file {export.kind} of {', '.join(export.data)}")
            return exports.build(export, report.frames, name, self.store, self._book(export, report, voice))

        return self.written.of(place, write)

    def _voice(self, number: int, report: Report) -> Voice:
        """Only the params that show, so that workbooks with nothing of their own in them are one."""
        export, voice = self.job.exports[number], self.voice(number, report)
        if export.has_cover:
            return voice
        limits = {param for dataset in export.data for param in params_of(self.job.columns.get(dataset, {}))}
        return Voice(voice.note, {name: value for name, value in voice.params.items() if name in limits})

    def _book(self, export: Export, report: Report, voice: Voice) -> Book:
        """Nothing is drawn for it that it does not show."""
        charts = report.charts.values() if export.charts else ()
        pictures = [Picture(c.title, c.alt, self.store.read(c.artifact.sha256), c.width) for c in charts]
        own = [(column, value) for dataset, column, value in report.key if dataset in export.data]
        return book_of(self.job, export, self.facts, voice, own=own, pictures=pictures)

    def _drawn_from(self, report: Report) -> set[str]:
        """The datasets behind the job's charts."""
        uses = (charts.uses(chart, self.facts, report.frames) for chart in self.job.charts.values())
        return {dataset for one in uses for dataset in one}

    def filenames(self, row: Row | None) -> list[str]:
        names = [exports.filename(e, self.job.name, lambda text: self.name(text, row)) for e in self.job.exports]
        refuse_twins(names)
        return names


Document = Callable[[int, Report], str]
"""Number of an export, and the report (whole or one recipient's) → its page as HTML."""
Voicing = Callable[[int, Report], Voice]
"""Likewise → what its workbook says to its reader."""


def _part(key: Key, datasets: Iterable[str]) -> Key:
    """What a chart or file of these datasets depends on."""
    return tuple(piece for piece in key if piece[0] in datasets)


def build_report(  # noqa: PLR0917 - the order of docs/architecture.md
    job: Job,
    project: Project,
    period: Period,
    due: datetime,
    store: ArtifactStore,
    render_name: Callable[[str], str],
    progress: Progress = lambda _step: None,
    *,
    render_personal: Name | None = None,
    render_document: "Document | None" = None,
    voice: "Voicing | None" = None,
    admit: Callable[[Mapping[str, pd.DataFrame]], None] = lambda _datasets: None,
) -> Report:
    """Loads the job's datasets in order, then draws its charts and writes its files into `store`: of a job
    that mails slices (`each`), as they are asked for.

    `due` is zone-aware. `render_name` turns a file name's template into text; `render_personal` does so with
    the recipient's row, where names depend on it, `render_document` the page of a PDF or HTML export; `voice` gives
    what a workbook says to its reader. `admit` is shown the datasets before anything is made of them, and stops it by
    raising. Nothing here asks the clock: the same arguments and data
    give the same artifacts. Raises SourceError, ChartError, ExportError (each names the dataset, chart or
    file), MissingExtraError, and what rendering a name raises.
    """
    facts = Facts(project.root, job.timezone, due, period, job.params, job.memory, job.timeout.total_seconds())
    urls = {name: url.get_secret_value() for name, url in project.sources.items()}
    datasets: dict[str, pd.DataFrame] = {}
    inputs: dict[str, InputFile] = {}
    for name, source in job.data.items():
        progress(f"data {name}")
        loaded = load_dataset(name, source, facts, datasets, urls)
        check_described(job, project, name, loaded.frame)
        datasets[name] = loaded.frame
        inputs |= {found.path: found for found in loaded.inputs}
    admit({name: own(frame) for name, frame in datasets.items()})

    def shared(template: str, _row: Row | None) -> str:
        return render_name(template)

    def undrawn(number: int, _report: Report) -> str:
        raise ExportError(f"jobs.{job.name}.exports.{number}: this build renders no documents")

    def plain(number: int, _report: Report) -> Voice:
        return Voice(job.exports[number].note or "", job.params)

    render = render_personal or shared
    maker = _Maker(job, facts, store, render, progress, render_document or undrawn, voice or plain)
    report = Report(datasets, tuple(inputs.values()), maker)
    if job.audience.each is None:
        report.charts, report.files  # noqa: B018 - a shared message needs all of it, and progress tells it now
    return report
