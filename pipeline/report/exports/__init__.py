"""Files built from datasets: one small file a kind, and this table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ExportError, ReportError
from pipeline.jobs.model import Export
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.exports import as_csv, as_json, as_parquet, as_xlsx, names, zipped
from pipeline.report.model import Datasets, ExportFile


@dataclass(frozen=True, slots=True)
class _Format:
    ending: str
    media_type: str
    write: Callable[[Datasets, Path, bool], None]
    """Writes the datasets to the path; the flag is the export's `totals`."""


_FORMATS: Mapping[str, _Format] = {
    "csv": _Format(".csv", "text/csv; charset=utf-8", as_csv.write),
    "json": _Format(".json", "application/json", as_json.write),
    "parquet": _Format(".parquet", "application/vnd.apache.parquet", as_parquet.write),
    "xlsx": _Format(".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx.write),
}


def filename(export: Export, job: str, render_name: Callable[[str], str]) -> str:
    """What the file is called in the mail: its name template, else the dataset, or the job for a workbook.

    Raises ExportError where nothing is left of the name; what `render_name` raises passes through.
    """
    default = job if export.kind == "xlsx" else export.data[0]
    given = default if export.name is None else render_name(export.name)
    return names.finished(given, _FORMATS[export.kind].ending, zip_it=export.zip)


def build(export: Export, datasets: Datasets, name: str, store: ArtifactStore) -> ExportFile:
    """One file, stored. The same data gives the same bytes. Raises ExportError, which names file and
    column."""
    kind = _FORMATS[export.kind]
    chosen = {dataset: datasets[dataset] for dataset in export.data}
    rows = sum(len(frame) for frame in chosen.values())
    try:
        with store.temp() as path:
            kind.write(chosen, path, export.totals)
            if not export.zip:
                return ExportFile(store.put_file(path, kind.media_type), name, rows)
            with store.temp() as archive:
                zipped.write(path, archive, name.removesuffix(".zip"))
                return ExportFile(store.put_file(archive, "application/zip"), name, rows)
    except ExportError as error:
        raise ExportError(f"{name}: {error}") from error.__cause__
    except UnicodeEncodeError as error:
        raise ExportError(
            f"{name}: a text holds half a surrogate pair (at {error.start}), which no file can"
        ) from error
    except OSError as error:
        raise ReportError(f"{name}: cannot be written: {error.strerror or error}") from error
