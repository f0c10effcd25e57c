"""What the mail says: leftovers of templates, subject, preheader, and whether both bodies tell the same."""

import re
from collections.abc import Iterator

from pipeline.ledger.records import Letter
from pipeline.message.lint.finding import Finding, error, note, warning
from pipeline.message.lint.page import Page, place

_LEFTOVER = re.compile(
    r"\{\{|\}\}|\{%|%\}|\$\{\w+\}|%\(\w+\)[sd]|<NA>|\[object Object\]|\bLorem ipsum\b"
    r"|\b(?:nan|NaN|NaT|inf|undefined|NULL)\b|(?<![.!?]\s)(?<!^)\bNone\b(?! of\b)"
)
_SUBJECT_LIMIT = 78
"""Characters; mail programs on a desk show about 70, phones about 40."""
_PREHEADER_LIMIT = 140
_NO_FIGURE = re.compile(r"[@/]|(?<!\d)\d+[-:]\d")
"""Marks addresses, dates, times, identifiers."""
_FIGURE = re.compile(r"(?<![\w.,])-?\d[\d.,\u00a0\u202f]*\d|(?<![\w.,])-?\d")


def check(letter: Letter, page: Page) -> Iterator[Finding]:
    """Findings about words, in the order in which a reader meets them."""
    yield from _subject(letter.subject)
    yield from _preheader(letter, page)
    for piece in page.pieces:
        if leftover := _leftover(piece.text.strip()):
            yield _left(leftover, place(piece.element))
    for element in page.elements:
        for name in ("alt", "href", "title"):
            if leftover := _leftover(element.get(name) or ""):
                yield _left(leftover, f"{place(element)} {name}=")
    for number, line in enumerate(letter.text.decode().splitlines(), 1):
        if leftover := _leftover(line.strip()):
            yield _left(leftover, f"text:{number}")
    yield from _both_bodies(letter, page)


def _leftover(text: str) -> str:
    if text == "None":
        return text
    found = _LEFTOVER.search(text)
    return found[0] if found else ""


def _left(leftover: str, where: str) -> Finding:
    what = f'"{leftover}" is what a template or a missing value left behind'
    return error("leftover", what, where, "give the value a default, or leave its row out")


def _subject(subject: str) -> Iterator[Finding]:
    if not subject.strip():
        yield error("subject", "the subject is empty", "Subject", "say the report and its main figure")
        return
    if leftover := _leftover(subject):
        yield _left(leftover, "Subject")
    if len(subject) > _SUBJECT_LIMIT:
        what = f"the subject has {len(subject)} characters"
        yield warning("subject", what, "Subject", f"keep it under {_SUBJECT_LIMIT}: phones show the first 40")
    if subject.isupper() and len(subject) > 10:
        yield warning("subject", "the subject is all capitals", "Subject", "filters take that for spam")
    if re.search(r"!!|\?\?", subject):
        yield warning("subject", "the subject shouts", "Subject", "one mark is enough: filters count them")


def _preheader(letter: Letter, page: Page) -> Iterator[Finding]:
    preheader = page.preheader
    if not page.source:
        return
    if not preheader:
        what = "no preheader, so that inboxes show the first words of the body"
        yield note("preheader", what, "preheader", "set message.preheader to the main figure")
        return
    if leftover := _leftover(preheader):
        yield _left(leftover, "preheader")
    if preheader.casefold() == letter.subject.casefold():
        yield warning("preheader", "the preheader repeats the subject", "preheader", "say the next thing")
    if len(preheader) > _PREHEADER_LIMIT:
        what = f"the preheader has {len(preheader)} characters"
        yield note("preheader", what, "preheader", f"inboxes cut it after about {_PREHEADER_LIMIT}")


def _both_bodies(letter: Letter, page: Page) -> Iterator[Finding]:
    """The text part is there, and no figure of one body contradicts the other."""
    text = letter.text.decode()
    if not text.strip():
        yield error("text-part", "there is no text part", "text", "write templates/NAME.txt, or leave it to us")
        return
    if not page.source:
        return
    shown, told = _figures(page.text), _figures(text)
    only_told = sorted(told - shown - _figures(letter.subject) - _figures(page.preheader))
    if only_told:
        what = f"the text part has figures that the HTML does not show: {', '.join(only_told[:5])}"
        yield warning("text-part", what, "text", "take both from the same values and formats")
    missing = shown - told
    if len(missing) * 2 > len(shown) and len(missing) > 3:
        what = f"the text part lacks {len(missing)} of the HTML's {len(shown)} figures"
        yield warning("text-part", what, "text", "tell the same facts: some readers see only the text")


def _figures(text: str) -> set[str]:
    """The numbers of a text, without those inside dates, times, addresses and identifiers."""
    words = [word for word in re.split(r"[ \t\r\n]+", text.replace("\u2212", "-")) if not _NO_FIGURE.search(word)]
    return {figure.lstrip("-") for word in words for figure in _FIGURE.findall(word)}
