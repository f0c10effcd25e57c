"""What is mailed: personal mails of about 12 kB, with or without the same workbook and picture for everybody.

`python -m bench.workload FOLDER COUNT` writes readers, files and templates, so that no peer has to load pandas.
"""

import json
import random
import struct
import sys
import zlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

FLIGHTS = Path(__file__).parents[1] / "reports/data/flights.parquet"
SENDER = "reports@example.com"
COLUMNS = ["carrier", "flight", "tailnum", "origin", "dest", "dep_delay", "arr_delay", "distance"]
ROWS = 20
FIRST = ["Anna", "José", "Mary", "Zoë", "John", "Łukasz", "Ivan", "Grace", "Wei", "Sören"]
LAST = ["Smith", "Núñez", "Jones", "Okafor", "Müller", "Brown", "Li", "Garcia", "O'Neil & Co", "Novák"]


@dataclass(frozen=True)
class Workload:
    """One table of the results."""

    title: str
    mails: int
    files: bool = False
    round_trip: float = 0.0
    """Seconds between a question to the server and its answer."""
    connections: int = 20
    """Of each of our processes: where nothing waits for the wire, what more of them share is the commit."""


WORKLOADS = {
    "W1": Workload("personal mails", 2000),
    "W2": Workload("personal mails with the same 200 kB workbook and 30 kB picture", 500, files=True),
    "W3": Workload("personal mails, 20 ms of round trip, 10 connections", 1000, round_trip=0.02, connections=10),
}
SUBJECT = "Flight report for {{ recipient.name }} no. {{ recipient.id }}"

_CELL = '<td style="padding:4px 8px;border-bottom:1px solid #ddd">'
HTML = (
    """<!doctype html>
<html><head><meta charset="utf-8"><title>Flight report {{ recipient.id }}</title></head>
<body style="font-family:Arial,Helvetica,sans-serif;color:#222;max-width:720px;margin:0 auto">
<h1 style="font-size:20px">Daily flight report – your personal extract</h1>
<p style="line-height:1.5">Dear {{ recipient.name }},</p>
<p style="line-height:1.5">these are the {{ recipient.rows | length }} departures that you follow.</p>
<!--picture-->
<table style="border-collapse:collapse;width:100%;font-size:13px">
<tr style="background:#f4f4f4;text-align:left">"""
    + "".join(f"<th>{column}</th>" for column in COLUMNS)
    + "</tr>\n{% for r in recipient.rows %}<tr>\n"
    + "".join(f"{_CELL}{{{{ r.{column} }}}}</td>\n" for column in COLUMNS)
    + """</tr>
{% endfor %}</table>
<p style="font-size:11px;color:#888">You get this mail because you follow this report.</p>
</body></html>
"""
)
TEXT = """Daily flight report – your personal extract

Dear {{ recipient.name }},

these are the {{ recipient.rows | length }} departures that you follow.

{% for r in recipient.rows %}{{ r.carrier }} {{ r.flight }} {{ r.origin }} {{ r.dest }} {{ r.dep_delay }} min
{% endfor %}
You get this mail because you follow this report.
"""


def html(picture: str = "") -> str:
    """The HTML template; `picture` is the address of the picture in it, a template too."""
    image = f'<p><img src="{picture}" width="100" height="100" alt="Delays"></p>' if picture else ""
    return HTML.replace("<!--picture-->", image)


def handlebars(template: str) -> str:
    """The same template for Handlebars."""
    for ours, theirs in (
        ("{% for r in recipient.rows %}", "{{#each rows}}"),
        ("{% endfor %}", "{{/each}}"),
        ("{{ recipient.rows | length }}", "{{ rows.length }}"),
        ("{{ recipient.", "{{ "),
        ("{{ r.", "{{ "),
    ):
        template = template.replace(ours, theirs)
    return template


def write(folder: Path, count: int) -> None:
    """people.jsonl, report.xlsx, picture.png, and Handlebars' templates."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(reader, ensure_ascii=False) + "\n" for reader in people(count)]
    (folder / "people.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "picture.png").write_bytes(noise())
    write_workbook(folder / "report.xlsx")
    texts = {"w1.html": html(), "w2.html": html("cid:picture@bench"), "text.txt": TEXT, "subject.txt": SUBJECT}
    for name, text in texts.items():
        (folder / f"{name}.hbs").write_text(handlebars(text), encoding="utf-8")


def noise(side: int = 100) -> bytes:
    """A PNG of about 30 kB that no encoder makes smaller."""
    chance = random.Random(1)
    rows = b"".join(b"\0" + chance.randbytes(3 * side) for _ in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_workbook(path: Path, rows: int = 4500) -> None:
    """Flights as a workbook of about 200 kB."""
    import pandas as pd  # noqa: PLC0415 - not in the peers, whose memory is measured

    pd.read_parquet(FLIGHTS, columns=COLUMNS).head(rows).to_excel(path, index=False)


def read_people(folder: Path, count: int) -> list[dict[str, Any]]:
    """The first `count` readers."""
    with (folder / "people.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in islice(lines, count)]


def people(count: int) -> list[dict[str, Any]]:
    """`count` readers: id, name, email and twenty rows of text each, non-ASCII included."""
    import pandas as pd  # noqa: PLC0415 - not in the peers, whose memory is measured

    flights = pd.read_parquet(FLIGHTS, columns=COLUMNS).astype("string").fillna("n/a")
    rows = flights.to_dict("records")
    return [
        {
            "id": number,
            "name": f"{FIRST[number % 10]} {LAST[number // 10 % 10]}",
            "email": f"user{number:07d}@example.com",
            "rows": [rows[(number * ROWS + row) % len(rows)] for row in range(ROWS)],
        }
        for number in range(1, count + 1)
    ]


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
