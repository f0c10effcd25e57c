"""Codes of holidays that nobody knows, or whose package is not installed."""

from collections.abc import Callable, Iterator, Mapping

from pipeline.errors import MissingExtraError
from pipeline.jobs.calendars import Calendar
from pipeline.jobs.holidaycodes import check_code

Where = tuple[str | int, ...]


def check_calendars(calendars: Mapping[str, Calendar], installed: Callable[[str], bool]) -> Iterator[tuple[str, Where]]:
    """(message, where in the project) for each code that cannot be used."""
    lacking = not installed("holidays")
    for name, calendar in calendars.items():
        for index, code in enumerate(calendar.holidays):
            where = ("calendars", name, "holidays", index)
            if lacking:
                yield str(MissingExtraError("a calendar with holidays", "calendars")), where
                continue
            try:
                check_code(code)
            except ValueError as error:
                yield str(error), where
