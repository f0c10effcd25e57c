"""Where `pipeline serve` answers recipients with a browser."""

from urllib.parse import urlsplit

from pydantic import Field

from pipeline.jobs.base import Strict, Text
from pipeline.jobs.tree import Findings, Node


class Pages(Strict):
    """An address that the world can reach, and where this machine takes what comes there."""

    url: Text = Field(
        description="The address that links in mails begin with, https; a web server there passes on what comes.",
        examples=["https://reports.example.com/"],
    )
    listen: Text = Field(
        default="127.0.0.1:8025",
        description="Where pipeline serve listens, in the clear: for that web server alone.",
        examples=["127.0.0.1:8025"],
    )


def parse_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:8025` → host and port. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536 or not text.isprintable():
        raise ValueError(f'"{text}" is not where to listen; write host and port like 127.0.0.1:8025')
    return host.strip("[]"), int(port)


def check_pages(root: Node, findings: Findings) -> None:
    """An address of https, a port of this machine."""
    if (url := root.get("pages", "url")) is not None:
        findings.check(url, _check_url)
    if (listen := root.get("pages", "listen")) is not None:
        findings.check(listen, parse_listen)


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    wrong = parts.query or parts.fragment or parts.username is not None or not text.isprintable() or " " in text
    if parts.scheme != "https" or not parts.hostname or wrong:
        raise ValueError(f'"{text}" is no address for pages; write one like https://reports.example.com/')
