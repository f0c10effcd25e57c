"""The two jobs of the example, run as a user runs them: what is in the mails, the workbooks and the CSV."""

import csv
import io
import shutil
import zipfile
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from projects import inbox, pipeline
from python_calamine import CalamineWorkbook

ROOT = Path(__file__).parents[2]
SUBSCRIBERS = pd.read_csv(ROOT / "reports/data/subscribers.csv").set_index("email")


def run(folder: Path, job: str, at: str) -> list[EmailMessage]:
    """The mails of one run of a copy of the example."""
    for name in ("reports", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "jobs.yaml", folder)
    done = pipeline(folder, "run", job, "--at", at)
    assert done.returncode == 0, done.stderr
    return [BytesParser(policy=default).parsebytes(path.read_bytes()) for path in inbox(folder)]  # type: ignore[misc]


def text_of(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return " ".join(str(body.get_content()).split())


def attached(mail: EmailMessage) -> dict[str, bytes]:
    return {str(part.get_filename()): part.get_payload(decode=True) for part in mail.iter_attachments()}  # type: ignore[misc]


def sheets(workbook: bytes) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(workbook))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> list[EmailMessage]:
    """The daily mail as it lies in the local mailbox: a copy for each recipient."""
    return run(tmp_path_factory.mktemp("daily"), "daily-delays", "2013-02-01 06:30")


@pytest.fixture(scope="module")
def daily(copies: list[EmailMessage]) -> EmailMessage:
    return copies[0]


@pytest.fixture(scope="module")
def weekly(tmp_path_factory: pytest.TempPathFactory) -> list[EmailMessage]:
    return run(tmp_path_factory.mktemp("weekly"), "carrier-weekly", "2013-01-28 07:00")


@pytest.fixture(scope="module")
def january() -> pd.DataFrame:
    """The example's flights with their local date: the other way to the same numbers."""
    flights = pd.read_parquet(ROOT / "reports/data/flights.parquet")
    flights["date"] = flights["time_hour"].dt.tz_convert("America/New_York").dt.date.astype(str)
    return flights


def test_the_daily_mail_is_one_message_to_all(copies: list[EmailMessage], daily: EmailMessage) -> None:
    assert {str(mail["Delivered-To"]) for mail in copies} == {"ops@example.com", "ana.ruiz@example.com"}
    assert len({str(mail["Message-ID"]) for mail in copies}) == 1
    assert daily["To"] == "ops@example.com, Ana Ruiz <ana.ruiz@example.com>"
    assert daily["Subject"] == "Daily delays, New York airports: 28.7 minutes late on January 31, 2013"


@pytest.mark.parametrize("kind", ["html", "plain"])
def test_the_daily_mail_states_the_numbers_of_that_day(daily: EmailMessage, january: pd.DataFrame, kind: str) -> None:
    day = january[january["date"] == "2013-01-31"]
    told = text_of(daily, kind)
    assert f"{day['dep_delay'].mean():.1f} min" in told
    assert f"{len(day)}" in told
    assert f"{day['dep_delay'].isna().sum()}" in told
    assert "Southwest Airlines was latest" in told
    assert "Hawaiian" not in told  # one flight: left out


def test_the_daily_csv_has_every_flight_of_the_day(daily: EmailMessage, january: pd.DataFrame) -> None:
    with zipfile.ZipFile(io.BytesIO(attached(daily)["departures-2013-01-31.csv.zip"])) as archive:
        (name,) = archive.namelist()
        rows = list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))
    assert name == "departures-2013-01-31.csv"
    assert len(rows) == (january["date"] == "2013-01-31").sum()
    assert {row["scheduled"][:10] for row in rows} == {"2013-01-31"}


def test_the_daily_workbook_is_ranked(daily: EmailMessage) -> None:
    book = sheets(attached(daily)["delays-2013-01-31.xlsx"])
    assert list(book) == ["Cover", "ranking", "airports", "delays", "Charts"]
    head, *rows, total = book["ranking"]
    assert head == ["Airline", "Flights", "Cancelled", "Late", "Mean delay (min)", "Against usual (min)"]
    delays = [row[head.index("Mean delay (min)")] for row in rows]
    assert delays == sorted(delays, reverse=True)
    assert len(rows) == 9
    assert total[:2] == ["Total", sum(row[1] for row in rows)]


def test_everyone_gets_a_weekly_mail(weekly: list[EmailMessage]) -> None:
    assert sorted(str(mail["To"]) for mail in weekly) == sorted(SUBSCRIBERS.index)


def test_nobody_finds_anything_of_another_carrier(weekly: list[EmailMessage], january: pd.DataFrame) -> None:
    airlines = pd.read_csv(ROOT / "reports/data/airlines.csv").set_index("carrier")["name"]
    airlines = airlines.str.removesuffix(" Inc.").str.removesuffix(" Co.").str.removesuffix(" Corporation")
    week = january[january["date"].between("2013-01-21", "2013-01-27")]
    for mail in weekly:
        reader = SUBSCRIBERS.loc[str(mail["To"])]
        told = text_of(mail, "html") + text_of(mail, "plain")
        mine = airlines[reader["carrier"]]
        assert f"Dear {reader['name'].replace('&', '&amp;')}" in told.replace("&#39;", "'")
        assert mine in told
        assert not [name for name in airlines if name != mine and name in told]
        assert not [email for email in SUBSCRIBERS.index if email != mail["To"] and email in told]
        book = sheets(attached(mail)["week-2013-01-21.xlsx"])
        del book["Cover"]
        for head, *rows in book.values():
            assert {row[head.index("Carrier")] for row in rows} == {reader["carrier"]}
        assert len(book["departures"]) - 1 == (week["carrier"] == reader["carrier"]).sum()
