"""Who is measured: how each is started, what it needs, and what it does and does not promise."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.fetch import Fetched
from bench.workload import WORKLOADS

HERE = Path(__file__).parent
MAIL_BYTES = {"W1": 12_500, "W2": 326_000, "W3": 12_500}
"""What smtp-source sends: as much as ours is on the wire."""


@dataclass(frozen=True)
class Peer:
    """One row of a table."""

    name: str
    title: str
    command: tuple[str, ...]
    """With PORT and MAILS to be filled in; empty where it cannot run here."""
    share: float = 1.0
    """Of the workload's mails: who waits out each round trip on one connection is measured on fewer."""
    measures_itself: bool = True
    """Whether it prints its own measures; else the whole process is timed."""
    chunking: bool = False
    """Whether it is measured against a sink that offers CHUNKING."""


def peers_of(workload: str, fetched: Fetched, folder: Path) -> list[Peer]:
    """All peers of one workload, the floor first."""
    delayed = bool(WORKLOADS[workload].round_trip)
    rest = ("PORT", "MAILS", str(folder))

    def python(interpreter: str, module: str, *more: str) -> tuple[str, ...]:
        return (interpreter, "-m", f"bench.{module}", workload, *rest, *more) if interpreter else ()

    theirs, node = fetched.python, fetched.node
    sessions = 10 if delayed else 4
    floor = f"smtp-source, {sessions} sessions: C, one message again and again"
    ours = WORKLOADS[workload].connections
    bdat = f"**pipeline**, {ours} connections, CHUNKING offered (bench/sink.py), **durable**"
    nodemailer = (node, str(HERE / "nodemailer_peer.js"), workload, *rest, str(fetched.modules)) if node else ()
    return [
        Peer("floor", floor, _floor(workload, sessions), measures_itself=False),
        Peer(
            "smtplib",
            "smtplib, one connection, EmailMessage",
            python(sys.executable, "smtplib_peer"),
            share=0.06 if delayed else 1.0,
        ),
        Peer("aiosmtplib", "aiosmtplib, 10 connections, EmailMessage", python(theirs, "aiosmtplib_peer")),
        Peer("post_office", "django-post_office, its best settings, **durable**", python(theirs, "post_office_peer")),
        Peer("nodemailer", "nodemailer, pool of 10, Handlebars", nodemailer),
        Peer("ours", f"**pipeline**, {ours} connections, **durable**", python(sys.executable, "our_peer")),
        Peer(
            "ours2",
            f"**pipeline**, two processes of {ours} connections, one ledger, **durable**",
            python(sys.executable, "our_peer", "2"),
        ),
        *([Peer("bdat", bdat, python(sys.executable, "our_peer"), chunking=True)] if delayed else []),
    ]


def _floor(workload: str, sessions: int) -> tuple[str, ...]:
    tool = shutil.which("smtp-source")
    if tool is None:
        return ()
    message = ("-l", str(MAIL_BYTES[workload]), "-f", "reports@example.com", "-t", "user@example.com")
    return (tool, "-d", "-m", "MAILS", "-s", str(sessions), *message, "127.0.0.1:PORT")
