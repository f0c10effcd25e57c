"""What the soak found, as a page: bench/SOAK.md."""

import os
import platform
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What was found in the end."""

    kills: int
    seed: int
    seconds: float
    processes: Counter[str]
    deliveries: Counter[str]
    runs: Counter[str]
    mails: int
    copies: int
    """Recipients × mails that the server took over."""
    duplicates: int
    """Copies beyond the first."""
    allowed: int
    """Deliveries that the ledger suspects of having come twice."""
    attempts: int
    logged: int
    torn: int
    misbehaved: Counter[str]
    wrong: list[str]


def page(verdict: Verdict) -> str:
    """bench/SOAK.md."""

    def table(counts: Counter[str]) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())

    found = "\n".join(f"- {line}" for line in verdict.wrong) or "Nothing."
    return f"""\
# Soak

`make soak` (`tests/support/soak.py`) kills a real worker process by SIGKILL, again and again, after a random time or at
a random point of its dialogue with a real SMTP server, which itself refuses, hangs up, resets and talks nonsense at
random. Each tenth process is a whole `pipeline serve` with its builds. The ledger is on a disk (SQLite,
`synchronous=FULL`). In the end all that is left is delivered in peace, and every mail that the server took over is held
against the ledger.

| | |
| --- | --- |
| kills | {verdict.kills:,} |
| seed | {verdict.seed} |
| time | {verdict.seconds:,.0f} s on {os.cpu_count()} cores, Python {platform.python_version()} |
| processes | {table(verdict.processes)} |
| deliveries | {sum(verdict.deliveries.values()):,}: {table(verdict.deliveries)} |
| runs | {table(verdict.runs)} |
| mails that the server took over | {verdict.mails:,}, for {verdict.copies:,} recipients |
| **lost** | **{sum("LOST" in line for line in verdict.wrong)}** |
| **repeated without a word in the ledger** | **{sum("REPEATED" in line for line in verdict.wrong)}** |
| copies beyond the first | {verdict.duplicates:,} |
| deliveries marked `possible_duplicate`, which may have such copies | {verdict.allowed:,} |
| attempts in the ledger, lines about them in the log | {verdict.attempts:,}, {verdict.logged:,} |
| lines of the log that a kill cut in two | {verdict.torn:,} |
| what the server did wrong | {table(verdict.misbehaved)} |

A marked one is a mail that was under way when a process died or a connection broke behind its final dot, of a job that
says `on_uncertain: resend`; one of `on_uncertain: hold` stays `uncertain` and is never sent again. A run whose builder
was killed three times is failed. Lines that the log lacks are those of commits whose process was killed before it could
write them: the ledger is what counts.

## What was wrong

{found}
"""
