"""What a mail's CSS and HTML ask for that mail programs do not have, by caniemail's table.

Rules inside @media are not judged: who cannot do @media does not see them, so they are improvements.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.ledger.records import Letter
from pipeline.message.lint.css import important
from pipeline.message.lint.finding import Finding, Level
from pipeline.message.lint.page import Page, place, style

_TABLE = Path(__file__).with_name("support.json")
_HARMLESS = frozenset({
    "animation", "border-radius", "box-shadow", "box-sizing", "caption-side", "clear", "color-scheme",
    "cursor", "font-kerning", "height", "hyphens", "letter-spacing", "max-height", "max-width", "min-height",
    "min-width", "orphans", "outline", "overflow", "overflow-wrap", "table-layout", "text-overflow",
    "text-shadow", "text-underline-offset", "transition", "user-select", "white-space", "widows",
    "word-break", "word-wrap", "abbr", "bdi", "time", "wbr",
})  # fmt: skip
"""What a mail reads well without: corners are square, a word breaks elsewhere."""
_KINDS = ("property", "value", "function", "unit", "at", "pseudo", "tag", "image")
_UNIT = re.compile(r"\d(ch|rem|vh|vw|vmin|vmax)\b")
_FUNCTION = re.compile(r"([-a-z]+)\(")
_PSEUDO = re.compile(r"::?([-a-z]+)")

Use = tuple[str, str]
"""Kind and name: `property`, `float`."""


def check(letter: Letter, page: Page) -> Iterator[Finding]:
    """One finding for each feature that some client lacks, at its first use."""
    told: set[str] = set()
    for (kind, name), where in _uses(letter, page):
        feature = _features().get((kind, name))
        if feature is None or feature["title"] in told:
            continue
        told.add(feature["title"])
        harmless = name in _HARMLESS
        yield Finding(
            Level.NOTE if harmless else Level.WARNING,
            "client-support",
            f"{', '.join(feature['not'])} {'do' if len(feature['not']) > 1 else 'does'} not know {feature['title']}",
            where,
            "the mail reads well without it" if harmless else "use tables, plain properties and pictures instead",
        )


# A cache of a pure function of a file that belongs to the program.
@lru_cache(maxsize=1)
def _features() -> dict[Use, dict[str, Any]]:
    table = json.loads(_TABLE.read_text(encoding="utf-8"))["features"]
    return {(kind, name): entry for entry in table.values() for kind in _KINDS for name in entry.get(kind, ())}


def _uses(letter: Letter, page: Page) -> Iterator[tuple[Use, str]]:
    for element in page.elements:
        where = place(element)
        yield ("tag", element.tag), where
        if element.tag == "img" and element.get("src", "").startswith("data:"):
            yield ("image", "base64"), where
        yield from ((use, where) for use in _of_declarations(style(element).items()))
    for rule in page.rules:
        if not rule.at:
            where = f"html <style> {', '.join(rule.selectors)}"
            yield from ((use, where) for use in _of_declarations(rule.declarations.items()))
            for selector in rule.selectors:
                yield from ((("pseudo", name), where) for name in _PSEUDO.findall(selector))
                if selector.startswith("@"):
                    yield ("at", selector.split()[0].lstrip("@")), where
    if "@import" in page.source:
        yield ("at", "import"), "html <style>"
    for part in letter.parts:
        if part.disposition == "inline":
            yield ("image", part.artifact.media_type.removeprefix("image/").removesuffix("+xml")), part.filename


def _of_declarations(declared: Iterable[tuple[str, str]]) -> Iterator[Use]:
    for name, raw in declared:
        value, _ = important(raw)
        if value == "none" and name in {"float", "clear", "filter", "transform"}:
            continue
        yield "property", name
        yield "value", f"{name}:{value}"
        yield from (("unit", unit) for unit in _UNIT.findall(value))
        yield from (("function", function) for function in _FUNCTION.findall(value))
