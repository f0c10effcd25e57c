"""Whether links lead where they say."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pipeline.ledger.records import Letter
from pipeline.message.lint.finding import Finding, error, warning
from pipeline.message.lint.page import Page, place

_LOOKS_LIKE_HOST = re.compile(r"(?i)^(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/:?#]\S*)?$")
_NOT_OUTSIDE = re.compile(r"^(localhost|127\.|0\.0\.0\.0|\[::1\]|.*\.local$|.*\.internal$)")


def check(letter: Letter, page: Page) -> Iterator[Finding]:
    """Links that go nowhere, go unencrypted, or name another host than they lead to; pictures that are not there."""
    for element in page.elements:
        if element.tag == "a":
            yield from _link(element)
        elif element.tag == "img":
            yield from _source(element, {part.cid for part in letter.parts})


def _link(link: Any) -> Iterator[Finding]:
    href = link.get("href")
    where, text = place(link), " ".join(link.text_content().split())
    if href is None:
        return
    if not href.strip() or href.strip() == "#":
        yield error("link", f'the link "{text}" leads nowhere', where, "give it an address or make it text")
        return
    parts = _split(href)
    if parts is None or parts.scheme not in {"http", "https", "mailto", "tel"}:
        what = f'the link "{text}" leads to "{href[:60]}", which nothing outside can open'
        yield error("link", what, where, "write the whole address, https://…")
        return
    if parts.scheme == "http":
        yield warning("link", f"{href[:60]} is not encrypted", where, "use https://: filters trust it more")
    if parts.scheme in {"http", "https"}:
        yield from _host(parts.hostname or "", text, where)
    elif parts.scheme == "mailto" and "@" not in parts.path:
        yield error("link", f'"{href[:60]}" names no address', where, "write mailto:name@example.com")
    if not text and not any(image.get("alt") for image in link.iter("img")):
        yield error("link-text", "a link with no text", where, "give it words, or its picture an alt text")


def _host(host: str, text: str, where: str) -> Iterator[Finding]:
    if not host or _NOT_OUTSIDE.match(host):
        yield error("link", f'the link "{text}" leads to "{host}"', where, "write a host that readers reach")
        return
    said = _LOOKS_LIKE_HOST.match(text)
    if said and _bare(said[1]) != _bare(host):
        what = f"the link says {said[1]} and leads to {host}"
        yield error("link-mismatch", what, where, "let both say the same: filters take this for fraud")


def _bare(host: str) -> str:
    return host.lower().removeprefix("www.")


def _split(href: str) -> Any:
    try:
        return urlsplit(href.strip())
    except ValueError:
        return None


def _source(image: Any, cids: set[str]) -> Iterator[Finding]:
    src, where = image.get("src", ""), place(image)
    if src.startswith("cid:"):
        if src.removeprefix("cid:") not in cids:
            yield error("picture", "the picture is not in the mail", where, "use the chart() component")
    elif src.startswith(("http://", "https://")):
        what = "the picture is fetched from outside, and most mail programs ask first"
        yield warning("picture", what, where, "make it a chart of the job, so that it comes with the mail")
    elif not src.startswith("data:"):
        yield error("picture", f'"{src[:60]}" is no address of a picture', where, "use the chart() component")
