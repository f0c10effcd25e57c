"""What an analyst can say, as frozen models: the long form, defaults merged, short forms expanded.

Every other room reads these and nothing reads YAML but `jobs/`. The JSON Schema comes from these models
(`jobs/schema.py`), so a field's description and examples stand here, once.
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from pipeline.jobs.scalars import Address, ByteSize, Duration, Retry, Zone


class Strict(BaseModel):
    """No unknown keys, no coercion, no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# --- when ---------------------------------------------------------------------------------------------------


class ScheduleEntry(Strict):
    """One rule for due times; a job has one or several. Exactly one of cron, every, at."""

    cron: str | None = None
    every: Duration | None = None
    at: datetime | None = None
    """Local wall-clock time of the zone (naive)."""
    timezone: Zone = "UTC"
    missed: Literal["latest", "all", "skip"] = "latest"
    grace: Duration = timedelta(hours=6)
    jitter: Duration = timedelta(0)
    until: date | None = None
    """The last local date on which a due time may fall (inclusive)."""


# --- what ---------------------------------------------------------------------------------------------------


class FileData(Strict):
    """A CSV, Parquet, JSON or Excel file of the project, by its ending."""

    file: str
    columns: tuple[str, ...] | None = None


class ExcelData(Strict):
    excel: str
    sheet: str | int = 0
    columns: tuple[str, ...] | None = None


class SqlData(Strict):
    """A .sql file run on a named source; :start, :end and params are bound, never pasted."""

    sql: str
    source: str


class PythonData(Strict):
    """`module:function`; its parameters are named after earlier datasets, `period`, `params`, `due`."""

    python: str


Dataset = FileData | ExcelData | SqlData | PythonData


class Chart(Strict):
    """One picture. `kind` is the key that the YAML used; `data` the dataset's name."""

    kind: Literal["line", "bar", "area", "scatter", "heat", "vega", "python"]
    data: str | None = None
    x: str | None = None
    y: str | None = None
    color: str | None = None
    spec: str | None = None
    """The Vega-Lite file of `vega`, or the `module:function` of `python`."""
    title: str | None = None
    alt: str | None = None


class Export(Strict):
    """One file. `kind` is the key that the YAML used; `data` the datasets in it (one, except for xlsx)."""

    kind: Literal["csv", "xlsx", "parquet", "json"]
    data: tuple[str, ...]
    name: str | None = None
    """A template for the file name, `delays-{{ period.start | date }}.xlsx`; default: after the dataset or job."""
    totals: bool = False
    zip: bool = False


# --- how it reads -------------------------------------------------------------------------------------------


class Message(Strict):
    subject: str = "{{ title }}, {{ period.label }}"
    template: str | None = None
    """`daily-delays` means templates/daily-delays.html (and .txt if there is one); None: the package's `report`."""
    theme: str = "default"
    preheader: str | None = None


# --- to whom ------------------------------------------------------------------------------------------------


class Each(Strict):
    """Bursting: one message for each row of `data`, its address in column `email`, own rows only."""

    data: str
    email: str = "email"
    slice: dict[str, str] = Field(default_factory=dict)
    """Dataset → column that must equal the row's column of the same name."""


class Audience(Strict):
    """Either to/cc/bcc (one shared message) or each (one message a row)."""

    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    each: Each | None = None


# --- how it leaves ------------------------------------------------------------------------------------------


class Delivery(Strict):
    mailer: str
    expires: Duration | None = None
    """How long after the due time a message is still worth sending; None: until the next due time, 24 h at most."""
    retry: Retry
    on_uncertain: Literal["resend", "hold"] = "resend"
    priority: int = Field(default=5, ge=1, le=9)
    """1 leaves first."""


class LocalMailer(Strict):
    """A Maildir on this machine."""

    name: str
    local: str
    """Folder of the Maildir, inside the project."""


class SmtpMailer(Strict):
    """An SMTP relay: `smtp://user:password@host:587` (STARTTLS required), `smtps://host:465`, `smtp+plain://` only
    for loopback."""

    name: str
    smtp: SecretStr
    connections: int = Field(default=4, ge=1, le=100)


Mailer = LocalMailer | SmtpMailer


class Job(Strict):
    """One entry of `jobs:`."""

    name: str
    title: str
    description: str = ""
    owner: Address
    enabled: bool = True
    schedule: tuple[ScheduleEntry, ...] = ()
    """Empty: runs only when asked (`pipeline run`)."""
    period: str
    """As written (or derived from the schedule where absent); `schedule.period.parse_period` reads it."""
    params: dict[str, str | int | float | bool | date | None] = Field(default_factory=dict)
    data: dict[str, Dataset]
    """In order; later ones may use earlier ones."""
    charts: dict[str, Chart] = Field(default_factory=dict)
    exports: tuple[Export, ...] = ()
    attach_limit: ByteSize = 20_000_000
    message: Message = Message()
    sender: Address
    """`from` in YAML."""
    reply_to: Address | None = None
    audience: Audience
    delivery: Delivery
    locale: str = "en_US"
    timezone: Zone = "UTC"
    """The zone that periods and dates in the mail are in: the schedule's, else the defaults'."""
    timeout: Duration = timedelta(minutes=10)
    memory: ByteSize = 2_000_000_000


class Project(Strict):
    """All of jobs.yaml, loaded and found right."""

    root: Path
    file: Path
    jobs: dict[str, Job]
    mailers: dict[str, Mailer]
    sources: dict[str, SecretStr]
    """Name → SQLAlchemy URL, or the word `duckdb`."""
    allow_recipients: tuple[str, ...] = ()
    """Patterns like `*@example.com`; empty: everyone."""


