"""Whether every text can be told from what it stands on, in light and in dark mode."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.message.lint.colour import RGB, contrast, parse
from pipeline.message.lint.css import Rule, important
from pipeline.message.lint.finding import Finding, Level
from pipeline.message.lint.page import Page, place, style

_ENOUGH, _ENOUGH_LARGE, _UNREADABLE = 4.5, 3.0, 2.0
_WHITE: RGB = (255, 255, 255)
_BLACK: RGB = (0, 0, 0)
_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark")
_COMPOUND = re.compile(r"^([a-z][a-z0-9]*|\*)?((?:\.[-\w]+)*)$")

Step = tuple[str, frozenset[str]]
"""One compound of a selector: a tag or "", and classes."""


def check(page: Page) -> Iterator[Finding]:
    """Texts under 4.5:1, large ones under 3:1 (WCAG 2.2 SC 1.4.3); each pair of colours once a mode."""
    yield from _in_mode(page, "", [])
    dark = [rule for rule in page.rules if _DARK.search(rule.at)]
    if dark:
        yield from _in_mode(page, " in dark mode", _compiled(dark))


def _in_mode(page: Page, mode: str, dark: "list[_Override]") -> Iterator[Finding]:
    seen: set[tuple[RGB, RGB, bool]] = set()
    styles: dict[Any, Mapping[str, str]] = {}

    def of(element: Any) -> Mapping[str, str]:
        if element not in styles:
            styles[element] = _cascaded(element, dark)
        return styles[element]

    for piece in page.pieces:
        lineage = [piece.element, *piece.element.iterancestors()]
        ink = next((c for e in lineage if (c := parse(of(e).get("color", "")))), _BLACK)
        paper = next((c for e in lineage if (c := _background(of(e)))), _WHITE)
        large = _is_large([of(element) for element in lineage])
        ratio = contrast(ink, paper)
        if ratio >= (_ENOUGH_LARGE if large else _ENOUGH) or (ink, paper, large) in seen:
            continue
        seen.add((ink, paper, large))
        text = " ".join(piece.text.split())[:40]
        yield Finding(
            Level.ERROR if ratio < _UNREADABLE else Level.WARNING,
            "contrast",
            f'"{text}" has a contrast of {ratio:.1f}:1{mode} (#{bytes(ink).hex()} on #{bytes(paper).hex()})',
            place(piece.element),
            f"make it at least {_ENOUGH_LARGE if large else _ENOUGH}:1, darker or on a lighter ground"
            if not mode
            else "give the element a class that the dark mode's rules know (ink, muted, soft)",
        )


def _background(declared: Mapping[str, str]) -> RGB | None:
    return parse(declared.get("background-color", "") or declared.get("background", ""))


def _is_large(lineage: list[Mapping[str, str]]) -> bool:
    """24 px, or 18.66 px in bold."""
    size = next((float(m[1]) for d in lineage if (m := re.match(r"([\d.]+)px", d.get("font-size", "")))), 16.0)
    weight = next((d["font-weight"] for d in lineage if "font-weight" in d), "400")
    return size >= 24 or (size >= 18.66 and (weight.startswith("bold") or weight[:1] in "6789"))


# --- the cascade of dark mode -------------------------------------------------------------------------------


class _Override:
    """One selector of a dark rule with its declarations."""

    def __init__(self, selector: list[Step], declarations: dict[str, str], order: int) -> None:
        self.selector, self.declarations = selector, declarations
        self.weight = (sum(len(c) for _, c in selector), sum(bool(t) for t, _ in selector), order)

    def matches(self, element: Any) -> bool:
        *outer, last = self.selector
        if not _fits(element, last):
            return False
        ancestors = list(element.iterancestors())
        for step in reversed(outer):
            while ancestors and not _fits(ancestors[0], step):
                ancestors.pop(0)
            if not ancestors:
                return False
            ancestors.pop(0)
        return True


def _compiled(rules: list[Rule]) -> list[_Override]:
    """The selectors of tags, classes and descendants, weakest first; others are left out."""
    found: list[_Override] = []
    for rule in rules:
        for selector in rule.selectors:
            steps = [_COMPOUND.match(part) for part in selector.split()]
            if steps and all(steps):
                compounds = [((m[1] or "").strip("*"), frozenset(m[2].split(".")[1:])) for m in steps if m]
                found.append(_Override(compounds, rule.declarations, len(found)))
    return sorted(found, key=lambda override: override.weight)


def _fits(element: Any, step: Step) -> bool:
    tag, classes = step
    return (not tag or element.tag == tag) and classes <= set((element.get("class") or "").split())


def _cascaded(element: Any, dark: list[_Override]) -> Mapping[str, str]:
    """The element's own declarations with the dark rules over them, which win where they are important."""
    declared = style(element)
    if "bgcolor" in element.attrib and not _background(declared):
        declared["background-color"] = element.get("bgcolor")
    for override in dark:
        if override.matches(element):
            for name, raw in override.declarations.items():
                value, wins = important(raw)
                if wins or name not in declared:
                    declared[name] = value
                    if name == "background":
                        declared.pop("background-color", None)
    return declared
