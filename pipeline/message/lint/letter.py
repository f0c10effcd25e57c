"""The whole lint: a letter in, findings out."""

from pipeline.ledger.records import Letter
from pipeline.message.lint import access, contrast, links, size, support, width, words
from pipeline.message.lint.finding import Finding, worst_first
from pipeline.message.lint.page import Page


def lint_letter(letter: Letter) -> tuple[Finding, ...]:
    """What readers of this letter would stumble over, errors first. Pure: reads nothing but the letter."""
    page = Page(letter.html.decode())
    return worst_first(
        [
            *size.check(letter),
            *words.check(letter, page),
            *links.check(letter, page),
            *access.check(page),
            *contrast.check(page),
            *support.check(letter, page),
            *width.check(page),
        ]
    )
