"""Shows a letter to its author: one self-contained page, and the message as files."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import default
from pathlib import Path

import jinja2

from pipeline.ledger.records import Letter, Part
from pipeline.message.compose import megabytes
from pipeline.message.environment import PACKAGE_TEMPLATES
from pipeline.message.lint.letter import lint_letter
from pipeline.message.lint.size import GMAIL_CLIP
from pipeline.message.wire import assemble, base64_lines, encoded_size, html_bytes

ReadArtifact = Callable[[str], bytes]
"""SHA-256 of an artifact → its bytes."""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: str
    href: str
    """As a data: link, so that the page needs nothing beside it."""


def standalone_html(letter: Letter, read: ReadArtifact) -> str:
    """The HTML body with its pictures inside it as data: links, for a browser."""
    html = letter.html.decode()
    for part in letter.parts:
        if part.cid:
            html = html.replace(f"cid:{part.cid}", _link(part, read))
    return html


def preview_page(letter: Letter, read: ReadArtifact) -> str:
    """A page with the mail at 600 and 360 px, light and dark, its text, headers, attachments and sizes.

    Self-contained: no script, no request. `read` gives an artifact's bytes by its SHA-256.
    """
    headers = BytesHeaderParser(policy=default).parsebytes(letter.headers)
    files = [
        _File(part.filename, megabytes(part.artifact.size), _link(part, read))
        for part in letter.parts
        if part.disposition == "attachment"
    ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PACKAGE_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("preview/page.html").render(
        subject=letter.subject,
        envelope=letter.recipients,
        html=standalone_html(letter, read),
        text=letter.text.decode(),
        headers=[(name, str(value)) for name, value in headers.items()],
        files=files,
        wire_size=megabytes(encoded_size(letter)),
        html_size=megabytes(html_bytes(letter)),
        clipped=html_bytes(letter) > GMAIL_CLIP,
        findings=lint_letter(letter),
    )


def write_preview(letter: Letter, read: ReadArtifact, folder: Path) -> list[Path]:
    """Writes preview.html, message.html, message.txt, message.eml and the attachments; the paths, in that
    order.

    What an earlier preview left there under the same names is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    message = b"".join(assemble(letter, lambda sha256: base64_lines(read(sha256)), eight_bit=True))
    contents = {
        "preview.html": preview_page(letter, read).encode(),
        "message.html": standalone_html(letter, read).encode(),
        "message.txt": letter.text,
        "message.eml": message,
    }
    for part in letter.parts:
        if part.disposition == "attachment":
            contents[_free_name(part.filename, contents)] = read(part.artifact.sha256)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def _link(part: Part, read: ReadArtifact) -> str:
    """The part as a data: link."""
    data = base64.b64encode(read(part.artifact.sha256)).decode()
    return f"data:{part.artifact.media_type};base64,{data}"


def _free_name(filename: str, taken: dict[str, bytes]) -> str:
    """A name inside the folder that nothing has yet, whatever the attachment is called."""
    name = re.sub(r"[/\\\0]", "_", filename).lstrip(".") or "attachment"
    stem, dot, ending = name.rpartition(".")
    number = 2
    while name in taken:
        name = f"{stem}-{number}{dot}{ending}" if dot else f"{ending}-{number}"
        number += 1
    return name
