"""W1: personal mails of about 12 kB, rendered by Jinja2 from a table of twenty flights each.

`python -m bench.workload FILE COUNT` writes the readers.
"""

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

FLIGHTS = Path(__file__).parents[1] / "reports/data/flights.parquet"
SENDER = "reports@example.com"
COLUMNS = ["carrier", "flight", "tailnum", "origin", "dest", "dep_delay", "arr_delay", "distance"]
ROWS = 20
FIRST = ["Anna", "José", "Mary", "Zoë", "John", "Łukasz", "Ivan", "Grace", "Wei", "Sören"]
LAST = ["Smith", "Núñez", "Jones", "Okafor", "Müller", "Brown", "Li", "Garcia", "O'Neil & Co", "Novák"]

SUBJECT = "Flight report for {{ recipient.name }} no. {{ recipient.id }}"

_CELL = '<td style="padding:4px 8px;border-bottom:1px solid #ddd">'
HTML = (
    """<!doctype html>
<html><head><meta charset="utf-8"><title>Flight report {{ recipient.id }}</title></head>
<body style="font-family:Arial,Helvetica,sans-serif;color:#222;max-width:720px;margin:0 auto">
<h1 style="font-size:20px">Daily flight report – your personal extract</h1>
<p style="line-height:1.5">Dear {{ recipient.name }},</p>
<p style="line-height:1.5">these are the {{ recipient.rows | length }} departures that you follow.</p>
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


def write_people(path: Path, count: int) -> None:
    """One JSON object a line, so that no peer has to load pandas for them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(reader, ensure_ascii=False) + "\n" for reader in people(count)), "utf-8")


def read_people(path: Path, count: int) -> list[dict[str, Any]]:
    """The first `count` readers of the file."""
    with path.open(encoding="utf-8") as lines:
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
    write_people(Path(sys.argv[1]), int(sys.argv[2]))
