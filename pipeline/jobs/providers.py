"""What is known of each provider's SMTP service, as data: `provider: gmail` is short for these settings, and a
mailer may say any of them otherwise.

Numbers are the providers' published ones for a usual paying account; a trial or sandbox has less. Hosts, ports,
token endpoints and scopes come from the providers' own pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Preset:
    """One provider. Empty: it has none."""

    host: str
    """`{region}` stands for the mailer's region."""
    port: int
    security: str
    """`tls` from the first octet (RFC 8314), or `starttls`."""
    logins: tuple[str, ...]
    """What a mailer may log in with: `password`, `api_key`, `oauth2`."""
    user: str = ""
    """The user name that goes with an API key; `{api_key}`: the key itself. Empty: the mailer names its user."""
    connections: int = 4
    limits: Mapping[str, str | int] = field(default_factory=dict)
    oauth2_url: str = ""
    """OAuth2 token endpoint (RFC 6749 §3.2); `{tenant}` stands for the setting of that name."""
    tenant: str = ""
    scope: str = ""
    """Asked for with a refresh token."""
    app_scope: str = ""
    """Asked for with client credentials (RFC 6749 §4.4), where the provider has them."""
    replaces: frozenset[str] = frozenset()
    """Headers that it writes anew, so that a DKIM signature over them would break."""


PRESETS: dict[str, Preset] = {
    "gmail": Preset(
        "smtp.gmail.com", 465, "tls", ("oauth2", "password"),
        connections=3,
        limits={"per_day": 2000, "message_size": "25MB"},
        oauth2_url="https://oauth2.googleapis.com/token",
    ),
    "outlook": Preset(
        "smtp.office365.com", 587, "starttls", ("oauth2", "password"),
        connections=3,
        limits={"per_second": 1, "per_hour": 1800, "per_day": 10_000, "message_size": "25MB"},
        oauth2_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token", tenant="common",
        scope="https://outlook.office.com/SMTP.Send offline_access",
        app_scope="https://outlook.office365.com/.default",
    ),
    "yahoo": Preset(
        "smtp.mail.yahoo.com", 465, "tls", ("oauth2", "password"),
        connections=2,
        limits={"per_day": 500, "message_size": "25MB"},
        oauth2_url="https://api.login.yahoo.com/oauth2/get_token",
    ),
    "sendgrid": Preset(
        "smtp.sendgrid.net", 465, "tls", ("api_key",), user="apikey",
        connections=8,
        limits={"message_size": "30MB"},
    ),
    "ses": Preset(
        "email-smtp.{region}.amazonaws.com", 465, "tls", ("password",),
        connections=8,
        limits={"per_second": 14, "per_day": 50_000, "message_size": "40MB"},
        replaces=frozenset({"message-id", "date"}),
    ),
    "mailgun": Preset(
        "smtp.mailgun.org", 465, "tls", ("password",),
        connections=8,
        limits={"message_size": "25MB"},
    ),
    "postmark": Preset(
        "smtp.postmarkapp.com", 587, "starttls", ("api_key",), user="{api_key}",
        connections=8,
        limits={"message_size": "10MB"},
    ),
    "mandrill": Preset(
        "smtp.mandrillapp.com", 587, "starttls", ("api_key",), user="mandrill",
        connections=8,
        limits={"message_size": "25MB"},
    ),
}  # fmt: skip
