"""The SMTP mailer: a relay, by URL or provider, and a pool of connections to it."""

import ssl
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline.delivery.dkim.signer import Signing, signing_of
from pipeline.delivery.oauth import TokenSource, grant_of
from pipeline.delivery.ports import ReadBase64, unsigned
from pipeline.delivery.provider_rules import provider_rules
from pipeline.delivery.rules import Rule
from pipeline.delivery.smtp.connect import open_link
from pipeline.delivery.smtp.loading import Terms
from pipeline.delivery.smtp.pool import Pool
from pipeline.delivery.smtp.relay import relay_of
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.delivery.token_file import TokenFile
from pipeline.jobs.model import ProviderMailer, SmtpMailer
from pipeline.jobs.providers import PRESETS


def smtp_mailer(
    settings: SmtpMailer | ProviderMailer,
    context: ssl.SSLContext,
    read_base64: ReadBase64,
    timeouts: Timeouts | None = None,
    *,
    tokens: Path | None = None,
    rules: Sequence[Rule] = (),
) -> Pool:
    """The mailer for one relay. `context` decides whom to trust: `smtp.connect.verified_context()`. `tokens`: the
    folder of refresh tokens, for a login by OAuth2. `rules`: an operator's, before the
    provider's, which come before the table's.

    Raises MailerError for settings that cannot be used, MissingExtraError for a DKIM key without `cryptography`; no
    text of theirs holds a secret or anything of a URL.
    """
    relay = relay_of(settings, token_source(settings, context, tokens))
    patience = timeouts or Timeouts()
    before = (*rules, *provider_rules(settings))
    return Pool(
        partial(open_link, relay, context, patience, rules=before),
        read_base64,
        name=settings.name,
        connections=settings.connections,
        timeouts=patience,
        sign=_signing(settings) or unsigned,
        terms=Terms(before, settings.limits.message_size, settings.chunking),
    )


def check_mailer(settings: SmtpMailer | ProviderMailer) -> None:
    """Raises what `smtp_mailer` would, and opens nothing."""
    relay_of(settings)
    _signing(settings)


def _signing(settings: SmtpMailer | ProviderMailer) -> Signing | None:
    replaced = PRESETS[settings.provider].replaces if isinstance(settings, ProviderMailer) else frozenset[str]()
    return signing_of(settings.name, settings.dkim, replaced)


def token_source(
    settings: SmtpMailer | ProviderMailer, context: ssl.SSLContext, folder: Path | None
) -> TokenSource | None:
    """Where the mailer's access tokens come from; None where it logs in by a password. A refresh token that the
    provider replaced is kept in `folder`."""
    if not isinstance(settings, ProviderMailer) or settings.oauth2 is None:
        return None
    first = settings.oauth2.refresh_token
    kept = TokenFile(folder / f"{settings.name}.json", first.get_secret_value()) if first and folder else None
    return TokenSource(grant_of(settings.oauth2), kept, context)
