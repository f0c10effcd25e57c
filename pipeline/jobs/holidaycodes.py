"""Codes of public holidays (`US`, `US-NY`, `NYSE`), read by the `holidays` package, which is loaded on first use."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline.errors import MissingExtraError
from pipeline.jobs.names import did_you_mean

if TYPE_CHECKING:
    from holidays import HolidayBase

_LANGUAGE = "en_US"
"""Reasons are English wherever the code is from, and the same on every machine."""


def check_code(code: str) -> None:
    """Raises ValueError with the near miss for a code that nobody knows, MissingExtraError without the package."""
    _holidays(code, None)


@lru_cache(maxsize=4096)  # a schedule asks for the same few years again and again
def holidays_in(code: str, year: int) -> Mapping[date, str]:
    """The public holidays of one year with their names, observed days included. Raises as `check_code`."""
    found = _holidays(code, year)
    return MappingProxyType({day: name for day, name in found.items() if day.year == year})


def _holidays(code: str, year: int | None) -> "HolidayBase":
    try:
        import holidays  # noqa: PLC0415 - an extra, 65 ms, and needed only where a calendar is
    except ImportError:
        raise MissingExtraError("a calendar with holidays", "calendars") from None
    country, _, region = code.partition("-")
    countries = holidays.list_supported_countries(include_aliases=True)
    exchanges = holidays.list_supported_financial(include_aliases=True)
    if country in countries:
        regions = countries[country]
        if region and region not in regions:
            raise ValueError(f'"{code}": {country} has no region "{region}"{_regions(region, regions)}')
        return holidays.country_holidays(country, subdiv=region or None, years=year, language=_LANGUAGE)
    if code in exchanges:
        return holidays.financial_holidays(code, years=year, language=_LANGUAGE)
    near = did_you_mean(code, [*(name for name in countries if len(name) == 2), *exchanges])
    raise ValueError(f'"{code}" is no code of holidays{near or "; write a country like US, or a region like US-NY"}')


def _regions(region: str, regions: list[str]) -> str:
    return did_you_mean(region, regions) or (f"; it has {', '.join(sorted(regions))}" if regions else "; it has none")
