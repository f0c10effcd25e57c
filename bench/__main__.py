"""`make bench`: our durable delivery against smtplib, in turn, on this machine. Writes bench/RESULTS.md."""

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench import sink

HERE = Path(__file__).parent
PEERS = {
    "smtplib": "smtplib, one connection, EmailMessage; nothing stored",
    "our": "pipeline: ledger and fsync on, 10 connections",
}
PACKAGES = ("jinja2", "sqlalchemy", "css-inline")

Run = dict[str, float]


def run_peer(peer: str, mails: int, people: Path) -> Run:
    """One run against a fresh sink: mails, seconds, cpu_seconds, peak_mib."""
    with sink.running() as port:
        command = [sys.executable, "-m", f"bench.{peer}_peer", str(port), str(mails), str(people)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: Run = json.loads(done.stdout.splitlines()[-1])
    return found


def table(rounds: Sequence[dict[str, Run]]) -> str:
    """Medians over the rounds; a ratio is the median of the ratios within a round."""
    lines = [
        "| peer | mails/s | lowest–highest | mails/s ÷ smtplib | mails per CPU second ÷ smtplib | peak MiB |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    for peer, title in PEERS.items():
        rates = [one[peer]["mails"] / one[peer]["seconds"] for one in rounds]
        wall = median(one["smtplib"]["seconds"] / one[peer]["seconds"] for one in rounds)
        cpu = median(one["smtplib"]["cpu_seconds"] / one[peer]["cpu_seconds"] for one in rounds)
        peak = median(one[peer]["peak_mib"] for one in rounds)
        lines.append(
            f"| {title} | {median(rates):,.0f} | {min(rates):,.0f}–{max(rates):,.0f} "
            f"| {wall:.2f} | {cpu:.2f} | {peak:,.0f} |"
        )
    return "\n".join(lines)


def machine() -> str:
    """What the numbers depend on, and nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}; "
        f"sink: {sink.kind()}. A write of 4 kB with fsync takes {1000 * fsync_seconds():.2f} ms."
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


def main() -> None:
    """Runs all peers in turn, some rounds of it, and writes what came out."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    people = HERE / "out/people.jsonl"
    subprocess.run([sys.executable, "-m", "bench.workload", str(people), str(options.mails)], check=True)
    rounds = []
    for number in range(1, options.rounds + 1):
        rounds.append({peer: run_peer(peer, options.mails, people) for peer in PEERS})
        rates = (f"{peer} {run['mails'] / run['seconds']:,.0f}/s" for peer, run in rounds[-1].items())
        print(f"round {number} of {options.rounds}: {', '.join(rates)}", flush=True)
    found = table(rounds)
    text = (HERE / "results.md.in").read_text(encoding="utf-8")
    text = text.replace("{mails}", f"{options.mails:,}").replace("{rounds}", str(options.rounds))
    text = text.replace("{table}", found).replace("{machine}", machine())
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
