"""Who gets a run's messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.audience import Refusal, allowed, personal
from pipeline.engine.letters import NAMED, Named
from pipeline.jobs.model import Each
from pipeline.jobs.scalars import Mailbox, parse_mailbox

EACH = Each(data="people")


def rows(*addresses: object) -> list[dict[str, object]]:
    return [{"email": address, "carrier": f"C{n}"} for n, address in enumerate(addresses)]


@pytest.mark.parametrize(
    ("address", "patterns", "expected"),
    [
        ("a@example.com", (), True),
        ("a@example.com", ("*@example.com",), True),
        ("A@Example.COM", ("*@example.com",), True),
        ("a@example.com.evil.test", ("*@example.com",), False),
        ("a@sub.example.com", ("*@example.com",), False),
        ("boss@example.com", ("ops@example.com", "boss@example.com"), True),
    ],
)
def test_allowed(address: str, patterns: tuple[str, ...], expected: bool) -> None:
    assert allowed(address, patterns) is expected


def test_one_bad_row_never_stops_the_rest() -> None:
    found = list(personal(EACH, rows("a@x.org", "nonsense", None, "A@X.org", "b@y.org"), ["*@x.org"]))
    assert found[0] == (Mailbox("a@x.org"), {"email": "a@x.org", "carrier": "C0"})
    assert [(r.row, r.address) for r in found[1:] if isinstance(r, Refusal)] == [
        (2, "nonsense"), (3, ""), (4, "A@x.org"), (5, "b@y.org"),
    ]  # fmt: skip
    reasons = [r.reason for r in found[1:] if isinstance(r, Refusal)]
    assert reasons[1:] == [
        'column "email" holds no address',
        "row 1 has the same address",
        "not in allow_recipients",
    ]


def test_only_to_gets_its_own_row_or_the_first() -> None:
    to = [parse_mailbox("b@x.org"), parse_mailbox("tester@else.org")]
    found = list(personal(EACH, rows("bad", "a@x.org", "b@x.org"), [], to))
    assert [(m.address, row["carrier"]) for m, row in found] == [("b@x.org", "C2"), ("tester@else.org", "C1")]


@given(st.lists(st.sampled_from(["a@x.org", "A@x.org", "b@x.org", "no", "", "c@z.org"])))
def test_every_row_is_answered_once_and_no_address_twice(addresses: list[str]) -> None:
    found = list(personal(EACH, rows(*addresses), ["*@x.org"]))
    sent = [item[0].address.lower() for item in found if not isinstance(item, Refusal)]
    assert len(found) == len(addresses)
    assert len(sent) == len(set(sent))
    assert set(sent) <= {"a@x.org", "b@x.org"}


def test_of_very_many_rows_that_get_nothing_the_first_are_named_and_the_rest_counted() -> None:
    named = Named()
    for number in range(1, NAMED + 3):
        named.add(Refusal(number, "", "empty"))
    assert (len(named.rows), named.rows[-1].row, named.more) == (NAMED, NAMED, 2)
