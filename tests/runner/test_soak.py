"""`make soak` in small: a worker is killed ten times, and every mail is counted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from soak import Soak, wrong_with
from soak_page import page

from pipeline.ledger.records import Delivery
from pipeline.ledger.states import DeliveryState

SENT = Delivery(1, 1, "burst@x", "burst", "<m@x>", "a@x", DeliveryState.SENT, 1, None, 250, "2.0.0", "OK", "ok", False)


def test_ten_kills_lose_nothing_and_repeat_nothing_in_silence(tmp_path: Path) -> None:
    verdict = Soak(tmp_path, kills=10, seed=7).run()
    assert verdict.wrong == []
    assert verdict.kills == 10
    assert set(verdict.processes) == {"deliver", "serve"}
    assert verdict.mails > 50
    assert "| kills | 10 |" in page(verdict)


@pytest.mark.parametrize(
    ("changes", "copies", "said"),
    [
        ({}, 1, ""),
        ({}, 0, "LOST"),
        ({}, 2, "REPEATED"),
        ({"possible_duplicate": True}, 2, ""),
        ({"possible_duplicate": True, "job": "careful"}, 2, "in spite of on_uncertain: hold"),
        ({"state": DeliveryState.UNCERTAIN}, 0, ""),
        ({"state": DeliveryState.DEFERRED}, 0, "not ended"),
        ({"state": DeliveryState.FAILED}, 1, "came 1 times"),
        ({"attempts": 0}, 1, "without an attempt"),
    ],
)
def test_what_it_would_find(changes: dict[str, Any], copies: int, said: str) -> None:
    found = wrong_with(replace(SENT, **changes), copies)
    assert said in "".join(found)
    assert bool(found) is bool(said)
