"""What arrived, for eyes: a mail as a page, as a picture where a browser is installed, and its attachments."""

import base64
import os
import shutil
import subprocess
import tempfile
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ("--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--window-size=664,1500")  # fmt: skip


def read_mail(path: Path) -> EmailMessage:
    """The mail as the standard library reads it."""
    message = BytesParser(policy=default).parsebytes(path.read_bytes())
    if not isinstance(message, EmailMessage):
        raise TypeError(f"{path} is no mail")
    return message


def write_page(message: EmailMessage, path: Path) -> Path:
    """The HTML body with its pictures inside, so that any browser shows it."""
    body = message.get_body(("html",))
    if body is None:
        raise ValueError("the mail has no HTML body")
    html: str = body.get_content()
    for part in message.walk():
        if cid := part.get("Content-ID"):
            data = base64.b64encode(_content(part)).decode()
            html = html.replace(f"cid:{cid.strip('<>')}", f"data:{part.get_content_type()};base64,{data}")
    path.write_text(html, encoding="utf-8")
    return path


def write_attachments(message: EmailMessage, folder: Path) -> list[Path]:
    """Every attachment, under its own name."""
    folder.mkdir(exist_ok=True)
    written = []
    for part in message.iter_attachments():
        path = folder / Path(part.get_filename() or "attachment").name
        path.write_bytes(_content(part))
        written.append(path)
    return written


def write_picture(page: Path, path: Path) -> Path | None:
    """The page as a PNG; None where no browser is installed or it does not manage."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to run as root with one
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *_QUIET, *sandbox, f"--user-data-dir={profile}", f"--screenshot={path}"]
        try:
            subprocess.run(  # noqa: S603 - a browser found on PATH, a page of ours
                [*command, page.resolve().as_uri()], capture_output=True, timeout=60, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
    return path if path.exists() else None


def _content(part: "Message[str, str]") -> bytes:
    """The decoded bytes of a leaf of the mail."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        raise TypeError(f"a {part.get_content_type()} has parts, not content")
    return content
