"""How one person's message reads, where their own row says otherwise than the job: locale, time zone, params."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any

from pipeline.jobs.model import Job
from pipeline.jobs.names import did_you_mean
from pipeline.jobs.scalars import parse_zone
from pipeline.message.formats import Formats, describe, known_locale

_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Manner:
    """What holds for one message."""

    locale: str
    timezone: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReadsAs:
    """Progress of a rehearsal: how the message to these people reads, in a job where rows decide it."""

    recipients: tuple[str, ...]
    manner: Manner


class Manners:
    """Asks each recipient's row for what the job's `each` says. Values that many share are looked at once."""

    def __init__(self, job: Job) -> None:
        each = job.audience.each
        self.of_all = Manner(job.locale, job.timezone, job.params)
        self._locale = each.locale if each else None
        self._timezone = each.timezone if each else None
        self._params = each.params if each else ()
        self.differ = bool(self._locale or self._timezone or self._params)
        """Whether rows are asked at all."""
        self.zoned = self._timezone is not None
        """Whether times are told in each one's own zone."""
        self._locales: dict[Any, str] = {}
        self._zones: dict[Any, str] = {}

    def of(self, row: Mapping[str, Any] | None) -> Manner:
        """Raises ValueError, for the row alone, where a cell holds no locale, no zone or not what the param is."""
        if row is None or not self.differ:
            return self.of_all
        job = self.of_all
        return Manner(
            _known(row, self._locale, self._locales, _locale, job.locale),
            _known(row, self._timezone, self._zones, parse_zone, job.timezone),
            {**job.params, **{name: _param(row, name, job.params[name]) for name in self._params}},
        )


def _known(
    row: Mapping[str, Any], column: str | None, seen: dict[Any, str], parse: Callable[[str], str], otherwise: str
) -> str:
    if column is None:
        return otherwise
    value = _cell(row, column)
    if _is_empty(value):
        return otherwise
    if value not in seen:
        try:
            seen[value] = parse(str(value).strip())
        except ValueError as error:
            raise ValueError(f'column "{column}": {error}') from None
    return seen[value]


def _cell(row: Mapping[str, Any], column: str) -> Any:
    if column not in row:
        raise ValueError(f'the recipients have no column "{column}"{did_you_mean(column, row)}')
    return row[column]


def _locale(text: str) -> str:
    """People's data says `de-DE` as often as `de_DE`."""
    return str(known_locale(text))


def _param(row: Mapping[str, Any], name: str, common: Any) -> Any:
    """The row's value as what the job's is: text, a number, true or false; anything where that is null."""
    value = _cell(row, name)
    if _is_empty(value):
        return common
    found: Any
    match common:
        case str():
            kind, found = "text", _as_text(value)
        case bool():
            kind, found = "true or false", _as_truth(value)
        case int() | float():
            kind, found = "a number", _as_number(value, whole=isinstance(common, int))
        case _:
            return value
    if found is None:
        raise ValueError(f'column "{name}": the param is {kind}, not {describe(value)}')
    return found


def _as_text(value: Any) -> str | None:
    """Codes may be all digits, and dates among params are text."""
    if isinstance(value, date):
        has_time = isinstance(value, datetime) and value.time() != time.min
        return value.isoformat() if has_time else value.isoformat()[:10]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _as_truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else _TRUTHS.get(str(value).strip().lower())


def _as_number(value: Any, *, whole: bool) -> float | None:
    """One cell that is no number makes a CSV file's whole column text, so text is read. `whole`: 20.0 is 20."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not isfinite(value):
        return None
    if isinstance(value, Decimal):  # what databases have; limits and templates reckon with floats
        return int(value) if value == int(value) else float(value)
    return int(value) if whole and value == int(value) else value


def _is_empty(value: Any) -> bool:
    return Formats.is_missing(value) or (isinstance(value, str) and not value.strip())
