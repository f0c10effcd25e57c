"""Classifies an answer, or its absence, by the table in `delivery/rules.py`. Pure."""

import re
from collections.abc import Collection, Sequence

from pipeline.delivery.rules import CODE_RULES, EVENT_RULES, RULES, Rule
from pipeline.delivery.verdict import Action, Kind, Phase, Scope, Verdict

POSSIBLE = frozenset({Action.SPLIT, Action.PLAIN})
"""The actions that only a transaction in the right position can take."""

_DELAY = re.compile(
    r"(?:again|retry|wait|back|list(?:ed|ing)?|delay\w*|after|\bin|\bfor)\D{0,25}?"
    r"(?:(?P<clock>\d{1,2}:\d{2}:\d{2})|(?P<number>\d{1,6})\s*(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\S+@\S+")
_UNITS = {"s": 1, "m": 60, "h": 3600}
_GOOD = {
    (phase, code): row
    for row in CODE_RULES
    if row.action is Action.ACCEPT
    for phase in row.phases
    for code in range(200, 400)
    if row.matches(phase, str(code), "", "")
}
LONGEST_NAMED_DELAY = 86400.0
"""A server that names more than a day is not believed beyond it."""


def classify(
    phase: Phase,
    code: int,
    enhanced: str,
    text: str,
    *,
    possible: Collection[Action] = POSSIBLE,
    extra: Sequence[Rule] = (),
) -> Verdict:
    """The verdict on a server's reply: the first matching row of `extra` (an operator's), then of the
    table.

    `enhanced` counts only if its first digit is the code's. `possible` names which of `split` and `plain`
    the transaction could do now; rows with the others are passed over. A 4xx that names a delay ("try again
    in 300 seconds") is waited for that long and ten seconds more.
    """
    good = _GOOD.get((phase, code))
    if good is not None:  # nearly every answer: no need to look through the table, and nobody's rule undoes a success
        return Verdict(good.kind, good.scope, good.action, good.id, phase, code, _agreeing(code, enhanced), text)
    digits = f"{code:03d}"
    words = _ADDRESS.sub("", text)  # someone@throttled.example is not throttled
    told = _agreeing(code, enhanced)
    for row in (*extra, *RULES) if extra else RULES:
        if row.action in POSSIBLE and row.action not in possible:
            continue
        if row.matches(phase, digits, told, words):
            wait = max(row.wait, named_delay(words) if digits[0] == "4" else 0.0)
            return Verdict(row.kind, row.scope, row.action, row.id, phase, code, told, text, wait)
    return Verdict(Kind.PROTOCOL, Scope.SESSION, Action.RETRY, "nonsense", phase, code, told, text)


def _agreeing(code: int, enhanced: str) -> str:
    """The enhanced code, if its first digit is the reply's."""
    return enhanced if enhanced[:1] == str(code)[:1] else ""


def classify_event(phase: Phase, event: str, text: str) -> Verdict:
    """The verdict on what happened instead of a reply: `timeout`, `closed`, `reset`, `garbage`, …
    (`EVENT_RULES`).

    Raises ValueError for an event that the table does not know in that phase: a defect of ours.
    """
    for row in EVENT_RULES:
        if phase in row.phases and event in row.codes:
            enhanced = row.enhanced[0] if row.enhanced else ""
            return Verdict(row.kind, row.scope, row.action, row.id, phase, None, enhanced, text, row.wait)
    raise ValueError(f'the reply table has no event "{event}" in the phase "{phase}"')


def named_delay(text: str) -> float:
    """The wait in seconds that a reply asks for, ten seconds added (Postal's practice); 0 where it names
    none."""
    match = _DELAY.search(text)
    if match is None:
        return 0.0
    if match["clock"]:
        hours, minutes, seconds = map(int, match["clock"].split(":"))
        named = hours * 3600 + minutes * 60 + seconds
    else:
        named = int(match["number"]) * _UNITS[match["unit"][0].lower()]
    return min(named + 10.0, LONGEST_NAMED_DELAY)
