"""Whether everything fits into the mail: widths in CSS px that are larger than the frame around the content."""

import re
from collections.abc import Iterator
from typing import Any

from pipeline.message.lint.finding import Finding, warning
from pipeline.message.lint.page import Page, place, style

USUAL = 600
"""The width of a mail that has no frame of its own: what reading panes show."""
_PIXELS = re.compile(r"\s*(\d+)(?:\.\d+)?\s*(?:px)?\s*(?:!important)?\s*")


def check(page: Page) -> Iterator[Finding]:
    """Elements that are wider than the frame; of those inside one another the outermost."""
    frame = _frame(page)
    reported: set[Any] = set()
    for element in page.elements:
        if reported & {element.getparent()}:
            reported.add(element)
            continue
        width = _width(element)
        if width > frame and "max-width" not in style(element):
            reported.add(element)
            yield warning(
                "too-wide",
                f"{width} px wide, in a mail of {frame} px",
                place(element),
                "mail programs squeeze it or scroll sideways; show fewer columns, or make it narrower",
            )


def _frame(page: Page) -> int:
    """The width that the layout gives the content."""
    frames = (element for element in page.elements if "frame" in (element.get("class") or "").split())
    return next((width for element in frames if (width := _width(element))), USUAL)


def _width(element: Any) -> int:
    """The largest width that it asks for in px; 0 where it asks for none, or in percent."""
    own = style(element)
    said = (element.get("width") or "", own.get("width", ""), own.get("min-width", ""))
    return max(int(match[1]) if (match := _PIXELS.fullmatch(text)) else 0 for text in said)
