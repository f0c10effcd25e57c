"""Tables as people read them: which columns, their labels, every cell as text. The HTML and the text body share it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.jobs.cellformat import SIGNED, parse_format
from pipeline.jobs.columnspec import UNSAID, ColumnSpec, Good, ShownColumn, Total, humanised, shown_columns
from pipeline.jobs.names import did_you_mean
from pipeline.message.columns import Cell, column_format, decimals, finite, select, with_index
from pipeline.message.formats import Formats
from pipeline.message.highlights import LONGEST_BAR, Cells, Lit, blocks, lit
from pipeline.message.totals import labelled, total_of

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Specs = Mapping[str, ColumnSpec]
LONGEST_WORD = 12
"""Characters that a phone keeps together: a third of 320 px, which leaves room for numbers beside it."""
_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    """What stands above it, its unit included."""
    numeric: bool
    """Never broken over lines."""
    long: bool = False
    """Has a word, in its label or a cell, that may be broken where the screen is narrow."""
    align: str = "left"
    unit: str = ""
    good: Good = "up"
    difference: bool = False
    """Is the difference of the column before it to another one."""
    highlight: str = ""
    """limit, heat, bar or delta, as `highlights.Lit` has it; empty where nothing stands out."""

    @property
    def bare(self) -> str:
        """The label without the unit."""
        return self.label.removesuffix(f" ({self.unit})") if self.unit else self.label


@dataclass(frozen=True, slots=True)
class Look:
    """A way that cells of a column look; the first of each column is the plain one."""

    column: int
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What a table component shows: `rows` are cells as text, one for each column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    """Rows that the data has."""
    note: str = ""
    """Says honestly what is left out; empty where nothing is."""
    looks: tuple[Look, ...] = ()
    looks_of: tuple[tuple[int, ...], ...] = ()
    """For each cell of each row, its place among the looks."""
    totals: tuple[str, ...] = ()
    """The row under it, where it has one."""
    legend: str = ""
    """What the marks in it mean."""

    @property
    def text_rows(self) -> tuple[tuple[str, ...], ...]:
        """The rows for a text, that of the totals included: bars are drawn with characters."""
        rows = (*self.rows, self.totals) if self.totals else self.rows
        barred = [position for position, column in enumerate(self.columns) if column.highlight == "bar"]
        return tuple(map(self._barred, rows, (*self.looks_of, ()), [barred] * len(rows))) if barred else rows

    @property
    def view(self) -> dict[str, Any]:
        """What templates see: plain dicts, which they read ten times as fast as objects. `cells` has of each row the
        pairs of a look's place and a text."""
        return {
            "made": self,
            "columns": [
                {"label": c.bare, "unit": c.unit, "numeric": c.numeric, "long": c.long, "align": c.align}
                for c in self.columns
            ],
            "looks": [
                {"column": look.column, "tone": look.tone, "kind": self.columns[look.column].highlight}
                for look in self.looks
            ],
            "rows": self.rows,
            "cells": [tuple(zip(looks, row, strict=True)) for looks, row in zip(self.looks_of, self.rows, strict=True)],
            "barred": any(column.highlight == "bar" for column in self.columns),
            "totals": self.totals,
            "legend": self.legend,
            "note": self.note,
        }

    def _barred(self, row: Sequence[str], looks: Sequence[int], barred: Sequence[int]) -> tuple[str, ...]:
        cells = list(row)
        for position in barred:
            tone = self.looks[looks[position]].tone if looks else ""
            cells[position] += f" {blocks(int(tone or 0)):{LONGEST_BAR}}"
        return tuple(cells)


def make_table(
    formats: Formats,
    frame: "DataFrame",
    *,
    columns: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    cell_formats: Mapping[str, str] | None = None,
    limit: int,
    attachment: str = "",
    specs: Specs = _NOTHING,
    params: Mapping[str, Any] = _NOTHING,
    marked: bool = True,
) -> Table:
    """The first `limit` rows of a frame. `attachment` is the file that has them all; `specs` is what the job says of
    its columns, which labels, formats and `columns` overrule; `params` are what limits may name.

    Raises ValueError for a column that the frame does not have (with the near miss) and for an unknown
    format.
    """
    whole = with_index(frame)
    frame = select(whole, columns)
    specs = _overruled(specs, frame, labels or {}, cell_formats or {})
    made = []
    for name, own in frame.items():  # `iloc` takes twice as long for a column
        for column in shown_columns([str(name)], specs, even=columns is not None):
            series = own if column.minus is None else _difference(own, whole, column)
            head = series if len(series) <= limit else series.head(limit)
            made.append(_column(formats, column, series, head, params if marked else None))
    rows = min(len(frame), limit)
    return _table(made, len(frame), rows, left_out(formats, len(frame), rows, attachment))


def left_out(formats: Formats, total: int, shown: int, attachment: str) -> str:
    """`… and 1,204 more rows; the whole table is in the attachment delays.xlsx`, or nothing."""
    more = total - shown
    if not more:
        return ""
    where = f"; the whole table is in the attachment {attachment}" if attachment else ""
    return f"… and {formats.number(more)} more {'row' if more == 1 else 'rows'}{where}"


def has_long_word(texts: Sequence[str]) -> bool:
    """Whether one word is so long that it would push a table over the edge of a phone."""
    return any(len(word) > LONGEST_WORD for text in texts if len(text) > LONGEST_WORD for word in text.split())


def rows_that_fit(columns: int, tables: int) -> int:
    """A row cap that keeps a mail of so many tables under Gmail's 102 kB; at most 25, at least 5.

    A cell costs about 130 octets of HTML, the layout and charts about 12 kB.
    """
    return max(5, min(25, 75_000 // (130 * max(1, columns) * max(1, tables))))


# --- one column ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Made:
    """A column with its cells, before it is part of a table."""

    column: Column
    lit: Lit
    total: Total | None
    total_text: str


def _column(
    formats: Formats, shown: ShownColumn, series: "Series[Any]", head: "Series[Any]", params: Mapping[str, Any] | None
) -> _Made:
    """Without `params` nothing is highlighted."""
    spec = shown.spec
    wanted = spec.format
    if wanted is None and spec.highlight is not None and spec.highlight.delta is True:
        wanted = SIGNED
    read, numeric = column_format(formats, series, shown.name, wanted)
    values = head.tolist()
    label = spec.label or humanised(shown.name)
    found = None
    if params is not None and spec.highlight is not None:
        plain = wanted is None or wanted.kind in {"number", "delta"}
        limit = formats.number if plain else read  # above 30, where the column has 30.0
        found = lit(spec, Cells(label, values, read, limit, lambda: _numbers(series, label)), params)
    if found is None:
        found = Lit("", [read(value) for value in values], [])
    heading = spec.heading(label)
    column = Column(
        heading,
        numeric,
        has_long_word([heading] if numeric else [heading, *found.texts]),
        spec.align or ("right" if numeric else "left"),
        spec.unit or "",
        spec.good or "up",
        shown.minus is not None,
        found.kind,
    )
    total = "" if spec.total is None else _total(formats, spec, series, label, read)
    return _Made(column, found, spec.total, total)


def _total(formats: Formats, spec: ColumnSpec, series: "Series[Any]", label: str, read: Cell) -> str:
    if spec.total is None:
        return ""
    value = total_of(series, spec.total, label)
    kind = series.dtype.kind
    if spec.total == "count" or kind == "b":
        return formats.number(value)
    if spec.total == "mean" and spec.format is None and kind in "iuf":
        return formats.number(value, max(1, decimals(series)))
    return read(value)


def _numbers(series: "Series[Any]", label: str) -> Any:
    try:
        return finite(series)
    except (TypeError, ValueError):
        raise ValueError(f'columns: the highlight of "{label}" needs numbers') from None


def _difference(series: "Series[Any]", whole: "DataFrame", shown: ShownColumn) -> "Series[Any]":
    if shown.minus not in whole.columns:
        near = did_you_mean(str(shown.minus), map(str, whole.columns))
        raise ValueError(f'columns: "{shown.name}" is compared with "{shown.minus}", which is no column here{near}')
    other = whole[shown.minus]
    by_dtype = series.dtype.kind in "iuf" and other.dtype.kind in "iuf"
    if not by_dtype and (series.isna().all() or other.isna().all()):  # no values, and no dtype that says anything
        return series.isna().astype("float64").where(series.isna() & series.notna())
    try:
        return series - other
    except TypeError:
        raise ValueError(f'columns: "{shown.name}" less "{shown.minus}" needs numbers of one kind in both') from None


# --- all columns --------------------------------------------------------------------------------------------


def _overruled(
    specs: Specs, frame: "DataFrame", labels: Mapping[str, str], cell_formats: Mapping[str, str]
) -> dict[str, ColumnSpec]:
    """The specifications with what a template says otherwise: it wins, the unit being part of the label."""
    found = dict(specs)
    for mapping, what in ((labels, "labels"), (cell_formats, "formats")):
        for name in mapping:
            if name not in frame.columns:
                raise ValueError(
                    f'table: {what} names the column "{name}"{did_you_mean(name, map(str, frame.columns))}'
                )
    for name, label in labels.items():
        found[str(name)] = found.get(str(name), UNSAID).model_copy(update={"label": label, "unit": None})
    for name, text in cell_formats.items():
        try:
            wanted = parse_format(text)
        except ValueError as error:
            raise ValueError(f"table: {error}") from None
        found[str(name)] = found.get(str(name), UNSAID).model_copy(update={"format": wanted})
    return found


def _table(made: Sequence[_Made], total: int, rows: int, note: str) -> Table:
    looks: list[Look] = []
    places: list[list[int]] = []
    for position, one in enumerate(made):
        own: dict[str, int] = {}
        for tone in ("", *one.lit.tones):
            if tone not in own:
                own[tone] = len(looks)
                looks.append(Look(position, tone))
        places.append([own[tone] for tone in one.lit.tones] or [own[""]] * rows)
    return Table(
        columns=tuple(one.column for one in made),
        rows=tuple(zip(*(one.lit.texts for one in made), strict=True)),
        total=total,
        note=note,
        looks=tuple(looks),
        looks_of=tuple(zip(*places, strict=True)),
        totals=labelled([one.total_text for one in made], [one.total for one in made]) if total else (),
        legend="; ".join(one.lit.legend for one in made if one.lit.legend),
    )
