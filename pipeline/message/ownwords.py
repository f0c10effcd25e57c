"""The text of a page whose tables and figures say it in their own words: from the rows, not from the HTML again.

Where a text is derived, such a component renders its `.txt` as well and stands between two comments with its number.
Reading the HTML of a table of twenty rows back into columns takes 10 ms, all that is around it a fiftieth of that.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.message import text

SPEAKING = frozenset({"table", "kpi"})
"""Components of many cells. What is a line or two is read from the HTML, with the markup around it."""

WORDS = "the words of components"
"""The value of a context that collects them; no template can write this name."""

_MARKED = re.compile(r"<!--says (\d+)-->.*?<!--/says \1-->", re.DOTALL)
_MARKS = re.compile(r"<!--/?says \d+-->")
_PLACE = re.compile("\ue010(\\d+)\ue011")


def collector(values: Mapping[str, Any]) -> list[str] | None:
    """Where words are wanted, the list of them."""
    return values.get(WORDS)


def marked(html: str, number: int) -> str:
    """A component's HTML, with the number of its words."""
    return f"<!--says {number}-->{html}<!--/says {number}-->"


def unmarked(page: str) -> str:
    """The page without the numbers."""
    return _MARKS.sub("", page)


def text_of(page: str, words: Sequence[str]) -> str:
    """Readable text of a page with numbers: what is numbered in its own words, the rest as `text.from_html` reads it.

    Words of several lines need lines of their own. Where they stand beside something, as in a table of the
    template's, the page is read as it is.
    """
    short = _MARKED.sub(lambda one: f"<p>\ue010{one[1]}\ue011</p>" if int(one[1]) < len(words) else one[0], page)
    lines = text.read(short).splitlines()
    for at, line in enumerate(lines):
        if _PLACE.search(line) is None:
            continue
        lines[at] = _PLACE.sub(lambda one: words[int(one[1])].strip("\n"), line)
        if "\n" in lines[at] and _PLACE.fullmatch(line.strip()) is None:
            return text.from_html(unmarked(page))
    return text.tidy("\n".join(lines))
