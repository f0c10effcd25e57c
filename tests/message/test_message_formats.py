"""The filters, against Babel and against what people of the locales write."""

from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from pipeline.message.formats import Formats

US, DE, FR, IN, CH = (Formats.of(name) for name in ("en_US", "de_DE", "fr_FR", "en_IN", "de_CH"))


@pytest.mark.parametrize(
    ("formats", "value", "digits", "expected"),
    [
        (US, 1234.5, None, "1,234.5"),
        (US, 1234.0, None, "1,234"),
        (US, 0, None, "0"),
        (US, 100, None, "100"),
        (US, 2.675, 2, "2.68"),  # as written, not as its binary neighbour 2.67499…
        (US, -0.001, 2, "0.00"),
        (US, -1234567, None, "-1,234,567"),
        (DE, 1234.56, 1, "1.234,6"),
        (FR, 1234567.8, None, "1\u202f234\u202f567,8"),
        (IN, 1234567, None, "12,34,567"),
        (CH, 1234.5, 2, "1’234.50"),
        (US, np.float64(1.5), None, "1.5"),
        (US, np.int64(15000), None, "15,000"),
        (US, Decimal("1.005"), 2, "1.01"),
        (US, 22.25, 1, "22.3"),  # as spreadsheets do
        (US, -22.25, 1, "-22.3"),
        (US, 0.125, None, "0.13"),
        (IN, 22.25, 1, "22.3"),
        (US, 1e300, 0, f"{10**300:,}"),
        (US, Decimal("-0.04"), 1, "0.0"),
        (US, float("inf"), None, "∞"),
        (US, float("-inf"), 2, "-∞"),
    ],
)
def test_number(formats: Formats, value: object, digits: int | None, expected: str) -> None:
    assert formats.number(value, digits) == expected


@given(
    st.sampled_from([US, DE, FR, IN, CH]),
    st.one_of(st.integers(-(10**18), 10**18), st.floats(-1e12, 1e12)),
    st.integers(0, 4),
)
def test_numbers_read_as_babel_writes_them(formats: Formats, value: float, digits: int) -> None:
    pattern = "#,##,##0" if formats is IN else "#,##0"
    pattern += "." + "0" * digits if digits else ""
    with localcontext(rounding=ROUND_HALF_UP):
        expected = format_decimal(Decimal(repr(value)), format=pattern, locale=formats.locale)
    zero = expected.strip("-0.,") == ""
    assert formats.number(value, digits) == (expected.removeprefix("-") if zero else expected)


@pytest.mark.parametrize("name", ["number", "money", "percent", "delta", "date"])
@pytest.mark.parametrize("value", [None, float("nan"), pd.NaT, pd.NA, Decimal("NaN"), np.datetime64("NaT")], ids=repr)
def test_what_is_missing_is_a_dash(name: str, value: object) -> None:
    assert US.filters()[name](value) == "–"


@pytest.mark.parametrize(
    ("formats", "value", "digits", "expected"),
    [
        (US, 0.1234, 1, "12.3%"),
        (US, 0.5, 0, "50%"),
        (US, 0.125, 0, "13%"),
        (DE, 0.1234, 1, "12,3\xa0%"),
        (US, -0.25, 0, "-25%"),
        (US, 12, 0, "1,200%"),
    ],
)
def test_percent(formats: Formats, value: float, digits: int, expected: str) -> None:
    assert formats.percent(value, digits) == expected


@pytest.mark.parametrize(
    ("formats", "arguments", "expected"),
    [
        (US, (1234.5,), "$1,234.50"),
        (DE, (1234.5,), "1.234,50\xa0€"),
        (US, (1234.5, "EUR"), "€1,234.50"),
        (US, (1234.5, "JPY"), "¥1,235"),
        (US, (0.125,), "$0.13"),
        (US, (-22.25, "EUR", 1), "-€22.3"),
        (US, (float("inf"), "EUR"), "€∞"),
        (US, (-1234.56, None, 0), "-$1,235"),
    ],
)
def test_money(formats: Formats, arguments: tuple[object, ...], expected: str) -> None:
    assert formats.money(*arguments) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("formats", "arguments", "expected"),
    [
        (US, (3.2,), "+3.2"),
        (US, (-3.25, "number", 1), "-3.3"),
        (US, (0,), "±0"),
        (US, (0.001, "number", 1), "±0.0"),
        (US, (0.045, "percent"), "+4.5%"),
        (DE, (-0.045, "percent"), "-4,5\xa0%"),
    ],
)
def test_delta(formats: Formats, arguments: tuple[object, ...], expected: str) -> None:
    assert formats.delta(*arguments) == expected  # type: ignore[arg-type]


NOON = datetime(2013, 1, 31, 12, 5, tzinfo=ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("formats", "value", "style", "expected"),
    [
        (US, NOON, None, "2013-01-31"),
        (US, date(2013, 1, 31), None, "2013-01-31"),
        (US, pd.Timestamp(NOON), None, "2013-01-31"),
        (US, np.datetime64("2013-01-31T12:05"), None, "2013-01-31"),
        (US, "2013-01-31", None, "2013-01-31"),
        (US, NOON, "long", "January 31, 2013"),
        (DE, NOON, "long", "31. Januar 2013"),
        (US, NOON, "short", "1/31/13"),
        (DE, NOON, "EEEE, d. MMMM", "Donnerstag, 31. Januar"),
        (US, NOON, "HH:mm", "12:05"),
        (US, NOON, "yyyyMMdd", "20130131"),
        (US, time(8, 5), None, "08:05:00"),
        (US, time(8, 5), "h:mm a", "8:05 AM"),
        (US, date(2013, 1, 31), "d MMM", "31 Jan"),
    ],
)
def test_date(formats: Formats, value: object, style: str | None, expected: str) -> None:
    assert formats.date(value, style) == expected


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("number", ("abc",), 'number needs a number, not "abc"'),
        ("number", (True,), "number needs a number, not True"),
        ("number", (pd.Series([1, 2]),), "number needs a number, not a Series; take one value of it"),
        ("date", ("Thursday",), 'date needs a date, not "Thursday"'),
        ("date", (time(8, 5), "long"), 'date: 08:05:00 is a time of day and has no "long"; write a pattern like HH:mm'),
        ("date", (time(8, 5), "d MMM"), 'date: 08:05:00 is a time of day and has no "d MMM"'),
        ("date", (NOON, "lnog"), 'date: "lnog" is not a style; did you mean "long"?'),
        ("money", (1, "EURO"), 'money: "EURO" is not a currency code of ISO 4217'),
        ("delta", (1, "percnt"), 'delta: "percnt" is not a kind; write "number" or "percent"'),
    ],
)
def test_a_wrong_value_is_named(name: str, arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        US.filters()[name](*arguments)
    assert str(caught.value).startswith(message)


def test_money_without_a_country_asks_for_the_currency() -> None:
    with pytest.raises(ValueError, match=r'money needs a currency, like money\("EUR"\)'):
        Formats.of("de").money(1)


def test_an_unknown_locale_is_refused() -> None:
    with pytest.raises(ValueError, match='"english" is not a locale'):
        Formats.of("english")
