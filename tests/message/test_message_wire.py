"""The wire form: two independent readers see what was meant, the size is exact, no line is too long."""

import base64
import email
import email.policy
import hashlib
import re
import subprocess
import sys
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ledger.records import Artifact, Letter, Part
from pipeline.message import wire

PICTURE, WORKBOOK = b"\x89PNG\r\n\x1a\n" * 30, bytes(range(256)) * 7
BLOBS = {hashlib.sha256(data).hexdigest(): data for data in (PICTURE, WORKBOOK, b"")}


def artifact(data: bytes, media_type: str) -> Artifact:
    return Artifact(hashlib.sha256(data).hexdigest(), len(data), media_type)


IMAGE = Part(artifact(PICTURE, "image/png"), "chart.png", "inline", "chart@example.com")
SHEET = Part(artifact(WORKBOOK, "application/vnd.ms-excel"), "delays.xls", "attachment")
EMPTY = Part(artifact(b"", "text/csv"), "empty.csv", "attachment")


def letter(text: str = "Text\n", html: str = "<p>HTML</p>\n", parts: tuple[Part, ...] = ()) -> Letter:
    def crlf(body: str) -> bytes:
        return body.replace("\n", "\r\n").encode()

    headers = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: s\r\nMessage-ID: <1@example.com>\r\n"
    return Letter("<1@example.com>", "a@example.com", ("b@example.com",), headers, crlf(text), crlf(html), parts, "s")


def read_base64(sha256: str) -> bytes:
    return wire.base64_lines(BLOBS[sha256])


def on_wire(sent: Letter, *, eight_bit: bool = True) -> bytes:
    return b"".join(wire.assemble(sent, read_base64, eight_bit=eight_bit))


def parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert [defect for part in message.walk() for defect in part.defects] == []
    return message


def shape(message: EmailMessage) -> object:
    kind = message.get_content_type()
    return (kind, *(shape(part) for part in message.iter_parts())) if message.is_multipart() else kind  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (letter(html=""), "text/plain"),
        (letter(text=""), "text/html"),
        (letter(), ("multipart/alternative", "text/plain", "text/html")),
        (
            letter(parts=(IMAGE,)),
            ("multipart/alternative", "text/plain", ("multipart/related", "text/html", "image/png")),
        ),
        (
            letter(parts=(SHEET,)),
            (
                "multipart/mixed",
                ("multipart/alternative", "text/plain", "text/html"),
                "application/vnd.ms-excel",
            ),
        ),
        (letter(html="", parts=(SHEET,)), ("multipart/mixed", "text/plain", "application/vnd.ms-excel")),
        (
            letter(parts=(SHEET, IMAGE, EMPTY)),
            (
                "multipart/mixed",
                ("multipart/alternative", "text/plain", ("multipart/related", "text/html", "image/png")),
                "application/vnd.ms-excel",
                "text/csv",
            ),
        ),
    ],
    ids=["text", "html", "both", "image", "file", "text and file", "all"],
)
def test_a_mail_has_only_the_levels_that_it_needs(sent: Letter, expected: object) -> None:
    message = parsed(on_wire(sent))
    assert shape(message) == expected
    contents = {part.get_filename(): part.get_content() for part in message.walk() if part.get_filename()}
    for part in sent.parts:
        found = contents[part.filename]
        assert (found.encode() if isinstance(found, str) else found) == BLOBS[part.artifact.sha256]


@pytest.mark.parametrize(
    ("body", "eight_bit", "encoding"),
    [
        ("plain\n", False, "7bit"),
        ("Verspätung\n" + "a line\n" * 40, True, "8bit"),
        ("Verspätung\n" + "a line\n" * 40, False, "quoted-printable"),
        ("遅延情報\n" * 40, False, "base64"),
        ("x" * 998 + "\n", False, "7bit"),
        ("x" * 999 + "\n", True, "quoted-printable"),
        ("ä" * 499 + "\n", True, "8bit"),
        ("ä" * 500 + "\n", True, "base64"),
    ],
)
def test_bodies_travel_as_they_are_where_they_can(body: str, eight_bit: bool, encoding: str) -> None:
    message = parsed(on_wire(letter(text=body), eight_bit=eight_bit))
    text = message.get_body(("plain",))
    assert text is not None
    assert text["Content-Transfer-Encoding"] == encoding
    assert text.get_content() == body.replace("\n", "\r\n")


BODIES = st.text(
    st.one_of(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), st.sampled_from(" \t\n.=-äß€遅")),
    max_size=300,
).map(lambda body: body + "\n")


@settings(max_examples=150, deadline=None)
@given(
    text=BODIES,
    html=st.one_of(BODIES, st.integers(900, 1100).map(lambda width: "=_ " + "x" * width + " \n.\n")),
    parts=st.sets(st.sampled_from([IMAGE, SHEET, EMPTY])).map(lambda found: tuple(sorted(found, key=str))),
    eight_bit=st.booleans(),
)
def test_what_is_read_is_what_was_meant(text: str, html: str, parts: tuple[Part, ...], eight_bit: bool) -> None:
    sent = letter(text, html, parts)
    data = on_wire(sent, eight_bit=eight_bit)
    assert len(data) == wire.encoded_size(sent, eight_bit=eight_bit)
    assert data.count(b"\n") == data.count(b"\r") == data.count(b"\r\n")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert eight_bit or data.isascii()
    message = parsed(data)
    for kind, meant in (("plain", text), ("html", html)):
        part = message.get_body((kind,))
        assert part is not None
        decoded = part.get_payload(decode=True)
        assert isinstance(decoded, bytes)
        assert decoded == meant.replace("\n", "\r\n").encode()


def test_quoted_printable_keeps_trailing_blanks_and_short_lines() -> None:
    sent = letter(text="ends with a blank \nand a tab\t\n" + "an accént here " * 20 + "\n")
    data = on_wire(sent, eight_bit=False)
    assert b"blank=20\r\n" in data
    assert b"tab=09\r\n" in data
    assert max(map(len, data.split(b"\r\n"))) <= 78


def test_shared_base64_is_handed_on_and_chunks_are_whole_lines() -> None:
    shared = {sha256: wire.base64_lines(data) for sha256, data in BLOBS.items()}
    chunks = wire.assemble(letter(parts=(IMAGE, SHEET)), shared.__getitem__, eight_bit=True)
    for part in (IMAGE, SHEET):
        assert any(chunk is shared[part.artifact.sha256] for chunk in chunks)
    assert all(chunk.endswith(b"\r\n") for chunk in chunks)


def test_boundaries_are_stable_and_never_in_the_content() -> None:
    plain = on_wire(letter())
    assert plain == on_wire(letter())
    boundary = re.search(rb'boundary="(=_a_[0-9a-f]+)"', plain)
    assert boundary is not None
    guessed = boundary[1].decode()
    hostile = f"--{guessed}\nContent-Type: text/html\n\nevil\n--{guessed}--\n"
    message = parsed(on_wire(letter(text=hostile)))
    assert shape(message) == ("multipart/alternative", "text/plain", "text/html")
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content() == hostile.replace("\n", "\r\n")


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 114, 1000])
def test_base64_size_is_exact(size: int) -> None:
    assert wire.base64_size(size) == len(wire.base64_lines(bytes(size)))
    assert base64.b64decode(wire.base64_lines(bytes(size))) == bytes(size)


NAMES = [
    "delays.xlsx",
    "delays 2013-01-31.xlsx",
    "Verspätungen – Januar.xlsx",
    "遅延レポート.csv",
    'say "hi" \\ there.csv',
    "50% off; a=b, c'd.csv",
    "x" * 120 + ".xlsx",
    "Ä" * 80 + ".xlsx",
    "=?utf-8?q?=0ABcc:evil?=.csv",
]


@pytest.mark.parametrize("filename", NAMES)
def test_file_names_survive_in_the_standard_library(filename: str) -> None:
    data = on_wire(letter(parts=(Part(SHEET.artifact, filename, "attachment"),)))
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert [part.get_filename() for part in message.iter_attachments()] == [filename]
    assert max(map(len, data.split(b"\r\n"))) <= 78


def test_mailparser_agrees(mailparser) -> None:  # type: ignore[no-untyped-def]
    sent = [letter(parts=(IMAGE, Part(SHEET.artifact, name, "attachment"))) for name in NAMES]
    sent.append(letter("Grüße\n.\nFrom here\n" + "ü" * 900 + "\n", "<p>遅延</p>\n" * 30, (SHEET, IMAGE)))
    mails = [on_wire(one, eight_bit=eight_bit) for one in sent for eight_bit in (True, False)]
    seen = mailparser(mails)
    for one, mail in zip([one for one in sent for _ in range(2)], seen, strict=True):
        assert mail["text"].splitlines() == one.text.decode().splitlines()
        assert mail["html"].splitlines() == one.html.decode().splitlines()
        parts = {(part["filename"], part["sha256"], part["type"], part["cid"]) for part in mail["parts"]}
        assert parts == {(p.filename, p.artifact.sha256, p.artifact.media_type, p.cid) for p in one.parts}
        assert [part["related"] for part in mail["parts"] if part["cid"]] == [True]


def test_wire_needs_no_pandas_and_no_jinja() -> None:
    """`delivery/` imports it in the parent process."""
    heavy = "('pandas', 'jinja2', 'babel')"
    code = f"import sys, pipeline.message.wire; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
