"""Each one's message in their own locale, zone and params, as their row says."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.jobs.model import Audience, Each, FileData
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.records import RunKey
from pipeline.message.compose import Composer
from pipeline.message.facts import Recipients, RunFacts
from pipeline.message.formats import Formats
from pipeline.message.manner import Manners
from pipeline.schedule.period import Period

EACH = Each(data="people", locale="lang", timezone="tz", params=("threshold", "region", "loud", "note"))
PARAMS = {"threshold": 15, "region": "north", "loud": False, "note": None}
ROW = {"email": "a@example.com", "lang": None, "tz": "", "threshold": None, "region": " ", "loud": pd.NA, "note": None}
NEW_YORK, DUE = ZoneInfo("America/New_York"), datetime(2013, 2, 1, 11, 30, tzinfo=UTC)


def job_of(desk: Any, each: Each = EACH, **changes: Any) -> Any:
    data = {"people": FileData(file="p.csv"), "delays": FileData(file="d.csv"), "ranking": FileData(file="r.csv")}
    return desk.job(**{"data": data, "audience": Audience(each=each), "params": PARAMS, "exports": ()} | changes)


def mail_of(desk: Any, source: str, row: dict[str, Any], job: Any = None, report: Any = None) -> Any:
    desk.write("t.html", source)
    job = job or job_of(desk, message={"template": "t", "subject": "{{ period.label }}"})
    to = Recipients(to=(Mailbox("a@example.com"),))
    return desk.letter(job, report or desk.report(files=()), to, {**ROW, **row})


def test_the_row_decides_how_numbers_days_and_money_read(desk: Any) -> None:
    source = "{{ 1234.5 | number }}|{{ 5 | money('EUR') }}|{{ period.start | date('long') }}"
    german = mail_of(desk, source, {"lang": "de-DE"})
    assert "1.234,5|5,00\xa0€|31. Januar 2013" in german.html.decode()
    assert german.subject == "31. Januar 2013"
    assert '<html lang="de" dir="ltr"' in german.html.decode()
    usual = mail_of(desk, source, {})
    assert "1,234.5|€5.00|January 31, 2013" in usual.html.decode()
    assert usual.subject == "January 31, 2013"


def test_what_is_written_from_right_to_left_says_so(desk: Any) -> None:
    assert '<html lang="ar" dir="rtl"' in mail_of(desk, "x", {"lang": "ar_EG"}).html.decode()
    assert '<html lang="zh-Hant" dir="ltr"' in mail_of(desk, "x", {"lang": "zh_Hant_TW"}).html.decode()


def test_params_are_the_row_s_where_it_has_them(desk: Any) -> None:
    source = "{{ params.threshold }}|{{ params.region }}|{{ params.loud }}|{{ params.note }}"
    own = {"threshold": "20", "region": "south", "loud": True, "note": "hello"}
    assert "20|south|True|hello" in mail_of(desk, source, own).html.decode()
    assert "15|north|False|–" in mail_of(desk, source, {}).html.decode()


def test_times_are_told_on_the_reader_s_clocks_and_days_stay_days(desk: Any) -> None:
    at = pd.to_datetime(["2013-01-31 23:30"]).tz_localize("America/New_York")
    day = pd.to_datetime(["2013-01-31"]).tz_localize("America/New_York")
    frame = pd.DataFrame({"at": at, "day": day})
    source = (
        "{{ run.due | date('HH:mm') }}|{{ delays.at.iloc[0] | date('d MMM HH:mm') }}|{{ delays.day.iloc[0] | date }}"
        "|{{ period.start | date('d MMM HH:mm') }}|{{ table(delays) }}"
    )
    report = desk.report(datasets={"delays": frame, "ranking": frame}, files=())
    tokyo = mail_of(desk, source, {"tz": "Asia/Tokyo"}, report=report)
    assert "20:30|1 Feb 13:30|2013-01-31|31 Jan 00:00" in tokyo.html.decode()
    assert "2013-02-01 13:30" in tokyo.text.decode()
    assert tokyo.subject == "January 31, 2013"
    usual = mail_of(desk, source, {}, report=report)
    assert "06:30|31 Jan 23:30|2013-01-31|31 Jan 00:00" in usual.html.decode()


def test_a_period_of_hours_is_told_on_the_reader_s_clocks(desk: Any) -> None:
    start, end = (datetime(2013, 1, 31, hour, tzinfo=NEW_YORK) for hour in (9, 10))
    job = job_of(desk, message={"template": "t", "subject": "{{ period.label }}, {{ period.start | date('HH:mm') }}"})
    desk.write("t.html", "")
    facts = RunFacts(RunKey(job.name, DUE), Period(start, end, "—"), DUE)
    composer = Composer(job, desk.project(job), facts)
    to = Recipients(to=(Mailbox("a@example.com"),))
    subjects = [
        composer.letter(desk.report(files=()), to, {**ROW, "tz": zone}).subject for zone in ("Europe/Berlin", None)
    ]
    assert subjects == ["January 31, 2013, 15:00–16:00, 15:00", "January 31, 2013, 09:00–10:00, 09:00"]


def test_names_of_files_and_pages_are_the_reader_s_too(desk: Any) -> None:
    composer = desk.composer(job_of(desk))
    name = "{{ params.region }}-{{ period.start | date('MMMM') }}"
    assert (
        composer.render_line(name, where="x", datasets={}, row={**ROW, "lang": "fr", "region": "sud"}) == "sud-janvier"
    )
    assert composer.render_line(name, where="x", datasets={}) == "north-January"


def test_people_of_one_locale_and_zone_share_compiled_templates(desk: Any) -> None:
    composer = desk.composer(job_of(desk))
    rows = [{**ROW, "lang": lang, "tz": tz, "threshold": n} for n, (lang, tz) in enumerate([("de", None)] * 9)]
    voices = {id(composer._for(row)[0]) for row in rows}
    assert len(voices) == 1
    assert composer._for(None)[0] is composer._for(ROW)[0]


def test_a_job_whose_rows_decide_nothing_asks_none(desk: Any) -> None:
    composer = desk.composer(job_of(desk, Each(data="people")))
    row = {"email": "a@example.com", "lang": "de", "tz": "Asia/Tokyo"}
    assert composer._for(row) == composer._for(None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"lang": "klingon"}, 'column "lang": "klingon" is not a locale; write one like en_US, de or pt_BR'),
        ({"lang": 7}, 'column "lang": "7" is not a locale; write one like en_US, de or pt_BR'),
        ({"tz": "Europe/Berln"}, 'column "tz": "Europe/Berln" is not a time zone; did you mean "Europe/Berlin"?'),
        ({"threshold": "many"}, 'column "threshold": the param is a number, not "many"'),
        ({"threshold": float("inf")}, 'column "threshold": the param is a number, not inf'),
        ({"threshold": True}, 'column "threshold": the param is a number, not True'),
        ({"region": 1.5}, 'column "region": the param is text, not 1.5'),
        ({"loud": "perhaps"}, 'column "loud": the param is true or false, not "perhaps"'),
    ],
)
def test_a_cell_that_cannot_be_used_is_named(desk: Any, row: dict[str, Any], reason: str) -> None:
    manners = Manners(job_of(desk))
    for _ in range(2):  # what was looked at once is not taken for good
        with pytest.raises(ValueError, match=r"column") as caught:
            manners.of({**ROW, **row})
        assert str(caught.value) == reason


def test_a_column_that_is_not_there_is_named_with_the_near_miss(desk: Any) -> None:
    row = {("language" if name == "lang" else name): value for name, value in ROW.items()}
    with pytest.raises(ValueError, match='no column "lang"; did you mean "language"'):
        Manners(job_of(desk)).of(row)


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("threshold", 20, 20),
        ("threshold", 20.0, 20),
        ("threshold", 12.5, 12.5),
        ("threshold", " 7 ", 7),
        ("threshold", Decimal("12.50"), 12.5),
        ("threshold", Decimal("20.00"), 20),
        ("region", "south", "south"),
        ("region", 12, "12"),
        ("region", date(2026, 1, 2), "2026-01-02"),
        ("region", pd.Timestamp(2026, 1, 2), "2026-01-02"),
        ("region", pd.Timestamp(2026, 1, 2, 9), "2026-01-02T09:00:00"),
        ("loud", "TRUE", True),
        ("note", 5, 5),
    ],
)
def test_a_cell_is_read_as_what_the_param_is(desk: Any, name: str, cell: Any, value: Any) -> None:
    found = Manners(job_of(desk)).of({**ROW, name: cell}).params[name]
    assert (found, type(found)) == (value, type(value))


WORDS = st.text("abcdefghijklmnop", min_size=6, max_size=12)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(WORDS, st.sampled_from(["de", "fr", None]), WORDS), min_size=2, max_size=6, unique_by=lambda p: p[0]
    )
)
def test_nobody_reads_what_is_another_s(desk: Any, people: list[tuple[str, str | None, str]]) -> None:
    desk.write("t.html", "{{ recipient.address }} {{ params.region }} {{ 0.5 | number }} {{ period.label }}")
    composer = desk.composer(job_of(desk, message={"template": "t", "subject": "{{ params.region }}"}))
    marks = [(f"{name}q@example.com", f"x{region}z{number}y") for number, (name, _, region) in enumerate(people)]
    for (address, mark), (_, lang, _) in zip(marks, people, strict=True):
        row = {**ROW, "email": address, "lang": lang, "region": mark}
        letter = composer.letter(desk.report(files=()), Recipients(to=(Mailbox(address),)), row)
        mail = letter.headers.decode() + letter.html.decode() + letter.text.decode() + letter.subject
        assert address in mail
        assert mark in letter.html.decode()
        assert ("0,5" in mail) == (lang is not None)
        others = [one for pair in marks if pair != (address, mark) for one in pair]
        assert not [one for one in others if one in mail]


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()),  # noqa: DTZ001 - the strategy adds zones
    st.sampled_from(["Asia/Tokyo", "America/Lima", "UTC"]),
)
def test_a_time_told_elsewhere_is_the_same_time(when: datetime, zone: str) -> None:
    told = Formats.of("en", ZoneInfo(zone)).here(when)
    assert told.timestamp() == when.timestamp()
    assert told.tzinfo == ZoneInfo(zone)
