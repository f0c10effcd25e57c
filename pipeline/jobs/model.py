"""What an analyst can say, as frozen models: the long form, defaults merged, short forms expanded.

Every other room reads these and nothing reads YAML but `jobs/`. The JSON Schema comes from these models
(`jobs/schema.py`), so a field's description and examples stand here, once. Where YAML calls a thing otherwise
(`from` for `sender`, `line: delays` for `kind` and `data`), `jobs/short.py` renames and `jobs/schema.py`
names back. The parts about how mail leaves are in `jobs/mailing.py`.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, SecretStr, Tag

from pipeline.jobs.audience import Audience, Each
from pipeline.jobs.base import Parameter, Strict, Text, one_of, scalar_only
from pipeline.jobs.calendars import Calendar, CalendarName, Only
from pipeline.jobs.columnspec import Columns
from pipeline.jobs.exporting import Export
from pipeline.jobs.fetching import HttpData
from pipeline.jobs.gating import Gate
from pipeline.jobs.mailing import Delivery, DeliveryTerms, LocalMailer, Mailer, ProviderMailer, SmtpMailer
from pipeline.jobs.paging import Pages
from pipeline.jobs.reviewing import Reviewer
from pipeline.jobs.scalars import Address, ByteSize, Day, Duration, LocalTime, Span, Zone
from pipeline.jobs.storing import Store
from pipeline.jobs.theming import Theme

__all__ = [
    "Audience", "Chart", "Dataset", "Delivery", "DeliveryTerms", "Each", "ExcelData", "Export", "FileData",
    "Job", "LocalMailer", "Mailer", "Message", "Project", "ProviderMailer", "PythonData", "ScheduleEntry", "SmtpMailer",
    "SqlData", "Strict",
]  # fmt: skip


# --- when ---------------------------------------------------------------------------------------------------


class ScheduleEntry(Strict):
    """One rule for due times; a job has one or several. Exactly one of cron, every, at."""

    cron: str | None = Field(
        default=None,
        description="Minute, hour, day of month, month, weekday; weekdays by name or number (0 and 7 are Sunday).",
        examples=["30 6 * * mon-fri", "0 7 1 * *"],
    )
    every: Span | None = Field(
        default=None, description="A fixed time between due times.", examples=["15 minutes", "1 day"]
    )
    at: LocalTime | None = Field(
        default=None,
        description="One due time, in wall-clock time of the zone.",
        examples=["2026-12-01 09:00"],
    )
    """Local wall-clock time of the zone (naive)."""
    timezone: Zone = Field(
        default="UTC",
        description="The zone of cron, at and until; default: the job's.",
        examples=["America/New_York"],
    )
    calendar: CalendarName | None = Field(
        default=None,
        description='A name under "calendars": its weekends and holidays are no days for this rule;'
        " default: the job's own.",
        examples=["us"],
    )
    on_holiday: Literal["skip", "next", "previous", "run"] = Field(
        default="skip",
        description="What happens to a due time on no business day of the calendar: nothing is sent (skip), it moves"
        " to the next or the previous business day, or it runs all the same.",
        examples=["next"],
    )
    only: Only | None = Field(
        default=None,
        description="Of the due times, those alone on this business day of each week, month, quarter or year.",
        examples=["last business day of the month"],
    )
    missed: Literal["latest", "all", "skip"] = Field(
        default="latest",
        description="What happens to due times that passed while nothing ran: the latest alone, all, or none.",
        examples=["latest"],
    )
    grace: Duration = Field(
        default=timedelta(hours=6),
        description="How late a due time is still worth sending.",
        examples=["6 hours"],
    )
    jitter: Duration = Field(
        default=timedelta(0),
        description="Each run starts up to this much after its due time, so that not all start at once.",
        examples=["30 seconds"],
    )
    until: Day | None = Field(
        default=None, description="The last local date on which a due time may fall.", examples=["2027-12-31"]
    )
    """The last local date on which a due time may fall (inclusive)."""


# --- what ---------------------------------------------------------------------------------------------------


_COLUMNS = Field(
    default=None,
    description="Only these columns, in this order; default: all.",
    examples=[["carrier", "dep_delay"]],
)


class FileData(Strict):
    """A CSV, Parquet, JSON or Excel file of the project, by its ending."""

    file: Text = Field(
        description="A path from the project's folder; its ending says: CSV, Parquet, JSON or a workbook.",
        examples=["reports/data/flights.parquet"],
    )
    columns: tuple[str, ...] | None = _COLUMNS


class ExcelData(Strict):
    """One sheet of a workbook of the project."""

    excel: Text = Field(
        description="The workbook's path from the project's folder.", examples=["reports/data/plan.xlsx"]
    )
    sheet: Annotated[str | int, BeforeValidator(scalar_only)] = Field(
        default=0, description="The sheet's name; default: the first sheet.", examples=["2026", "Plan"]
    )
    columns: tuple[str, ...] | None = _COLUMNS


class SqlData(Strict):
    """A .sql file run on a named source; :start, :end and params are bound, never pasted."""

    sql: Text = Field(
        description="The .sql file's path from the project's folder; :start, :end, :due and params are bound.",
        examples=["reports/delays.sql"],
    )
    source: Text = Field(description='A name under "sources".', examples=["warehouse"])


class PythonData(Strict):
    """`module:function`; its parameters are named after earlier datasets, `period`, `params`, `due`."""

    python: Text = Field(
        description="module:function of the project; its parameters are named after earlier datasets,"
        " period, params and due, and it returns a DataFrame.",
        examples=["reports.delays:ranking"],
    )


Dataset = FileData | ExcelData | SqlData | PythonData | HttpData
DATASETS: dict[str, type[Strict]] = {
    "file": FileData,
    "excel": ExcelData,
    "sql": SqlData,
    "python": PythonData,
    "http": HttpData,
}
_AnyDataset = Annotated[
    Annotated[FileData, Tag("<file>")]
    | Annotated[ExcelData, Tag("<excel>")]
    | Annotated[SqlData, Tag("<sql>")]
    | Annotated[PythonData, Tag("<python>")]
    | Annotated[HttpData, Tag("<http>")],
    Discriminator(one_of(DATASETS), custom_error_type="no_kind", custom_error_message="no kind"),
]


class Chart(Strict):
    """One picture. `kind` is the key that the YAML used; `data` the dataset's name."""

    kind: Literal["line", "bar", "area", "scatter", "heat", "vega", "python"]
    data: str | None = Field(default=None, description="The dataset of a Vega-Lite specification.", examples=["delays"])
    x: str | None = Field(default=None, description="The column along the x axis.", examples=["hour"])
    y: str | None = Field(default=None, description="The column along the y axis.", examples=["mean_delay"])
    color: str | None = Field(
        default=None,
        description="The column that colours tell apart; of a heat map: its value.",
        examples=["carrier"],
    )
    spec: str | None = None
    """The Vega-Lite file of `vega`, or the `module:function` of `python`."""
    title: str | None = Field(default=None, description="Stands above the picture.", examples=["Mean delay by hour"])
    alt: str | None = Field(
        default=None,
        description="What the picture shows, for readers who do not see it.",
        examples=["Delays grow over the day."],
    )


# --- how it reads -------------------------------------------------------------------------------------------


class Message(Strict):
    """Subject, template, theme and preheader of the mail."""

    subject: Text = Field(
        default="{{ title }}, {{ period.label }}",
        description="The subject line, a template.",
        examples=["{{ title }}: {{ ranking | length }} carriers"],
    )
    template: Text | None = Field(
        default=None,
        description="daily-delays means templates/daily-delays.html (and .txt where there is one);"
        " default: the package's own report.",
        examples=["daily-delays"],
    )
    """`daily-delays` means templates/daily-delays.html (and .txt if there is one); None: the package's
    `report`."""
    theme: Text = Field(default="default", description='A name under "themes".', examples=["default"])
    preheader: str | None = Field(
        default=None,
        description="The line that mail programs show after the subject, a template.",
        examples=["Worst: {{ ranking.carrier.iloc[0] }}"],
    )


# --- the whole ----------------------------------------------------------------------------------------------


class Job(Strict):
    """One entry of `jobs:`."""

    name: str
    title: Text = Field(
        description="What the report is called; default: made from the job's name.", examples=["Daily delays"]
    )
    description: str = Field(
        default="",
        description="What the report is about, for colleagues.",
        examples=["Who was late yesterday."],
    )
    owner: Address = Field(description="Who is told when it goes wrong; default: the sender.")
    enabled: bool = Field(default=True, description="false: never due; still runs when asked.", examples=[False])
    schedule: tuple[ScheduleEntry, ...] = Field(
        default=(),
        description="When it is due: a cron text, a rule or a list of them; without it, it runs only when asked.",
        examples=["0 7 * * mon", {"every": "15 minutes"}],
    )
    """Empty: runs only when asked (`pipeline run`)."""
    period: Text = Field(
        description="The span of time it reports on, counted from its due time; default: after the schedule.",
        examples=["previous week", "month to date", "last 7 days"],
    )
    """As written (or derived from the schedule where absent); `schedule.period.parse_period` reads it."""
    params: dict[str, Parameter] = Field(
        default_factory=dict,
        description="Values for SQL (:threshold), Python functions and templates.",
        examples=[{"threshold": 15}],
    )
    data: dict[str, _AnyDataset] = Field(
        description="The datasets by name, in order; later ones may use earlier ones.",
        examples=["reports/data/sales.csv", {"delays": {"sql": "reports/delays.sql", "source": "warehouse"}}],
    )
    """In order; later ones may use earlier ones."""
    columns: dict[str, Columns] = Field(
        default_factory=dict,
        description="How columns read in tables and workbooks, by dataset.",
        examples=[{"delays": {"mean_delay": {"unit": "min", "highlight": {"above": 15}}, "id": "hidden"}}],
    )
    gate: Gate | None = Field(
        default=None,
        description="What must be true of the numbers before anything is made of them.",
        examples=[{"expect": ["len(delays) > 0"], "on_failure": "skip"}],
    )
    charts: dict[str, Chart] = Field(
        default_factory=dict,
        description="Pictures inside the mail, by name.",
        examples=[{"by_hour": {"line": "delays", "x": "hour", "y": "mean_delay"}}],
    )
    exports: tuple[Export, ...] = Field(
        default=(),
        description="Files that the mail brings: xlsx (a workbook of all datasets), or each file with its datasets.",
        examples=["xlsx", [{"csv": "delays"}]],
    )
    attach_limit: ByteSize = Field(
        default=20_000_000, gt=0, description="How big the encoded mail may be.", examples=["20MB"]
    )
    message: Message = Field(
        default=Message(), description="How the mail reads.", examples=[{"subject": "{{ title }}"}]
    )
    sender: Address = Field(description="Who it comes from; default: EMAIL_ADDRESS of the environment.")
    """`from` in YAML."""
    reply_to: Address | None = Field(default=None, description="Where answers go; default: to the sender.")
    audience: Audience = Field(description="Who gets it.", examples=[{"to": ["team@example.com"]}])
    delivery: Delivery = Field(description="How it leaves.", examples=[{"expires": "12 hours"}])
    review: Reviewer = Field(
        default=None,
        description="It is composed and held until somebody has looked at it and releases it: the owner (true), or"
        " whoever is named.",
        examples=[True, "ana@example.com"],
    )
    locale: str = Field(default="en_US", description="How numbers and dates are written.", examples=["en_US", "de_DE"])
    timezone: Zone = Field(
        default="UTC",
        description="The zone that periods and dates in the mail are in; default: the schedule's, else the defaults'.",
        examples=["America/New_York"],
    )
    """The zone that periods and dates in the mail are in: the schedule's, else the defaults'."""
    calendar: CalendarName | None = Field(
        default=None,
        description='A name under "calendars": the business days of its periods, and of the rules that name no'
        " calendar; default: its first schedule's, else Monday to Friday.",
        examples=["us"],
    )
    timeout: Span = Field(
        default=timedelta(minutes=10),
        description="How long building the report may take.",
        examples=["10 minutes"],
    )
    memory: ByteSize = Field(
        default=2_000_000_000,
        gt=0,
        description="How much memory building the report may use.",
        examples=["2GB"],
    )


class Project(Strict):
    """All of jobs.yaml, loaded and found right."""

    root: Path
    file: Path
    jobs: dict[str, Job]
    mailers: dict[str, Mailer]
    sources: dict[str, SecretStr]
    """Name → SQLAlchemy URL, or the word `duckdb`."""
    calendars: dict[str, Calendar] = Field(default_factory=dict)
    bounces: SecretStr | None = None
    """An IMAP URL or the folder of a Maildir; `jobs.bounceplace` reads it."""
    allow_recipients: tuple[str, ...] = ()
    """Patterns like `*@example.com`; empty: everyone."""
    themes: dict[str, Theme] = Field(default_factory=dict)
    pages: Pages | None = None
    store: Store | None = None
    """Where files go that are too large for a mail."""
    retention: timedelta | None = None
    """How long runs that have ended are kept; None: for ever."""

    def only(self, job: str) -> "Project":
        """The project with that job alone. A child that builds it needs no other: ten thousand of them take two seconds
        to hand over."""
        return self.model_copy(update={"jobs": {job: self.jobs[job]}})
