"""What the text of a CSV or JSON column means, by rules that lose nothing.

A column is a number, a truth value or a time only if every one of its values is written like one; a single
stray value leaves the whole column text. `007` is text (an account, a postcode), `1/2/2013` is text (which
of the two is the month?), numbers beyond 64 bits are text.
"""

from typing import Any, TypeAlias

import pandas as pd

_INTEGER = r"[+-]?(?:0|[1-9][0-9]{0,18})"
_NUMBER = r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?|[+-]?inf"
_TRUTH = r"true|false|True|False|TRUE|FALSE"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = rf"{_DATE}[ T][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,6}})?)?"
_ZONED = rf"{_TIME} ?(?:Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)"

Text: TypeAlias = "pd.Series[Any]"


def infer(text: Text, zone: str) -> Text:
    """A text column (missing values allowed) → int64/Int64, float64, bool/boolean, datetime64[us], or as it
    was.

    Times with an offset come out in `zone`.
    """
    values = text.dropna()
    if values.empty:
        return text
    for pattern, convert in _RULES:
        if values.iloc[:100].str.fullmatch(pattern).all() and values.str.fullmatch(pattern).all():
            try:
                return convert(text, zone)
            except (ValueError, OverflowError):  # 2013-02-30, 24:61, an integer beyond 64 bits
                return text
    return text


def times(text: Text, zone: str) -> Text:
    """Only the rules for dates and times: for formats such as JSON, whose numbers are numbers already."""
    values = text.dropna()
    for pattern, convert in _RULES[-2:]:
        if len(values) and values.str.fullmatch(pattern).all():
            try:
                return convert(text, zone)
            except ValueError:
                return text
    return text


def _integer(text: Text, _zone: str) -> Text:
    numbers = text.dropna().astype("int64")
    return numbers if len(numbers) == len(text) else numbers.astype("Int64").reindex(text.index)


def _number(text: Text, _zone: str) -> Text:
    return text.astype("float64")


def _truth(text: Text, _zone: str) -> Text:
    found = text.dropna().str.lower() == "true"
    return found.astype("bool") if len(found) == len(text) else found.astype("boolean").reindex(text.index)


def _naive(text: Text, _zone: str) -> Text:
    return pd.to_datetime(text, format="ISO8601").astype("datetime64[us]")


def _zoned(text: Text, zone: str) -> Text:
    return pd.to_datetime(text, format="ISO8601", utc=True).dt.tz_convert(zone).dt.as_unit("us")


_RULES = (
    (_INTEGER, _integer),
    (_NUMBER, _number),
    (_TRUTH, _truth),
    (f"{_DATE}|{_TIME}", _naive),
    (_ZONED, _zoned),
)
