"""How old a dataset's newest row is, counted from the due time: the same however late the run is built."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd

from pipeline.errors import GateError
from pipeline.jobs.gating import Fresh
from pipeline.jobs.names import did_you_mean
from pipeline.jobs.scalars import format_duration


def stale(rule: Fresh, frame: pd.DataFrame, due: datetime, zone: str) -> str:
    """Why the dataset is not fresh, with its newest time; empty if it is. Times without a zone are wall-clock
    time in `zone`.

    Raises GateError for a column that is not there or holds no times.
    """
    newest = _newest(rule, frame, zone)
    expected = f"expected {rule.data}.{rule.column} within {format_duration(rule.within)} of the due time"
    if newest is None:
        return f"{expected}, but {rule.data} has no row with a time in it"
    if newest >= due - rule.within:
        return ""
    local = newest.astimezone(ZoneInfo(zone))
    hours = (due - newest).total_seconds() / 3600
    age = f"{hours:.1f} hours" if hours < 72 else f"{hours / 24:.1f} days"
    return f"{expected}, but its newest is {local:%Y-%m-%d %H:%M} {zone}, {age} old"


def fresh_until(rule: Fresh, frame: pd.DataFrame, zone: str) -> datetime | None:
    """The latest due time for which the dataset is fresh; None where it has no row with a time in it. Raises as `stale`
    does."""
    newest = _newest(rule, frame, zone)
    return None if newest is None else newest + rule.within


def _newest(rule: Fresh, frame: pd.DataFrame, zone: str) -> datetime | None:
    if rule.column not in frame.columns:
        hint = did_you_mean(rule.column, map(str, frame.columns))
        raise GateError(f'fresh: {rule.data} has no column "{rule.column}"{hint}')
    column = frame[rule.column].dropna()
    if column.empty:
        return None
    if not pd.api.types.is_datetime64_any_dtype(column):
        try:
            column = pd.to_datetime(column, format="ISO8601")
        except (ValueError, TypeError):
            first = str(frame[rule.column].dropna().iloc[0])[:40]
            raise GateError(
                f'fresh: {rule.data}.{rule.column} holds no times: "{first}"; make it a column of dates'
            ) from None
    newest = pd.Timestamp(column.max())
    if newest.tzinfo is None:
        newest = newest.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    return newest.to_pydatetime(warn=False)
