"""The first row of each address, however many there are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engine.addresses import FirstRows


@settings(max_examples=100, deadline=None)
@given(addresses=st.lists(st.text("ab@.", min_size=1, max_size=5)))
def test_as_a_dict_would_say(addresses: list[str]) -> None:
    rows, known = FirstRows(), dict[str, int]()
    for number, address in enumerate(addresses, start=1):
        assert rows.first(address, number) == known.setdefault(address, number)


def test_many() -> None:
    rows = FirstRows()
    for number in range(1, 20_001):
        assert rows.first(f"user{number}@example.com", number) == number
    for number in range(1, 20_001, 7):
        assert rows.first(f"user{number}@example.com", 0) == number
