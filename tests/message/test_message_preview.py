"""The preview: one page that needs nothing beside it, and the message as files."""

import email
import email.policy
import re

from pipeline.message.preview import preview_page, standalone_html, write_preview


def test_the_page_needs_nothing_beside_it(desk) -> None:  # type: ignore[no-untyped-def]
    letter = desk.letter()
    page = preview_page(letter, desk.blobs.read)
    assert "cid:" not in standalone_html(letter, desk.blobs.read)
    links = re.findall(r"""(?:src|href)=(?:"|&#34;)(.*?)(?:"|&#34;)""", page)
    assert len(links) > 4
    assert all(link.startswith(("data:", "mailto:")) for link in links)
    assert "<script" not in page
    assert page.count("srcdoc=") == 4
    for words in (
        "Daily delays, New York, January 31, 2013",
        "ops@example.com",
        "delays.xlsx",
        "10.2 kB",
    ):
        assert words in page
    assert "Gmail hides" not in page


def test_a_mail_that_gmail_would_clip_is_said(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("t.html", "x" * 110_000)
    assert "Gmail hides the end" in preview_page(desk.letter(desk.job(message={"template": "t"})), desk.blobs.read)


def test_the_files_are_the_message(desk, tmp_path) -> None:  # type: ignore[no-untyped-def]
    letter = desk.letter(report=desk.report(files=(desk.file("../up/Über.xlsx"), desk.file("message.txt", b"other"))))
    written = write_preview(letter, desk.blobs.read, tmp_path / "out")
    names = ["preview.html", "message.html", "message.txt", "message.eml", "_up_Über.xlsx", "message-2.txt"]
    assert [path.name for path in written] == names
    assert all(path.parent == tmp_path / "out" for path in written)
    message = email.message_from_bytes((tmp_path / "out/message.eml").read_bytes(), policy=email.policy.default)
    assert message["Message-ID"] == letter.message_id
    assert [part.get_filename() for part in message.iter_attachments()] == ["../up/Über.xlsx", "message.txt"]
    assert (tmp_path / "out/message.txt").read_bytes() == letter.text
    assert (tmp_path / "out/message-2.txt").read_bytes() == b"other"
    assert (tmp_path / "out/_up_Über.xlsx").read_bytes() == bytes(range(256)) * 40
