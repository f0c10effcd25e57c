"""What a job says of its datasets' columns: one description for tables in mails, their text and workbooks.

Names follow spreadsheets: a heat map is a colour scale, a bar a data bar.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pipeline.jobs.base import Strict, Text
from pipeline.jobs.cellformat import CellFormat, Format
from pipeline.jobs.names import got


def _number_or_param(value: object) -> object:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float | str)):
        raise ValueError(f"expected a number, or the name of a param that is one, {got(value)}")
    return value


def _true_or_column(value: object) -> object:
    if not isinstance(value, bool | str):
        raise ValueError(f"expected true or a column's name, {got(value)}")  # noqa: TRY004 - pydantic's way
    return value


Total = Literal["sum", "mean", "min", "max", "count"]
Good = Literal["up", "down", "none"]
Limit = Annotated[int | float | Text | None, BeforeValidator(_number_or_param)]
"""A number, or the name of a param that is one."""


class Highlight(Strict):
    """What stands out in a column: values beyond a limit, or all of them by a scale, a bar or a sign. One of these."""

    above: Limit = Field(
        default=None,
        description="Values greater than this are marked: a number, or a param's name.",
        examples=[15, "late_after"],
    )
    below: Limit = Field(
        default=None,
        description="Values smaller than this are marked: a number, or a param's name.",
        examples=[0.5],
    )
    heat: bool = Field(
        default=False, description="A colour scale from the lowest value to the highest.", examples=[True]
    )
    bar: bool = Field(
        default=False, description="A data bar, as long as the value against the largest.", examples=[True]
    )
    delta: Annotated[bool | Text, BeforeValidator(_true_or_column)] = Field(
        default=False,
        description="An arrow by the sign. true: the value itself is a difference; a column's name: the value's"
        " difference to that column of the same row, like that of the previous period, stands beside it.",
        examples=[True, "usual_delay"],
    )

    @property
    def against(self) -> str | None:
        """The column that values are compared with, where there is one."""
        return self.delta if isinstance(self.delta, str) else None

    def limits(self, params: Mapping[str, Any]) -> tuple[float | None, float | None]:
        """Below and above which values are marked. Raises ValueError for a param that is no number."""
        return _limit("below", self.below, params), _limit("above", self.above, params)


class ColumnSpec(Strict):
    """How one column reads wherever its dataset is shown."""

    label: Text | None = Field(
        default=None, description="What stands above it; default: made from its name.", examples=["Mean delay"]
    )
    format: Format | None = Field(
        default=None,
        description="How its values read: number, money, percent, delta, date, datetime or text, with decimals,"
        ' currency or style (number:1, money:EUR, date:long), or as spreadsheets write it ("#,##0.0").',
    )
    unit: Text | None = Field(default=None, description="Stands behind the label, in brackets.", examples=["min"])
    align: Literal["left", "right", "center"] | None = Field(
        default=None, description="Default: numbers right, everything else left.", examples=["center"]
    )
    total: Total | None = Field(
        default=None, description="What stands under it, of all rows that its reader gets.", examples=["sum"]
    )
    hidden: bool = Field(
        default=False,
        description="true: not shown in tables and workbooks. CSV, JSON and Parquet have it.",
        examples=[True],
    )
    highlight: Highlight | None = Field(
        default=None, description="What stands out in it.", examples=["heat", {"above": 15}, {"delta": "usual_delay"}]
    )
    good: Good | None = Field(
        default=None,
        description="Whether more (up) or less (down) is better, which gives highlights their colour; default: up"
        " for delta, for limits whatever is beyond them is bad, heat is neutral.",
        examples=["down"],
    )

    def heading(self, name: str) -> str:
        """What stands above the column; `name` where it has no label."""
        label = name if self.label is None else self.label
        return f"{label} ({self.unit})" if self.unit else label


Columns = dict[str, ColumnSpec]
"""By column, in the order of the file; only columns that somebody described."""


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """One column of a table or sheet: one of the dataset, or the difference between two of them."""

    name: str
    spec: ColumnSpec
    minus: str | None = None
    """What is shown is `name` less this column."""


UNSAID = ColumnSpec()


def shown_columns(names: Iterable[str], specs: Mapping[str, ColumnSpec], *, even: bool = False) -> list[ShownColumn]:
    """The columns that readers see, in order: without the hidden ones (unless `even` those were asked for), and behind
    each that is compared with another one the difference."""
    shown = []
    for name in names:
        spec = specs.get(name, UNSAID)
        if spec.hidden and not even:
            continue
        shown.append(ShownColumn(name, spec))
        against = spec.highlight.against if spec.highlight else None
        if against is not None:
            shown.append(ShownColumn(name, _difference(spec, against, specs), against))
    return shown


def humanised(name: str) -> str:
    """`mean_delay` → `Mean delay`; a name with capitals or spaces is somebody's choice and stays."""
    if name != name.lower() or " " in name:
        return name
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def params_of(columns: Columns) -> tuple[str, ...]:
    """The params that limits of these columns name."""
    limits = (limit for spec in columns.values() if (one := spec.highlight) for limit in (one.above, one.below))
    return tuple(limit for limit in limits if isinstance(limit, str))


def _difference(spec: ColumnSpec, against: str, specs: Mapping[str, ColumnSpec]) -> ColumnSpec:
    """How the difference of a column to another one reads: signed, in the column's own decimals."""
    other = specs.get(against, UNSAID).label or humanised(against)
    own, signed = spec.format, None
    if own is not None and own.numeric:
        digits = 2 if own.kind == "money" and own.digits is None else own.digits
        signed = CellFormat(own.written, "delta", digits, grouped=own.grouped, share=own.share)
    total = spec.total if spec.total in {"sum", "mean"} else None
    highlight = Highlight(delta=True)
    return ColumnSpec(label=f"vs. {other}", format=signed, total=total, highlight=highlight, good=spec.good)


def _limit(key: str, limit: float | str | None, params: Mapping[str, Any]) -> float | None:
    value = params.get(limit) if isinstance(limit, str) else limit
    if isinstance(value, bool) or (value is not None and not isinstance(value, int | float)):
        raise ValueError(f'highlight: {key}: the param "{limit}" is {value!r}, not a number')
    return value
