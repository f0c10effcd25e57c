"""Plain addresses take a short way, which must say what the long one says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.jobs.scalars import Mailbox, _any_mailbox, parse_mailbox


def said(parse: object, text: str) -> Mailbox | str:
    try:
        return parse(text)  # type: ignore[operator,no-any-return]
    except ValueError as error:
        return str(error)


ALPHABET = "aZ9._+-@ \n"
DOMAINS = [
    "example.com",
    "EXAMPLE.org",
    "a..b",
    "-x.com",
    "localhost",
    "x.test",
    "1.2.3.4",
    "münchen.de",
    "ex ample.com",
    "com",
]


@settings(max_examples=300, deadline=None)
@given(local=st.text(ALPHABET, max_size=6), domain=st.sampled_from(DOMAINS) | st.text(ALPHABET, max_size=6))
def test_both_ways_agree(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    assert said(parse_mailbox, text) == said(parse_mailbox.__wrapped__, text)
    if all(ord(character) >= 32 for character in text) and text.count("@") == 1:
        assert said(parse_mailbox, text) == said(_any_mailbox, text)


@pytest.mark.parametrize("local", ["a" * 64, "a" * 65, "ana.maria.ruiz", ".a", "a.", "a..b"])
def test_the_part_before_the_at(local: str) -> None:
    assert said(parse_mailbox, f"{local}@example.com") == said(_any_mailbox, f"{local}@example.com")
