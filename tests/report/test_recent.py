"""Charts, files and archives of the latest slices are remembered, and no more of them than is said."""

from pipeline.report.recent import Recent


def test_what_was_made_is_not_made_again_as_long_as_it_is_among_the_latest() -> None:
    made: list[str] = []
    recent: Recent[str, str] = Recent(2)

    def value(key: str) -> str:
        return recent.of(key, lambda: made.append(key) or key.upper())  # type: ignore[func-returns-value]

    assert [value(key) for key in "abab"] == ["A", "B", "A", "B"]
    assert made == ["a", "b"]
    assert [value(key) for key in "acab"] == ["A", "C", "A", "B"]  # b was wanted longest ago when c came
    assert made == ["a", "b", "c", "b"]
