"""Numbers, money, dates and differences as people of a locale write them: the filters of the templates.

Separators, signs and patterns come from Babel (CLDR). Plain numbers are put together here, because a table
has hundreds of them and `babel.numbers.format_decimal` takes twenty times as long; a test holds both against
each other.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from difflib import get_close_matches
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates, numbers

from pipeline.jobs.cellformat import DATE_STYLES

MISSING = "–"
_QUOTED = re.compile("'[^']*'")
_TIME_FIELDS = re.compile("[abBhHkKmsSAzZOvVxX]")

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, rounding=ROUND_HALF_UP)
"""Rounds where it is told to, and nowhere else."""


class CivilTime(datetime):
    """A time that reads the same wherever its reader is, like the edges of the days that a report is about."""


class Language(str):
    """A language for HTML's `lang` (BCP 47), with its script where the locale names one: `de`, `zh-Hant`."""

    __slots__ = ("direction",)
    direction: str
    """Which way it is written: `ltr` or `rtl`."""

    @classmethod
    def of(cls, locale: Locale) -> "Language":
        language = cls("-".join(filter(None, (locale.language, locale.script))))
        language.direction = str(locale.text_direction)
        return language


def known_locale(name: str) -> Locale:
    """`de_DE`, also where `de-DE` is written. Raises ValueError for a locale that CLDR does not have."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f'"{name}" is not a locale; write one like en_US, de or pt_BR') from None


@dataclass(frozen=True)
class Formats:
    """The filters of one locale, for example `en_US` or `de`."""

    locale: Locale
    missing: str = MISSING
    minus: str = "-"
    plus: str = "+"
    zone: ZoneInfo | None = None
    """Where the reader's clocks are: times with a zone are told in it; None: as they are."""
    _separators: dict[int, str] | None = field(default=None, repr=False)
    """What replaces Python's `,` and `.`; None where the locale does not group by three."""

    @classmethod
    def of(cls, name: str, zone: ZoneInfo | None = None) -> "Formats":
        """Raises ValueError for a locale that CLDR does not have."""
        locale = known_locale(name)
        by_three = locale.decimal_formats[None].grouping == (3, 3)
        separators = {
            ord(","): numbers.get_group_symbol(locale),
            ord("."): numbers.get_decimal_symbol(locale),
        }
        return cls(
            locale,
            minus=numbers.get_minus_sign_symbol(locale),
            plus=numbers.get_plus_sign_symbol(locale),
            zone=zone,
            _separators=separators if by_three else None,
        )

    def filters(self) -> dict[str, Callable[..., str]]:
        names = ("date", "number", "money", "percent", "delta")
        return {name: getattr(self, name) for name in names}

    # --- numbers ---

    def number(self, value: Any, digits: int | None = None) -> str:
        """`1234.5` → `1,234.5`; `digits` fixes the decimals, else there are up to two."""
        if self.is_missing(value):
            return self.missing
        number = to_decimal(value, "number")
        if not number.is_finite():
            return self._minus(number) + "∞"
        places = 2 if digits is None else digits
        if not isinstance(value, int):
            number = half_up(number, places)
        text = f"{abs(number):,.{places}f}"
        if digits is None and places and "." in text:
            text = text.rstrip("0").rstrip(".")
        sign = self.minus if number < 0 and text.strip("0.,") else ""  # no "-0.00"
        if self._separators is None:
            return sign + self._by_babel(abs(number), places, fixed=digits is not None)
        return sign + text.translate(self._separators)

    def percent(self, value: Any, digits: int = 1) -> str:
        """A share, `0.1234` → `12.3%`, written where and how the locale puts the sign."""
        if self.is_missing(value):
            return self.missing
        share = to_decimal(value, "percent")
        before, after = self._percent_frame
        return before + self.number(share * 100, digits) + after

    def money(self, value: Any, currency: str | None = None, digits: int | None = None) -> str:
        """`money("EUR")`; without a currency, that of the locale's country. `digits=0` leaves the cents
        out."""
        if self.is_missing(value):
            return self.missing
        amount = to_decimal(value, "money")
        code = currency or self._currency
        if code not in self.locale.currencies:
            raise ValueError(f'money: "{code}" is not a currency code of ISO 4217; write one like EUR or USD')
        if amount.is_finite():
            amount = half_up(amount, numbers.get_currency_precision(code) if digits is None else digits)
        if digits is None:
            return numbers.format_currency(amount, code, locale=self.locale)
        pattern = self.locale.currency_formats["standard"].pattern
        pattern = pattern.replace("0.00", "0." + "0" * digits if digits else "0")
        return numbers.format_currency(amount, code, pattern, locale=self.locale, currency_digits=False)

    def delta(self, value: Any, kind: str = "number", digits: int | None = None) -> str:
        """A difference with its sign: `3.2` → `+3.2`, `0` → `±0`; `delta("percent")` for a change of a
        share."""
        if self.is_missing(value):
            return self.missing
        difference = to_decimal(value, "delta")
        if kind == "percent":
            text = self.percent(difference, 1 if digits is None else digits)
        elif kind == "number":
            text = self.number(difference, digits)
        else:
            raise ValueError(f'delta: "{kind}" is not a kind; write "number" or "percent"')
        if not any(character in "123456789∞" for character in text):
            return "±" + text
        return text if difference < 0 else self.plus + text

    # --- dates ---

    def date(self, value: Any, style: str | None = None) -> str:
        """`2013-01-31` as it stands; `date("long")`, or a CLDR pattern like `date("d MMM, HH:mm")`, in the
        locale."""
        if self.is_missing(value):
            return self.missing
        when = to_date(value)
        if self.zone is not None and (_tells_time(style) or not _is_midnight(when)):
            when = self.here(when)  # what is told as a day, and is one, stays that day
        if style is None:
            return when.isoformat() if isinstance(when, time) else f"{when:%Y-%m-%d}"
        if isinstance(when, time):
            return self._time_of_day(when, style)
        if style in DATE_STYLES:
            return dates.format_date(when, style, locale=self.locale)
        if style.isalpha() and (close := get_close_matches(style, DATE_STYLES, n=1, cutoff=0.7)):
            raise ValueError(f'date: "{style}" is not a style; did you mean "{close[0]}"?')
        if isinstance(when, datetime):
            return dates.format_datetime(when, style, locale=self.locale)
        return dates.format_date(when, style, locale=self.locale)

    def here(self, value: Any) -> Any:
        """A time with a zone on the reader's clocks; anything else as it is."""
        if self.zone is None or not isinstance(value, datetime) or value.tzinfo is None or isinstance(value, CivilTime):
            return value
        return value.astimezone(self.zone)

    # --- what the locale says ---

    @staticmethod
    def is_missing(value: Any) -> bool:
        """None, NaN, NaT and pandas.NA; frames and texts are not."""
        if value is None:
            return True
        if isinstance(value, str | int) or hasattr(value, "__len__"):
            return False
        try:
            return bool(value != value)  # noqa: PLR0124 - NaN and NaT differ from themselves
        except TypeError:  # pandas.NA refuses to be a truth value
            return type(value).__name__ == "NAType"

    def _time_of_day(self, when: time, style: str) -> str:
        """Of a pattern without days: Babel would take today's for them."""
        with suppress(AttributeError):
            if style not in DATE_STYLES:
                return dates.format_time(when, style, locale=self.locale)
        raise ValueError(f'date: {when} is a time of day and has no "{style}"; write a pattern like HH:mm')

    def _minus(self, value: Decimal) -> str:
        return self.minus if value < 0 else ""

    def _by_babel(self, value: Decimal, places: int, *, fixed: bool) -> str:
        decimals = ("0" if fixed else "#") * places
        pattern = self.locale.decimal_formats[None].pattern.partition(".")[0] + (f".{decimals}" if places else "")
        return numbers.format_decimal(value, format=pattern, locale=self.locale)

    @property
    def _percent_frame(self) -> tuple[str, str]:
        before, _, after = numbers.format_percent(Decimal("0.5"), locale=self.locale).partition("50")
        return before, after

    @property
    def _currency(self) -> str:
        territory = self.locale.territory
        if territory is None:
            raise ValueError(f'money needs a currency, like money("EUR"): the locale "{self.locale}" names no country')
        return numbers.get_territory_currencies(territory)[0]


def _is_midnight(when: Any) -> bool:
    return isinstance(when, datetime) and when.time() == time.min


def _tells_time(style: str | None) -> bool:
    """Whether a style has hours or less: a CLDR pattern with one of their letters outside of quotes."""
    return style is not None and style not in DATE_STYLES and _TIME_FIELDS.search(_QUOTED.sub("", style)) is not None


def half_up(number: Decimal, places: int) -> Decimal:
    """Rounded as people and spreadsheets do, who then see the same number in a mail and in its workbook: 22.25 is 22.3
    and -22.25 is -22.3, not the even neighbour. `number` is finite."""
    return _EXACT.quantize(number, _step(places))


@cache
def _step(places: int) -> Decimal:
    return Decimal((0, (1,), -places))


def to_decimal(value: Any, filter_name: str) -> Decimal:
    """The number as people read it: 2.675 is 2.675, not its binary neighbour. Raises ValueError for anything
    else."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(float(value)))
    if hasattr(value, "item") and type(value).__module__ == "numpy":
        return to_decimal(value.item(), filter_name)
    raise ValueError(f"{filter_name} needs a number, not {describe(value)}")


def to_date(value: Any) -> date | datetime | time:
    """A date or time from what datasets hold. Raises ValueError for anything else."""
    if isinstance(value, date | time):
        return value
    if type(value).__name__ == "datetime64":
        return to_date(value.astype("datetime64[us]").item())
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"date needs a date, not {describe(value)}")


def describe(value: Any) -> str:
    """A value in an error: short texts and numbers in full, everything else by its type."""
    if isinstance(value, str | int | float | bool | timedelta):
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        return shown if len(shown) <= 60 else shown[:57] + "…"
    kind = type(value).__name__
    return (
        f"a {kind}; take one value of it, like .iloc[0] or .mean()" if kind in {"Series", "DataFrame"} else f"a {kind}"
    )
