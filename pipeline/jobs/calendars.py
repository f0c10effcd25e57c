"""Calendars: which days are business days, as jobs.yaml says it, and the words for one of them.

The days themselves are worked out in `schedule/business.py`; here is only what was written.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, WithJsonSchema, model_validator

from pipeline.jobs.base import Strict, Text
from pipeline.jobs.names import did_you_mean
from pipeline.jobs.scalars import Day, from_text

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
"""In the order of `date.weekday`."""
OnlyUnit = Literal["week", "month", "quarter", "year"]
_MOST: dict[OnlyUnit, int] = {"week": 7, "month": 31, "quarter": 92, "year": 366}
_WORDS = ("first", "second", "third", "fourth", "fifth")
_EXPECTED = "write something like first business day of the month, 3rd business day of the week or last business day"
_ONLY = re.compile(r"(?:(\S+) )?(?:(last) )?(?:business|working) day(?: (?:of|in) (?:the|each|every|a) (\w+))?")


class Calendar(Strict):
    """Holidays and weekends, shared by jobs."""

    name: str
    holidays: tuple[Text, ...] = Field(
        default=(),
        description="Public holidays of a country (US), one of its regions (US-NY) or a stock exchange (NYSE).",
        examples=["US-NY", ["DE-BY", "XETR"]],
    )
    weekend: tuple[Weekday, ...] = Field(
        default=("sat", "sun"), description="Weekdays on which nobody works.", examples=[["fri", "sat"]]
    )
    extra: tuple[Day, ...] = Field(
        default=(), description="More days on which nobody works.", examples=[["2026-12-24"]]
    )
    working: tuple[Day, ...] = Field(
        default=(), description="Days that are worked whatever the rest says.", examples=[["2026-12-12"]]
    )

    @model_validator(mode="after")
    def _has_business_days(self) -> Self:
        if len(set(self.weekend)) == len(WEEKDAYS):
            raise ValueError('a week without a business day; leave one weekday out of "weekend"')
        both = sorted(set(self.extra) & set(self.working))
        if both:
            raise ValueError(f'{both[0]} is under "extra" and under "working"; keep one')
        return self


MONDAY_TO_FRIDAY = Calendar(name="Monday to Friday")
"""Business days where a job names no calendar."""


@dataclass(frozen=True, slots=True)
class OnlyDays:
    """`2nd business day of the month`, `last business day of the quarter`."""

    ordinal: int
    """1 is the first, -1 the last, -2 the one before it."""
    unit: OnlyUnit

    def __str__(self) -> str:
        """As `parse_only` reads it back."""
        if self.ordinal > 0:
            which = "first" if self.ordinal == 1 else _numbered(self.ordinal)
        else:
            which = "last" if self.ordinal == -1 else f"{_numbered(-self.ordinal)} last"
        return f"{which} business day of the {self.unit}"


def parse_only(text: str) -> OnlyDays:
    """Reads what an analyst writes. Raises ValueError with what is expected."""
    words = " ".join(text.lower().split())
    match = _ONLY.fullmatch(words)
    if match is None or (match[1] is None and match[2] is None):
        raise ValueError(f'"{text}" is not a business day; {_EXPECTED}')
    first, last, unit = match[1], match[2], match[3] or "month"
    if first == "last" and last is None:
        first, last = None, "last"
    if unit not in _MOST:
        raise ValueError(f'"{text}": the unit is week, month, quarter or year{did_you_mean(unit, _MOST)}')
    count = 1 if first is None else _count(first)
    if count is None or not 1 <= count <= _MOST[unit]:
        raise ValueError(f'"{text}": "{first}" is no number of a day in a {unit}; {_EXPECTED}')
    return OnlyDays(-count if last else count, unit)


def _count(word: str) -> int | None:
    if word in _WORDS:
        return _WORDS.index(word) + 1
    match = re.fullmatch(r"([0-9]{1,3})(?:st|nd|rd|th)", word)
    return int(match[1]) if match else None


def _numbered(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


Only = Annotated[
    OnlyDays,
    from_text(parse_only, OnlyDays, "words like last business day of the month"),
    WithJsonSchema({"type": "string", "examples": ["last business day of the month", "2nd business day of the week"]}),
]
CalendarName = Annotated[Calendar, WithJsonSchema({"type": "string"})]
"""In YAML the name of one under `calendars`; the long form has the calendar itself in its place."""
