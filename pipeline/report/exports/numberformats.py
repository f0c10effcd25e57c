"""Formats of columns as Excel writes them ("Number format codes"): its readers see their own separators and months."""

import re

from babel import Locale
from babel.numbers import get_currency_precision, get_currency_symbol, get_territory_currencies

from pipeline.jobs.cellformat import DATE_STYLES, CellFormat

_FIELD = re.compile(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+")
_FIELDS = {
    **dict.fromkeys(("y", "yyy", "yyyy"), "yyyy"),
    **{letter * n: "m" * n for letter in "ML" for n in range(1, 6)},
    **{letter * n: "ddd" if n < 4 else "dddd" for letter in "Ec" for n in range(1, 5)},
    **{letter * n: "h" * n for letter in "HhKk" for n in (1, 2)},
    **{same: same for same in ("yy", "d", "dd", "m", "mm", "s", "ss")},
    "a": "AM/PM",
}
"""CLDR's letters ("Date Field Symbol Table") to Excel's; what is not here Excel cannot say."""
_ZONE = re.compile(r"\s*(?<![A-Za-z])(z+|Z+|v+|V+|O+|X+|x+)(?![A-Za-z])")


def number_code(wanted: CellFormat, places: int, locale: Locale) -> str:
    """Of numbers; `places` where the format names no decimals."""
    digits = wanted.digits
    if wanted.kind == "money":
        return _money(wanted.argument, digits, locale)
    if wanted.share:
        plain = f"0{_point(1 if digits is None else digits)}%"
    else:
        plain = ("#,##0" if wanted.grouped else "0") + _point(places if digits is None else digits)
    if wanted.kind == "text":
        return "General"
    return f'+{plain};-{plain};"±"{plain}' if wanted.kind == "delta" else plain


def time_code(wanted: CellFormat, locale: Locale) -> str | None:
    """Of dates and times; None where Excel cannot say it, or the format says nothing of times."""
    if wanted.kind == "datetime" and not wanted.argument:
        return "yyyy-mm-dd hh:mm"
    if wanted.kind not in {"date", "datetime"}:
        return None
    if not wanted.argument:
        return "yyyy-mm-dd"
    pattern = str(locale.date_formats[wanted.argument].pattern) if wanted.argument in DATE_STYLES else wanted.argument
    found = []
    for field in _FIELD.finditer(_ZONE.sub("", pattern)):
        if field[1] is not None or not field[2]:
            found.append(_literal(field[0] if field[1] is None else field[1] or "'"))
        elif field[0] in _FIELDS:
            found.append(_FIELDS[field[0]])
        else:
            return None
    return "".join(found)


def with_arrows(code: str) -> str:
    """`▲ +1.2`, `▼ -1.2`: the sign of a number before it."""
    above, below, zero = code.split(";") if ";" in code else (code, f"-{code}", code)
    return f'"▲ "{above};"▼ "{below};{zero}'


def _money(currency: str, digits: int | None, locale: Locale) -> str:
    """Where and how the locale puts the symbol; without a currency, that of the locale's country."""
    if not currency:
        currency = get_territory_currencies(locale.territory)[0] if locale.territory else ""
    places = digits if digits is not None else get_currency_precision(currency) if currency else 2
    number = f"#,##0{_point(places)}"
    if not currency:
        return number
    symbol = str(get_currency_symbol(currency, locale=locale))
    pattern = str(locale.currency_formats["standard"].pattern).partition(";")[0]
    before, after = re.split(r"[#0][#0,.]*", pattern, maxsplit=1)
    space = " " if before.endswith("¤") and symbol[-1].isalpha() else ""
    return _literal(before.replace("¤", symbol) + space) + number + _literal(after.replace("¤", symbol))


def _point(digits: int) -> str:
    return f".{'0' * digits}" if digits else ""


def _literal(text: str) -> str:
    """Blanks and dashes stand as they are, everything else in quotes."""
    return text if re.fullmatch(r"[ \-/:.,]*", text) else '"' + text.replace('"', "”") + '"'
