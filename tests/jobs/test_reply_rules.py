"""rules.yaml: read, and refused with the place of everything that is wrong."""

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.errors import ProjectErrors
from pipeline.jobs.replyrules import Class, Phase, load_reply_rules

WHOLE = """\
rules:
  - name: intake-busy
    text: "intake (is )?busy"
    phase: [rcpt, dot]
    code: [450, 55x]
    enhanced: 4.7.x
    class: RATE
    action: pause
    scope: account
    wait: 10 minutes
    mailers: relay
  - {name: legal, text: "refused by legal", class: PERM_MSG, action: fail}
"""


def load(folder: Path, text: str, mailers: tuple[str, ...] | None = ("relay", "gmail")):
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    return load_reply_rules(folder, mailers)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ProjectErrors) as caught:
        load(folder, text)
    return str(caught.value).splitlines()


def test_every_key_is_read_and_short_forms_mean_lists(tmp_path):
    busy, legal = load(tmp_path, WHOLE)
    assert (busy.phase, busy.code, busy.enhanced) == (("rcpt", "dot"), ("450", "55x"), ("4.7.x",))
    assert (busy.kind, busy.action, busy.scope, busy.wait) == ("RATE", "pause", "account", timedelta(minutes=10))
    assert busy.mailers == ("relay",)
    assert (legal.phase, legal.code, legal.mailers) == (("mail", "rcpt", "data", "dot"), ("4xx", "5xx"), ())


@pytest.mark.parametrize("text", ["", "# nothing yet\n\n"])
def test_none_are_none(tmp_path, text):
    assert load(tmp_path, text) == ()


def test_no_file_is_no_rules(tmp_path):
    assert load_reply_rules(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: {}", '1:8: expected a list of rules, got a mapping'),
        ("rule: []", '1:1: unknown key "rule"; did you mean "rules"?'),
        ("rules: [busy]", '1:9: expected a mapping like {name: …, text: …}, got the text "busy"'),
        ("rules:\n  - {name: a, text: x, class: RATE}", '2:5: missing key "action"'),
        ("rules:\n  - {name: a, txt: x, class: RATE, action: pause}", '2:15: unknown key "txt"; did you mean "text"?'),
        ("rules:\n  - {name: a b, text: x, class: RATE, action: pause}",
         '2:12: expected a short name without spaces, got the text "a b"'),
        ("rules:\n  - {name: a, text: '(', class: RATE, action: pause}",
         "2:21: is no regular expression: missing ), unterminated subpattern at position 0"),
        ("rules:\n  - {name: a, text: 'x?', class: RATE, action: pause}",
         "2:21: matches every answer; write words that stand in the answers that are meant"),
        ("rules:\n  - {name: a, text: x, class: RAT, action: pause}",
         ('2:31: expected TRANSIENT, RATE, PERM_RCPT, PERM_MSG, PERM_SENDER, AUTH, CONNECT, TLS, PROTOCOL or'
         ' CAPABILITY, got the text "RAT"; did you mean "RATE"?')),
        ("rules:\n  - {name: a, text: x, class: RATE, action: pause, code: 250}",
         '2:58: expected a code like 550, 45x or 5xx, got the text "250"'),
        ("rules:\n  - {name: a, text: x, class: RATE, action: pause, enhanced: [5.7]}",
         "2:62: expected an enhanced code like 5.7.1 or 5.7.x, or - for none, got the number 5.7"),
        ("rules:\n  - {name: a, text: x, class: RATE, action: pause, wait: soon}",
         '2:58: "soon" is not a duration; write a number and a unit, like 30 seconds, 15m, 6 hours'),
        ("rules:\n  - {name: a, text: x, class: AUTH, action: fail, phase: auth}",
         "2:45: before mail is sent (auth) nothing helps but a pause"),
        ("rules:\n  - {name: a, text: x, class: PERM_MSG, action: fail, wait: 1h}",
         "2:61: what fails is not tried again; leave the wait out"),
        ("rules:\n  - {name: a, text: x, class: RATE, action: pause, mailers: [rely]}",
         '2:61: there is no mailer "rely"; did you mean "relay"?'),
        ("rules:\n  - &a {name: a, text: x, class: RATE, action: pause}\n  - *a", '2:15: there are two rules "a"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(tmp_path, text, said):
    assert problems(tmp_path, text) == [f"rules.yaml:{said}"]


def test_everything_wrong_is_said_at_once(tmp_path):
    text = "rules:\n  - {name: a, text: '(', class: RAT, action: stop}\n  - {name: b, text: x, class: RATE}\n"
    assert [line.split(":")[1] for line in problems(tmp_path, text)] == ["2", "2", "2", "3"]


def test_its_words_are_those_of_the_reply_table():
    from typing import get_args

    from pipeline.delivery.verdict import Kind
    from pipeline.delivery.verdict import Phase as Where

    assert set(get_args(Class)) == set(Kind) - {Kind.OK, Kind.AMBIGUOUS, Kind.LOCAL}
    assert set(get_args(Phase)) <= set(Where)
