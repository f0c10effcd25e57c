"""Asks SpamAssassin about one mail, where it is installed: the daemon's client, else the program, without network."""

import shutil
import subprocess

from pipeline.message.lint.finding import Finding, note
from pipeline.message.lint.spam import read_report

_COMMANDS = (("spamc",), ("spamassassin", "--local", "--test-mode"))
"""`spamc` passes the mail on as it is where no daemon answers."""
_SECONDS = 60.0


def spam_finding(mail: bytes) -> Finding | None:
    """What it says of the mail; None where it is not installed. A program that fails is a note, never an error."""
    failed: Finding | None = None
    for name, *options in _COMMANDS:
        program = shutil.which(name)
        if program is None:
            continue
        try:
            asked = subprocess.run(  # noqa: S603 - the operator's own program, by its path
                [program, *options], input=mail, capture_output=True, check=False, timeout=_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            failed = _failed(f"{name} did not answer: {error}")
            continue
        found = read_report(asked.stdout)
        if found is not None:
            return found
        failed = _failed(f"{name} gave no score" + (f" (exit status {asked.returncode})" if asked.returncode else ""))
    return failed


def _failed(what: str) -> Finding:
    return note("spam", what, "message", "its spam score is not known; start spamd, or install spamassassin")
