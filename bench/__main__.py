"""`make bench`: our durable delivery, our files and their peers, in turn, on this machine. Writes bench/RESULTS.md.

Peers come from their registries (PyPI, npm) into bench/out; smtp-source and smtp-sink are Debian's (package postfix).
What is not there leaves its row absent. A short one: `python -m bench W1 --rounds 1 --mails 500 --only ours,smtplib`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from bench import exports, report
from bench.fetch import Fetched, fetch, versions
from bench.peers import Peer, peers_of
from bench.runs import Run, run_peer
from bench.workload import WORKLOADS, Workload

HERE = Path(__file__).parent
OUT = HERE / "out"


def measure(peers: list[Peer], workload: Workload, rounds: int, mails: int) -> list[dict[str, Run]]:
    """Each peer in turn within a round."""
    found: list[dict[str, Run]] = []
    for number in range(1, rounds + 1):
        found.append({peer.name: run_peer(peer, workload, mails) for peer in peers if peer.command})
        rates = (f"{peer} {report.rate(run):,.0f}/s" for peer, run in found[-1].items())
        print(f"  round {number} of {rounds}: {', '.join(rates)}", flush=True)
    return found


def main() -> None:
    """Fetches, measures, writes."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="W1|W2|W3")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mails", type=int, help="in place of the workload's number")
    parser.add_argument("--only", default="", help="names of peers, with commas; nothing is fetched if it needs not be")
    options = parser.parse_args()
    only = set(filter(None, options.only.split(",")))
    local = only and not only & {"aiosmtplib", "post_office", "nodemailer"}
    fetched = Fetched("", "", OUT) if local else fetch(OUT / "peers")
    most = options.mails or max(WORKLOADS[name].mails for name in options.workloads)
    subprocess.run([sys.executable, "-m", "bench.workload", str(OUT), str(most)], check=True)
    sections = []
    for name in options.workloads:
        workload = WORKLOADS[name]
        mails = options.mails or workload.mails
        peers = [peer for peer in peers_of(name, fetched, OUT) if not only or peer.name in only]
        print(f"{name}: {mails:,} {workload.title}", flush=True)
        rounds = measure(peers, workload, options.rounds, mails)
        sections.append(report.section(name, workload, peers, rounds, mails))
    if not only:
        print("files", flush=True)
        sections.append(exports.section(exports.measure(min(options.rounds, 2))))
    text = (HERE / "results.md.in").read_text(encoding="utf-8")
    text = text.replace("{rounds}", str(options.rounds)).replace("{machine}", report.machine(versions(fetched)))
    text = text.replace("{sections}", "\n".join(sections))
    (HERE / "RESULTS.md").write_text(text, encoding="utf-8")
    print("\n".join(sections))


if __name__ == "__main__":
    main()
