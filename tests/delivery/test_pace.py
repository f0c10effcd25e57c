"""How much is dared with a server: letters in flight on a connection, halved when they were lost."""

import pytest

from pipeline.delivery.replies import classify
from pipeline.delivery.smtp.pace import WINDOW, Pace
from pipeline.delivery.verdict import Action, Phase

TAKEN = classify(Phase.DOT, 250, "2.0.0", "taken")


def letters(pace: Pace, *, taken: int = 0, lost: int = 0) -> int:
    for _ in range(lost):
        pace.letters.complaint()
    for _ in range(taken):
        pace.judged(TAKEN, carried=True)
    return pace.letters.target


def test_a_window_is_whole_until_it_breaks():
    assert letters(Pace(4)) == WINDOW
    assert letters(Pace(4), taken=1000) == WINDOW


@pytest.mark.parametrize(("lost", "left"), [(1, 4), (2, 2), (3, 1), (4, 0), (5, 0)])
def test_each_break_halves_it_down_to_data_and_each_hundred_letters_widen_it_by_one(lost, left):
    pace = Pace(4)
    assert letters(pace, lost=lost) == left
    assert letters(pace, taken=99) == left
    assert letters(pace, taken=1) == left + 1
    assert letters(pace, taken=100 * WINDOW) == WINDOW


def test_without_chunking_there_is_none_for_good():
    pace = Pace(4, chunking=False)
    assert letters(pace, taken=1000) == 0


def test_421_ends_a_connection_that_has_carried_mail_and_pauses_one_that_has_not():
    closing = classify(Phase.MAIL, 421, "4.7.0", "closing")
    pace = Pace(4)
    assert pace.judged(closing, carried=True).action is Action.AGAIN
    assert pace.take_trouble() is None
    assert pace.judged(closing, carried=False).action is Action.PAUSE
    assert pace.take_trouble() == closing
    assert pace.take_trouble() is None
