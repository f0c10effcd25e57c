"""When a delivery is tried again, and how long a mailer rests: bounds that hold for every plan, reply and draw."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.replies import classify, classify_event
from pipeline.delivery.retry import next_attempt, pause_seconds
from pipeline.delivery.verdict import Kind, Phase
from pipeline.ledger.records import Terms

NOW = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)
TERMS = Terms("relay", NOW + timedelta(days=1), 5, (60.0, 300.0, 3600.0), "resend")
LATER = classify(Phase.RCPT, 450, "4.3.0", "later")


@pytest.mark.parametrize(("attempts", "nominal"), [(1, 60), (2, 300), (3, 3600), (4, 3600), (99, 3600), (0, 60)])
@pytest.mark.parametrize(("draw", "factor"), [(0.0, 0.8), (0.5, 1.0), (0.999, 1.1996)])
def test_the_plan_is_followed_within_a_fifth(attempts, nominal, draw, factor):
    when = next_attempt(TERMS, attempts, LATER, NOW, draw)
    assert when is not None
    assert (when - NOW).total_seconds() == pytest.approx(nominal * factor)


def test_past_its_time_there_is_no_next_attempt():
    terms = replace(TERMS, expires_at=NOW + timedelta(seconds=59))
    assert next_attempt(terms, 1, LATER, NOW, 0.5) is None
    assert next_attempt(terms, 1, LATER, NOW, 0.4) is not None


verdicts = st.builds(
    classify,
    st.sampled_from([Phase.MAIL, Phase.RCPT, Phase.DOT]),
    st.integers(400, 499),
    st.sampled_from(["", "4.7.1", "4.2.2", "4.3.0"]),
    st.sampled_from(["", "Greylisted", "try again in 300 seconds", "mailbox full", "retry in 2 hours"]),
)


@given(
    waits=st.lists(st.floats(1, 86400), min_size=1, max_size=6),
    attempts=st.integers(0, 50),
    verdict=verdicts,
    draw=st.floats(0, 1, exclude_max=True),
    expires=st.integers(-10, 200_000),
)
def test_never_in_the_past_never_before_the_least_wait_never_after_the_end(waits, attempts, verdict, draw, expires):
    terms = replace(TERMS, retry_seconds=tuple(waits), expires_at=NOW + timedelta(seconds=expires))
    when = next_attempt(terms, attempts, verdict, NOW, draw)
    if when is None:
        assert expires <= max(*waits, verdict.wait) * 1.2 + 1
        return
    waited = (when - NOW).total_seconds()
    assert NOW < when < terms.expires_at
    assert waited >= verdict.wait
    assert waited <= max(*waits, verdict.wait) * 1.2 + 1e-3


def test_what_the_server_names_is_honoured_and_greylisting_takes_five_minutes():
    named = classify(Phase.RCPT, 451, "4.3.0", "try again in 1000 seconds")
    grey = classify(Phase.RCPT, 451, "4.7.1", "Greylisted")
    full = classify(Phase.RCPT, 452, "4.2.2", "over quota")
    waits = [next_attempt(TERMS, 1, verdict, NOW, 0.0) - NOW for verdict in (named, grey, full)]
    assert [wait.total_seconds() for wait in waits] == [1010, 300, 3600]


@pytest.mark.parametrize(
    ("verdict", "pauses"),
    [
        (classify_event(Phase.CONNECT, "refused", ""), [3, 6, 12, 24, 48, 96, 192, 384, 768, 900, 900]),
        (classify(Phase.MAIL, 421, "", "busy"), [60, 120, 240, 480, 900, 900]),
        (classify(Phase.AUTH, 535, "5.7.8", "wrong"), [900, 1800, 3600, 7200, 7200]),
        (classify_event(Phase.TLS, "untrusted", ""), [900, 1800, 3600, 7200, 7200]),
        (classify(Phase.MAIL, 450, "", "rate limit, try again in 400 seconds"), [410, 410, 410, 480]),
    ],
    ids=["dead host", "busy", "wrong password", "untrusted", "named"],
)
def test_pauses_double_to_a_limit(verdict, pauses):
    assert [pause_seconds(verdict, number) for number in range(1, len(pauses) + 1)] == pauses
    assert verdict.kind is not Kind.OK
