"""Header fields: whatever the words are, both readers see exactly the intended fields and values."""

import email
import email.policy
import re
from email.header import decode_header, make_header
from email.utils import getaddresses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.errors import ComposeError
from pipeline.jobs.scalars import Mailbox
from pipeline.message import headers

LONG = "Verspätungen je Fluggesellschaft, alle Flughäfen im Großraum New York, " * 4


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("Daily delays", "Subject: Daily delays\r\n"),
        ("Grüße", "Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"),
        ("50% =?off", "Subject: =?utf-8?b?NTAlID0/b2Zm?=\r\n"),
        ("", "Subject: =?utf-8?b??=\r\n"),
        ("a  b", "Subject: =?utf-8?b?YSAgYg==?=\r\n"),
    ],
)
def test_plain_words_stay_and_others_are_encoded(value: str, line: str) -> None:
    assert headers.unstructured("Subject", value) == line


@pytest.mark.parametrize(
    ("mailbox", "line"),
    [
        (Mailbox("a@example.com"), "To: a@example.com\r\n"),
        (Mailbox("a@example.com", "Ana Ruiz"), "To: Ana Ruiz <a@example.com>\r\n"),
        (Mailbox("a@example.com", "Ruiz, Ana"), 'To: "Ruiz, Ana" <a@example.com>\r\n'),
        (Mailbox("a@example.com", 'Ana "A" \\ Ruiz'), 'To: "Ana \\"A\\" \\\\ Ruiz" <a@example.com>\r\n'),
        (Mailbox("a@example.com", "Anä"), "To: =?utf-8?b?QW7DpA==?= <a@example.com>\r\n"),
    ],
)
def test_names_are_quoted_or_encoded(mailbox: Mailbox, line: str) -> None:
    assert headers.mailboxes("To", [mailbox]) == line


def test_many_addresses_fold_between_them() -> None:
    people = [Mailbox(f"person{number}@example.com", f"Person Nr. {number}") for number in range(40)]
    field = headers.mailboxes("To", people)
    assert max(map(len, field.split("\r\n"))) <= 78
    unfolded = re.sub(r"\r\n(?=[ \t])", "", field).removeprefix("To:").strip()
    assert getaddresses([unfolded]) == [(person.name, person.address) for person in people]


@pytest.mark.parametrize(
    "character", ["\r", "\n", "\0", "\x1b", "\x85", "\u2028", "\u2029", "\u202e", "\ud800"], ids=ascii
)
def test_what_no_line_can_hold_is_refused_by_name(character: str) -> None:
    with pytest.raises(ComposeError, match=rf"^Subject holds the character U\+{ord(character):04X} "):
        headers.unstructured("Subject", f"a{character}b")
    with pytest.raises(ComposeError, match=r"the name of a@example\.com in To holds the character"):
        headers.mailboxes("To", [Mailbox("a@example.com", f"A{character}B")])


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com\r\nBcc: x@evil.example",
        "a@b>, <x@evil.example",
        "a b@example.com",
        "no-at-sign",
        "ä@example.com",
        "a@exam ple.com",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ComposeError, match="is not an address that can stand in a header"):
        headers.mailboxes("To", [Mailbox(address)])


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200)


@settings(max_examples=300, deadline=None)
@given(subject=WORDS, name=WORDS)
@example(subject="=?utf-8?q?=0ABcc:evil?=", name="=?utf-8?q?=0ABcc:evil?=")
@example(subject=LONG, name=LONG)
@example(subject="x" * 2000, name="x" * 2000)
@example(subject="(comment) <a@b>, group: x;", name='"quoted" (comment), <x@evil.example>')
def test_the_parsed_mail_has_exactly_the_intended_fields(subject: str, name: str) -> None:
    try:
        block = headers.unstructured("Subject", subject) + headers.mailboxes("To", [Mailbox("a@example.com", name)])
    except ComposeError as error:
        assert "holds the character" in str(error)  # noqa: PT017 - a text-direction override, the one other outcome
        return
    data = block.encode("ascii") + b"\r\nbody\r\n"
    assert all(len(line) <= 78 for line in data.split(b"\r\n"))
    for policy in (email.policy.default, email.policy.compat32):
        message = email.message_from_bytes(data, policy=policy)
        assert message.keys() == ["Subject", "To"]
        assert message.get_payload() == "body\r\n"
    raw = email.message_from_bytes(data, policy=email.policy.compat32)
    assert str(make_header(decode_header(re.sub(r"\r\n(?=[ \t])", "", raw["Subject"])))) == subject
    parsed = email.message_from_bytes(data, policy=email.policy.default)
    assert [one.addr_spec for one in parsed["To"].addresses] == ["a@example.com"]


def test_mailparser_reads_the_same_words(mailparser) -> None:  # type: ignore[no-untyped-def]
    words = [
        "Daily delays",
        "Grüße aus Zürich",
        LONG.strip(),
        "=?utf-8?q?=0ABcc:evil?=",
        'a "quoted" name, yes',
        "遅延 🚀",
    ]
    mails = [
        (headers.unstructured("Subject", word) + headers.mailboxes("To", [Mailbox("a@example.com", word)])).encode()
        + b"\r\nbody\r\n"
        for word in words
    ]
    seen = mailparser(mails)
    assert [(mail["subject"], mail["to"]) for mail in seen] == [
        (word, [{"address": "a@example.com", "name": word}]) for word in words
    ]
    assert all(mail["keys"] == ["subject", "to"] for mail in seen)
