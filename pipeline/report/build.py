"""A job and a due time → datasets, charts and files; and the same for the rows that one recipient may see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from pipeline.jobs.model import Job, Project
from pipeline.report import charts, exports
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.exports.names import refuse_twins
from pipeline.report.model import ChartImage, Datasets, ExportFile, Facts, InputFile, PeriodLike, Progress
from pipeline.report.slices import Key, Slicer, key_of
from pipeline.report.sources import load_dataset, own


@dataclass(frozen=True, eq=False)
class Report:
    """What one message is made from. Datasets are the recipient's own copies: changes do not reach other
    readers."""

    charts: dict[str, ChartImage]
    files: tuple[ExportFile, ...]
    inputs: tuple[InputFile, ...]
    """The project's files that made it, each once; files that a DuckDB query reads by itself are not among
    them."""
    frames: Mapping[str, pd.DataFrame]
    """The frames themselves, for looking only; `datasets` is what may be handed out."""
    maker: "_Maker"

    @property
    def datasets(self) -> dict[str, pd.DataFrame]:
        """A new view at each call; free until somebody changes it (pandas 3 copies on write)."""
        return {name: own(frame) for name, frame in self.frames.items()}

    def sliced(self, row: Mapping[str, Any], slices: Mapping[str, str]) -> "Report":
        """The report of one recipient: of each dataset in `slices` the rows whose column equals the row's
        value of the same name, and charts and files of those. The same object for equal slices, built once.

        Raises SourceError for a dataset or column that is not there, and for a row without a value;
        ChartError and ExportError as the whole report does.
        """
        return self.maker.sliced(self, key_of(row, slices, self.frames)) if slices else self


@dataclass(frozen=True)
class _Maker:
    """What is needed to draw and write again for other rows."""

    job: Job
    facts: Facts
    store: ArtifactStore
    render_name: Callable[[str], str]
    progress: Progress
    slicer: Slicer = field(default_factory=Slicer)
    made: dict[Key, Report] = field(default_factory=dict)
    """Slices of one column have no row in common, so all together are at most one more copy of the
    dataset."""

    def whole(self, datasets: dict[str, pd.DataFrame], inputs: tuple[InputFile, ...]) -> Report:
        return Report(
            self._charts(datasets, {}, set(datasets)), self._files(datasets, ()), inputs, datasets, self
        )

    def sliced(self, whole: Report, key: Key) -> Report:
        if key not in self.made:
            cut = {
                name: self.slicer.cut(name, whole.frames[name], column, value) for name, column, value in key
            }
            datasets = {**whole.frames, **cut}
            drawn = self._charts(datasets, whole.charts, set(cut))
            files = self._files(datasets, whole.files, set(cut))
            self.made[key] = Report(drawn, files, whole.inputs, datasets, self)
        return self.made[key]

    def _charts(
        self, datasets: Datasets, before: Mapping[str, ChartImage], changed: set[str]
    ) -> dict[str, ChartImage]:
        """Those that depend on what changed are drawn; the others stay as they were."""
        drawn = {}
        for name, chart in self.job.charts.items():
            if name in before and not charts.uses(chart, self.facts, datasets) & changed:
                drawn[name] = before[name]
            else:
                self.progress(f"chart {name}")
                mine = {dataset: own(frame) for dataset, frame in datasets.items()}
                drawn[name] = charts.draw(name, chart, mine, self.facts, self.store)
        return drawn

    def _files(
        self, datasets: Datasets, before: tuple[ExportFile, ...], changed: set[str] | None = None
    ) -> tuple[ExportFile, ...]:
        if before and changed is not None:
            return tuple(
                self._file(export, datasets, old.filename) if changed & set(export.data) else old
                for export, old in zip(self.job.exports, before, strict=True)
            )
        names = [exports.filename(export, self.job.name, self.render_name) for export in self.job.exports]
        refuse_twins(names)
        return tuple(
            self._file(export, datasets, name) for export, name in zip(self.job.exports, names, strict=True)
        )

    def _file(self, export: Any, datasets: Datasets, name: str) -> ExportFile:
        self.progress(f"file {name}")
        return exports.build(export, datasets, name, self.store)


def build_report(  # noqa: PLR0917 - the order of docs/architecture.md
    job: Job,
    project: Project,
    period: PeriodLike,
    due: datetime,
    store: ArtifactStore,
    render_name: Callable[[str], str],
    progress: Progress = lambda _step: None,
) -> Report:
    """Loads the job's datasets in order, then draws its charts and writes its files into `store`.

    `due` is zone-aware. `render_name` turns a file name's template into text. Nothing here asks the clock:
    the same arguments and data give the same artifacts. Raises SourceError, ChartError, ExportError (each
    names the dataset, chart or file), MissingExtraError, and what `render_name` raises.
    """
    facts = Facts(project.root, job.timezone, due, period, job.params, job.memory)
    urls = {name: url.get_secret_value() for name, url in project.sources.items()}
    datasets: dict[str, pd.DataFrame] = {}
    inputs: dict[str, InputFile] = {}
    for name, source in job.data.items():
        progress(f"data {name}")
        loaded = load_dataset(name, source, facts, datasets, urls)
        datasets[name] = loaded.frame
        inputs |= {found.path: found for found in loaded.inputs}
    return _Maker(job, facts, store, render_name, progress).whole(datasets, tuple(inputs.values()))
