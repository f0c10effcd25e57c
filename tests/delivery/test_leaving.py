"""A mail that asks for no more: whose it is, what it changes, what it must not change."""

from datetime import UTC, datetime
from email.header import Header
from pathlib import Path
from typing import Any

import pytest

from pipeline.delivery.leaving import Leaving
from pipeline.ledger import migrate
from pipeline.ledger.database import open_ledger
from pipeline.ledger.suppressing import Suppressions
from pipeline.message.unsubscribing import token_of

KEY, NOW = bytes(32), datetime(2026, 3, 2, 7, tzinfo=UTC)
TOKEN = token_of(KEY, "weekly", "ana@example.com")
LONG = token_of(KEY, "weekly", f"{'a' * 60}@{'long-domain.' * 12}example.com")


@pytest.fixture
def leaving(tmp_path: Path) -> Any:
    engine = open_ledger("sqlite:///ledger.sqlite3", tmp_path)
    migrate.upgrade(engine)
    lines: list[tuple[str, dict[str, object]]] = []
    yield (
        Leaving(lambda: KEY, Suppressions(engine), lambda event, **fields: lines.append((event, fields)), lambda: NOW),
        lines,
    )
    engine.dispose()


def mail(subject: str, body: str = "") -> bytes:
    return f"From: Somebody Else <else@example.org>\r\nSubject: {subject}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "subject",
    [
        f"unsubscribe weekly {TOKEN}",
        f"Re: unsubscribe weekly {TOKEN}",
        f"unsubscribe weekly\r\n {TOKEN}",
        f"unsubscribe   weekly   {TOKEN} ",
        Header(f"Aw: ünterwegs unsubscribe weekly {TOKEN}", "utf-8").encode(),
    ],
)
def test_the_subject_of_our_link_suppresses_its_recipient_for_that_job_once(leaving: Any, subject: str) -> None:
    leaver, lines = leaving
    assert leaver.by_mail(mail(subject))
    assert leaver.by_mail(mail(subject))
    found = leaver.ledger.find()
    assert [(one.address, one.scope, one.who, one.why, one.at) for one in found] == [
        ("ana@example.com", "job:weekly", "recipient", "unsubscribed by mail", NOW)
    ]
    assert lines == [
        ("suppression.added", {"recipient": "ana@example.com", "scope": "job:weekly", "by": "recipient",
                               "reason": "unsubscribed by mail"}),
    ]  # fmt: skip
    assert leaver.ledger.barred("weekly", "relay", ["Ana@example.com"]).keys() == {"Ana@example.com"}
    assert leaver.ledger.barred("daily", "relay", ["ana@example.com"]) == {}


def test_a_long_address_has_its_way_out_too(leaving: Any) -> None:
    assert leaving[0].by_mail(mail(f"unsubscribe weekly {LONG}"))


@pytest.mark.parametrize(
    "data",
    [
        mail(f"unsubscribe daily {TOKEN}"),
        mail(f"unsubscribe weekly {TOKEN[:-2]}"),
        mail(f"unsubscribe weekly {TOKEN}A"),
        mail(f"unsubscribe weekly {'A' * 60}"),
        mail("unsubscribe"),
        mail("unsubscribe weekly ana@example.com"),
        mail("Hello", f"unsubscribe weekly {TOKEN}"),
        mail("=?utf-8?b?!!!?="),
        mail("=?no-such-charset?q?unsubscribe?="),
        b"",
        b"\xff\xfe\x00Subject",
    ],
)
def test_anything_else_changes_nothing(leaving: Any, data: bytes) -> None:
    leaver, lines = leaving
    assert not leaver.by_mail(data)
    assert leaver.ledger.find() == []
    assert lines == []
