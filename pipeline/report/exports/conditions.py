"""What stands out in a column, as Excel's conditional formats: its reader may sort, filter and change numbers, and it
stays true."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import ExportError
from pipeline.jobs.columnspec import ColumnSpec, Good

_TONES: Mapping[str, Mapping[str, Any]] = {
    "good": {"font_color": "#137A4B", "bg_color": "#E8F3ED"},
    "bad": {"font_color": "#B42323", "bg_color": "#FDEAEA"},
    "strong": {"bold": True, "bg_color": "#FDF3DC"},
}
"""As the mail's default theme has them."""
_DEEPEST = {"accent": "#AEC5E8", "good": "#AACFBE", "bad": "#E4B0B0"}
_PAPER = "#FFFFFF"

Rule = Mapping[str, Any]


def rules(spec: ColumnSpec, cell: str, params: Mapping[str, Any], tone: Mapping[str, Any]) -> list[Rule]:
    """XlsxWriter's conditional formats for a column whose first value is in `cell`; `tone` is the workbook's formats by
    name. Raises ExportError for a limit that is no number.
    """
    highlight = spec.highlight
    if highlight is None or highlight.against is not None:
        return []
    if highlight.heat:
        return [_scale(spec.good)]
    if highlight.bar:
        return [{"type": "data_bar", "data_bar_2010": True, "bar_solid": True, "bar_color": _DEEPEST["accent"]}]
    if highlight.delta:
        above, below = {"up": ("good", "bad"), "down": ("bad", "good")}.get(spec.good or "up", ("", ""))
        return [_beyond(cell, sign, 0, tone[name]) for sign, name in ((">", above), ("<", below)) if name]
    try:
        low, high = highlight.limits(params)
    except ValueError as error:
        raise ExportError(f"columns: {error}") from error
    below, above = {"up": ("bad", "good"), "down": ("good", "bad"), "none": ("strong", "strong")}.get(
        spec.good or "", ("bad", "bad")
    )
    limits = ((">", high, above), ("<", low, below))
    return [_beyond(cell, sign, limit, tone[name]) for sign, limit, name in limits if limit is not None]


def tones(make: Any) -> dict[str, Any]:
    """`make` is XlsxWriter's `add_format`."""
    return {name: make(**properties) for name, properties in _TONES.items()}


def _beyond(cell: str, sign: str, limit: float, tone: Any) -> Rule:
    """An empty cell counts as 0 for Excel, and text as more than any number; neither is meant."""
    return {"type": "formula", "criteria": f"=AND(ISNUMBER({cell}),{cell}{sign}{limit!r})", "format": tone}


def _scale(good: Good | None) -> Rule:
    """One colour that deepens, or, where one end is good and one is bad, two that meet in the middle."""
    if good in {None, "none"}:
        return {"type": "2_color_scale", "min_color": _PAPER, "max_color": _DEEPEST["accent"]}
    low, high = ("bad", "good") if good == "up" else ("good", "bad")
    return {
        "type": "3_color_scale",
        "min_color": _DEEPEST[low],
        "mid_color": _PAPER,
        "max_color": _DEEPEST[high],
        "mid_type": "percent",
        "mid_value": 50,
    }
