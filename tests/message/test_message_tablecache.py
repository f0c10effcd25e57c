"""Tables are made once for a frame and forgotten with it."""

import gc

import pandas as pd

from pipeline.message.formats import Formats
from pipeline.message.tablecache import MadeTables


def test_a_table_is_made_once_and_forgotten_with_its_frame() -> None:
    made = MadeTables(Formats.of("en_US"))
    frame = pd.DataFrame({"a": [1, 2]})
    first = made.table(frame, limit=2, columns=["a"])
    assert made.table(frame, limit=2, columns=["a"]) is first
    assert made.table(frame, limit=1, columns=["a"]) is not first
    assert made.table(frame, limit=2, columns=["a"], labels={"a": "A"}).columns[0].label == "A"
    del frame
    gc.collect()
    assert made._tables == {}
    for value in range(50):
        assert made.table(pd.DataFrame({"a": [value]}), limit=2).rows == ((str(value),),)
