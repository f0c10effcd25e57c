"""The way out of one job's list: tokens that nobody else can make, headers, and the link at the end of the mail."""

import re
from email.parser import BytesHeaderParser
from email.policy import default
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.jobs.model import Audience, Each, FileData
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.records import RunKey
from pipeline.message.compose import Composer
from pipeline.message.facts import Recipients, RunFacts
from pipeline.message.unsubscribing import Unsubscribing, address_of, token_of

KEY = bytes(range(32))
ADDRESSES = st.from_regex(r"[a-z0-9][a-z0-9+._-]{0,20}[a-z0-9]@[a-z]{1,20}\.org", fullmatch=True).filter(
    lambda address: not re.search(r"[._-]{2}|[.+_-]@", address)
)
MAIL_ALONE = Unsubscribing(KEY, "weekly", mail="desk+lists@example.com")
BOTH = Unsubscribing(KEY, "weekly", mail="desk@example.com", url="https://reports.example.com/")


@given(ADDRESSES, ADDRESSES)
def test_a_token_is_one_person_s_and_one_job_s(address: str, other: str) -> None:
    token = token_of(KEY, "weekly", address.upper())
    assert address_of(KEY, "weekly", token) == address
    assert address_of(KEY, "daily", token) is None
    assert address_of(KEY[::-1], "weekly", token) is None
    assert token == token_of(KEY, "weekly", address)
    assert (token_of(KEY, "weekly", other) == token) == (other == address)


@given(ADDRESSES, st.data())
def test_no_other_token_is_taken(address: str, data: st.DataObject) -> None:
    token = token_of(KEY, "weekly", address)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_=%é"))
    changed = token[:place] + letter + token[place + 1 :]
    assert address_of(KEY, "weekly", changed) in ({address} if changed == token else {None, address})
    if place < 20 and changed != token:
        assert address_of(KEY, "weekly", changed) is None


@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z0-9_-]{0,80}", fullmatch=True))
def test_a_token_of_one_s_own_invention_is_nobody_s(token: str) -> None:
    assert address_of(KEY, "weekly", token) is None


def letter_of(desk: Any, unsubscribing: Unsubscribing | None, source: str = "", locale: str = "en_US") -> Any:
    desk.write("t.html", source)
    job = desk.job(
        message={"template": "t"}, audience=Audience(each=Each(data="people")), data={"people": FileData(file="p.csv")},
        locale=locale, exports=(),
    )  # fmt: skip
    usual = desk.composer()
    facts = RunFacts(RunKey(job.name, usual._run.key.due), usual._run.period, usual._run.date)
    composer = Composer(job, desk.project(job), facts, unsubscribing=unsubscribing)
    to = Recipients(to=(Mailbox("Ana@example.com"),))
    return composer.letter(desk.report(datasets={}, files=(), charts={}), to, {"email": "Ana@example.com"})


def headers_of(letter: Any) -> Any:
    return BytesHeaderParser(policy=default).parsebytes(letter.headers)


def test_a_mail_says_how_to_leave_by_mail(desk: Any) -> None:
    letter = letter_of(desk, MAIL_ALONE)
    headers = headers_of(letter)
    link = urlsplit(headers["List-Unsubscribe"].strip("<>"))
    assert (link.scheme, unquote(link.path)) == ("mailto", "desk+lists@example.com")
    word, job, token = parse_qs(link.query)["subject"][0].split(" ")
    assert (word, job, address_of(KEY, "weekly", token)) == ("unsubscribe", "weekly", "ana@example.com")
    assert headers["List-Unsubscribe-Post"] is None
    href = headers["List-Unsubscribe"].strip("<>")
    assert f'<a href="{href}"' in letter.html.decode()
    assert f"Unsubscribe:\n{href}\n" in letter.text.decode().replace("\r\n", "\n")


def test_one_click_needs_both_headers_and_https(desk: Any) -> None:
    letter = letter_of(desk, BOTH)
    headers = headers_of(letter)
    web, mail = re.fullmatch(r"<(https://[^<>]+)>, <(mailto:[^<>]+)>", headers["List-Unsubscribe"]).groups()  # type: ignore[union-attr]
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert web == f"https://reports.example.com/unsubscribe/weekly/{token_of(KEY, 'weekly', 'ana@example.com')}"
    assert mail.startswith("mailto:desk@example.com?subject=unsubscribe%20weekly%20")
    assert f'<a href="{web}"' in letter.html.decode()
    assert all(len(line) <= 998 for line in letter.headers.split(b"\r\n"))


def test_without_it_nothing_is_said(desk: Any) -> None:
    letter = letter_of(desk, None)
    assert headers_of(letter)["List-Unsubscribe"] is None
    assert "nsubscribe" not in letter.html.decode() + letter.text.decode()


@pytest.mark.parametrize(("locale", "word"), [("de_AT", "Abbestellen"), ("zh_Hant_TW", "退订"), ("is", "Unsubscribe")])
def test_the_link_is_in_the_reader_s_language(desk: Any, locale: str, word: str) -> None:
    letter = letter_of(desk, MAIL_ALONE, locale=locale)
    assert f">{word}</a>" in letter.html.decode()
    assert f"{word}:\r\nmailto:" in letter.text.decode()


def test_a_footer_of_one_s_own_keeps_the_link_and_a_page_of_one_s_own_can_show_it(desk: Any) -> None:
    own = '{% extends "layout.html" %}{% block footer %}Terminal 4{% endblock %}'
    assert ">Unsubscribe</a>" in letter_of(desk, MAIL_ALONE, own).html.decode()
    page = '<html lang="en"><body>{% if unsubscribe %}<a href="{{ unsubscribe.href }}">out</a>{% endif %}</body></html>'
    assert '<a href="mailto:' in letter_of(desk, MAIL_ALONE, page).html.decode()
    assert "<a" not in letter_of(desk, None, page).html.decode()
