"""Cron syntax: what cronsim reads, with messages that name the field and what to write instead."""

import re
from datetime import datetime
from functools import cache

from cronsim import CronSim, CronSimError

from pipeline.jobs.names import did_you_mean

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _DAYS),
)  # fmt: skip
_SOME_DAY = datetime(2001, 1, 1)  # noqa: DTZ001 - cronsim parses in its constructor, which wants any time


@cache
def check_cron(text: str) -> None:
    """Raises ValueError unless the text has five fields that cronsim can read and that can ever come true."""
    parts = text.split()
    if text.startswith("@"):
        raise ValueError(f'"{text}" is no cron text here; write its five fields, like 0 7 * * *')
    if len(parts) != 5:
        raise ValueError(
            f'"{text}" has {len(parts)} field{"s" * (len(parts) != 1)}; cron has five: minute, hour, day'
            " of month,"
            " month, weekday"
        )
    for part, (name, low, high, words) in zip(parts, _FIELDS, strict=True):
        for term in part.split(","):
            _check_term(term, name, low, high, words)
    try:
        CronSim(text, _SOME_DAY)
    except CronSimError as error:
        reason = str(error).removeprefix("Bad ")
        raise ValueError(f'"{text}": cannot read the {reason.replace("-", " ")}, or no such day ever comes') from None


def _check_term(term: str, name: str, low: int, high: int, words: tuple[str, ...]) -> None:
    span, _, step = term.partition("/")
    if step and (not step.isascii() or not step.isdigit() or int(step) == 0):
        raise ValueError(f'{name} "{term}": the step after "/" is a number from 1')
    ends = [_number(end, name, low, high, words) for end in re.split("[-#]", span) if end]
    if "-" in span and len(ends) == 2 and None not in ends and ends[0] > ends[1]:  # type: ignore[operator]
        first, second = span.lower().split("-")
        all_values = words or tuple(str(number) for number in range(low, high + 1))
        both = ",".join(_span(*pair) for pair in ((first, all_values[-1]), (all_values[0], second)))
        raise ValueError(f'{name} "{term}" runs backwards; write {both}')


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first}-{last}"


def _number(text: str, name: str, low: int, high: int, words: tuple[str, ...]) -> int | None:
    """The number of a value; None for what only cronsim knows: *, L, LW, 5L."""
    if text.lower() in words:
        return words.index(text.lower()) + low
    if text.isascii() and text.isdigit():
        if not low <= int(text) <= high:
            raise ValueError(f'{name} "{text}" is not in {low}-{high}')
        return int(text)
    if text.isalpha() and text.upper() not in {"L", "LW"}:
        near = f'; did you mean "{text[:3].lower()}"?' if text[:3].lower() in words else did_you_mean(text, words)
        raise ValueError(f'"{text}" is not a {name}{near}')
    return None
