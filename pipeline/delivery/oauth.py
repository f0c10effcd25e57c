"""Access tokens for XOAUTH2 from a token endpoint: refresh tokens (RFC 6749 §6) and client credentials (§4.4).

Standard library only: one POST with verified TLS. What is for ever ("somebody must consent again") is told apart
from what will pass, because only the second deserves another try soon.
"""

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import urlencode

from pipeline.jobs.identity import OAuth2

SKEW = 120.0
"""Seconds before its end from which a token is not used any more: clocks differ and connections take time."""
PATIENCE = 15.0
"""Seconds for one step of the talk with the endpoint."""
_LARGEST = 65536
_CONSENT = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})
"""Errors that only a person can mend, by consenting again (RFC 6749 §5.2, OpenID Connect Core §3.1.2.6)."""


class TokenError(Exception):
    """There is no token; `event` is a row of the reply table."""

    def __init__(self, event: str, text: str, wait: float = 0.0) -> None:
        self.event, self.wait = event, wait
        super().__init__(text)


class RefreshTokens(Protocol):
    """Where the newest refresh token is: `token_file.TokenFile`."""

    def held(self) -> AbstractContextManager[str]: ...

    def keep(self, token: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Grant:
    """What tokens are asked for with."""

    url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scope: str = ""

    def form(self, refresh_token: str) -> bytes:
        """The body of the request; an empty `refresh_token` means client credentials."""
        kind = "refresh_token" if refresh_token else "client_credentials"
        fields = {
            "grant_type": kind,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": refresh_token,
            "scope": self.scope,
        }
        return urlencode({name: value for name, value in fields.items() if value}).encode()


def grant_of(settings: OAuth2) -> Grant:
    """The grant of a mailer whose provider's endpoint is filled in."""
    secret = settings.client_secret
    return Grant(
        settings.token_url or "", settings.client_id, secret.get_secret_value() if secret else "", settings.scope or ""
    )


class TokenSource:
    """The access token of one mailer, shared by all its connections. Safe from any thread."""

    def __init__(
        self,
        grant: Grant,
        refresh_tokens: RefreshTokens | None,
        context: ssl.SSLContext,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`refresh_tokens`: None where the application logs in by itself."""
        self._grant = grant
        self._refresh_tokens = refresh_tokens
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirects)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def current(self) -> str:
        """A token that is good for two minutes at least. Raises TokenError."""
        with self._lock:
            if self._token and self._monotonic() < self._until:
                return self._token
            return self._fetch()

    def renewed(self, refused: str) -> str:
        """Another token than the one that a server refused; fetched once, however many ask. Raises TokenError."""
        with self._lock:
            return self._token if self._token and self._token != refused else self._fetch()

    def _fetch(self) -> str:
        self._token = ""
        answer = self._ask("") if self._refresh_tokens is None else self._ask_in_turn(self._refresh_tokens)
        token = answer.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise TokenError("token-later", f"{self._grant.url}: the answer holds no access token")
        self._token = token
        self._until = self._monotonic() + max(_seconds(answer.get("expires_in"), 3600.0) - SKEW, 0.0)
        return token

    def _ask_in_turn(self, refresh_tokens: RefreshTokens) -> dict[str, Any]:
        """With the refresh token for us alone: another process that spends it too could void both."""
        try:
            with refresh_tokens.held() as refresh_token:
                answer = self._ask(refresh_token)
                rotated = answer.get("refresh_token")
                if isinstance(rotated, str) and rotated and rotated != refresh_token:
                    refresh_tokens.keep(rotated)
                return answer
        except OSError as error:
            text = f"the refresh token's file cannot be used: {error.strerror or error}"
            raise TokenError("token-later", text) from None

    def _ask(self, refresh_token: str) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - https only: jobs/rules_mailers.py
            self._grant.url, self._grant.form(refresh_token), {"Accept": "application/json"}
        )
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return _read(answer.read(_LARGEST))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                text = f"{self._grant.url}: certificate: {error.reason.verify_message}"
                raise TokenError("token-untrusted", text) from None
            raise TokenError("token-later", f"{self._grant.url}: {error.reason}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise TokenError("token-later", f"{self._grant.url}: {error or type(error).__name__}") from None

    def _refused(self, error: urllib.error.HTTPError) -> TokenError:
        """What an error answer means (RFC 6749 §5.2)."""
        try:
            answer = _read(error.read(_LARGEST))
        except (OSError, HTTPException, ValueError):
            answer = {}
        said = f"{self._grant.url} answered {error.code}"
        said += "".join(
            f": {answer[key]}" for key in ("error", "error_description") if isinstance(answer.get(key), str)
        )
        said = " ".join(said.split())[:400]
        if error.code == 429 or error.code >= 500 or answer.get("error") == "temporarily_unavailable":
            return TokenError("token-later", said, _seconds(error.headers.get("Retry-After"), 0.0))
        if answer.get("error") in _CONSENT:
            return TokenError("consent", f"{said}; needs re-consent: put a new refresh token into the environment")
        return TokenError("token-refused", f"{said}; check client_id, client_secret, tenant and scope")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Secrets go to the endpoint that was named and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


def _read(data: bytes) -> dict[str, Any]:
    answer = json.loads(data)
    if not isinstance(answer, dict):
        raise ValueError("the answer is no JSON object")  # noqa: TRY004 - a malformed answer, not a type of ours
    return answer


def _seconds(said: object, otherwise: float) -> float:
    """A number of seconds, as a number or as text; some providers quote it."""
    try:
        return min(max(float(str(said)), 0.0), 86400.0)
    except ValueError:
        return otherwise
