"""Who a mailer is: how it logs in by OAuth2, and what it signs with."""

from typing import Literal

from pydantic import Field, SecretStr

from pipeline.jobs.base import Strict, Text


class OAuth2(Strict):
    """A login by XOAUTH2: with `refresh_token` in somebody's name, without it in the application's own (RFC 6749
    §4.4)."""

    client_id: Text = Field(description="The application's id at the provider.", examples=["${G_ID}"])
    client_secret: SecretStr | None = Field(
        default=None, description="Its secret; public clients have none.", examples=["${G_SECRET}"]
    )
    refresh_token: SecretStr | None = Field(
        default=None,
        description="What the person's consent gave; without it the application logs in by itself (Office 365).",
        examples=["${G_TOKEN}"],
    )
    tenant: Text | None = Field(
        default=None, description="Office 365: the organisation's id or domain.", examples=["example.onmicrosoft.com"]
    )
    scope: Text | None = Field(
        default=None,
        description="What the token is asked for; default: the provider's.",
        examples=["https://mail.google.com/"],
    )
    token_url: Text | None = Field(
        default=None,
        description="The token endpoint, https only; default: the provider's.",
        examples=["https://oauth2.googleapis.com/token"],
    )

    @property
    def grant(self) -> Literal["refresh_token", "client_credentials"]:
        return "refresh_token" if self.refresh_token else "client_credentials"


class Dkim(Strict):
    """A DKIM key (RFC 6376): mails from its domain and from below it are signed."""

    domain: Text = Field(
        description="The signing domain (d=); mails from it and from its subdomains are signed.",
        examples=["example.com"],
    )
    selector: Text = Field(
        description="Where the public key stands in DNS: SELECTOR._domainkey.DOMAIN.", examples=["reports2026"]
    )
    key: SecretStr = Field(
        description="The private key in PEM form, RSA of 2048 bits or more, or Ed25519; NAME_FILE may name its file.",
        examples=["${DKIM_KEY}"],
    )
