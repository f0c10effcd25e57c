"""How mail leaves: a job's delivery terms, and the mailers."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, SecretStr, Tag

from pipeline.jobs.base import Strict, Text, one_of
from pipeline.jobs.scalars import Retry, Span, parse_retry


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


class SmtpMailer(Strict):
    """An SMTP relay: `smtp://user:password@host:587` (STARTTLS required), `smtps://host:465`,
    `smtp+plain://` only for loopback."""

    name: str
    smtp: SecretStr = Field(
        description="smtp://user:password@host:587 (STARTTLS required), smtps://host:465, or smtp+plain://localhost"
        " for a relay on this machine. The password never stands here: write ${NAME}.",
        examples=["${SMTP_URL}", "smtp://reports:${SMTP_PASSWORD}@mail.example.com:587"],
    )
    connections: int = Field(
        default=4, ge=1, le=100, description="How many connections at most at a time.", examples=[8]
    )


Mailer = LocalMailer | SmtpMailer
MAILERS: dict[str, type[Strict]] = {"smtp": SmtpMailer, "local": LocalMailer}
AnyMailer = Annotated[
    Annotated[LocalMailer, Tag("<local>")] | Annotated[SmtpMailer, Tag("<smtp>")],
    Discriminator(one_of(MAILERS), custom_error_type="no_kind", custom_error_message="no kind"),
]
