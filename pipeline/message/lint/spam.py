"""What SpamAssassin says of a mail: its own report, read. Pure; `engine/spam.py` asks it."""

import re
from email.parser import BytesHeaderParser
from email.policy import compat32

from pipeline.message.lint.finding import Finding, error, note, warning

_STATUS = re.compile(r"\b(?:score|hits)=(-?[\d.]+)\s+required=(-?[\d.]+)(?:\s+tests=(.*?))?(?=\s+\w+=|$)", re.DOTALL)
_NEAR = 0.5
"""Of what is required, a score that other installations may take for spam."""


def read_report(report: bytes) -> Finding | None:
    """The finding that an X-Spam-Status header leads to; None where there is none."""
    status = BytesHeaderParser(policy=compat32).parsebytes(report).get("X-Spam-Status")
    match = _STATUS.search(" ".join(str(status or "").split()))
    if match is None:
        return None
    score, required = float(match[1]), float(match[2])
    tests = ", ".join(test for test in re.split(r"[,\s]+", match[3] or "") if test and test != "none")
    what = f"SpamAssassin gives it {score:g} of the {required:g} points that make spam"
    advice = f"its rules: {tests or 'none'}"
    if score >= required:
        return error("spam", what, "message", advice)
    return (warning if score >= _NEAR * required else note)("spam", what, "message", advice)
