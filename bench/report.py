"""From measured runs to bench/RESULTS.md: medians, ratios, versions, and the facts of the machine that matter."""

import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from statistics import median

from bench import sink
from bench.peers import Peer
from bench.runs import Run, mails_of
from bench.workload import Workload

PACKAGES = ("jinja2", "sqlalchemy", "css-inline")
GOALS = {
    ("W1", "ours", "floor"): 0.25,
    ("W1", "ours", "nodemailer"): 2.5,
    ("W1", "ours", "post_office"): 4.5,
    ("W1", "ours2", "floor"): 0.38,
    ("W2", "ours", "floor"): 1.0,
    ("W2", "ours", "nodemailer"): 3.0,
    ("W2", "ours", "post_office"): 6.0,
    ("W3", "ours", "floor"): 3.0,
    ("W3", "ours", "nodemailer"): 1.6,
    ("W3", "bdat", "floor"): 8.0,
}
"""Workload, ours, the other: messages a second of ours for one of theirs."""
CPU_GOAL = 7.0
"""W1: messages a CPU second against smtplib's."""
Rounds = Sequence[Mapping[str, Run]]


def rate(run: Run) -> float:
    return run["mails"] / run["seconds"]


def per_cpu(run: Run) -> float:
    return run["mails"] / max(run["cpu_seconds"], 1e-3)


def ratio(rounds: Rounds, ours: str, other: str, measure: object = rate) -> float | None:
    """The median of the ratios within a round; None where one of them is absent."""
    assert callable(measure)
    pairs = [(one[ours], one[other]) for one in rounds if ours in one and other in one]
    return median(measure(a) / measure(b) for a, b in pairs) if pairs else None


def section(name: str, workload: Workload, peers: Sequence[Peer], rounds: Rounds, mails: int) -> str:
    """One workload: its table, and how far the goals are met."""
    lines = [
        f"## {name}: {mails:,} {workload.title}",
        "",
        "| peer | mails/s | lowest–highest | ÷ smtp-source | CPU ms/mail | mails a CPU second ÷ smtplib | peak MiB |",
        "| --- | --: | --: | --: | --: | --: | --: |",
        *(_row(peer, rounds, mails) for peer in peers),
        "",
    ]
    goals = [_goal(rounds, ours, other, goal) for (which, ours, other), goal in GOALS.items() if which == name]
    if name == "W1":
        reached = ratio(rounds, "ours", "smtplib", per_cpu)
        goals.append(f"CPU against smtplib {_number(reached)} of {CPU_GOAL:g}")
    return "\n".join([*lines, "Reached of the goals: " + "; ".join(goals) + ".", ""])


def machine(versions: Mapping[str, str]) -> str:
    """What the numbers depend on, and nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    peers = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}; peers: {peers or 'none'}; "
        f"sink: {sink.kind()}. A write of 4 kB with fsync takes {1000 * fsync_seconds():.2f} ms; "
        f"load of the machine at the end: {os.getloadavg()[1]:.1f}."
    )


def fsync_seconds(times: int = 100) -> float:
    """Median, in the folder where the bench's ledger is: what every commit costs at least."""
    taken = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(times):
            start = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - start)
    return median(taken)


def _row(peer: Peer, rounds: Rounds, mails: int) -> str:
    runs = [one[peer.name] for one in rounds if peer.name in one]
    if not runs:
        return f"| {peer.title} | absent | | | | | |"
    rates = [rate(run) for run in runs]
    few = "" if peer.share == 1 else f" ({mails_of(peer, mails)} mails)"
    cpu = median(1000 * run["cpu_seconds"] / run["mails"] for run in runs)
    return (
        f"| {peer.title}{few} | {median(rates):,.0f} | {min(rates):,.0f}–{max(rates):,.0f} "
        f"| {_number(ratio(rounds, peer.name, 'floor'))} | {cpu:.2f} "
        f"| {_number(ratio(rounds, peer.name, 'smtplib', per_cpu))} | {median(run['peak_mib'] for run in runs):,.0f} |"
    )


def _goal(rounds: Rounds, ours: str, other: str, goal: float) -> str:
    names = {"ours": "one process", "ours2": "two processes", "bdat": "BDAT", "floor": "smtp-source"}
    who, whom = names.get(ours, ours), names.get(other, other)
    return f"{who} against {whom} {_number(ratio(rounds, ours, other))} of {goal:g}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
