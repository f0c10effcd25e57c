"""Rules of datasets, charts and exports: what they use must be there, and files stay inside the project."""

import re
from pathlib import Path

from pipeline.jobs.fetching import check_fetching
from pipeline.jobs.names import did_you_mean
from pipeline.jobs.paths import check_inside
from pipeline.jobs.tree import Findings, Node

_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_NEEDS = {
    "line": ("x", "y"),
    "bar": ("x", "y"),
    "area": ("x", "y"),
    "scatter": ("x", "y"),
    "heat": ("x", "y", "color"),
}


def check_function(text: str) -> None:
    """Raises ValueError unless it looks like `module:function`."""
    if not _FUNCTION.fullmatch(text):
        raise ValueError(f'"{text}" is not a function; write module:function, like reports.delays:ranking')


def check_datasets(job: Node, sources: Node | None, directory: Path, findings: Findings) -> None:
    """Files inside the project, functions well-formed, sources known."""
    for dataset in (job.get("data") or job).mapping.values():
        for key in ("file", "excel", "sql"):
            if path := dataset.get(key):
                findings.check(path, lambda text: check_inside(directory, text))
        if (columns := dataset.get("columns")) is not None and columns.value == []:
            findings.about(columns, "no column; name one, or leave the key out for all")
        if function := dataset.get("python"):
            findings.check(function, check_function)
        source = dataset.get("source")
        known = sources.mapping if sources else {}
        if source is not None and source.text and source.text not in known:
            hint = did_you_mean(source.text, known) or ("" if known else '; write it under "sources"')
            findings.about(source, f'unknown source "{source.text}"{hint}')
        check_fetching(dataset, (job.get("params") or Node({}, job.place)).mapping, findings)
        if dataset.get("file") is not None and str(dataset.mapping["file"].text).endswith(".sql"):
            findings.about(dataset.mapping["file"], "SQL needs a source; write {sql: …, source: …}")


def check_charts(job: Node, directory: Path, findings: Findings) -> None:
    """Datasets known, columns known where the dataset names its own, axes there."""
    charts = job.get("charts")
    for name, chart in (charts.mapping if charts else {}).items():
        kind = chart.get("kind")
        if charts is not None and name in (job.get("data") or job).mapping:
            findings.about_key(charts, name, f'"{name}" is a dataset already; choose another name')
        if kind is None:
            continue
        _check_drawing(str(kind.text), chart, directory, findings)
        if data := chart.get("data"):
            check_dataset(data, job, findings)
            _check_private(data, job, findings)
            for key in ("x", "y", "color"):
                if column := chart.get(key):
                    check_column(column, data.text, job, findings)


def _check_drawing(kind: str, chart: Node, directory: Path, findings: Findings) -> None:
    spec = chart.get("spec")
    if spec is not None:
        findings.check(spec, check_function if kind == "python" else lambda text: check_inside(directory, text))
    missing = [key for key in _NEEDS.get(kind, ()) if key not in chart.mapping]
    for key in missing:
        findings.at(chart.mapping["kind"].place, f'a {kind} chart needs "{key}"', chart.path)


def check_exports(job: Node, findings: Findings) -> None:
    """Datasets known, one in each file but a workbook, what only workbooks have in them alone, no two files of one
    name."""
    seen: set[tuple[str, str]] = set()
    if "data" not in job.mapping:
        return
    for export in (job.get("exports") or job).items:
        kind, data = export.get("kind"), export.get("data")
        if kind is None:
            continue
        _check_password(export, findings)
        if data is None and kind.text not in {"pdf", "html"}:
            continue
        data = kind._replace(value=[]) if data is None else data
        _check_datasets_of(str(kind.text), data, job, findings)
        _check_workbook(str(kind.text), export, job, findings)
        name = export.get("name")
        _check_name(name, findings)
        key = (
            str(kind.text),
            str(name.text) if name else " ".join(str(d.text) for d in data.items if kind.text != "xlsx"),
        )
        if key in seen:
            findings.at(kind.place, 'two files of the same name; give one a "name"', export.path)
        seen.add(key)


def _check_workbook(kind: str, export: Node, job: Node, findings: Findings) -> None:
    for key in ("totals", "cover", "note", "charts"):
        found = export.get(key)
        if kind != "xlsx" and found is not None and found.value is not None and found.value is not False:
            findings.about_key(export, key, f'"{key}" is for xlsx, not for {kind}')
    cover, note, charts = export.get("cover"), export.get("note"), export.get("charts")
    if kind == "xlsx" and note is not None and note.text and cover is not None and cover.value is False:
        findings.about_key(export, "note", 'a note stands on the cover, and there is none: "cover" is false')
    if kind == "xlsx" and charts is not None and charts.value is True and "charts" not in job.mapping:
        findings.about_key(export, "charts", "the job has no charts")


def _check_name(name: Node | None, findings: Findings) -> None:
    text = name.text if name is not None else None
    if name is not None and text and re.search(r"[/\\\x00-\x1f\x7f]", re.sub(r"\{[{%].*?[}%]\}", "", text)):
        findings.about(name, "a file name has no slashes and no control characters")


def _check_datasets_of(kind: str, data: Node, job: Node, findings: Findings) -> None:
    for item in data.items:
        check_dataset(item, job, findings)
        _check_private(item, job, findings)
    if kind not in {"pdf", "html"} and data.value == [] and job.mapping["data"].mapping:
        findings.about(data, "no dataset; name one")
    if kind in {"csv", "parquet", "json"} and len(data.items) > 1:
        findings.about(data, f"{kind} holds one dataset; write an entry for each")


def _check_password(export: Node, findings: Findings) -> None:
    zipped = export.get("zip")
    if "password" in export.mapping and (zipped is None or zipped.value is not True):
        findings.about_key(export, "password", '"password" goes with "zip: true"')


def check_dataset(node: Node, job: Node, findings: Findings) -> None:
    """A dataset that the job has."""
    data = job.get("data")
    if node.text is not None and data is not None and isinstance(data.value, dict) and node.text not in data.value:
        findings.about(node, f'unknown dataset "{node.text}"{did_you_mean(node.text, data.value)}')


def _check_private(node: Node, job: Node, findings: Findings) -> None:
    """What everybody gets must not hold everybody."""
    each = job.get("audience", "each")
    data = each.get("data") if each is not None else None
    if each is None or data is None or not node.text or node.text != data.text:
        return
    if each.get("slice", node.text) is None:
        said = f'"{node.text}" holds all recipients, so nobody gets it whole'
        findings.about(node, f"{said}; name its column under slice, and each gets their own rows")


def check_column(node: Node, dataset: str | None, job: Node, findings: Findings) -> None:
    """A column of a dataset that lists its columns; of others nobody can know before the run."""
    columns = job.get("data", dataset, "columns") if dataset is not None else None
    names = [column.text for column in columns.items if column.text] if columns else []
    if names and node.text is not None and node.text not in names:
        findings.about(node, f'unknown column "{node.text}" of "{dataset}"{did_you_mean(node.text, names)}')
