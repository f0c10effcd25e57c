"""An operator's rules at work: before ours, in every phase, for their mailers, and never against a success."""

from datetime import timedelta
from pathlib import Path

import pytest
from delivery_bench import NOW, QUICK, make_letter, no_artifacts
from pydantic import SecretStr
from scripted_smtp import ScriptedServer, by_recipient, say

from pipeline.delivery.mailers.smtp import smtp_mailer
from pipeline.delivery.ownrules import own_rules
from pipeline.delivery.replies import classify
from pipeline.delivery.verdict import Action, Kind, Phase, Scope
from pipeline.jobs.mailing import Limits
from pipeline.jobs.model import SmtpMailer
from pipeline.jobs.replyrules import load_reply_rules

RULES = """\
rules:
  - {name: lunch, text: lunch break, class: RATE, action: pause, wait: 20 minutes, mailers: relay}
  - {name: closed, text: desk is closed, phase: [greeting, auth], class: RATE, action: pause, wait: 30 minutes}
  - {name: moved, text: "has moved", code: 4xx, class: PERM_RCPT, action: fail}
"""


@pytest.fixture
def rules(tmp_path: Path):
    (tmp_path / "rules.yaml").write_text(RULES)
    return load_reply_rules(tmp_path)


def mailer_for(server: ScriptedServer, trusting, rules, **limits):
    url = SecretStr(f"smtp+plain://{server.host}:{server.port}")
    settings = SmtpMailer(name="relay", smtp=url, connections=1, limits=Limits(**limits))
    return smtp_mailer(settings, trusting, no_artifacts, QUICK, rules=own_rules(rules, "relay"))


def test_they_decide_before_ours_and_the_log_names_them(bench, trusting, rules):
    bench.queue([make_letter(1, ["a@example.com", "b@example.com"])])
    answers = by_recipient({"a@example.com": say("451 4.3.0 a has moved")})
    with ScriptedServer(script={"rcpt": answers}) as server:
        bench.deliver(mailer_for(server, trusting, rules))
    assert (bench.state_of("a@example.com"), bench.state_of("b@example.com")) == ("failed", "sent")
    assert [line["rule"] for line in bench.named("delivery.failed")] == ["own:moved"]


@pytest.mark.parametrize(
    ("verb", "answer", "minutes"),
    [("connect", "554 the desk is closed", 30), ("mail", "550 lunch break", 20), ("dot", "554 lunch break", 20)],
)
def test_they_hold_in_every_phase(bench, trusting, rules, verb, answer, minutes):
    bench.queue([make_letter(1)])
    with ScriptedServer(script={verb: say(answer)}) as server:
        bench.deliver(mailer_for(server, trusting, rules))
    assert bench.states() in ({"queued": 1}, {"deferred": 1})
    assert bench.outbox.circuit("relay").until == NOW + timedelta(minutes=minutes)


def test_they_hold_for_their_mailers_alone(rules):
    assert [rule.id for rule in own_rules(rules, "relay")] == ["own:lunch", "own:closed", "own:moved"]
    assert [rule.id for rule in own_rules(rules, "gmail")] == ["own:closed", "own:moved"]
    assert [rule.id for rule in own_rules(rules, None)] == ["own:closed", "own:moved"]


def test_what_they_leave_out_goes_with_the_action(rules):
    lunch, closed, moved = own_rules(rules, "relay")
    assert (lunch.kind, lunch.scope, lunch.action, lunch.wait) == (Kind.RATE, Scope.ACCOUNT, Action.PAUSE, 1200.0)
    assert closed.scope is Scope.ACCOUNT
    assert (moved.scope, moved.wait) == (Scope.RECIPIENT, 0.0)


@pytest.mark.parametrize(("phase", "code"), [(Phase.MAIL, 250), (Phase.RCPT, 251), (Phase.DATA, 354), (Phase.DOT, 250)])
def test_none_undoes_a_success(rules, phase, code):
    assert classify(phase, code, "", "lunch break, has moved", extra=own_rules(rules, "relay")).ok


def test_a_message_beyond_the_mailers_size_is_not_offered(bench, trusting, rules):
    bench.queue([make_letter(1), make_letter(2, html="<p>many words</p>\r\n" * 200)])
    with ScriptedServer() as server:
        bench.deliver(mailer_for(server, trusting, rules, message_size=1500))
        assert len(server.mails) == 1
    [line] = bench.named("delivery.failed")
    assert (line["rule"], line["recipient"]) == ("local-size", "person2@example.com")
    assert "the mailer's limits allow 1500" in line["reply"]
