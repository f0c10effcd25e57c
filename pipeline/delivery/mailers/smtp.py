"""The SMTP mailer: a relay's URL and a pool of connections to it."""

import ssl
from functools import partial

from pipeline.delivery.ports import ReadBase64
from pipeline.delivery.smtp.connect import open_link
from pipeline.delivery.smtp.pool import Pool
from pipeline.delivery.smtp.relay import parse_relay
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.jobs.model import SmtpMailer


def smtp_mailer(
    settings: SmtpMailer, context: ssl.SSLContext, read_base64: ReadBase64, timeouts: Timeouts | None = None
) -> Pool:
    """The mailer for one relay. `context` decides whom to trust: `smtp.connect.verified_context()`.

    Raises MailerError for a URL that cannot be used; its text holds nothing of the URL.
    """
    relay = parse_relay(settings.name, settings.smtp.get_secret_value())
    patience = timeouts or Timeouts()
    return Pool(
        partial(open_link, relay, context, patience),
        read_base64,
        name=settings.name,
        connections=settings.connections,
        timeouts=patience,
    )
