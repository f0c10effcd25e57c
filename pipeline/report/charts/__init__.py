"""Pictures built from datasets: each kind gives a PNG, a title and an alt text."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pandas as pd

from pipeline.errors import ChartError, ReportError
from pipeline.jobs.model import Chart
from pipeline.report import functions
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.charts import alt, png, theme, vega
from pipeline.report.charts.fields import Fields, fields, nothing_in, rows, words
from pipeline.report.charts.marks import MARKS
from pipeline.report.model import ChartImage, Datasets, Facts


def uses(chart: Chart, facts: Facts, datasets: Datasets) -> frozenset[str]:
    """The datasets that the picture depends on."""
    if chart.kind != "python":
        return frozenset((chart.data,) if chart.data else ())
    function = functions.load(facts.root, chart.spec or "", ChartError)
    return frozenset(functions.wanted(function)) & datasets.keys()


def draw(name: str, chart: Chart, datasets: Datasets, facts: Facts, store: ArtifactStore) -> ChartImage:
    """Raises ChartError, whose message begins with the chart's name, and MissingExtraError."""
    where = f'chart "{name}"'
    try:
        data, title, text = _draw(where, name, chart, datasets, facts)
        width, height = png.size(data)
    except ValueError as error:
        raise ChartError(f"{where}: {error}") from error
    except ReportError as error:
        text = str(error)
        raise ChartError(text if text.startswith(where) else f"{where}: {text}") from error.__cause__
    artifact = store.put(data, "image/png")
    half = (round(width / vega.SCALE), round(height / vega.SCALE))
    return ChartImage(name, artifact, title, text, *half)


def _draw(where: str, name: str, chart: Chart, datasets: Datasets, facts: Facts) -> tuple[bytes, str, str]:
    """PNG, title, alt text."""
    frame = datasets[chart.data] if chart.data else None
    title = chart.title or words(name).capitalize()
    if chart.kind == "python":
        return _python(where, chart, datasets, facts), title, chart.alt or title
    if chart.kind == "vega":
        spec = vega.from_file(chart.spec or "", frame, facts, where)
        return vega.draw(spec, where), title, chart.alt or title
    if frame is None:
        raise ChartError(f"{where}: names no dataset")
    return _from_table(where, chart, frame)


def _from_table(where: str, chart: Chart, frame: pd.DataFrame) -> tuple[bytes, str, str]:
    needed = ("x", "y", "color") if chart.kind == "heat" else ("x", "y")
    for channel in needed:
        if getattr(chart, channel) is None:
            raise ChartError(f'{where}: a {chart.kind} chart needs "{channel}", the name of a column')
    found = fields(frame, {"x": chart.x, "y": chart.y, "color": chart.color}, where)
    if nothing_in(found):
        title = chart.title or alt.title(chart.kind, found)
        return vega.draw(_empty(title), where), title, f"{chart.alt or title}: no data"
    if chart.kind != "heat" and found["y"].measure != "quantitative":
        raise ChartError(f'{where}: y must be a column of numbers, "{chart.y}" holds {found["y"].kind}')
    title = chart.title or alt.title(chart.kind, found)
    # A title of the job's own may not say what the numbers are.
    told = all(word in title.lower() for word in found["y"].title.lower().split())
    subtitle = found["y"].label if chart.kind in {"line", "bar", "area"} and not told else ""
    spec = MARKS[chart.kind](found, where)
    return (
        vega.draw(_finished(spec, found, title, subtitle), where),
        title,
        chart.alt or alt.describe(chart.kind, title, found),
    )


def _empty(title: str) -> dict[str, Any]:
    """A card that says so: a quiet day must not keep the rest of a report from its readers."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": theme.WIDTH,
        "height": theme.EMPTY_HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "title": {"text": title},
        "data": {"values": [{"text": "No data"}]},
        "mark": {"type": "text", "color": theme.MUTED, "fontSize": 13},
        "encoding": {"text": {"field": "text", "type": "nominal"}},
    }


def _finished(spec: Mapping[str, Any], found: Fields, title: str, subtitle: str) -> dict[str, Any]:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": theme.WIDTH,
        "height": theme.HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "title": {"text": title, "subtitle": subtitle},
        "data": {"values": rows(found)},
        **spec,
    }


def _python(where: str, chart: Chart, datasets: Datasets, facts: Facts) -> bytes:
    """PNG bytes, or a matplotlib Figure, which is saved at twice its size."""
    function = functions.load(facts.root, chart.spec or "", ChartError)
    offer = {**datasets, "period": facts.period, "params": dict(facts.params), "due": facts.due}
    found = functions.call(function, offer, root=facts.root, where=chart.spec or "", fail=ChartError)
    if isinstance(found, bytes):
        return found
    if hasattr(found, "savefig"):
        buffer = BytesIO()
        found.savefig(buffer, format="png", dpi=96 * vega.SCALE, facecolor="white")
        return buffer.getvalue()
    raise ChartError(f"{where}: {chart.spec} must return PNG bytes or a matplotlib Figure, not {type(found).__name__}")
