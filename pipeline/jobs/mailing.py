"""How mail leaves: a job's delivery terms, and the mailers."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, SecretStr, Tag

from pipeline.jobs.base import Strict, Text, one_of
from pipeline.jobs.identity import Dkim, OAuth2
from pipeline.jobs.scalars import ByteSize, Retry, Span, parse_retry


class DeliveryTerms(Strict):
    """How a job's messages leave, whatever the mailer."""

    expires: Span | None = Field(
        default=None,
        description="How long after its due time a message is still worth sending;"
        " default: until the next due time, 24 hours at most.",
        examples=["12 hours"],
    )
    """How long after the due time a message is still worth sending; None: until the next due time, 24 h at
    most."""
    retry: Retry = Field(
        default=parse_retry("1m, 5m*2, 15m*4, 1h"),
        description="The waits between attempts; the last repeats until the message expires.",
        examples=["1m, 5m*2, 15m*4, 1h"],
    )
    on_uncertain: Literal["resend", "hold"] = Field(
        default="resend",
        description="When a connection broke so that nobody can know whether the message arrived:"
        " send it again (somebody may get it twice), or hold it.",
        examples=["hold"],
    )
    priority: int = Field(default=5, ge=1, le=9, description="1 leaves first, 9 last.", examples=[5])
    """1 leaves first."""


class Delivery(DeliveryTerms):
    """How a job's messages leave."""

    mailer: Text = Field(
        description='A name under "mailers"; default: that of the defaults, or the only one there is.',
        examples=["relay"],
    )


class LocalMailer(Strict):
    """A Maildir on this machine."""

    name: str
    local: Text = Field(
        description="The Maildir's path from the project's folder; made where it is missing.",
        examples=["var/inbox"],
    )
    """Folder of the Maildir, inside the project."""


class Limits(Strict):
    """What a way out takes; what waits for a limit waits in the outbox."""

    per_second: int | None = Field(default=None, ge=1, description="Recipients a second, evenly spread.", examples=[14])
    per_hour: int | None = Field(default=None, ge=1, description="Recipients in any 60 minutes.", examples=[2000])
    per_day: int | None = Field(default=None, ge=1, description="Recipients in any 24 hours.", examples=[50000])
    message_size: ByteSize | None = Field(
        default=None, gt=0, description="How big an encoded message may be.", examples=["25MB"]
    )


class _SmtpWay(Strict):
    """What all mailers have that speak SMTP."""

    connections: int = Field(
        default=4, ge=1, le=100, description="How many connections at most at a time.", examples=[8]
    )
    chunking: bool = Field(
        default=True,
        description="Whether several mails go in one round trip where the server offers CHUNKING (RFC 3030).",
        examples=[False],
    )
    limits: Limits = Field(
        default=Limits(),
        description="What the server takes; a provider's are known.",
        examples=[{"per_second": 14, "per_day": 50000}],
    )
    dkim: tuple[Dkim, ...] = Field(
        default=(),
        description="The key, or keys, that its mails are signed with (DKIM).",
        examples=[{"domain": "example.com", "selector": "reports", "key": "${DKIM_KEY}"}],
    )


class SmtpMailer(_SmtpWay):
    """An SMTP relay: `smtp://user:password@host:587` (STARTTLS required), `smtps://host:465`,
    `smtp+plain://` only for loopback."""

    name: str
    smtp: SecretStr = Field(
        description="smtp://user:password@host:587 (STARTTLS required), smtps://host:465, or smtp+plain://localhost"
        " for a relay on this machine. The password never stands here: write ${NAME}.",
        examples=["${SMTP_URL}", "smtp://reports:${SMTP_PASSWORD}@mail.example.com:587"],
    )


class ProviderMailer(_SmtpWay):
    """A provider's SMTP service; what is known of it (`jobs/providers.py`) is filled in where nothing else is
    said."""

    name: str
    provider: Literal["gmail", "outlook", "yahoo", "sendgrid", "ses", "mailgun", "postmark", "mandrill"] = Field(
        description="Whose service it is: host, port, TLS, limits and the way to log in are known.", examples=["gmail"]
    )
    user: Text | None = Field(
        default=None,
        description="Who logs in: an address at gmail, outlook and yahoo, the SMTP user name elsewhere.",
        examples=["${EMAIL_ADDRESS}"],
    )
    password: SecretStr | None = Field(
        default=None, description="An app password or SMTP password.", examples=["${SMTP_PASSWORD}"]
    )
    api_key: SecretStr | None = Field(
        default=None, description="The API key of sendgrid and mandrill, the server token of postmark.",
        examples=["${SENDGRID_KEY}"],
    )  # fmt: skip
    oauth2: OAuth2 | None = Field(
        default=None,
        description="A login by OAuth2 instead of a password.",
        examples=[{"client_id": "${G_ID}", "client_secret": "${G_SECRET}", "refresh_token": "${G_TOKEN}"}],
    )
    region: Text | None = Field(default=None, description="The AWS region of ses.", examples=["eu-west-1"])
    host: Text = Field(description="Default: the provider's.", examples=["smtp-relay.gmail.com"])
    port: int = Field(ge=1, le=65535, description="Default: the provider's.", examples=[587])
    security: Literal["starttls", "tls"] = Field(
        description="TLS from the first byte, or by STARTTLS; default: the provider's.", examples=["tls"]
    )


Mailer = LocalMailer | SmtpMailer | ProviderMailer
MAILERS: dict[str, type[Strict]] = {"smtp": SmtpMailer, "local": LocalMailer, "provider": ProviderMailer}
AnyMailer = Annotated[
    Annotated[LocalMailer, Tag("<local>")]
    | Annotated[SmtpMailer, Tag("<smtp>")]
    | Annotated[ProviderMailer, Tag("<provider>")],
    Discriminator(one_of(MAILERS), custom_error_type="no_kind", custom_error_message="no kind"),
]
