"""smtplib and EmailMessage, one connection. `python -m bench.smtplib_peer PORT MAILS FILE`."""

import smtplib
import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any

import jinja2

from bench.meter import Meter
from bench.workload import HTML, SENDER, SUBJECT, TEXT, read_people


def main(port: int, mails: int, file: Path) -> None:
    """Renders, builds and sends one after the other. Nothing is written down: a crash loses mails."""
    readers = read_people(file, mails)
    html = jinja2.Environment(autoescape=True).from_string(HTML)
    plain = jinja2.Environment(autoescape=False)
    text, subject = plain.from_string(TEXT), plain.from_string(SUBJECT)

    def build(reader: dict[str, Any]) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = SENDER, reader["email"]
        message["Subject"] = subject.render(recipient=reader)
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="example.com")
        message.set_content(text.render(recipient=reader))
        message.add_alternative(html.render(recipient=reader), subtype="html")
        return message

    with Meter(mails), smtplib.SMTP("127.0.0.1", port) as connection:
        for reader in readers:
            connection.send_message(build(reader))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
