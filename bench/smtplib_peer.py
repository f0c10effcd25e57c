"""smtplib and EmailMessage, one connection. `python -m bench.smtplib_peer WORKLOAD PORT MAILS FOLDER`."""

import smtplib
import sys
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any

import jinja2

from bench.meter import Meter
from bench.workload import SENDER, SUBJECT, TEXT, WORKLOADS, html, read_people

XLSX = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")
CID = "picture@bench"


def renderer(workload: str) -> Callable[[dict[str, Any]], tuple[str, str, str]]:
    """From a reader to subject, text and HTML: Jinja2 as its manual shows it."""
    picture = f"cid:{CID}" if WORKLOADS[workload].files else ""
    rich = jinja2.Environment(autoescape=True).from_string(html(picture))
    plain = jinja2.Environment(autoescape=False)
    text, subject = plain.from_string(TEXT), plain.from_string(SUBJECT)
    return lambda reader: tuple(one.render(recipient=reader) for one in (subject, text, rich))  # type: ignore[return-value]


def builder(workload: str, folder: Path) -> Callable[[dict[str, Any]], EmailMessage]:
    """From a reader to a message: EmailMessage as its manual shows it."""
    render = renderer(workload)
    files = WORKLOADS[workload].files
    workbook, picture = (folder / "report.xlsx").read_bytes(), (folder / "picture.png").read_bytes()

    def build(reader: dict[str, Any]) -> EmailMessage:
        subject, text, rich = render(reader)
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = SENDER, reader["email"], subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="example.com")
        message.set_content(text)
        message.add_alternative(rich, subtype="html")
        if files:
            body = message.get_payload()[1]  # type: ignore[index]
            body.add_related(picture, "image", "png", cid=f"<{CID}>")  # type: ignore[union-attr]
            message.add_attachment(workbook, maintype=XLSX[0], subtype=XLSX[1], filename="report.xlsx")
        return message

    return build


def main(workload: str, port: int, mails: int, folder: Path) -> None:
    """Renders, builds and sends one after the other. Nothing is written down: a crash loses mails."""
    readers, build = read_people(folder, mails), builder(workload, folder)
    with Meter(mails), smtplib.SMTP("127.0.0.1", port) as connection:
        for reader in readers:
            connection.send_message(build(reader))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
