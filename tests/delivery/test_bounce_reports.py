"""Reports as servers write them, and what they mean; whatever else lies in a mailbox is no report."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.bounces.judging import is_dead, judge
from pipeline.delivery.bounces.otherforms import other_forms
from pipeline.delivery.bounces.reading import read_report
from pipeline.delivery.bounces.report import Fate

SAMPLES = Path(__file__).parent / "bounces"
LETTER = "<letter-1@example.com>"
ANA = "ana@partner.example"


def read(name):
    return read_report((SAMPLES / f"{name}.eml").read_bytes(), other_forms())


@pytest.mark.parametrize(
    ("name", "who", "action", "status", "code", "rule", "dead"),
    [
        ("postfix", ANA, "failed", "5.1.1", 550, "unknown-recipient", True),
        ("gmail", "ana@gmail.example", "failed", "5.1.1", 550, "unknown-recipient", True),
        ("exchange", ANA, "failed", "5.1.10", 550, "unknown-recipient", True),
        ("exim", ANA, "failed", "5.1.1", 550, "unknown-recipient", True),
        ("qmail", ANA, "failed", "5.1.1", None, "unknown-recipient", True),
        ("postfix_delayed", ANA, "delayed", "4.4.1", None, "rcpt-later", False),
        ("postfix_full", ANA, "failed", "4.2.2", 452, "mailbox-full", False),
    ],
)
def test_what_servers_write(name, who, action, status, code, rule, dead):
    report = read(name)
    fate = report.fates[0]
    verdict = judge(fate)
    assert report.message_ids[0] == LETTER
    assert fate.addresses[0] == who
    assert (fate.action, fate.status) == (action, status)
    assert (verdict.code, verdict.rule, is_dead(fate, verdict)) == (code, rule, dead)


def test_a_report_about_several_recipients_under_several_names():
    one, two = read("postfix_full").fates
    assert one.addresses == (ANA, "ana.b@inner.partner.example")
    assert two.addresses == ("bo+2bnews@partner.example", "bo+news@partner.example")
    assert (judge(two).kind, is_dead(two, judge(two))) == ("PERM_MSG", False)


def test_an_answer_that_is_no_report_has_no_fates():
    report = read("out_of_office")
    assert (report.fates, report.message_ids) == ((), (LETTER,))
    assert report.id == "<abcdef@partner.example>"


def test_without_the_extra_the_old_forms_are_no_reports():
    assert read_report((SAMPLES / "qmail.eml").read_bytes()).fates == ()
    assert read_report((SAMPLES / "postfix.eml").read_bytes()).fates != ()


def test_a_report_without_a_message_id_is_known_by_its_content():
    data = (SAMPLES / "qmail.eml").read_bytes()
    assert read_report(data).id == read_report(data).id != read_report(data + b"x").id
    assert read_report(data).id.startswith("sha256:")


@pytest.mark.parametrize(
    ("status", "said", "kind", "dead"),
    [
        ("5.1.1", "", "PERM_RCPT", True),
        ("5.0.0", "550 5.1.1 no such user", "PERM_RCPT", True),
        ("5.0.0", "550 no such user here", "PERM_RCPT", True),
        ("5.2.1", "550 5.2.1 mailbox disabled", "PERM_RCPT", True),
        ("5.2.2", "552 5.2.2 mailbox full", "PERM_RCPT", False),
        ("5.4.4", "no route", "PERM_RCPT", False),
        ("5.7.1", "550 5.7.1 blocked by policy", "PERM_MSG", False),
        ("5.7.26", "550 5.7.26 unauthenticated", "PERM_MSG", False),
        ("4.4.7", "message expired", "TRANSIENT", False),
        ("", "", "PERM_RCPT", False),
        ("5.0.0", "550 5.7.1 too many messages, rate limited", "RATE", False),
    ],
)
def test_only_a_dead_mailbox_is_worth_a_suppression(status, said, kind, dead):
    fate = Fate((ANA,), "failed", status, said)
    assert (judge(fate).kind, is_dead(fate, judge(fate))) == (kind, dead)


def test_a_delay_is_never_a_death():
    fate = Fate((ANA,), "delayed", "5.1.1", "550 5.1.1 no such user")
    assert not is_dead(fate, judge(fate))


@given(st.binary(max_size=300), st.sampled_from(sorted(SAMPLES.glob("*.eml"))), st.integers(0, 3000))
def test_no_mail_breaks_the_reader(noise, sample, at):
    data = sample.read_bytes()
    for mail in (noise, data[:at] + noise + data[at:], data[:at]):
        report = read_report(mail, other_forms())
        for fate in report.fates:
            judge(fate)
            assert fate.said.isprintable()
        assert report.id
