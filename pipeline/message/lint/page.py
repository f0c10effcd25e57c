"""The HTML body as a tree that checks walk: visible texts, styles, and names for places."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lxml import html

from pipeline.message.lint import css

_SILENT = {"style", "script", "title", "head", "template", "noscript"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of visible text and the element whose style it has."""

    element: Any
    text: str


class Page:
    """A letter's HTML body; empty where the letter has none."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.root: Any = html.document_fromstring(source or "<html></html>")

    @cached_property
    def elements(self) -> list[Any]:
        """All elements in order, without comments."""
        return [element for element in self.root.iter() if isinstance(element.tag, str)]

    @cached_property
    def rules(self) -> list[css.Rule]:
        """The rules of all style elements."""
        texts = [element.text or "" for element in self.elements if element.tag == "style"]
        return [rule for text in texts for rule in css.rules(text)]

    @cached_property
    def pieces(self) -> list[Piece]:
        """The visible texts that are not just white space, in reading order."""
        return list(_pieces(self.root))

    @cached_property
    def text(self) -> str:
        """All that can be read without pictures, alt texts included, in one line."""
        alts = [element.get("alt") or "" for element in self.elements if element.tag == "img"]
        return " ".join(" ".join(text.split()) for text in [*(piece.text for piece in self.pieces), *alts])

    @cached_property
    def preheader(self) -> str:
        """What the first hidden element of the body says, without its padding."""
        for element in self.elements:
            if is_hidden(element):
                return re.sub(r"[\u034f\u200b-\u200d\u00a0\u2007\ufeff\u00ad\s]+", " ", element.text_content()).strip()
        return ""


def place(element: Any) -> str:
    """`html:12 <img>`."""
    return f"html:{element.sourceline} <{element.tag}>"


def style(element: Any) -> dict[str, str]:
    """The declarations of the style attribute."""
    return css.declarations(element.get("style") or "")


def is_hidden(element: Any) -> bool:
    """Whether the element itself is not shown."""
    return style(element).get("display", "").startswith("none") or element.get("hidden") is not None


def _pieces(element: Any) -> Iterator[Piece]:
    if not isinstance(element.tag, str) or element.tag in _SILENT or is_hidden(element):
        return
    if element.text and element.text.strip():
        yield Piece(element, element.text)
    for child in element:
        yield from _pieces(child)
        if child.tail and child.tail.strip():
            yield Piece(element, child.tail)
