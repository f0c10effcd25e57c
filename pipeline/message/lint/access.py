"""Whether the mail can be read without pictures and by ear: alt texts, language, headings, tables."""

import re
from collections.abc import Iterator
from typing import Any

from pipeline.message.lint.finding import Finding, error, note, warning
from pipeline.message.lint.page import Page, place

_FILE_NAME = re.compile(r"(?i)[\w-]+\.(png|jpe?g|gif|svg|webp)")
_LONGEST_ALT = 250
_SMALL = 24
"""Width in CSS px under which a picture without a text may be an ornament."""
_EMPTY_WORDS = frozenset({"click here", "here", "link", "more", "read more", "this link", "hier"})


def check(page: Page) -> Iterator[Finding]:
    """Findings for whoever does not see the mail as it was drawn."""
    if page.source:
        yield from _page(page)
    for element in page.elements:
        if element.tag == "img":
            yield from _picture(element)
        elif element.tag == "table":
            yield from _table(element)
        elif element.tag == "a" and element.text_content().strip().lower() in _EMPTY_WORDS:
            yield warning(
                "link-text",
                f'the link says only "{element.text_content().strip()}"',
                place(element),
                "say where it leads: screen readers list links alone",
            )
    yield from _headings(page)


def _page(page: Page) -> Iterator[Finding]:
    if not page.root.get("lang"):
        yield warning("language", "the page does not say its language", "html <html>", 'write <html lang="en">')
    title = page.root.find(".//title")
    if title is None or not (title.text or "").strip():
        yield note("page-title", "the page has no title", "html <head>", "write <title>, screen readers say it")


def _picture(image: Any) -> Iterator[Finding]:
    alt, width = image.get("alt"), image.get("width", "")
    where = place(image)
    big = not width.isdigit() or int(width) > _SMALL
    if alt is None:
        yield error("alt-text", "a picture without alt text", where, 'state its finding, or alt="" for an ornament')
    elif not alt.strip() and big:
        yield warning(
            "alt-text",
            "a picture with an empty alt text",
            where,
            "state its finding: many see no pictures",
        )
    elif _FILE_NAME.fullmatch(alt.strip()):
        yield warning("alt-text", f'the alt text "{alt}" is a file name', where, "state what it shows")
    elif len(alt) > _LONGEST_ALT:
        yield note(
            "alt-text",
            f"an alt text of {len(alt)} characters",
            where,
            "say the finding, leave the rest to the text",
        )
    if not width.isdigit():
        yield warning(
            "picture-width",
            "a picture without a width",
            where,
            "give width= in px: Outlook draws it at full size",
        )


def _table(table: Any) -> Iterator[Finding]:
    if table.get("role") in {"presentation", "none"}:
        return
    heads = [cell for cell in table.iter("th") if next(cell.iterancestors("table")) is table]
    if not heads:
        yield warning(
            "table-role",
            "a table without header cells",
            place(table),
            'write <th scope="col">, or role="presentation" where it only lays out',
        )
    elif not all(cell.get("scope") for cell in heads):
        yield warning("table-role", "a header cell without scope", place(table), 'write scope="col" or "row"')


def _headings(page: Page) -> Iterator[Finding]:
    last = 0
    for element in page.elements:
        if re.fullmatch("h[1-6]", element.tag):
            level = int(element.tag[1])
            if level > last + 1:
                what = f"<{element.tag}> follows {f'<h{last}>' if last else 'no heading'}"
                yield warning("heading-order", what, place(element), f"use <h{last + 1}>: ears go by the order")
            last = level
