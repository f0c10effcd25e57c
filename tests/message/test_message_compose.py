"""Letters: the header set, stable ids, who is named where, what is refused, no way in for foreign headers."""

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ComposeError, ReportError, TemplateError
from pipeline.jobs.model import Audience, Each
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.records import Letter
from pipeline.message import wire
from pipeline.message.facts import Recipients

FIELDS = ["From", "Date", "List-Id", "Auto-Submitted", "X-Report-Run", "To", "Subject", "Message-ID"]


def fields(letter: Letter) -> email.message.Message:
    return email.message_from_bytes(letter.headers + b"\r\n", policy=email.policy.default)


def test_the_headers_say_it_all_and_come_from_the_run(desk) -> None:  # type: ignore[no-untyped-def]
    letter = desk.letter(desk.job(reply_to=Mailbox("desk@example.com")))
    read = fields(letter)
    assert sorted(read.keys()) == sorted([*FIELDS, "Reply-To"])
    assert read["From"] == "Flight Desk <reports@example.com>"
    assert read["To"] == "Ops <ops@example.com>"
    assert read["Reply-To"] == "desk@example.com"
    assert read["Subject"] == "Daily delays, New York, January 31, 2013" == letter.subject
    assert read["Date"].datetime == datetime(2013, 2, 1, 11, 30, tzinfo=UTC)
    assert read["List-Id"] == '"Daily delays, New York" <daily-delays.example.com>'
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["X-Report-Run"] == "daily-delays@20130201T113000Z"
    assert read["Message-ID"] == letter.message_id
    assert letter.sender == "reports@example.com"


def test_the_message_id_depends_on_run_and_people_alone(desk) -> None:  # type: ignore[no-untyped-def]
    people = Recipients(to=(Mailbox("a@example.com"), Mailbox("b@example.com")))
    first = desk.letter(to=people)
    changed = desk.letter(report=desk.report(files=()), to=people)
    assert first.message_id == changed.message_id
    assert first.headers == changed.headers
    others = Recipients(to=(Mailbox("a@example.com"),))
    ids = {
        first.message_id,
        desk.letter(to=others).message_id,
        desk.composer(variant="test-1").letter(desk.report(), people).message_id,
        desk.letter(desk.job(name="other"), to=people).message_id,
    }
    assert len(ids) == 4


def test_blind_copies_are_in_the_envelope_and_nowhere_else(desk) -> None:  # type: ignore[no-untyped-def]
    people = Recipients(
        to=(Mailbox("to@example.com", "Tö"),),
        cc=(Mailbox("cc@example.com"),),
        bcc=(Mailbox("secret@example.com"),),
    )
    letter = desk.letter(to=people)
    assert letter.recipients == ("to@example.com", "cc@example.com", "secret@example.com")
    whole = b"".join(wire.assemble(letter, lambda _: b"", eight_bit=True))
    assert b"secret" not in whole
    assert fields(letter)["Cc"] == "cc@example.com"


def test_a_message_of_blind_copies_alone(desk) -> None:  # type: ignore[no-untyped-def]
    letter = desk.letter(to=Recipients(bcc=(Mailbox("a@example.com"), Mailbox("b@example.com"))))
    assert b"To: undisclosed-recipients:;\r\n" in letter.headers
    assert letter.recipients == ("a@example.com", "b@example.com")


def test_an_address_named_twice_is_one_recipient(desk) -> None:  # type: ignore[no-untyped-def]
    twice = Recipients(to=(Mailbox("a@example.com"),), cc=(Mailbox("a@example.com", "A"),))
    assert desk.letter(to=twice).recipients == ("a@example.com",)


def test_nobody_is_no_message(desk) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ComposeError, match="needs at least one recipient"):
        desk.composer().letter(desk.report(), Recipients())


def test_charts_hang_on_only_where_the_html_shows_them(desk) -> None:  # type: ignore[no-untyped-def]
    report = desk.report(charts={"by_hour": desk.chart(), "unused": desk.chart("unused", b"another picture")})
    desk.write("t.html", "{{ chart(by_hour) }}{{ chart('by_hour') }}")
    letter = desk.letter(desk.job(message={"template": "t"}), report)
    assert [(part.disposition, part.filename) for part in letter.parts] == [
        ("inline", "by-hour.png"),
        ("attachment", "delays.xlsx"),
    ]
    assert letter.html.count(f"cid:{letter.parts[0].cid}".encode()) == 2


def test_a_row_makes_the_recipient(desk) -> None:  # type: ignore[no-untyped-def]
    each = Audience(each=Each(data="ranking"))
    desk.write("t.html", "{{ recipient.address }} {{ recipient.name }} {{ recipient.carrier }}")
    job = desk.job(message={"template": "t", "subject": "For {{ recipient.carrier }}"}, audience=each)
    letter = desk.letter(job, to=Recipients(to=(Mailbox("u@example.com", "Ulla"),)), row={"carrier": "United"})
    assert "u@example.com Ulla United" in letter.html.decode()
    assert letter.subject == "For United"


def test_the_audience_is_hidden_from_its_members(desk) -> None:  # type: ignore[no-untyped-def]
    people = pd.DataFrame({"email": ["a@example.com", "secret@example.com"], "carrier": ["United", "Delta"]})
    report = desk.report(datasets={"people": people, "delays": desk.delays()})
    job = desk.job(audience=Audience(each=Each(data="people")))
    letter = desk.letter(job, report, Recipients(to=(Mailbox("a@example.com"),)), {"email": "a@example.com"})
    assert b"secret" not in letter.html + letter.text
    desk.write("t.html", "{{ people | length }}")
    with pytest.raises(TemplateError, match='"people" is undefined'):
        desk.letter(desk.job(message={"template": "t"}, audience=Audience(each=Each(data="people"))), report, row={})


def test_too_large_says_how_large_and_what_to_do(desk) -> None:  # type: ignore[no-untyped-def]
    report = desk.report(files=(desk.file("big.xlsx", b"x" * 300_000), desk.file("small.csv", b"y" * 2_000)))
    with pytest.raises(ComposeError) as caught:
        desk.letter(desk.job(attach_limit=200_000), report)
    message = str(caught.value)
    assert "takes 0.4 MB on the wire, more than attach_limit (0.2 MB): big.xlsx 0.3 MB, small.csv 2.0 kB" in message
    assert "zip: true" in message
    size = wire.encoded_size(desk.letter(report=report))
    desk.letter(desk.job(attach_limit=size), report)
    with pytest.raises(ComposeError):
        desk.letter(desk.job(attach_limit=size - 1), report)


def test_lines_are_one_line(desk) -> None:  # type: ignore[no-untyped-def]
    composer = desk.composer()
    render = composer.render_line
    datasets = {"delays": desk.delays()}
    name = render("delays-{{ period.start | date }}.xlsx", where="jobs.d.exports.0.name", datasets=datasets)
    assert name == "delays-2013-01-31.xlsx"
    assert render("a\n  {{ title }}\n", where="w", datasets={}) == "a Daily delays, New York"
    assert render("{{ delays.carrier.iloc[0] }}", where="w", datasets=datasets) == "United"
    with pytest.raises(TemplateError, match=r'^jobs.d.exports.0.name: "delys" is undefined; did you mean "delays"\?$'):
        render("{{ delys }}", where="jobs.d.exports.0.name", datasets=datasets)
    with pytest.raises(TemplateError, match=r"^jobs.d.message.subject:1: "):
        render("{{ title", where="jobs.d.message.subject", datasets=datasets)
    with pytest.raises(ComposeError, match=r"^jobs.d.exports.0.name holds the character U\+0000"):
        render("{{ '\0' }}", where="jobs.d.exports.0.name", datasets=datasets)


def test_an_empty_subject_is_refused(desk) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ComposeError, match="the subject is empty"):
        desk.letter(desk.job(message={"subject": "{{ ' ' }}"}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"locale": "xx_YY"}, r'^jobs.daily-delays.locale: "xx_YY" is not a locale'),
        ({"message": {"theme": "defualt"}}, r'there is no theme "defualt".*did you mean "default"\?'),
        ({"message": {"template": "nope"}}, r'there is no template "nope.html"'),
    ],
)
def test_what_is_not_there_is_said_once_for_the_run(desk, changes, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ReportError, match=message):
        desk.composer(desk.job(**changes))


HOSTILE = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from('\r\n\0\x0b\x0c\x1c\x85\u2028:;,<>"\\=?@.'),
    ),
    max_size=60,
) | st.sampled_from(
    ["x\r\nBcc: evil@example.com", "=?utf-8?q?=0D=0ABcc:evil?=", "\r\n\r\n<script>", "\n.\r\n", "--=_a"]
)

WRITABLE = HOSTILE.map(lambda text: text.encode("utf-8", "replace").decode() or "-")
"""jobs.yaml is UTF-8, and a title has at least one character."""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=WRITABLE, name=HOSTILE, value=HOSTILE, filename=HOSTILE, alt=HOSTILE)
def test_no_field_lets_a_header_in(desk, title, name, value, filename, alt) -> None:  # type: ignore[no-untyped-def]
    """Refused with a reason, or harmless: the parsed mail has the intended headers and parts, and nothing
    else."""
    frame = pd.DataFrame({"carrier": [value]}, dtype="object")
    chart = desk.chart()
    report = desk.report(
        datasets={"delays": frame},
        charts={"by_hour": type(chart)(chart.name, chart.artifact, title, alt)},
        files=(desk.file(filename),),
    )
    job = desk.job(title=title, exports=(), message={"subject": "{{ title }} {{ delays.carrier.iloc[0] }} ."})
    try:
        letter = desk.letter(job, report, Recipients(to=(Mailbox("a@example.com", name),)))
    except ReportError as error:
        assert "holds the character" in str(error)  # noqa: PT017 - the one other outcome
        return
    data = b"".join(wire.assemble(letter, lambda sha256: wire.base64_lines(desk.blobs.read(sha256)), eight_bit=True))
    assert data.count(b"\n") == data.count(b"\r") == data.count(b"\r\n")
    assert b"\0" not in data
    message = email.message_from_bytes(data, policy=email.policy.default)
    expected = [*FIELDS, "MIME-Version", "Content-Type"]
    assert sorted(message.keys()) == sorted(expected)
    kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "image/png", desk.file().artifact.media_type]
    html = message.get_body(("html",)).get_content()
    assert "<script>" not in html


def test_a_list_of_files_counts_rows_where_there_are_any(desk) -> None:  # type: ignore[no-untyped-def]
    files = (desk.file("big.xlsx"), replace(desk.file("printed.pdf"), rows=None))
    letter = desk.letter(report=desk.report(files=files))
    assert "- big.xlsx (3 rows, 10.2 kB)\r\n- printed.pdf (10.2 kB)\r\n" in letter.text.decode()
    assert re.findall(r">([^<>]*10\.2 kB)<", letter.html.decode()) == ["3 rows &middot; 10.2 kB", "10.2 kB"]
