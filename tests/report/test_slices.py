"""Slices: the rows that a mask would find, as rows and as a frame, whoever asks first, in bounded memory."""

from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from pipeline.report import slices
from pipeline.report.slices import OwnRows, Slicer


def frame_of(owners: list[str | None]) -> pd.DataFrame:
    count = range(len(owners))
    return pd.DataFrame(
        {
            "who": pd.Series(owners, dtype="str"),
            "n": pd.Series(count, dtype="int64"),
            "share": pd.Series([None if n % 3 == 0 else n / 7 for n in count], dtype="float64"),
            "gap": pd.Series([None if n % 2 else n for n in count], dtype="Int64"),
            "when": pd.Series(
                [pd.Timestamp(2013, 1, 1) + pd.Timedelta(hours=n) for n in count], dtype="datetime64[us]"
            ),
            "any": pd.Series([("<x>", None, 2.5)[n % 3] for n in count], dtype=object),
            'a "b" {c}': pd.Series([bool(n % 2) for n in count], dtype=bool),
        }
    )


def same(one: Any, other: Any) -> bool:
    """Equal and of one type; what is missing equals itself."""
    return type(one) is type(other) and ((bool(pd.isna(one)) and bool(pd.isna(other))) or one == other)


@settings(max_examples=60, deadline=None)
@given(owners=st.lists(st.sampled_from(["A", "B", "C", None]), max_size=30), ahead=st.lists(st.sampled_from("ABCX")))
def test_a_slice_is_what_a_mask_finds(owners: list[str | None], ahead: list[str]) -> None:
    frame = frame_of(owners)
    slicer = Slicer()
    slicer.expect({"d": frame}, [(("d", "who", who),) for who in ahead])
    for who in "ABCX":
        own = slicer.cut({"d": frame}, (("d", "who", who),))["d"]
        expected = frame[frame.who == who].reset_index(drop=True)
        assert_frame_equal(own.frame, expected)
        rows, wanted = own.records, expected.to_dict("records")
        assert [list(row) for row in rows] == [list(row) for row in wanted]
        assert len(own) == len(rows) == len(wanted)
        assert all(
            same(a, b)
            for one, other in zip(rows, wanted, strict=True)
            for a, b in zip(one.values(), other.values(), strict=True)
        )


def test_equal_slices_are_one_and_the_number_kept_is_bounded() -> None:
    count = 3 * slices._KEPT
    frame = pd.DataFrame({"who": [str(n % count) for n in range(2 * count)], "n": range(2 * count)})
    slicer = Slicer()
    first = slicer.cut({"d": frame}, (("d", "who", "0"),))["d"]
    assert slicer.cut({"d": frame}, (("d", "who", "0"),))["d"] is first
    for start in range(0, count, 100):
        keys: list[slices.Key] = [(("d", "who", str(n)),) for n in range(start, start + 100)]
        slicer.expect({"d": frame}, keys)
        for key in keys:
            own: OwnRows = slicer.cut({"d": frame}, key)["d"]
            assert [row["who"] for row in own.records] == [key[0][2]] * 2
    assert len(slicer._known) <= slices._KEPT
