"""One session over a socket that takes only so much: when the final dot counts as possibly sent, to the octet."""

import contextlib
import socket
import ssl
import threading

import pytest
from delivery_bench import NOW, QUICK, make_letter

from pipeline.delivery.smtp.capabilities import Capabilities
from pipeline.delivery.smtp.connect import Link
from pipeline.delivery.smtp.data import DataTransaction
from pipeline.delivery.smtp.loading import Load, Work
from pipeline.delivery.smtp.session import Session
from pipeline.delivery.smtp.transaction import Envelope, Stage
from pipeline.ledger.records import Claim, Delivery, Terms
from pipeline.ledger.states import DeliveryState

WHO = "person1@example.com"


@pytest.fixture
def pair(server_tls, trusting):
    """A client and a server end, with TLS or without; the client's side holds few octets back."""
    with contextlib.ExitStack() as stack:

        def make(*, tls: bool) -> tuple[socket.socket, socket.socket]:
            near, far = socket.socketpair()
            if tls:
                done: list[ssl.SSLSocket] = []
                thread = threading.Thread(target=lambda: done.append(server_tls.wrap_socket(far, server_side=True)))
                thread.start()
                near = trusting.wrap_socket(near, server_hostname="localhost")
                thread.join()
                far = done[0]
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
            stack.callback(near.close)
            stack.callback(far.close)
            return near, far

        yield make


def work_of(size: int) -> Work:
    letter = make_letter(1)
    terms = Terms("relay", NOW, 5, (60.0,), "resend")
    delivery = Delivery(
        1, 1, "run", "job", letter.message_id, WHO, DeliveryState.QUEUED, 0, NOW, None, "", "", "", False
    )
    load = Load(Claim(1, "run", "job", letter, terms, (delivery,)), (delivery,))
    transaction = DataTransaction(Envelope(letter.sender, (WHO,), size, False), Capabilities())
    return Work(load, transaction, [b"x" * (size - 2) + b"\r\n", b".\r\n"], size, 0.0)


def at_the_body(near: socket.socket, far: socket.socket, size: int) -> tuple[Session, Work]:
    """A session that has just tried to write a body of that size to a peer that reads nothing of it."""
    session = Session(Link(near, Capabilities(), ""), QUICK, 0.0)
    work = work_of(size)
    session.begin(work, 0.0)
    for answer in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        far.recv(4096)
        far.sendall(answer)
        session.readable(0.0)
    session.send(session.ready, 0.0)
    return session, work


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("size", [60_000, 200_000], ids=["one write", "several"])
def test_a_dot_that_is_far_from_leaving_was_not_sent(pair, tls, size):
    session, work = at_the_body(*pair(tls=tls), size)
    assert session.wants_write
    assert work.transaction.stage is Stage.BODY
    session.end("reset", "gone")
    assert work.transaction.verdicts[WHO].action == "retry"


def test_a_dot_inside_the_record_that_tls_holds_back_may_have_been_sent(pair):
    session, work = at_the_body(*pair(tls=True), 15_000)
    assert session.wants_write
    assert work.transaction.stage is Stage.DOT
    session.end("reset", "gone")
    assert work.transaction.verdicts[WHO].action == "ask"


def test_in_plain_text_every_octet_is_counted(pair):
    near, far = pair(tls=False)
    session, work = at_the_body(near, far, 15_000)
    assert session.wants_write
    assert work.transaction.stage is Stage.BODY
    read = 0
    while session.wants_write:
        read += len(far.recv(1000))
        session.writable(0.0)
    assert read < 15_003
    assert work.transaction.stage is Stage.DOT


def test_a_trickle_of_half_answers_does_not_buy_time(pair):
    near, far = pair(tls=False)
    session = Session(Link(near, Capabilities(), ""), QUICK, 0.0)
    session.begin(work_of(100), 10.0)
    deadline = session.deadline
    for number, octet in enumerate(b"250-still thinking"):
        far.sendall(bytes([octet]))
        session.readable(10.0 + number)
    assert session.deadline == deadline
    far.sendall(b"\r\n250 ok\r\n")
    session.readable(30.0)
    assert session.deadline > deadline
    session.end("closed", "done")
