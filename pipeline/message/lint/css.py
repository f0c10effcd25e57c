"""Reads the little CSS that mails hold: declarations, rules, and the at-rule that rules stand in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DECLARATION = re.compile(r"""([-\w]+)\s*:\s*((?:"[^"]*"|'[^']*'|\([^)]*\)|[^;"'(])+)""")


@dataclass(frozen=True, slots=True)
class Rule:
    """`selectors {declarations}` inside `at` (`@media (…)`; empty at the top)."""

    at: str
    selectors: tuple[str, ...]
    declarations: dict[str, str]


def declarations(text: str) -> dict[str, str]:
    """Property → value, both in lower case but for strings, `!important` kept; the last one wins."""
    return {name.lower(): value.strip() for name, value in _DECLARATION.findall(_COMMENT.sub("", text))}


def important(value: str) -> tuple[str, bool]:
    """The value without `!important`, and whether it had it."""
    plain, mark, _ = value.partition("!important")
    return plain.strip(), bool(mark)


def rules(text: str, at: str = "") -> Iterator[Rule]:
    """The rules of a style sheet in order, those of @media and @supports with their condition."""
    rest = _COMMENT.sub("", text)
    while rest:
        head, brace, rest = rest.partition("{")
        head = head.rpartition(";")[2].strip()  # what ends with a semicolon before: @import, @charset
        if not brace:
            return
        body, rest = _block(rest)
        if head.startswith(("@media", "@supports")):
            yield from rules(body, head)
        else:
            selectors = tuple(selector.strip() for selector in head.split(","))
            yield Rule(at, selectors, declarations(body))


def _block(text: str) -> tuple[str, str]:
    """What stands before the brace that closes this block, and what stands after it."""
    depth = 1
    for position, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth == 0:
            return text[:position], text[position + 1 :]
    return text, ""
