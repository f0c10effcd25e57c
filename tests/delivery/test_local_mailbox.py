"""The local mailer: mails that another program can read, each once, and whole or not at all."""

import mailbox
from datetime import timedelta

from delivery_bench import make_letter

from pipeline.delivery.mailers.local import LocalMailbox, unique_name
from pipeline.ledger.records import Artifact, Part
from pipeline.ledger.ways import Asking

BOOK = Part(Artifact("b" * 64, 3, "application/vnd.ms-excel"), "delays.xlsx", "attachment")


def inbox(folder, read=lambda _: b"YWJj\r\n"):
    return LocalMailbox("inbox", folder / "inbox", read)


def test_each_recipient_gets_a_file_that_another_reader_understands(bench, tmp_path):
    run = bench.queue([make_letter(1, ["ana@example.com", "bo@example.com"], parts=(BOOK,))], mailer="inbox")
    bench.deliver(inbox(tmp_path))
    mails = list(mailbox.Maildir(tmp_path / "inbox", create=False))
    assert {mail["Delivered-To"] for mail in mails} == {"ana@example.com", "bo@example.com"}
    assert {mail["Message-ID"] for mail in mails} == {"<letter-1@example.com>"}
    texts = [part.get_payload(decode=True) for part in mails[0].walk() if not part.is_multipart()]
    assert texts[0].decode() == "Hello,\n.\n..\ngrüße\n"
    assert texts[2] == b"abc"
    assert b"\r" not in next((tmp_path / "inbox" / "new").iterdir()).read_bytes()
    assert bench.states() == {"sent": 2}
    assert [line["run"] for line in bench.named("run.delivered")] == [str(run)]
    assert {line["reply"] for line in bench.named("delivery.sent")} == {
        f"new/{unique_name('<letter-1@example.com>', who)}" for who in ("ana@example.com", "bo@example.com")
    }


def test_a_delivery_that_is_repeated_after_a_crash_does_not_double_its_mail(bench, tmp_path):
    bench.queue([make_letter(1), make_letter(2)], mailer="inbox")
    claims = bench.outbox.take(Asking("inbox", "dead-1/inbox", bench.now, timedelta(hours=1), 2)).claims
    ids = [delivery.id for claim in claims for delivery in claim.deliveries]
    bench.outbox.journal(ids, [], "dead-1/inbox", bench.now)
    folder = tmp_path / "inbox"
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(parents=True)
    name = unique_name("<letter-1@example.com>", "person1@example.com")
    (folder / "cur" / f"{name}:2,S").write_bytes(b"read already")
    (folder / "tmp" / unique_name("<letter-2@example.com>", "person2@example.com")).write_bytes(b"half a ma")
    worker = bench.worker({"inbox": inbox(tmp_path)}, dead_owners=lambda: ["dead-1"])
    worker.run_until_idle()
    assert bench.states() == {"sent": 2}
    assert (folder / "cur" / f"{name}:2,S").read_bytes() == b"read already"
    (new,) = (folder / "new").iterdir()
    assert b"Subject: Letter 2" in new.read_bytes()
    assert list((folder / "tmp").iterdir()) == []


def test_a_folder_that_cannot_be_written_pauses_and_charges_nobody(bench, tmp_path):
    (tmp_path / "inbox").write_text("a file where the folder should be")
    bench.queue([make_letter(1)], mailer="inbox")
    bench.deliver(inbox(tmp_path))
    assert bench.states() == {"deferred": 1}
    assert bench.deliveries()[0].attempts == 0
    assert len(bench.named("mailer.paused")) == 1
    assert len(bench.named("alert.raised")) == 1
    (tmp_path / "inbox").unlink()
    bench.deliver_all(inbox(tmp_path))
    assert bench.states() == {"sent": 1}


def test_an_attachment_that_is_gone_does_not_hold_up_the_others(bench, tmp_path):
    def gone(sha256):
        raise FileNotFoundError(2, "No such file or directory")

    bench.queue([make_letter(1, parts=(BOOK,)), make_letter(2)], mailer="inbox")
    bench.deliver(inbox(tmp_path, gone))
    assert bench.states() == {"sent": 1, "deferred": 1}
    assert "cannot be read" in bench.named("delivery.deferred")[0]["reply"]
    assert bench.named("mailer.paused") == []
