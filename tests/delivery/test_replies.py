"""The reply table: a corpus of real texts, its completeness, and the order of its rows."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.replies import LONGEST_NAMED_DELAY, POSSIBLE, classify, classify_event, named_delay
from pipeline.delivery.rules import EVENT_RULES, RULES, TEXT_RULES, rule
from pipeline.delivery.smtp.reply import ReplyReader
from pipeline.delivery.verdict import Action, Kind, Phase, Scope

CORPUS = [
    line.split("\t")
    for line in (Path(__file__).parent / "replies.tsv").read_text().splitlines()
    if line and not line.startswith("#")
]
ASKING = [
    Phase.GREETING,
    Phase.EHLO,
    Phase.STARTTLS,
    Phase.AUTH,
    Phase.MAIL,
    Phase.RCPT,
    Phase.DATA,
    Phase.DOT,
]


def read(text: str):
    lines = text[:3] + " " + text[4:]
    (reply,) = ReplyReader().feed(lines.encode() + b"\r\n")
    return reply


@pytest.mark.parametrize(("phase", "text", "kind", "action", "source"), CORPUS)
def test_a_real_reply_has_its_class(phase, text, kind, action, source):
    reply = read(text)
    verdict = classify(Phase(phase), reply.code, reply.enhanced, reply.text)
    assert (verdict.kind, verdict.action) == (kind, action), verdict.rule


@pytest.mark.parametrize("phase", ASKING)
def test_every_reply_has_a_verdict_and_a_refusal_is_never_taken_for_success(phase):
    good = {"greeting": {220}, "ehlo": {250}, "starttls": {220}, "auth": {235}, "mail": {250}, "rcpt": {250, 251, 252},
            "data": {354}, "dot": set(range(200, 300))}[phase]  # fmt: skip
    for code in range(200, 600):
        verdict = classify(phase, code, "", "")
        assert verdict.ok == (code in good), (code, verdict)
        assert verdict.rule


@given(
    phase=st.sampled_from(ASKING),
    code=st.integers(400, 599),
    enhanced=st.from_regex(r"([245]\.\d\.\d{1,2})?", fullmatch=True),
    text=st.text(max_size=60),
)
def test_no_text_makes_a_refusal_a_success_or_raises(phase, code, enhanced, text):
    verdict = classify(phase, code, enhanced, text)
    assert not verdict.ok
    assert verdict.wait >= 0


@given(phase=st.sampled_from(ASKING), code=st.integers(200, 299), text=st.text(max_size=60))
def test_no_text_makes_a_success_a_refusal(phase, code, text):
    assert classify(phase, code, "", text).ok == classify(phase, code, "", "").ok


def test_an_enhanced_code_that_contradicts_its_code_does_not_count():
    verdict = classify(Phase.RCPT, 450, "5.1.1", "no such user")
    assert (verdict.kind, verdict.enhanced) == (Kind.TRANSIENT, "")


def test_rows_for_what_the_transaction_cannot_do_are_passed_over():
    assert classify(Phase.RCPT, 452, "4.5.3", "Too many recipients", possible=()).kind is Kind.TRANSIENT
    assert classify(Phase.RCPT, 550, "5.5.3", "Too many recipients", possible=()).kind is Kind.PERM_RCPT
    assert classify(Phase.MAIL, 555, "5.5.4", "SIZE", possible=()).kind is Kind.PERM_SENDER


def test_an_operators_rule_comes_first():
    own = rule("own", "rcpt", "550", "", "frobnicated", Kind.TRANSIENT, Scope.RECIPIENT, Action.RETRY, 7.0)
    verdict = classify(Phase.RCPT, 550, "5.1.1", "Frobnicated", extra=[own])
    assert (verdict.rule, verdict.wait) == ("own", 7.0)
    assert classify(Phase.RCPT, 550, "5.1.1", "else", extra=[own]).rule == "rcpt-unknown"


def test_rules_have_names_of_their_own_and_text_rules_stand_first():
    names = [row.id for row in (*RULES, *EVENT_RULES)]
    assert len(names) == len(set(names))
    assert all(row.text is not None for row in TEXT_RULES)
    assert all(row.text is None for row in RULES[len(TEXT_RULES) :])
    assert {row.action for row in RULES} >= POSSIBLE


@pytest.mark.parametrize("row", [row for row in RULES if row.text is None], ids=lambda row: row.id)
def test_every_row_without_text_decides_something(row):
    """A row that another one always forestalls would be a row that nobody notices is wrong."""
    decided = {
        classify(Phase(phase), int(code.replace("x", digit)), enhanced.replace("x", "26"), "").rule
        for phase in row.phases
        for code in row.codes
        for digit in "0123456789"
        for enhanced in row.enhanced or ("", "4.8.8", "5.8.8")
        if enhanced != "-" and "x" not in phase
    } | {classify(Phase(phase), int(code.replace("x", "1")), "", "").rule for phase in row.phases for code in row.codes}
    assert row.id in decided


def test_an_event_that_the_table_does_not_know_is_a_defect():
    with pytest.raises(ValueError, match='no event "hiccup" in the phase "dot"'):
        classify_event(Phase.DOT, "hiccup", "")


@pytest.mark.parametrize("event", ["timeout", "reset", "closed", "garbage"])
def test_only_after_the_dot_nobody_can_know(event):
    for phase in (Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY):
        assert classify_event(phase, event, "").action is Action.RETRY
    assert classify_event(Phase.DOT, event, "").action is Action.ASK
    assert classify_event(Phase.IDLE, event, "").action is Action.AGAIN


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("try again in 300 seconds", 310),
        ("Greylisted, please come back in 00:04:59", 309),
        ("Greylisted for 5 minutes", 310),
        ("please retry after 2 hours", 7210),
        ("try again later", 0),
        ("queue 300 seconds old", 0),
        ("please wait 9999 hours", LONGEST_NAMED_DELAY),
    ],
)
def test_the_delay_that_a_server_names(text, seconds):
    assert named_delay(text) == seconds
    assert classify(Phase.RCPT, 450, "4.3.0", text).wait >= seconds
    assert classify(Phase.RCPT, 550, "5.1.1", text).wait == 0


def test_a_greylisted_recipient_waits_five_minutes_at_least():
    assert classify(Phase.RCPT, 451, "4.7.1", "Greylisted").wait == 300
    assert classify(Phase.RCPT, 452, "4.2.2", "full").wait == 3600
