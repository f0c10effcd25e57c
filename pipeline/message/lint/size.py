"""Sizes and lines that mail programs and servers cut."""

import re
from collections.abc import Iterator

from pipeline.ledger.records import Letter
from pipeline.message.lint.finding import Finding, Level, error, note
from pipeline.message.wire import MAX_LINE, encoded_size, html_bytes

GMAIL_CLIP = 102_000
"""Octets of HTML that Gmail shows before it hides the rest behind a link."""
_NEAR = 0.9
_LARGE = 25_000_000
"""Octets of a whole message that Gmail, Outlook.com and Yahoo take."""
_WIDE = 100
"""Columns of a text line that still reads on a desk."""
_REFUSED = re.compile(
    r"(?i)\.(ade|adp|apk|appx|bat|cab|chm|cmd|com|cpl|dll|dmg|exe|hta|ins|iso|jar|js|jse|lib|lnk|mde|msc|msi|msp|mst|"
    r"nsh|pif|ps1|scr|sct|shb|sys|vb|vbe|vbs|vhd|vxd|wsc|wsf|wsh)$"
)
"""Endings that Gmail refuses, in archives too."""


def check(letter: Letter) -> Iterator[Finding]:
    """What is too big, too wide, or of a kind that providers refuse."""
    html = html_bytes(letter)
    if html > GMAIL_CLIP * _NEAR:
        over = html > GMAIL_CLIP
        yield Finding(
            Level.ERROR if over else Level.WARNING,
            "gmail-clip",
            f"the HTML has {html / 1000:.1f} kB, and Gmail hides what comes after 102 kB",
            "html",
            "show fewer rows (rows=) and leave the rest to the workbook",
        )
    size = encoded_size(letter)
    if size > _LARGE:
        what = f"the mail takes {size / 1e6:.1f} MB on the wire"
        yield error("mail-size", what, "message", "zip the files, export fewer columns: many take 25 MB")
    for number, line in enumerate(letter.headers.split(b"\r\n"), 1):
        if len(line) > MAX_LINE:
            what = f"a header line of {len(line)} octets"
            yield error("line-length", what, f"headers:{number}", f"servers take {MAX_LINE} (RFC 5322 §2.1.1)")
    for number, text in enumerate(letter.text.decode().splitlines(), 1):
        if len(text) > _WIDE and " " in text.strip()[:_WIDE]:
            what = f"a text line of {len(text)} characters"
            yield note("line-length", what, f"text:{number}", "text readers wrap it; show fewer columns there")
            break
    for part in letter.parts:
        if _REFUSED.search(part.filename):
            what = f"{part.filename} is of a kind that Gmail and Outlook refuse"
            yield error("file-kind", what, "files", "send another kind, or a link")
