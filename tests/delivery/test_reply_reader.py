"""Reading replies from bytes: any cut of the stream gives the same, and nothing a server sends gets out of hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.smtp.capabilities import read_capabilities
from pipeline.delivery.smtp.reply import MAX_LINE, MAX_REPLY, MAX_TEXT, GarbageError, ReplyReader, visible


def read(*pieces: bytes):
    reader = ReplyReader()
    return [reply for piece in pieces for reply in reader.feed(piece)]


@pytest.mark.parametrize(
    ("data", "code", "enhanced", "text"),
    [
        (b"250 2.1.0 Ok\r\n", 250, "2.1.0", "Ok"),
        (b"250 ok\n", 250, "", "ok"),
        (b"250\r\n", 250, "", ""),
        (b"250-first\r\n250 last\r\n", 250, "", "first last"),
        (b"550-5.1.1 No such\r\n550 5.1.1 user\r\n", 550, "5.1.1", "No such user"),
        (b"550 5.1.1\r\n", 550, "5.1.1", ""),
        (b"550 5.1.1a is no code\r\n", 550, "", "5.1.1a is no code"),
        (b"450 caf\xc3\xa9 \xff\xfe\r\n", 450, "", "café ��"),
        (b"450 \x1b[31mred\x07\r\n", 450, "", "\\x1b[31mred\\x07"),
        (b"250 a\rb\r\n", 250, "", "a\\rb"),
    ],
)
def test_a_reply_is_read(data, code, enhanced, text):
    (reply,) = read(data)
    assert (reply.code, reply.enhanced, reply.text) == (code, enhanced, text)


@given(st.lists(st.integers(1, 40)))
def test_any_cut_of_the_stream_gives_the_same_replies(cuts):
    stream = b"220 hello\r\n250-a\r\n250-SIZE 1\r\n250 b\r\n354 go\r\n550 5.1.1 no\r\n"
    pieces, rest = [], stream
    for size in cuts:
        pieces.append(rest[:size])
        rest = rest[size:]
    assert read(*pieces, rest) == read(stream)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\r\n",
        b"25 ok\r\n",
        b"999 no\r\n",
        b"150 no\r\n",
        b"250ok\r\n",
        b"250-a\r\n550 b\r\n",
        b"\x00\x01\x02\r\n",
        b"250 " + b"x" * MAX_LINE + b"\r\n",
        b"x" * (MAX_LINE + 1),
        b"250-y\r\n" * (MAX_REPLY // 2) + b"250 z\r\n",
    ],
)
def test_what_is_no_reply_is_refused_in_one_safe_line(data):
    with pytest.raises(GarbageError) as caught:
        read(data)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2 * MAX_TEXT


def test_replies_before_the_garbage_are_not_lost():
    reader, found = ReplyReader(), []
    with pytest.raises(GarbageError):
        found.extend(reader.feed(b"250 2.0.0 queued\r\nnonsense\r\n"))
    assert [reply.code for reply in found] == [250]


def test_a_thousand_lines_are_one_reply():
    (reply,) = read(b"".join(b"250-%d\r\n" % number for number in range(1000)) + b"250 end\r\n")
    assert len(reply.lines) == 1001
    assert len(reply.text) <= MAX_TEXT


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data):
    said = ""
    try:
        replies = read(data)
    except GarbageError as error:
        replies, said = [], str(error)
    assert said.isprintable()
    assert all(200 <= reply.code <= 599 and reply.text.isprintable() for reply in replies)


@given(st.binary(max_size=100))
def test_what_is_shown_is_one_printable_line(data):
    assert visible(data).isprintable()


def test_capabilities_are_read_whatever_their_case_and_century():
    found = read_capabilities(
        [
            b"mx.example",
            b"pipelining",
            b"SIZE 1000",
            b"8bitmime",
            b"AUTH PLAIN",
            b"AUTH=LOGIN",
            b"STARTTLS",
            b"X-ODD  y",
        ]
    )
    assert (found.pipelining, found.size, found.eight_bit, found.starttls) == (True, 1000, True, True)
    assert found.auth == {"PLAIN", "LOGIN"}
    assert not found.smtputf8


@pytest.mark.parametrize(("line", "size"), [(b"SIZE", 0), (b"SIZE 0", 0), (b"SIZE lots", 0), (b"SIZE 12", 12)])
def test_a_size_without_a_number_is_no_limit(line, size):
    assert read_capabilities([b"mx", line]).size == size
    assert read_capabilities([b"mx"]).size is None
