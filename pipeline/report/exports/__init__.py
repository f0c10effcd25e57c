"""Files built from datasets: one small file a kind, and this table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.errors import ExportError, ReportError
from pipeline.jobs.model import Export
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.exports import as_csv, as_json, as_parquet, as_pdf, as_xlsx, names, zipped
from pipeline.report.exports.book import Book
from pipeline.report.model import Datasets, ExportFile

DOCUMENTS: Mapping[str, tuple[str, str]] = {
    "pdf": (".pdf", "application/pdf"),
    "html": (".html", "text/html; charset=utf-8"),
}
"""What is rendered from a template, not from datasets: ending and media type."""


@dataclass(frozen=True, slots=True)
class _Format:
    ending: str
    media_type: str
    write: Callable[[Datasets, Path, Book], None]


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
    if export.kind in DOCUMENTS:
        default, ending = export.template or job, DOCUMENTS[export.kind][0]
    else:
        default, ending = job if export.kind == "xlsx" else export.data[0], _FORMATS[export.kind].ending
    given = default.rpartition("/")[2] if export.name is None else render_name(export.name)
    return names.finished(given, ending, zip_it=export.zip)


def build(export: Export, datasets: Datasets, name: str, store: ArtifactStore, book: Book) -> ExportFile:
    """One file, stored; what a workbook shows besides rows is in `book`. The same gives the same bytes. Raises
    ExportError, which names file and column."""
    kind = _FORMATS[export.kind]
    chosen = {dataset: datasets[dataset] for dataset in export.data}
    rows = sum(len(frame) for frame in chosen.values())
    return _stored(
        export, name, store, lambda path: kind.write(chosen, path, book), media_type=kind.media_type, rows=rows
    )


def build_document(export: Export, page: str, name: str, store: ArtifactStore, due: datetime) -> ExportFile:
    """A rendered page as the file that the export asks for, stored. Raises ExportError and MissingExtraError."""

    def write(path: Path) -> None:
        if export.kind == "pdf":
            as_pdf.write(page, path, due)
        else:
            path.write_text(page, encoding="utf-8")

    return _stored(export, name, store, write, media_type=DOCUMENTS[export.kind][1])


def _stored(
    export: Export,
    name: str,
    store: ArtifactStore,
    write: Callable[[Path], None],
    *,
    media_type: str,
    rows: int | None = None,
) -> ExportFile:
    try:
        with store.temp() as path:
            write(path)
            if not export.zip:
                return ExportFile(store.put_file(path, media_type), name, rows)
            with store.temp() as archive:
                inner = name.removesuffix(".zip")
                if export.password is None:
                    zipped.write(path, archive, inner)
                else:
                    zipped.write_encrypted(path, archive, inner, export.password.get_secret_value())
                return ExportFile(store.put_file(archive, "application/zip"), name, rows)
    except ExportError as error:
        raise ExportError(f"{name}: {error}") from error.__cause__
    except UnicodeEncodeError as error:
        raise ExportError(
            f"{name}: a text holds half a surrogate pair (at {error.start}), which no file can"
        ) from error
    except OSError as error:
        raise ReportError(f"{name}: cannot be written: {error.strerror or error}") from error
