"""Data that a job gets by HTTP: where from, and what is said to who gives it."""

import json
import math
import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema

from pipeline.jobs.base import Strict, Text
from pipeline.jobs.names import did_you_mean, got
from pipeline.jobs.tree import Findings, Node
from pipeline.jobs.urls import is_loopback

BOUND = ("start", "end", "due", "start_utc", "end_utc", "due_utc")
"""What `:name` stands for in `query` besides params, as in SQL."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET = frozenset({
    "accesstoken", "apikey", "auth", "authorization", "cookie", "credential", "credentials", "passwd", "password",
    "pw", "pwd", "secret", "sig", "signature", "token",
})  # fmt: skip
"""Words of names whose values nobody writes into a file."""
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})


def as_text(value: str | float) -> str:
    """Numbers, true and false as JSON spells them."""
    return value if isinstance(value, str) else json.dumps(value)


def _scalar_as_text(value: object) -> str | SecretStr:
    """People write `limit: 100`, and mean the text."""
    if isinstance(value, SecretStr):
        return value
    if isinstance(value, str) or (isinstance(value, bool | int | float) and math.isfinite(value)):
        return as_text(value)
    raise ValueError(f"expected text, a number, true or false, {got(value)}")


Said = Annotated[
    str | SecretStr, BeforeValidator(_scalar_as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})
]


class HttpData(Strict):
    """JSON, CSV or Parquet from an address."""

    http: Text = Field(
        description="https://…, without secrets; what comes is JSON, CSV or Parquet by its Content-Type or the"
        " address's ending. http:// only from this machine.",
        examples=["https://api.example.com/fx.json"],
    )
    query: dict[str, Said] = Field(
        default_factory=dict,
        description="What is asked, behind the address: texts, :start, :end, :due and :param as in SQL, and secrets as"
        " ${NAME}.",
        examples=[{"from": ":start", "key": "${FX_KEY}"}],
    )
    headers: dict[str, Said] = Field(
        default_factory=dict,
        description="Headers of the request; a secret stands there as ${NAME}.",
        examples=[{"Authorization": "Bearer ${FX_TOKEN}"}],
    )
    columns: tuple[str, ...] | None = Field(
        default=None, description="Only these columns, in this order; default: all.", examples=[["currency", "rate"]]
    )


def secret_of(value: str | SecretStr) -> str:
    """The value itself."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def check_fetching(dataset: Node, params: Mapping[str, Node], findings: Findings) -> None:
    """An address that can be asked, names that are bound, and no secret written out."""
    if (url := dataset.get("http")) is not None:
        findings.check(url, _check_url)
    for key in ("query", "headers"):
        held = dataset.get(key)
        for name, value in (held.mapping if held else {}).items():
            if held is not None and key == "headers" and (_FIELD.fullmatch(name) is None or name.lower() in _OURS):
                findings.about_key(held, name, f'"{name}" is not a header that can be said here')
            if _is_written_out(value) and _is_secret(name, in_headers=key == "headers"):
                findings.about(value, "a secret in jobs.yaml; write ${NAME} and set NAME in the environment or .env")
            if key == "query" and value.text and value.text.startswith(":"):
                findings.check(value, lambda text: _check_bound(text[1:], params))
            if value.text and not value.text.isprintable():
                findings.about(value, "a control character in what is sent; take it out")


def _is_written_out(value: Node) -> bool:
    """A text or number that stands in the file itself, and names nothing that is bound."""
    return type(value.value) in {int, float} or bool(value.text and not value.text.startswith(":"))


def _is_secret(name: str, *, in_headers: bool) -> bool:
    """Whether a value of this name is a secret: `sort_key` and `keywords` are none, a header `X-Api-Key` is."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not _SECRET.isdisjoint(words):
        return True
    return words[-1:] == ["key"] and (in_headers or words[-2:-1] in ([], ["api"], ["access"]))


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(f'"{text}" is not an address; write one like https://api.example.com/fx.json') from None
    if parts.username is not None:
        raise ValueError("a login in the address; write it under headers, as Authorization: Basic ${NAME}")
    if parts.scheme not in {"https", "http"} or not parts.hostname or not text.isascii() or not text.isprintable():
        raise ValueError(f'"{text}" is not an address; write one like https://api.example.com/fx.json')
    if " " in text or parts.query or parts.fragment:
        raise ValueError(f'"{text}": what comes behind ? is said under query, by name')
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(f'"{text}" is read in the clear; write https://, http:// is for this machine alone')


def _check_bound(name: str, params: Mapping[str, Node]) -> None:
    known = (*BOUND, *params)
    if name not in known:
        raise ValueError(f'":{name}" is neither start, end or due nor a param{did_you_mean(name, known)}')
