"""The five kinds of charts as small Vega-Lite specifications."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from pipeline.errors import ChartError
from pipeline.report.charts import theme
from pipeline.report.charts.fields import MOST_SERIES, Field, Fields, refuse_twins

Spec = dict[str, Any]
_LABEL = 6.2
"""Mean width of a character of an axis label in px."""
_PLOT = theme.WIDTH - 90
"""Width of the plot itself, about."""


def line(found: Fields, where: str) -> Spec:
    refuse_twins(found, where)
    dots = len(found["x"].values) <= 31
    mark: Spec = {"type": "line", "point": {"size": 26, "filled": True} if dots else False}
    encoding = {"x": _x(found["x"]), "y": _value(found["y"], zero=False), **_series(found, where)}
    if "color" in encoding:
        encoding["color"]["legend"] = {"symbolType": "stroke", "symbolStrokeWidth": 2.5, "symbolSize": 180}
    if "color" in found and len(set(found["color"].values)) > len(theme.PALETTE):
        encoding["strokeDash"] = {**_dashes(found["color"])}
    return {"mark": mark, "encoding": encoding}


def area(found: Fields, where: str) -> Spec:
    refuse_twins(found, where)
    encoding = {"x": _x(found["x"]), "y": _value(found["y"], zero=True), **_series(found, where)}
    if "color" in found:
        return {"mark": {"type": "area"}, "encoding": encoding}
    edge = {"color": theme.PALETTE[0], "strokeWidth": 2.25}
    return {"mark": {"type": "area", "line": edge, "opacity": 0.18}, "encoding": encoding}


def bar(found: Fields, where: str) -> Spec:
    """Vertical bars; lying ones where the labels would not fit side by side."""
    refuse_twins(found, where)
    x, y, series = found["x"], found["y"], _series(found, where)
    if x.measure == "temporal":
        return _time_bars(x, found.get("color")) | {"encoding": {"x": _time_x(x), "y": _value(y, zero=True), **series}}
    negative = any(value is not None and value < 0 for value in y.values)
    names = list(dict.fromkeys(x.show(value) for value in x.values))
    along = {"field": "x", "type": "ordinal", "title": x.label, "sort": _order(x), "axis": {"grid": False}}
    along["scale"] = {"paddingInner": 0.3, "paddingOuter": 0.2}
    lying = x.measure == "nominal" and max(map(len, names)) * _LABEL > _PLOT / len(names) - 4
    if not lying:
        labels = len(names) <= 14 and not series
        return _labelled(
            {"x": along, "y": _value(y, zero=True), **series, **_side_by_side(series, "xOffset")},
            dy=-7,
            on=labels and not negative,
        )
    bars = len(_distinct(found["color"])) if series else 1
    size = {"height": max(160, max(24, 11 * bars + 8) * len(names) + 60)}
    along["axis"] = {"grid": False, "domain": False, "title": None}
    across = {**_value(y, zero=True), "axis": {"grid": True, "domain": False, "tickCount": 5}}
    return (
        _labelled(
            {"x": across, "y": along, **series, **_side_by_side(series, "yOffset")},
            dx=6,
            on=not series and not negative,
        )
        | size
    )


def scatter(found: Fields, where: str) -> Spec:
    encoding = {"x": _x(found["x"]), "y": _value(found["y"], zero=False), **_series(found, where)}
    if found["x"].measure == "quantitative":
        encoding["x"]["axis"] = {"grid": True, "tickCount": 6}
    encoding["y"]["title"] = found["y"].label
    return {"mark": {"type": "point"}, "encoding": encoding}


def heat(found: Fields, where: str) -> Spec:
    """`x` and `y` are the sides, `color` the number in the cells."""
    cells: Fields = {"x": found["x"], "y": found["y"], "value": found["color"]}
    refuse_twins(cells, where)
    if found["color"].measure != "quantitative":
        raise ChartError(f'{where}: color must be a column of numbers, "{found["color"].column}" is not')
    bands = {
        side: {"field": side, "type": "ordinal", "title": found[side].label, "sort": _order(found[side])}
        for side in ("x", "y")
    }
    for side, band in bands.items():
        if found[side].measure == "temporal":
            band["axis"] = _time_axis(found[side])
    bands["x"].setdefault("axis", {})
    bands["y"].setdefault("axis", {})
    bands["x"]["axis"] |= {"domain": False, "labelFlush": False}
    color = {
        "field": "color", "type": "quantitative", "title": found["color"].label,
        "scale": {"range": list(theme.HEAT)}, "legend": {"gradientLength": 180, "gradientThickness": 10},
    }  # fmt: skip
    height = max(160, 28 * len(set(found["y"].values)) + 120)
    return {"mark": {"type": "rect"}, "encoding": {**bands, "color": color}, "height": height}


def _x(x: Field) -> Spec:
    channel: Spec = {"field": "x", "type": x.measure, "title": x.label}
    if x.measure == "temporal":
        channel |= {"scale": {"type": "utc"}, "title": None, "axis": _time_axis(x)}
    elif x.measure == "quantitative":
        channel |= {"scale": {"zero": False, "nice": False, "padding": 8}}
        if all(v is None or v == int(v) for v in x.values):
            channel["axis"] = {"tickMinStep": 1}
    else:
        channel |= {"sort": None}
    return channel


def _value(y: Field, *, zero: bool) -> Spec:
    return {"field": "y", "type": y.measure, "title": None, "scale": {"zero": zero, "nice": True}}


def _series(found: Fields, where: str) -> Spec:
    if "color" not in found:
        return {}
    color = found["color"]
    names = _distinct(color)
    if color.measure == "quantitative" and color.kind == "numbers":
        return {"color": {"field": "color", "type": "quantitative", "title": color.label}}
    if len(names) > MOST_SERIES:
        raise ChartError(
            f"{where}: {len(names)} different values of {color.column} are more than colors can tell apart "
            f"({MOST_SERIES}); keep the largest and sum up the rest, or draw a heat chart"
        )
    scale = {"domain": names, "range": [theme.PALETTE[n % len(theme.PALETTE)] for n in range(len(names))]}
    return {"color": {"field": "color", "type": "nominal", "title": None, "scale": scale, "sort": None}}


def _dashes(color: Field) -> Spec:
    """From the ninth series on the colors come again, dashed."""
    names = _distinct(color)
    dashes = [[1, 0] if n < len(theme.PALETTE) else [5, 4] for n in range(len(names))]
    return {"field": "color", "type": "nominal", "title": None, "scale": {"domain": names, "range": dashes}}


def _distinct(field: Field) -> list[Any]:
    return list(dict.fromkeys(value for value in field.values if value is not None))


def _order(field: Field) -> Any:
    """Numbers and times ascend; text stands as the data has it."""
    return "ascending" if field.measure != "nominal" else _distinct(field)


def _side_by_side(series: Spec, side: str) -> Spec:
    """Bars of several series stand beside each other: stacked means or shares would be sums that mean
    nothing."""
    return {side: {"field": "color", "type": "nominal", "sort": None}} if series else {}


def _time_bars(x: Field, color: Field | None) -> Spec:
    """Mark and transform of bars over time: each step has its bars in the middle; gaps stay gaps."""
    step, first, last = _steps(x)
    names = _distinct(color) if color else [""]
    share = 0.78 * step / (last - first + step) / len(names)
    place = f"indexof({json.dumps(names)}, datum.color) - {(len(names) - 1) / 2}" if color else "0"
    moment = f"toDate(datum.x) + ({place}) * {0.78 * step / len(names)}"
    return {
        "mark": {"type": "bar", "width": {"expr": f"clamp(width * {share}, 1, 90)"}},
        "transform": [{"calculate": moment, "as": "x_at"}],
    }


def _time_x(x: Field) -> Spec:
    step, first, last = _steps(x)
    moments = sorted(set(_distinct(x)))
    scale = {"type": "utc", "nice": False, "domain": [first - step / 2, last + step / 2]}
    ticks = [moment.timestamp() * 1000 for moment in moments[:: -(-len(moments) // 8)]]
    axis = {**_time_axis(x), "values": ticks}
    return {"field": "x_at", "type": "temporal", "title": None, "scale": scale, "axis": axis}


def _steps(x: Field) -> tuple[float, float, float]:
    """The shortest step between two moments, the first and the last, in milliseconds (of the epoch)."""
    moments = sorted(set(_distinct(x)))
    step = min((later - earlier for earlier, later in pairwise(moments)), default=timedelta(days=1))
    return step.total_seconds() * 1000, moments[0].timestamp() * 1000, moments[-1].timestamp() * 1000


def _time_axis(x: Field) -> Spec:
    """One way to write a time along the whole axis, in English as the mail's other defaults."""
    return {
        "grid": False,
        "tickCount": 7,
        "labelExpr": f"utcFormat(toDate(datum.value), '{_stamp(_distinct(x))}')",
    }


def _stamp(moments: list[datetime]) -> str:
    """As short as the moments allow: `Jan 2013`, `Jan 5`, `14:00`, `Jan 5 14:00`."""
    span = max(moments) - min(moments) if moments else timedelta(0)
    if all((m.hour, m.minute, m.second) == (0, 0, 0) for m in moments):
        return "%b %Y" if span > timedelta(days=300) else "%b %-d"
    return "%b %-d" if span > timedelta(days=4) else "%H:%M" if span <= timedelta(days=1) else "%b %-d %H:%M"


def _labelled(encoding: Spec, *, on: bool, dx: int = 0, dy: int = 0) -> Spec:
    """Bars with their numbers at the end, where there is room for them."""
    if not on:
        return {"mark": {"type": "bar"}, "encoding": encoding}
    text = {"type": "text", "dx": dx, "dy": dy, "align": "left" if dx else "center", "color": theme.INK}
    number = {"text": {"field": "y", "type": "quantitative", "format": ",.3~g"}}
    return {"layer": [{"mark": {"type": "bar"}}, {"mark": text, "encoding": number}], "encoding": encoding}


MARKS: Mapping[str, Callable[[Fields, str], Spec]] = {
    "line": line,
    "bar": bar,
    "area": area,
    "scatter": scatter,
    "heat": heat,
}
