"""One GET: verified TLS, time and size limits, tries again what may pass, and never tells a secret.

The standard library does it; what it does not do by itself is here: redirects lead to no other place with what was
said in headers, and nowhere in the clear.
"""

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPMessage, responses
from typing import IO, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from pipeline.errors import SourceError
from pipeline.jobs.urls import is_loopback

STEP = 30.0
"""Seconds that a server may take for each step."""
WAITS = (1.0, 4.0, 15.0)
"""Seconds between tries."""
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that another try may change (RFC 9110 §15, RFC 6585 §4, RFC 8470 §5.2)."""
_PIECE = 1 << 16
_HOPS = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What one dataset may take."""

    seconds: float
    size: int
    """Octets."""


@dataclass(frozen=True, slots=True)
class Fetched:
    data: bytes
    media_type: str
    """In lower case, without parameters; empty where none was said."""


class _PassingError(Exception):
    """It may go well another time, after so many seconds where the server says so."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


def fetch(
    url: str,
    shown: str,
    headers: Mapping[str, str],
    limits: Limits,
    *,
    now: Callable[[], float],
    sleep: Callable[[float], object],
) -> Fetched:
    """What an address gives. `shown` stands for it in errors. `now` counts seconds. Raises SourceError."""
    ends = now() + limits.seconds
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _Redirects(shown, url, bool(headers)),
        *_proxies(url),
    )
    request = urllib.request.Request(url, headers={"User-Agent": "report-pipeline", **headers})  # noqa: S310 - checked
    tries = 0
    while True:
        try:
            return _once(opener, request, shown, limits.size, lambda: now() >= ends)
        except _PassingError as passing:
            wait = max(WAITS[tries], passing.wait) if tries < len(WAITS) else None
            if wait is None or now() + wait >= ends:
                told = f"{tries + 1} times" if tries else "once"
                raise SourceError(f"{shown}: {passing}; tried {told}") from None
            sleep(wait)
            tries += 1


def _proxies(url: str) -> list[urllib.request.ProxyHandler]:
    """None for this machine itself: what is asked in the clear must not leave it. Else those of the environment."""
    return [urllib.request.ProxyHandler({})] if is_loopback(urlsplit(url).hostname or "") else []


def _once(opener: Any, request: Any, shown: str, most: int, late: Callable[[], bool]) -> Fetched:
    try:
        with opener.open(request, timeout=STEP) as answer:
            _check_plain(answer.headers, shown)
            said = answer.headers.get_content_type() if answer.headers["Content-Type"] else ""
            return Fetched(_read(answer, shown, most, late), said)
    except urllib.error.HTTPError as error:
        error.close()
        why = f"the server answers {error.code} {responses.get(error.code, '')}".rstrip()
        if error.code in _LATER:
            raise _PassingError(why, _retry_after(error.headers)) from None
        raise SourceError(f"{shown}: {why}{_ADVICE.get(error.code, '')}") from None
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(shown, error) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise _untrusted(shown, error.reason) from None
        raise _PassingError(_reason(error.reason)) from None
    except (OSError, HTTPException) as error:
        raise _PassingError(_reason(error)) from None
    except ValueError as error:  # a header with a line break, an address that cannot be put on the wire
        raise SourceError(f"{shown}: the request cannot be written: {type(error).__name__}") from None


_ADVICE = {
    401: "; the secret in its headers or query is wrong or has ended",
    403: "; whoever this is may not read it",
    404: "; nothing is at this address",
}


def _check_plain(headers: Message, shown: str) -> None:
    """Nothing was asked for but what is plain (RFC 9110 §12.5.3)."""
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise SourceError(f"{shown}: the server sends Content-Encoding: {coding}, unasked; have it send what is plain")


def _read(answer: Any, shown: str, most: int, late: Callable[[], bool]) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read1(_PIECE):
        size += len(piece)
        if size > most:
            raise SourceError(f"{shown}: more than {most // 1_000_000} MB; ask for less, or raise the job's memory")
        if late():
            raise SourceError(f"{shown}: it takes longer than the job's timeout leaves; {size:,} bytes had come")
        pieces.append(piece)
    said = answer.headers["Content-Length"]
    if said and said.isdecimal() and answer.status == 200 and size < int(said):
        raise _PassingError(f"the connection broke after {size:,} of {int(said):,} bytes")
    return b"".join(pieces)


def _untrusted(shown: str, error: ssl.SSLCertVerificationError) -> SourceError:
    return SourceError(f"{shown}: its certificate cannot be trusted: {error.verify_message}")


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {STEP:.0f} seconds"
    if isinstance(error, OSError) and error.strerror:
        return f"no connection: {error.strerror}"
    return f"the server does not speak HTTP, or hangs up ({type(error).__name__})"


def _retry_after(headers: Message) -> float:
    """Seconds (RFC 9110 §10.2.3); its form as a date is not worth reading here."""
    said = headers.get("Retry-After", "").strip()
    return min(float(said), 120.0) if said.isdecimal() else 0.0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """To https alone, and with headers of the analyst's to the same host alone."""

    max_redirections = _HOPS

    def __init__(self, shown: str, url: str, says_something: bool) -> None:  # noqa: FBT001 - of one caller
        self._shown = shown
        self._first = urlsplit(url).netloc
        self._says_something = says_something

    def redirect_request(  # noqa: PLR0917 - the base class's signature
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        wrong = self._wrong(urlsplit(req.full_url), urlsplit(urljoin(req.full_url, newurl)))
        if wrong:
            fp.close()
            by = urlsplit(req.full_url)
            led = by.netloc != self._first
            raise SourceError(f"{self._shown}: {f'by way of {by.hostname}, ' if led else ''}{wrong}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def _wrong(self, before: SplitResult, after: SplitResult) -> str:
        """Why a place must not be asked; empty if it may."""
        elsewhere = (after.scheme, after.netloc) != (before.scheme, before.netloc)
        if elsewhere and after.scheme != "https":
            return f"it leads to {after.scheme}://{after.hostname}, in the clear"
        if elsewhere and self._says_something:
            return f"it leads to {after.hostname}, which must not get its headers; write that address"
        return ""
