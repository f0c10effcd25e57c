"""The columns of a chart, checked and made plain: what Vega-Lite may know of a dataset, under safe names.

Columns become the fields `x`, `y` and `color`, so that no character of a column's name can mean anything to
Vega-Lite; the names themselves appear as titles.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import pandas as pd

from pipeline.errors import ChartError
from pipeline.report.kinds import Kind, only_midnights, plain, scalars
from pipeline.report.project import near_miss

MOST_ROWS = 5_000
"""More points than pixels: a picture of 544 px shows nothing more."""
MOST_SERIES = 16

Measure = Literal["temporal", "quantitative", "nominal"]
_MEASURES: Mapping[Kind, Measure] = {
    Kind.INTEGER: "quantitative",
    Kind.NUMBER: "quantitative",
    Kind.DECIMAL: "quantitative",
    Kind.BOOLEAN: "nominal",
    Kind.TEXT: "nominal",
    Kind.DATE: "temporal",
    Kind.DATETIME: "temporal",
    Kind.ZONED: "temporal",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its values are float | str | datetime (wall clock, said to be UTC), None where missing."""

    column: str
    measure: Measure
    kind: Kind
    values: tuple[Any, ...]
    dates: bool = False
    """Times that are meant as dates."""

    @property
    def title(self) -> str:
        return words(self.column)

    @property
    def label(self) -> str:
        """The title at the beginning of a line."""
        return self.title[:1].upper() + self.title[1:]

    def show(self, value: Any) -> str:
        """A value as a sentence says it."""
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d}" if self.dates else f"{value:%Y-%m-%d %H:%M}"
        if isinstance(value, float):
            return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.3g}"
        return str(value)


Fields = Mapping[str, Field]


def words(column: str) -> str:
    """`mean_delay` → `mean delay`."""
    return column.replace("_", " ").strip() or column


def fields(frame: pd.DataFrame, channels: Mapping[str, str | None], where: str) -> Fields:
    """The channels that have a column. Raises ChartError for one that is not there, that holds what cannot
    be drawn, and for more than MOST_ROWS rows. Without any row nobody can say what a column holds: they are
    fields without values."""
    if len(frame) > MOST_ROWS:
        raise ChartError(
            f"{where}: {len(frame):,} rows are more than a picture can show ({MOST_ROWS:,}); "
            "aggregate them in a dataset of its own"
        )
    return {channel: _field(frame, name, where) for channel, name in channels.items() if name is not None}


def _field(frame: pd.DataFrame, name: str, where: str) -> Field:
    if name not in frame.columns:
        known = [str(column) for column in frame.columns]
        raise ChartError(f'{where}: no column "{name}"{near_miss(name, known)}; there is {", ".join(known)}')
    if frame.empty:
        return Field(name, "nominal", Kind.TEXT, ())
    try:
        column, kind = plain(frame[name])
    except ValueError as error:
        raise ChartError(f'{where}: column "{name}" holds {error}, which cannot be drawn') from error
    measure = _MEASURES.get(kind)
    if measure is None:
        raise ChartError(f'{where}: column "{name}" holds {kind}, which cannot be drawn; make numbers or text of it')
    values = tuple(None if value is None else _PLAIN[measure](value) for value in scalars(column, kind))
    dates = kind is Kind.DATE or (kind is Kind.DATETIME and only_midnights(column))
    return Field(name, measure, kind, values, dates)


def nothing_in(found: Fields) -> bool:
    """Whether there is nothing to draw: no row, or no row with a value for each channel but a series' name."""
    told = [field.values for channel, field in found.items() if channel != "color" or field.measure == "quantitative"]
    return all(None in row for row in zip(*told, strict=True))


def _number(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _moment(value: date) -> datetime:
    """Local time as it stands, called UTC: charts are drawn in UTC, so that the machine's own zone cannot
    move it."""
    if isinstance(value, datetime):
        return pd.Timestamp(value).to_pydatetime(warn=False).replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC)


_PLAIN: Mapping[Measure, Any] = {"quantitative": _number, "temporal": _moment, "nominal": str}


def rows(found: Fields) -> list[dict[str, Any]]:
    """Vega-Lite's inline data."""
    names = list(found)
    values = zip(*(field.values for field in found.values()), strict=True)
    return [{n: _json(v) for n, v in zip(names, row, strict=True)} for row in values]


def _json(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z" if isinstance(value, datetime) else value


def refuse_twins(found: Fields, where: str) -> None:
    """Raises ChartError where two rows want the same place: a line would zigzag, bars would add up unseen."""
    keys = [name for name in found if name != "y" or "value" in found]
    keys = [name for name in keys if name != "value"]
    seen: set[tuple[Any, ...]] = set()
    for key in zip(*(found[name].values for name in keys), strict=True):
        if key in seen:
            place = ", ".join(
                f"{found[n].column} {found[n].show(v)}" for n, v in zip(keys, key, strict=True) if v is not None
            )
            raise ChartError(f"{where}: several rows have {place}; aggregate them to one, or tell them apart by color")
        seen.add(key)
