"""One run of one peer against a fresh sink, in a process of its own."""

import json
import os
import subprocess
import sys
import time

from bench import sink
from bench.peers import Peer
from bench.workload import Workload

Run = dict[str, float]


def mails_of(peer: Peer, mails: int) -> int:
    """How many mails the peer is measured on."""
    return max(20, round(mails * peer.share))


def run_peer(peer: Peer, workload: Workload, mails: int) -> Run:
    """mails, seconds, cpu_seconds, peak_mib. Raises SystemExit where the peer failed."""
    count = mails_of(peer, mails)
    with sink.running(workload.round_trip, chunking=peer.chunking) as port:
        filled = [word.replace("PORT", str(port)).replace("MAILS", str(count)) for word in peer.command]
        start = time.perf_counter()
        process = subprocess.Popen(filled, stdout=subprocess.PIPE)
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{peer.name} failed with exit code {process.returncode}")
    if peer.measures_itself:
        found: Run = json.loads(said.splitlines()[-1])
        return found
    cpu = usage.ru_utime + usage.ru_stime
    return {"mails": count, "seconds": seconds, "cpu_seconds": cpu, "peak_mib": usage.ru_maxrss / 1024}
