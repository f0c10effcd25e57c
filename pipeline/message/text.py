"""The text body: derived from the HTML where a template brings no `.txt`, and aligned tables for those that
do."""

import re
import textwrap
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from unicodedata import combining, east_asian_width

from pipeline.message.tables import Table

WIDTH = 76
"""Columns of running text; tables may be wider, because a broken table is no table."""

_FILLER = "\ue000"
"""A private-use character behind each wide one, so that inscriptis counts two columns; it is taken out
again."""

_MAYBE_WIDE = re.compile("[\u1100-\U0010ffff]")
_CONTENT = re.compile(r"<!--content-->(.*)<!--/content-->", re.DOTALL)
_BULLETS = re.compile(r"\s*(?:[-*•]|\d+[.)])\s+")


def has_content(html: str) -> bool:
    """Whether the page says where its content is."""
    return _CONTENT.search(html) is not None


def from_html(html: str) -> str:
    """Readable text of a rendered mail: tables aligned, links and alt texts shown, what is hidden left
    out."""
    return tidy(read(html))


def read(html: str) -> str:
    """The same, before it is tidied."""
    from inscriptis import get_text  # noqa: PLC0415 - brings lxml and requests: only where it is needed

    found = _CONTENT.search(html)
    shown = found[1] if found else html
    padded = _MAYBE_WIDE.sub(lambda one: one[0] + _FILLER if is_wide(one[0]) else one[0], shown)
    return str(get_text(padded, _inscriptis_config())).replace(_FILLER, "")


@lru_cache(maxsize=1)
def _inscriptis_config() -> Any:
    from inscriptis.css_profiles import CSS_PROFILES  # noqa: PLC0415
    from inscriptis.model.config import ParserConfig  # noqa: PLC0415

    return ParserConfig(css=CSS_PROFILES["strict"], display_images=True, display_links=True)


def tidy(text: str) -> str:
    """No trailing blanks, no gaps of many lines, running text wrapped at 76 columns; tables stay as they
    are."""
    lines = list(map(str.rstrip, text.splitlines()))
    for at in reversed([at for at, line in enumerate(lines) if len(line) > WIDTH // 2]):
        if len(lines[at]) > WIDTH or not lines[at].isascii():
            lines[at : at + 1] = _wrapped(lines[at])
    joined = "\n".join(lines)
    while "\n\n\n" in joined:  # a tenth of the time of a regular expression
        joined = joined.replace("\n\n\n", "\n\n")
    return joined.strip("\n") + "\n"


@lru_cache(maxsize=512)  # all mails of a run have the same footer
def _wrapped(line: str) -> tuple[str, ...]:
    if display_width(line) <= WIDTH or "  " in line.strip():
        return (line,)
    indent = " " * (len(line) - len(line.lstrip()))
    bullet = _BULLETS.match(line)
    hanging = " " * len(bullet[0]) if bullet else indent
    lines = textwrap.wrap(line, WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)
    return tuple(lines) or ("",)


# --- tables -------------------------------------------------------------------------------------------------


def aligned(table: Table, cell_width: int = 40) -> str:
    """A table in fixed columns: numbers right, a rule under the head, long cells shortened to
    `cell_width`."""
    heads = [shortened(column.label, cell_width) for column in table.columns]
    rows = [[shortened(cell, cell_width) for cell in row] for row in table.text_rows]
    widths = [max(map(display_width, column)) for column in zip(heads, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    if table.totals:
        rows.insert(-1, rule)
    aligns = [column.align for column in table.columns]
    return "\n".join(_line(row, widths, aligns) for row in (heads, rule, *rows))


def _line(cells: Iterable[str], widths: list[int], aligns: list[str]) -> str:
    return "  ".join(map(_padded, cells, widths, aligns)).rstrip()


def _padded(text: str, width: int, align: str) -> str:
    space = width - display_width(text)
    before = space if align == "right" else space // 2 if align == "center" else 0
    return " " * before + text + " " * (space - before)


def shortened(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    kept = ""
    for character in text:
        if display_width(kept + character) >= width:
            break
        kept += character
    return kept.rstrip() + "…"


def display_width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two, combining ones none (Unicode UAX #11)."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    return 2 if is_wide(character) else 0 if combining(character) else 1


def is_wide(character: str) -> bool:
    return character > "\u10ff" and east_asian_width(character) in "WF"
