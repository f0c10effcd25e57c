"""The octets after 354: whatever a letter holds, every server reads exactly one message, and it is the letter."""

import re
from contextlib import suppress

import pytest
from delivery_bench import make_letter
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.smtp.frame import FINAL_DOT, LineEndsError, frame, stuffed, whole
from pipeline.message.wire import assemble, base64_lines

TERMINATORS = [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\r\r\n.\r\n"]
"""What lenient servers were found to take for the end of a message (CVE-2023-51764, -51765, -51766)."""


def strict(wire: bytes) -> list[bytes]:
    """How a server that follows RFC 5321 cuts the stream after DATA; each piece with its dots undone."""
    return _read(wire, re.compile(rb"(?:^|(?<=\r\n))\.\r\n"))


def lf_lenient(wire: bytes) -> list[bytes]:
    return _read(wire, re.compile(rb"(?:^|(?<=\n))\.\r?\n"))


def cr_lenient(wire: bytes) -> list[bytes]:
    return _read(wire, re.compile(rb"(?:^|(?<=\r)|(?<=\n))\.(?:\r\n|\r|\n)"))


def _read(wire: bytes, end: re.Pattern[bytes]) -> list[bytes]:
    """Messages, and as a last element what is left over."""
    return [re.sub(rb"(^|\r\n)\.\.", rb"\1.", piece) for piece in end.split(wire)]


lines = st.lists(
    st.one_of(
        st.sampled_from([b"", b".", b"..", b"...", b".\x20", b". .", b"MAIL FROM:<x@y>", b"DATA", b"QUIT"]),
        st.binary(max_size=20).map(lambda b: re.sub(rb"[\r\n\0]", b".", b)),
    ),
    max_size=12,
)


@given(st.lists(lines, min_size=1, max_size=4))
def test_every_reader_finds_one_message_and_it_is_what_was_written(chunks):
    pieces = [b"".join(line + b"\r\n" for line in chunk) for chunk in chunks]
    wire = b"".join(frame(pieces))
    for reader in (strict, lf_lenient, cr_lenient):
        assert reader(wire) == [b"".join(pieces), b""], reader


@given(lines)
def test_stuffing_costs_no_copy_where_no_line_begins_with_a_dot(content):
    chunk = b"".join(line + b"\r\n" for line in content)
    if not re.search(rb"(^|\n)\.", chunk):
        assert stuffed(chunk) is chunk


@given(
    st.lists(st.lists(st.sampled_from([b"\r", b"\n", b".", b"\0", b"x", b"\r\n"]), max_size=12), min_size=1, max_size=3)
)
def test_whatever_stands_in_a_letter_no_reader_finds_the_end_of_it_early(chunks):
    """Line ends that no letter of ours has, too: it is refused, or it is one message for everybody."""
    pieces = [b"".join([*chunk, b"\r\n"]) for chunk in chunks]
    with suppress(LineEndsError):
        wire = b"".join(frame(pieces))
        assert b"\0" not in wire
        for reader in (strict, lf_lenient, cr_lenient):
            assert len(reader(wire)) == 2, reader


@pytest.mark.parametrize("bad", [*TERMINATORS, b"a\0b"])
def test_what_lenient_servers_take_for_the_end_is_refused_wherever_it_stands(bad):
    for chunk in (bad + b"\r\n", b"text\r\n" + bad + b"more\r\n", b"text" + bad + b"\r\n"):
        with pytest.raises(LineEndsError):
            frame([b"Subject: x\r\n\r\n", chunk])


def test_by_bdat_every_chunk_goes_out_as_the_very_same_object():
    shared = base64_lines(b"\xff" * 100_000)
    chunks = [b".head\r\n", shared, b"..tail\r\n.\r\n"]
    assert all(left is right for left, right in zip(whole(chunks, [shared]), chunks, strict=True))


@pytest.mark.parametrize("bad", [*TERMINATORS, b"a\0b"])
def test_by_bdat_the_same_is_refused_since_the_next_server_may_get_it_by_data(bad):
    with pytest.raises(LineEndsError):
        whole([b"Subject: x\r\n\r\n", b"text\r\n" + bad + b"more\r\n"])


def test_a_piece_that_does_not_end_its_line_is_refused():
    with pytest.raises(LineEndsError, match="does not end with CRLF"):
        frame([b"text"])


def test_shared_base64_goes_out_as_the_very_same_object():
    shared = base64_lines(b"\xff" * 100_000)
    framed = frame([b"head\r\n", shared, b".tail\r\n"], [shared])
    assert framed[1] is shared
    assert framed[2:] == [b"..tail\r\n", FINAL_DOT]


@given(st.binary(max_size=2000))
def test_no_line_of_base64_begins_with_a_dot_or_ends_otherwise(data):
    """Why shared attachments may be left unlooked at."""
    assert stuffed(base64_lines(data)) == base64_lines(data)


@given(
    content=st.lists(st.text(alphabet="a.é \u2028=\t", max_size=80), max_size=10),
    eight_bit=st.booleans(),
)
def test_a_letter_as_the_message_room_makes_it_always_passes(content, eight_bit):
    text = "".join(f"{line}\r\n" for line in content)
    letter = make_letter(1, text=text, html=text)
    chunks = assemble(letter, lambda _: b"", eight_bit=eight_bit)
    assert strict(b"".join(frame(chunks))) == [b"".join(chunks), b""]
