"""The table of classes that the design asks for, row by row: where an answer comes, what it is, whom it concerns.

What one row of it calls account + sender is the scope sender here.
"""

import pytest

from pipeline.delivery.replies import classify, classify_event
from pipeline.delivery.verdict import Action, Kind, Phase

ANSWERS = """
greeting 220            OK          session   accept
greeting 421            RATE        account   pause
greeting 554 521 500    CONNECT     host      pause
ehlo     500 502        CAPABILITY  host      plain
ehlo     450            TRANSIENT   host      pause
ehlo     550            PERM_SENDER host      pause
starttls 454/4.7.0 454/4.3.0  TLS   host      pause
starttls 501            TLS         account   pause
auth     235            OK          account   accept
auth     454/4.7.0 421/4.7.0 432/4.7.12  TRANSIENT account pause
auth     535/5.7.8 535/5.7.3 534/5.7.9 534/5.7.14 530/5.7.0 538/5.7.11 550/5.7.30  AUTH account pause
auth     504            CAPABILITY  account   pause
mail     250            OK          message   accept
mail     421            RATE        account   pause
mail     450 451 452/4.3.1 452/4.4.5 432/4.3.2 454  TRANSIENT account retry
mail     530/5.5.1 530/5.7.0 530/5.7.57  AUTH account pause
mail     550/5.7.60 550/5.1.8 553/5.7.1 501/5.1.7  PERM_SENDER sender wait
mail     552/5.3.4 552/5.2.3  PERM_MSG message fail
mail     555 501        CAPABILITY  host      plain
rcpt     250 251 252    OK          recipient accept
rcpt     421            RATE        session   wait
rcpt     555 504 501 555/5.5.4 501/5.5.2  CAPABILITY host plain
rcpt     450/4.2.1 451/4.7.1 450/4.7.1 450/4.7.25 452/4.2.2 450/4.2.2  TRANSIENT recipient retry
rcpt     452/4.5.3 451/4.5.3 450/4.5.3 452 552 550/5.5.3  RATE session split
rcpt     550/5.1.1 550/5.1.2 550/5.1.3 550/5.1.6 550/5.1.10 550/5.2.1 551 553/5.1.3 501/5.1.3  PERM_RCPT recipient fail
rcpt     556/5.1.10 552/5.2.2 550/5.2.2  PERM_RCPT recipient fail
rcpt     550/5.7.1 553/5.7.1 554/5.7.1 550/5.7.23 550/5.7.26 550/5.7.509  PERM_MSG message fail
rcpt     550/5.4.5      RATE        account   pause
data     354            OK          message   accept
data     421 450 451    TRANSIENT   message   retry
data     503 554        PROTOCOL    session   retry
data     550/5.7.1 550/5.6.0  PERM_MSG message fail
dot      250 250/2.0.0  OK          message   accept
dot      421 450 451 452  TRANSIENT message   retry
dot      552/5.3.4 552/5.2.3 523  PERM_MSG message fail
dot      554/5.7.1 550/5.7.1 554/5.6.0 550/5.6.11 554/5.3.0 554/5.0.0  PERM_MSG message fail
"""
WORDS = """
auth 454 Throttling failure | RATE account pause
mail 450 rate limited | RATE account pause
mail 451 quota exceeded | RATE account pause
mail 452 too many messages | RATE account pause
mail 454 Throttling failure | RATE account pause
mail 432 concurrent connections limit exceeded | RATE account pause
rcpt 552 submission quota exceeded | RATE account pause
rcpt 550 sender quota exceeded | RATE account pause
rcpt 550 relaying denied | PERM_SENDER account wait
rcpt 554 relay access denied | PERM_SENDER account wait
rcpt 550 connection frequency limited | RATE account pause
rcpt 550 too many messages | RATE account pause
rcpt 550 sending rate exceeded | RATE account pause
rcpt 550 Daily sending limit exceeded | RATE account pause
rcpt 454 Daily message quota exceeded | RATE account pause
data 554 no valid recipients | PROTOCOL session retry
"""
EVENTS = """
connect  nxdomain                       PERM_SENDER account pause
connect  dns refused unreachable timeout  CONNECT host pause
greeting closed garbage timeout         -         host    pause
starttls missing injected               TLS       account pause
tls      untrusted                      TLS       account pause
tls      reset timeout                  CONNECT   host    pause
auth     missing                        CAPABILITY account pause
body     reset closed timeout           CONNECT   host    retry
dot      reset closed timeout garbage   AMBIGUOUS message ask
rset     reset closed timeout garbage   PROTOCOL  session again
idle     closed garbage reset           CONNECT   session again
local    non-ascii                      CAPABILITY recipient fail
local    size                           PERM_MSG  message fail
"""


def rows(table: str) -> list[tuple[str, str, str, str, str]]:
    found = []
    for line in table.strip().splitlines():
        phase, *keys, kind, scope, action = line.split()
        found += [(phase, key, kind, scope, action) for key in keys]
    return found


@pytest.mark.parametrize(("phase", "key", "kind", "scope", "action"), rows(ANSWERS))
def test_an_answer_means_what_the_design_says(phase, key, kind, scope, action):
    code, _, enhanced = key.partition("/")
    verdict = classify(Phase(phase), int(code), enhanced, "")
    assert (verdict.kind, verdict.scope, verdict.action) == (kind, scope, action), verdict.rule


@pytest.mark.parametrize("line", WORDS.strip().splitlines())
def test_words_beat_the_code(line):
    answer, _, meant = line.partition(" | ")
    phase, code, text = answer.split(" ", 2)
    verdict = classify(Phase(phase), int(code), "", text)
    assert f"{verdict.kind} {verdict.scope} {verdict.action}" == meant, verdict.rule


@pytest.mark.parametrize(("phase", "event", "kind", "scope", "action"), rows(EVENTS))
def test_what_comes_instead_of_an_answer_means_what_the_design_says(phase, event, kind, scope, action):
    verdict = classify_event(Phase(phase), event, "")
    assert kind in ("-", verdict.kind)
    assert (verdict.scope, verdict.action) == (scope, action)


def test_the_waits_that_the_design_names():
    assert classify(Phase.RCPT, 451, "4.7.1", "Greylisted").wait >= 300
    assert classify(Phase.RCPT, 450, "", "try again in 20 minutes").wait == 20 * 60 + 10
    assert classify(Phase.RCPT, 452, "4.2.2", "mailbox full").wait == 3600
    assert classify_event(Phase.CONNECT, "nxdomain", "").wait == 900
    assert classify_event(Phase.TLS, "untrusted", "").wait == 900


def test_parameters_that_were_not_used_are_not_to_blame():
    assert classify(Phase.RCPT, 501, "", "", possible=()).kind is Kind.PERM_RCPT
    assert classify(Phase.RCPT, 555, "5.5.4", "", possible=()).kind is Kind.PERM_RCPT
    assert classify(Phase.MAIL, 501, "", "", possible=()).kind is Kind.PERM_SENDER


def test_too_many_recipients_where_they_cannot_be_parted_is_judged_by_its_code():
    """Neither for the only recipient, nor twice running for one."""
    assert classify(Phase.RCPT, 452, "4.5.3", "", possible=()).action is Action.RETRY
    assert classify(Phase.RCPT, 550, "5.5.3", "", possible=()).action is Action.FAIL
