"""The backlog knows what is at hand: a pool that slept past its leases gets its deliveries again, and one leaves."""

from datetime import timedelta

from delivery_bench import NOW, Bench, make_letter, no_artifacts

from pipeline.delivery.ports import unsigned
from pipeline.delivery.smtp.backlog import Backlog
from pipeline.delivery.smtp.capabilities import Capabilities
from pipeline.delivery.smtp.loading import Terms
from pipeline.ledger.records import Claim
from pipeline.ledger.ways import Asking

LEASE = timedelta(minutes=2)
SERVER = Capabilities(pipelining=True, eight_bit=True)


def backlog() -> Backlog:
    return Backlog(no_artifacts, unsigned, Terms())


def claims_of(bench: Bench, number: int = 2) -> list[Claim]:
    bench.queue([make_letter(n, [f"a{n}@example.com", f"b{n}@example.com"]) for n in range(number)])
    return list(bench.outbox.take(Asking("relay", "owner", NOW, LEASE, number)).claims)


def test_deliveries_at_hand_are_not_new(bench: Bench) -> None:
    claims, held = claims_of(bench), backlog()
    held.add(claims)
    held.add(claims)
    assert len(held) == 2


def test_a_letter_on_a_session_is_at_hand_too(bench: Bench) -> None:
    claims, held = claims_of(bench), backlog()
    held.add(claims)
    assert held.next_work(SERVER, 0.0, chunked=False) is not None
    held.add(claims)
    assert len(held) == 1


def test_what_was_given_back_may_come_again(bench: Bench) -> None:
    claims, held = claims_of(bench), backlog()
    held.add(claims)
    assert [claim for claim, _ in held.empty()] == claims
    held.add(claims)
    assert len(held) == 2
