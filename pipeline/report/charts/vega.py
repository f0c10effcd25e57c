"""Vega-Lite specifications → PNG at twice the size, with no way to the network or to files."""

import json
from typing import Any

import pandas as pd

from pipeline.errors import ChartError
from pipeline.report import project
from pipeline.report.charts import theme
from pipeline.report.charts.fields import MOST_ROWS
from pipeline.report.exports.columns import taken_apart
from pipeline.report.extras import need
from pipeline.report.kinds import scalars
from pipeline.report.model import Facts

SCALE = 2
_NOWHERE = "https://invalid.invalid/"
"""What vl-convert may fetch data from (an empty list would mean anything). It heeds that for data over HTTP
alone, not for pictures and files: the lock is `_reference`, and this is the chain on the door."""


def draw(spec: dict[str, Any], where: str) -> bytes:
    """Raises ChartError for a specification that Vega-Lite does not take, or that wants something from
    elsewhere."""
    converter = need("vl_convert", "drawing charts", "charts")
    url = _reference(spec)
    if url is not None:
        raise ChartError(f"{where}: it refers to {url}; data comes from the job's datasets, and pictures not at all")
    try:
        png = converter.vegalite_to_png(spec, scale=SCALE, config=theme.config(), allowed_base_urls=[_NOWHERE])
    except ValueError as error:
        raise ChartError(f"{where}: Vega-Lite cannot draw it: {_first_line(error)}") from error
    return bytes(png)


def from_file(file: str, frame: pd.DataFrame | None, facts: Facts, where: str) -> dict[str, Any]:
    """The project's specification with the dataset as its data, times as local ISO text, and our width by
    default."""
    path = project.find(facts.root, file)
    try:
        spec = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ChartError(f"{where}: {file} is not JSON: {error}") from error
    if not isinstance(spec, dict):
        raise ChartError(f"{where}: {file} must hold one Vega-Lite specification, an object")
    spec.setdefault("autosize", {"type": "fit-x", "contains": "padding"})
    if not {"facet", "repeat", "hconcat", "vconcat", "concat"} & spec.keys():
        spec.setdefault("width", theme.WIDTH)
    return spec if frame is None else {**spec, "data": {"values": _records(frame, where)}}


def _records(frame: pd.DataFrame, where: str) -> list[dict[str, Any]]:
    if len(frame) > MOST_ROWS:
        raise ChartError(f"{where}: {len(frame):,} rows are too many for a picture ({MOST_ROWS:,}); aggregate them")
    columns = taken_apart("the dataset", frame)
    values = [[_json(value) for value in scalars(column.values, column.kind)] for column in columns]
    return [dict(zip([c.name for c in columns], row, strict=True)) for row in zip(*values, strict=True)]


def _json(value: Any) -> Any:
    """Numbers, truth values and text as they are; times as local time without a zone; durations in
    seconds."""
    if isinstance(value, pd.Timestamp):
        return value.tz_localize(None).isoformat()
    if isinstance(value, pd.Timedelta):
        return value.total_seconds()
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return None
    return value if isinstance(value, int | float | str | None) else str(value)


def _reference(part: Any) -> str | None:
    """The first `url` or `href` anywhere in the specification but in its data: Vega-Lite has no other way to
    name what is elsewhere, and a computed address needs one of the two keys as well."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in {"url", "href"}:
                return json.dumps(value)[:100]
            found = None if key == "values" else _reference(value)
            if found:
                return found
    if isinstance(part, list):
        return next((found for found in map(_reference, part) if found), None)
    return None


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")[:300]
