"""Several letters in flight on one connection: whatever the server does and wherever it breaks off, no letter is sent
again in silence that may have been taken, and none counts as sent that was not."""

import socket

import pytest
from chunking_model import REFUSALS, ChunkingModel
from delivery_bench import NOW, QUICK, make_letter
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.delivery.smtp.bdat import BdatTransaction
from pipeline.delivery.smtp.capabilities import Capabilities
from pipeline.delivery.smtp.connect import Link
from pipeline.delivery.smtp.loading import Load, Work
from pipeline.delivery.smtp.session import Session
from pipeline.delivery.smtp.transaction import Envelope, Stage
from pipeline.ledger.records import Claim, Delivery, Terms
from pipeline.ledger.states import DeliveryState

OFFERED = Capabilities(pipelining=True, chunking=True)
WINDOW = 8


def work_of(number: int, people: int, size: int = 100) -> Work:
    """A letter whose first line is its number, to so many people."""
    to = [f"p{n}-{number}@example.com" for n in range(people)]
    letter = make_letter(number, to, sender=f"s{number}@example.com")
    deliveries = tuple(
        Delivery(n, 1, "run", "job", letter.message_id, who, DeliveryState.QUEUED, 0, NOW, None, "", "", "", False)
        for n, who in enumerate(letter.recipients)
    )
    load = Load(Claim(1, "run", "job", letter, Terms("relay", NOW, 5, (60.0,), "resend"), deliveries), deliveries)
    body = f"From: {number}\r\n".encode() + b"QUIT\r\n" + b"x" * size + b"\r\n"
    envelope = Envelope(letter.sender, letter.recipients, len(body), eight_bit=False)
    return Work(load, BdatTransaction(envelope, OFFERED), [body], len(body), 0.0)


class Line:
    """A session and the server's end of its connection."""

    def __init__(self, buffer: int = 0) -> None:
        near, self.far = socket.socketpair()
        if buffer:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self.far.settimeout(0.0)
        self.session = Session(Link(near, OFFERED, ""), QUICK, 0.0)
        self.works: list[Work] = []
        self.told = 0

    def open(self, people: int = 1, size: int = 100) -> None:
        self.works.append(work_of(len(self.works), people, size))
        self.session.begin(self.works[-1], 0.0)

    def send(self) -> None:
        self.session.send(self.session.ready, 0.0)

    def prove(self) -> None:
        """One letter, taken: from then on there may be as many in flight as the window allows."""
        self.open()
        self.send()
        self.take(1 << 20)
        self.far.sendall(b"250 ok\r\n250 ok\r\n250 taken\r\n")
        self.session.readable(0.0)
        assert self.works[0].transaction.done

    def take(self, most: int) -> bytes:
        """What the server reads: so many octets at most."""
        try:
            return self.far.recv(most)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.session.end("closed", "the test is over")
        self.session.socket.close()
        self.far.close()

    def give(self, server: ChunkingModel, read: int) -> None:
        """The server reads so many octets at most."""
        server.give(self.take(read))

    def hear(self, server: ChunkingModel, heard: int) -> None:
        """So many octets of what it has said arrive, at most."""
        piece = server.said[self.told : self.told + heard]
        self.told += len(piece)
        self.far.sendall(piece)
        if piece and not self.session.ended:
            self.session.readable(0.0)

    def break_off(self, server: ChunkingModel, event: str) -> None:
        """The connection ends; what had left us still arrives, unless the server has hung up by itself."""
        if server.over and self.told == len(server.said) and event != "timeout":
            self.far.close()
            if not self.session.ended:
                self.session.readable(0.0)  # the end of the stream is what it sees
        if not self.session.ended:
            self.session.end(event, "gone")
        while not server.over and (rest := self.take(1 << 20)):
            server.give(rest)
        self.close()


@pytest.fixture
def line():
    made = Line()
    yield made
    made.close()


fates = st.sampled_from(["ok"] * 8 + [*REFUSALS, "421", "cut", "500 5.5.2 what"])
octets = st.one_of(st.just(1 << 20), st.integers(1, 600))
rounds = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 3), octets, octets, st.booleans()), min_size=1, max_size=8
)
PROOF = (1, 1, 1 << 20, 1 << 20, False)


@given(
    proven=st.sampled_from([True, True, True, False]),
    knows=st.sampled_from(["well", "sloppily", "not"]),
    drawn=st.lists(fates, max_size=40),
    rounds=rounds,
    end=st.sampled_from(["closed", "reset", "timeout"]),
)
@settings(max_examples=400, deadline=None)
def test_no_letter_is_sent_again_in_silence_that_may_have_been_taken(proven, knows, drawn, rounds, end):
    """Each round opens and sends some letters; the server reads some octets, and some of its answers arrive."""
    luck = iter(["ok"] * 3 * proven + drawn)
    server = ChunkingModel(lambda _: next(luck, "ok"), "well" if proven and knows == "not" else knows)
    line = Line(4608)
    session = line.session
    for opened, people, read, heard, late in [PROOF] * proven + rounds:
        for _ in range(opened):
            if session.has_room(WINDOW, 0.0):
                line.open(people, size=20 if people == 1 else 2000)
        if session.ready and not session.ended and not late:
            line.send()
        line.give(server, read)
        line.hear(server, heard)
        if session.ended:
            break
    line.break_off(server, end)
    check(line.works, server)


def check(works: list[Work], server: ChunkingModel) -> None:
    """What each letter's verdicts say, against what the server did with it."""
    for number, work in enumerate(works):
        assert set(work.transaction.verdicts) == set(work.load.claim.letter.recipients)
        first = work.body[0].partition(b"\r\n")[0]
        for who, verdict in work.transaction.verdicts.items():
            senders = [sender for letter, to, sender in server.taken if letter == first and f"<{who}>" in to]
            assert senders or verdict.action != "accept", (who, verdict)
            assert not senders or verdict.action in {"accept", "ask"}, (who, verdict)
            assert all(f"<s{number}@" in sender for sender in senders), (who, senders)


def outcome(work: Work) -> str:
    (verdict,) = work.transaction.verdicts.values()
    return f"{verdict.kind} {verdict.action}"


def test_until_a_letter_was_taken_by_bdat_there_is_one_in_flight_and_then_as_many_as_the_window(line):
    line.open()
    assert not line.session.has_room(WINDOW, 0.0)
    line.session.end("closed", "never sent")
    proven = Line()
    proven.prove()
    while proven.session.has_room(WINDOW, 0.0):
        proven.open()
    assert len(proven.session.works) == WINDOW
    proven.close()


def test_large_letters_do_not_pile_up(line):
    line.prove()
    while line.session.has_room(WINDOW, 0.0):
        line.open(size=400_000)
    assert len(line.session.works) == 3  # the third may be opened, since a million octets are not outstanding yet
    assert not line.session.has_room(WINDOW, 0.0)


@pytest.mark.parametrize(("chunking", "pipelining"), [(False, True), (True, False)])
def test_without_both_chunking_and_pipelining_letters_go_by_data(chunking, pipelining):
    near, far = socket.socketpair()
    with near, far:
        session = Session(Link(near, Capabilities(pipelining=pipelining, chunking=chunking), ""), QUICK, 0.0)
        assert not session.chunked(WINDOW, 0.0)


def test_a_connection_that_was_silent_for_a_second_is_tried_by_data_first(line):
    """If it is dead, nothing is in doubt; an answer shows that it stands."""
    line.prove()
    assert line.session.chunked(WINDOW, 0.9)
    assert not line.session.chunked(WINDOW, 1.0)
    line.open()
    assert line.session.chunked(WINDOW, 1.0)


def test_421_is_the_answer_to_all_that_stands_behind_it_once_the_server_hangs_up(line):
    line.prove()
    for _ in range(3):
        line.open()
    line.send()
    line.far.sendall(b"250 reset\r\n250 ok\r\n250 ok\r\n250 taken\r\n250 reset\r\n421 4.7.0 enough\r\n")
    line.session.readable(0.0)
    assert not line.session.ended
    assert not line.session.has_room(WINDOW, 0.0)
    line.far.close()
    line.session.readable(0.0)
    assert line.session.ended
    assert [outcome(work) for work in line.works[1:]] == ["OK accept", "RATE pause", "CONNECT again"]


def test_a_server_that_says_421_and_goes_on_is_listened_to(line):
    """Mailgun says 421 for a domain that may not send; the next letter may be from another one."""
    line.prove()
    for _ in range(3):
        line.open()
    line.send()
    line.far.sendall(
        b"250 reset\r\n421 4.7.0 not you\r\n503 no\r\n503 no\r\n250 reset\r\n250 ok\r\n250 ok\r\n250 taken\r\n"
    )
    line.session.readable(0.0)
    line.far.close()
    line.session.readable(0.0)
    assert [outcome(work) for work in line.works[1:]] == ["RATE pause", "OK accept", "AMBIGUOUS ask"]


def test_a_server_that_reads_a_refused_chunk_as_commands_is_caught_at_the_next_rset(line):
    line.prove()
    for _ in range(2):
        line.open()
    line.send()
    line.far.sendall(b"250 reset\r\n550 5.7.1 no\r\n503 no\r\n503 no\r\n500 5.5.2 From: what\r\n")
    line.session.readable(0.0)
    assert [outcome(work) for work in line.works[1:]] == ["PERM_SENDER wait", "AMBIGUOUS ask"]


def test_a_421_that_came_while_a_letter_waited_for_its_commit_costs_it_nothing(line):
    line.open()
    line.far.sendall(b"421 4.4.2 idle for too long\r\n")
    line.session.readable(0.0)
    assert line.session.ended
    assert outcome(line.works[0]) == "CONNECT again"


def test_what_was_not_sent_yet_is_taken_back_from_a_session_that_is_over(line):
    line.prove()
    line.open()
    line.send()
    line.open()
    line.far.sendall(b"250 reset\r\n250 ok\r\n250 ok\r\n500 what\r\n")
    line.session.readable(0.0)
    assert line.session.ended
    assert [outcome(work) for work in line.works[1:]] == ["CAPABILITY again", "CONNECT again"]


def test_a_letter_counts_as_possibly_taken_with_its_own_last_octet():
    """Two letters, and a socket that takes the first and some of the second."""
    line = Line(4608)
    line.prove()
    line.open(size=100)
    line.open(size=300_000)
    line.send()
    assert line.session.wants_write
    assert [work.transaction.stage for work in line.works[1:]] == [Stage.DOT, Stage.BODY]
    line.session.end("reset", "gone")
    assert [outcome(work) for work in line.works[1:]] == ["AMBIGUOUS ask", "CONNECT again"]
    line.close()
