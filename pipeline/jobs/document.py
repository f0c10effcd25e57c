"""The top of jobs.yaml as it is written: what stands around the jobs."""

from typing import Literal

from pydantic import Field, SecretStr

from pipeline.jobs.base import Parameter, Strict, Text
from pipeline.jobs.calendars import Calendar
from pipeline.jobs.gating import Gate
from pipeline.jobs.mailing import AnyMailer, DeliveryTerms
from pipeline.jobs.model import Job, Message
from pipeline.jobs.paging import Pages
from pipeline.jobs.reviewing import Review
from pipeline.jobs.scalars import Address, ByteSize, Span, Zone
from pipeline.jobs.storing import Store
from pipeline.jobs.theming import Theme


class Defaults(Strict):
    """Merged under every job, key by key; what a job says itself wins."""

    timezone: Zone | None = Field(default=None, description="The zone of schedules, periods and dates.")
    locale: str | None = Field(default=None, description="How numbers and dates are written.", examples=["en_US"])
    sender: Address | None = Field(default=None, description="Who mails come from.")
    reply_to: Address | None = Field(default=None, description="Where answers go.")
    mailer: Text | None = Field(default=None, description='A name under "mailers".', examples=["relay"])
    owner: Address | None = Field(default=None, description="Who is told when a job goes wrong.")
    enabled: bool | None = Field(default=None, description="false: no job is ever due.", examples=[True])
    period: Text | None = Field(
        default=None, description="The span of time that jobs report on.", examples=["previous day"]
    )
    params: dict[str, Parameter] | None = Field(
        default=None, description="Values for SQL, Python and templates.", examples=[{"threshold": 15}]
    )
    gate: Gate | None = Field(
        default=None,
        description="What must be true of the numbers; alone, on_failure is for jobs that have a gate.",
        examples=[{"on_failure": "skip"}],
    )
    attach_limit: ByteSize | None = Field(default=None, description="How big an encoded mail may be.")
    message: Message | None = Field(default=None, description="How mails read.", examples=[{"subject": "{{ title }}"}])
    delivery: DeliveryTerms | None = Field(
        default=None, description="How mails leave.", examples=[{"on_uncertain": "hold"}]
    )
    review: Review = Field(
        default=None,
        description="Reports are held until somebody releases them: their owner (true), or whoever is named.",
        examples=[True],
    )
    timeout: Span | None = Field(default=None, description="How long building a report may take.")
    memory: ByteSize | None = Field(default=None, description="How much memory building a report may use.")


class Document(Strict):
    """jobs.yaml: scheduled reports and who gets them."""

    version: Literal[1] = Field(default=1, description="The version of this file's language.", examples=[1])
    defaults: Defaults = Field(
        default=Defaults(),
        description="Merged under every job, key by key.",
        examples=[{"timezone": "Europe/Berlin"}],
    )
    allow_recipients: tuple[Text, ...] = Field(
        default=(),
        description="Patterns of addresses that may get mail; anyone else is an error. Default: everyone may.",
        examples=[["*@example.com"]],
    )
    mailers: dict[str, AnyMailer] = Field(
        default_factory=dict,
        description="Ways out, by name; without any, mail goes to the local mailbox var/inbox.",
        examples=[{"relay": {"smtp": "${SMTP_URL}"}}],
    )
    sources: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Where SQL runs, by name: an SQLAlchemy URL, or duckdb for SQL over files and earlier datasets.",
        examples=[{"warehouse": "${WAREHOUSE_URL}", "files": "duckdb"}],
    )
    calendars: dict[str, Calendar] = Field(
        default_factory=dict,
        description="Weekends and holidays by name, shared by jobs.",
        examples=[{"us": {"holidays": "US-NY", "extra": ["2026-12-24"]}}],
    )
    themes: dict[str, Theme] = Field(
        default_factory=dict,
        description="How mails look, by name; one called default is that of all jobs that name none.",
        examples=[{"house": {"accent": "#0b6e4f", "font": "Georgia, serif"}}],
    )
    retention: Span | None = Field(
        default=None,
        description="How long runs are kept that have ended, with their mails and files; `pipeline serve` removes"
        " older ones once a day. Without it nothing is removed.",
        examples=["400 days"],
    )
    store: Store | None = Field(
        default=None,
        description="Where files go that are too large for a mail, which then links to them.",
        examples=[{"folder": "var/store", "url": "https://files.example.com/"}],
    )
    pages: Pages | None = Field(
        default=None,
        description="Where pipeline serve answers recipients: whoever unsubscribes does so with one click.",
        examples=[{"url": "https://reports.example.com/"}],
    )
    bounces: SecretStr | None = Field(
        default=None,
        description="The mailbox that bounces come into: imaps://user:password@host/INBOX, or a Maildir's folder;"
        " default: nobody looks for any.",
        examples=["${BOUNCES_URL}", "/var/mail/reports"],
    )
    jobs: dict[str, Job] = Field(
        description="The reports, by name.",
        examples=[{"weekly-sales": {"data": "reports/data/sales.csv", "to": "team@example.com"}}],
    )
