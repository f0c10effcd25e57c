"""From a mailbox to the ledger and the log: a real Maildir, and an IMAP server of the tests' own."""

import ssl
from pathlib import Path

import pytest
from delivery_bench import make_letter
from imap_server import ImapServer
from scripted_smtp import ScriptedServer

from pipeline.delivery.bounces.mailboxes import Maildir, open_mailbox
from pipeline.delivery.bounces.otherforms import other_forms
from pipeline.delivery.bounces.taking import Round, take_in
from pipeline.errors import LedgerError, MailerError
from pipeline.jobs.bounceplace import parse_bounces
from pipeline.ledger.bouncing import Bounces
from pipeline.ledger.suppressing import Suppressions

SAMPLES = Path(__file__).parent / "bounces"
ANA = "ana@partner.example"


def sample(name):
    return (SAMPLES / f"{name}.eml").read_bytes()


@pytest.fixture
def sent(bench, mailer):
    """Letter 1 was sent to Ana and to Bo's address with a plus."""
    run = bench.queue([make_letter(1, (ANA, "bo+news@partner.example"))])
    with ScriptedServer() as server:
        bench.deliver(mailer(server))
    return run


@pytest.fixture
def maildir(tmp_path):
    for name in ("new", "cur", "tmp"):
        (tmp_path / "bounces" / name).mkdir(parents=True)
    return tmp_path / "bounces"


def put(maildir, *names):
    for name in names:
        (maildir / "new" / f"1.{name}").write_bytes(sample(name))


def take(bench, mailbox, ledger=None):
    return take_in(mailbox, ledger or Bounces(bench.engine), other_forms(), bench.emit, bench.clock)


def test_a_dead_address_gets_nothing_any_more_and_everybody_is_told(bench, sent, maildir):
    put(maildir, "postfix", "out_of_office")
    assert take(bench, Maildir(maildir)) == Round(mails=2, bounced=1, suppressed=1, unread=1)
    (line,) = bench.named("delivery.bounced")
    assert (line["run"], line["recipient"], line["code"], line["enhanced"]) == (str(sent), ANA, 550, "5.1.1")
    assert [line["recipient"] for line in bench.named("suppression.added")] == [ANA]
    assert [one.address for one in Suppressions(bench.engine).find()] == [ANA]
    assert bench.states() == {"sent": 2}
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["1.out_of_office:2,FS", "1.postfix:2,S"]
    assert list((maildir / "new").iterdir()) == []


def test_what_may_be_mended_is_only_told(bench, sent, maildir):
    put(maildir, "postfix_full", "postfix_delayed")
    assert take(bench, Maildir(maildir)) == Round(mails=2, bounced=2, delayed=1)
    assert Suppressions(bench.engine).find() == []
    assert [line["class"] for line in bench.named("delivery.bounced")] == ["TRANSIENT", "PERM_MSG"]
    assert [line["enhanced"] for line in bench.named("delivery.delayed")] == ["4.4.1"]


def test_a_report_of_another_ledgers_mail_changes_nothing(bench, maildir):
    put(maildir, "exim")
    assert take(bench, Maildir(maildir)) == Round(mails=1, unmatched=1)
    (line,) = bench.named("bounce.unmatched")
    assert (line["recipient"], line["message_id"]) == (ANA, "<letter-1@example.com>")
    assert Suppressions(bench.engine).find() == []


class CutOff:
    """A ledger that keeps a report and dies before anybody hears of it."""

    def __init__(self, bounces):
        self.bounces = bounces

    def take_in(self, returned):
        self.bounces.take_in(returned)
        raise LedgerError("the plug was pulled")


def test_a_crash_after_the_commit_takes_nothing_in_twice(bench, sent, maildir):
    put(maildir, "qmail")
    with pytest.raises(LedgerError):
        take(bench, Maildir(maildir), CutOff(Bounces(bench.engine)))
    assert len(list((maildir / "new").iterdir())) == 1
    assert take(bench, Maildir(maildir)) == Round(mails=1, known=1)
    assert bench.named("delivery.bounced") == []
    assert len(Bounces(bench.engine).of_run(sent)) == 1
    assert take(bench, Maildir(maildir)) == Round()


def test_a_folder_that_is_no_maildir_is_refused(tmp_path):
    with pytest.raises(MailerError, match="is no Maildir; it needs the folders new and cur"):
        Maildir(tmp_path)


def imap(server, scheme="imap+plain", password="secret", folder=""):
    return parse_bounces(f"{scheme}://reports:{password}@127.0.0.1:{server.port}{folder}")


def no_tls():
    raise AssertionError("no TLS was asked for")


def test_imap_marks_reports_as_read_and_flags_the_rest(bench, sent, tmp_path):
    with ImapServer([sample("gmail").replace(b"gmail.example", b"partner.example"), sample("out_of_office")]) as server:
        with open_mailbox(imap(server), tmp_path, no_tls) as mailbox:
            assert take(bench, mailbox) == Round(mails=2, bounced=1, suppressed=1, unread=1)
        assert server.flags() == ["\\Seen", "\\Flagged \\Seen"]
        with open_mailbox(imap(server), tmp_path, no_tls) as mailbox:
            assert take(bench, mailbox) == Round()
    assert len(bench.named("delivery.bounced")) == 1


def test_an_imap_server_that_hangs_up_keeps_what_it_has_not_told(bench, sent, tmp_path):
    with ImapServer([sample("postfix"), sample("exchange")], cut_after_fetches=1) as server:
        with (
            pytest.raises(MailerError, match="cannot be read"),
            open_mailbox(imap(server), tmp_path, no_tls) as mailbox,
        ):
            take(bench, mailbox)
        assert server.flags() == ["\\Seen", ""]
        server.cut_after_fetches = 9
        with open_mailbox(imap(server), tmp_path, no_tls) as mailbox:
            assert take(bench, mailbox).mails == 1
    assert len(bench.named("delivery.bounced")) == 2


@pytest.mark.parametrize(
    ("password", "folder", "said"),
    [("wrong", "", "Invalid credentials"), ("secret", "/Nowhere", 'no folder "Nowhere"')],
)
def test_what_an_imap_server_refuses_is_told_without_the_password(tmp_path, password, folder, said):
    with (
        ImapServer([]) as server,
        pytest.raises(MailerError, match=said) as caught,
        open_mailbox(imap(server, password=password, folder=folder), tmp_path, no_tls),
    ):
        pass
    assert password not in str(caught.value)


@pytest.mark.parametrize(("scheme", "starttls"), [("imaps", False), ("imap", True)])
def test_tls_is_verified_before_anybody_logs_in(bench, sent, tmp_path, trusting, server_tls, scheme, starttls):
    with ImapServer([sample("postfix")], tls=server_tls, starttls=starttls) as server:
        place = parse_bounces(f"{scheme}://reports:secret@localhost:{server.port}")
        with pytest.raises(MailerError, match="certificate"), open_mailbox(place, tmp_path, ssl.create_default_context):
            pass
        assert "LOGIN …" not in server.commands
        with open_mailbox(place, tmp_path, lambda: trusting) as mailbox:
            assert take(bench, mailbox).bounced == 1


def test_a_server_without_starttls_gets_no_password(tmp_path):
    with (
        ImapServer([]) as server,
        pytest.raises(MailerError),
        open_mailbox(imap(server, "imap"), tmp_path, ssl.create_default_context),
    ):
        pass
    assert "LOGIN …" not in server.commands


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "bounces come from a mailbox"),
        ("pop3://a:b@c", "an IMAP URL begins with"),
        ("imaps://host", "names host, user and password"),
        ("imaps://a:b@host:0x/", "the port of an IMAP URL"),
        ("imaps://a:b@host/INBOX?x", "ends after the folder"),
        ("imap+plain://a:b@mail.example.com", "only from localhost"),
    ],
)
def test_what_is_no_mailbox(text, error):
    with pytest.raises(ValueError, match=error) as caught:
        parse_bounces(text)
    assert "a:b" not in str(caught.value)
