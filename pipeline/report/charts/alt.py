"""Alt texts that state the finding: what a reader without the picture needs to know from it."""

from typing import Any

from pipeline.report.charts.fields import Field, Fields


def describe(kind: str, title: str, found: Fields) -> str:
    """`Mean delay by hour: highest 43.1 at 21, lowest 5.2 at 5`."""
    if kind == "heat":
        return f"{title}: {_extremes(found['color'], (found['x'], found['y']))}"
    x, y = found["x"], found["y"]
    if kind == "scatter":
        return f"{title}: {len(x.values)} points, {x.title} {_range(x)}, {y.title} {_range(y)}"
    series = (found["color"],) if "color" in found else ()
    many = f", {len(set(series[0].values))} {series[0].title} series" if series else ""
    return f"{title}{many}: {_extremes(y, (x, *series))}"


def title(kind: str, found: Fields) -> str:
    """`Mean delay by hour`, where the job gives none."""
    value, by = (found["color"], found["y"]) if kind == "heat" else (found["y"], None)
    text = f"{value.title} by {found['x'].title}" + (f" and {by.title}" if by else "")
    return text[:1].upper() + text[1:]


def _extremes(value: Field, places: tuple[Field, ...]) -> str:
    points = [n for n, v in enumerate(value.values) if v is not None]

    def at(n: int) -> str:
        where = ", ".join(place.show(place.values[n]) for place in places)
        return f"{value.show(value.values[n])} at {where}"

    highest, lowest = max(points, key=value.values.__getitem__), min(points, key=value.values.__getitem__)
    if value.values[highest] == value.values[lowest]:
        return f"{value.show(value.values[highest])} throughout"
    return f"highest {at(highest)}, lowest {at(lowest)}"


def _range(field: Field) -> str:
    values: list[Any] = [value for value in field.values if value is not None]
    if field.measure == "nominal":
        return f"of {len(set(values))} kinds"
    return f"from {field.show(min(values))} to {field.show(max(values))}"
