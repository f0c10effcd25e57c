"""Kills a real worker at random, many times, before a real SMTP server that misbehaves at random; then counts mails.

    python -m soak [--kills 1000] [--seed 1] [--result FILE] [--folder DIR]

What is killed is `pipeline deliver`, and each tenth time `pipeline serve` with its builds, by SIGKILL, after a random
time or at a random point of the dialogue. The ledger is on a disk. Between two processes the clock moves on, so that
what was deferred is due and paused mailers may be tried. In the end everything is delivered in peace, and what the
server took over is held against the ledger, and the ledger against the log. The seed decides all that chance decides
here; the machine's own timing it does not decide.
"""

import argparse
import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import soak_worker
from delivery_bench import make_letter
from projects import make_project
from scripted_smtp import CHUNKING, OFFERS, Act, ScriptedServer, Turn, cut, reset, say
from soak_page import Verdict, page

from pipeline.ledger.records import Delivery, Run, RunKey, Terms
from pipeline.ledger.states import ENDED, OPEN, DeliveryState, RunState, run_outcome
from pipeline.observe.reader import parse_line
from pipeline.wiring import Workspace

CONNECTIONS = 4
WINDOW = 8
"""Letters that a session may have under way where the server knows CHUNKING."""
PEOPLE = 25
JOBS = """\
defaults: {{from: Reports <reports@example.com>}}
mailers:
  relay: {{smtp: "smtp+plain://127.0.0.1:{port}", connections: {connections}}}
jobs:
  burst:
    schedule: {{every: 30 minutes, missed: all, grace: 300 days}}
    data: {{people: people.csv}}
    exports: csv
    each: people
    delivery: {{expires: 300 days, retry: 1m, on_uncertain: resend}}
"""
SERVE_EVERY = 10
_OPEN_RUNS = (RunState.DUE, RunState.BUILDING, RunState.QUEUED)
PATIENCE = 60.0


@dataclass
class Mischief:
    """What the server does wrong, by chance, and the point at which a process dies."""

    chance: random.Random
    quiet: bool = False
    pid: int | None = None
    verb: str = ""
    left: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    misbehaved: Counter[str] = field(default_factory=Counter)

    def script(self) -> dict[str, Callable[[Turn], Act | None]]:
        return {verb: self._at(verb, acts) for verb, acts in _ACTS.items()}

    def aim(self, pid: int, verb: str, after: int) -> None:
        """Kills this process when the verb has come so often."""
        with self.lock:
            self.pid, self.verb, self.left = pid, verb, after

    def _at(self, verb: str, acts: "Sequence[tuple[float, str, Callable[[], Act]]]") -> Callable[[Turn], Act | None]:
        def act(_: Turn) -> Act | None:
            with self.lock:
                if self.quiet:
                    return None
                if self.pid is not None and verb == self.verb:
                    self.left -= 1
                    if self.left <= 0:
                        kill(self.pid)
                        self.pid = None
                roll = self.chance.random()
                for odds, name, make in acts:
                    if roll < odds:
                        self.misbehaved[f"{verb}: {name}"] += 1
                        return make()
                    roll -= odds
            return None

        return act


_ACTS: dict[str, Sequence[tuple[float, str, Callable[[], Act]]]] = {
    "connect": [(0.01, "421", lambda: cut("421 4.3.2 too busy")), (0.01, "reset", reset)],
    "mail": [(0.005, "451", lambda: say("451 4.3.0 try again")), (0.003, "cut", cut)],
    "rcpt": [
        (0.01, "450", lambda: say("450 4.2.1 mailbox busy")),
        (0.01, "550", lambda: say("550 5.1.1 no such user")),
        (0.003, "reset", reset),
    ],
    "data": [(0.005, "451", lambda: say("451 4.3.0 try again")), (0.003, "cut", cut)],
    "body": [(0.004, "reset", reset)],
    "dot": [
        (0.01, "451", lambda: say("451 4.3.0 try again")),
        (0.005, "554", lambda: say("554 5.6.0 I do not like it")),
        (0.005, "taken and cut", lambda: cut(taken=True)),
        (0.005, "cut", lambda: cut(taken=False)),
        (0.003, "garbage", lambda: say("x\x00y", pieces=1)),
    ],
    "rset": [(0.01, "cut", cut)],
}  # fmt: skip


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Soak:
    def __init__(self, folder: Path, kills: int, seed: int) -> None:
        self.kills, self.seed = kills, seed
        self.chance = random.Random(seed)
        self.mischief = Mischief(random.Random(seed + 1))
        self.ahead = timedelta(0)
        self.batches = 0
        self.processes: Counter[str] = Counter()
        self.killed = 0
        self.wrong: list[str] = []
        self.root = folder
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(
            ["soak_worker", "pipeline.ledger.migrate", "pipeline.delivery.mailers.smtp"]
        )

    def run(self) -> Verdict:
        started = time.monotonic()
        offers = CHUNKING if self.chance.random() < 0.5 else OFFERS
        with ScriptedServer(script=self.mischief.script(), tolerant=True, offers=offers) as server:
            people = "email,shop\n" + "".join(f"reader{n}@example.com,{n}\n" for n in range(PEOPLE))
            jobs = JOBS.format(port=server.port, connections=CONNECTIONS)
            make_project(self.root, jobs, people_dot_csv=people)
            with Workspace(self.root, environ={}) as workspace:
                self.queue(workspace)
                while self.killed < self.kills:
                    server.offers = CHUNKING if self.chance.random() < 0.5 else OFFERS
                    self.round(workspace)
                self.finish(workspace)
                found = list(every_delivery(workspace))
                received = server.received()
                return self.judge(workspace, found, received, len(server.mails), time.monotonic() - started)

    # --- one process after the other --------------------------------------------------------------------------

    def queue(self, workspace: Workspace) -> None:
        """More mails, as a build would have staged them; half of them are of a job that never sends twice."""
        self.batches += 1
        careful = self.chance.random() < 0.5
        now = soak_worker.later(self.ahead)()
        key = RunKey("careful" if careful else "direct", now.replace(microsecond=0) + timedelta(seconds=self.batches))
        letters = []
        for n in range(self.chance.randint(20, 60)):
            name = f"{self.batches}-{n}"
            to = [f"p{name}-{m}@example.com" for m in range(self.chance.choice([1, 1, 1, 3]))]
            letters.append(make_letter(self.batches * 1000 + n, to))
        terms = Terms("relay", now + timedelta(days=300), 5, (60.0,), "hold" if careful else "resend")
        workspace.runs.ensure(key, now)
        workspace.runs.start(key, f"soak-{self.batches}", now + timedelta(minutes=5), now)
        workspace.runs.stage(key, f"soak-{self.batches}", letters)
        workspace.runs.queue(key, f"soak-{self.batches}", terms, now)

    def round(self, workspace: Workspace) -> None:
        self.ahead += timedelta(minutes=self.chance.uniform(2, 20))
        if sum(count for state, count in workspace.outbox.counts().items() if state in OPEN) < 100:
            self.queue(workspace)
        kind = "serve" if self.killed % SERVE_EVERY == SERVE_EVERY - 1 else "deliver"
        process = self.start(kind)
        if kind == "serve":
            process.join(self.chance.uniform(0.2, 5.0))
        elif self.chance.random() < 0.3:
            process.join(self.chance.uniform(0.0, 0.6))
        else:
            verb = self.chance.choice(["connect", "mail", "rcpt", "data", "body", "dot", "dot", "dot"])
            self.mischief.aim(process.pid, verb, self.chance.randint(1, 3 if verb == "connect" else 25))
            process.join(PATIENCE)
        self.end(process)

    def start(self, kind: str) -> Any:
        self.processes[kind] += 1
        process: Any = self.context.Process(target=getattr(soak_worker, kind), args=(self.root, self.ahead))
        process.start()
        return process

    def end(self, process: Any) -> None:
        """Kills it if it lives, and counts that; one that ended by itself had nothing left to do."""
        self.mischief.aim(-1, "", 0)
        self.mischief.pid = None
        kill(process.pid)
        process.join(PATIENCE)
        if process.exitcode == -signal.SIGKILL:
            self.killed += 1
        elif process.exitcode != 0:
            self.wrong.append(f"a process ended with exit status {process.exitcode}")
            self.killed += 1  # else it would go on for ever

    def finish(self, workspace: Workspace) -> None:
        """All that is left, without a kill and before a server that behaves."""
        self.mischief.quiet = True
        for _ in range(100):
            self.ahead += timedelta(minutes=20)
            process = self.start("serve")
            give_up = time.monotonic() + PATIENCE
            while open_work(workspace) and time.monotonic() < give_up and process.is_alive():
                process.join(0.1)
                if only_later(workspace, self.ahead):
                    break
            os.kill(process.pid, signal.SIGTERM)
            process.join(PATIENCE)
            if not open_work(workspace):
                return
        self.wrong.append(f"still open in the end: {open_work(workspace)}")

    # --- what came of it --------------------------------------------------------------------------------------

    def judge(
        self,
        workspace: Workspace,
        found: list[Delivery],
        received: Counter[tuple[str, str]],
        mails: int,
        seconds: float,
    ) -> Verdict:
        wrong = self.wrong
        copies = Counter(
            {(one.recipient, one.message_id): received.get((one.recipient, one.message_id), 0) for one in found}
        )
        for one in found:
            wrong += wrong_with(one, copies[one.recipient, one.message_id])
        strangers = set(received) - set(copies)
        wrong += [f"{who} got {what}, of which the ledger knows nothing" for who, what in sorted(strangers)]
        by_run: dict[str, Counter[DeliveryState]] = {}
        for one in found:
            by_run.setdefault(str(one.run), Counter())[one.state] += 1
        runs = workspace.runs.find(limit=1_000_000)
        for run in runs:
            if str(run.key) in by_run and run.state is not run_outcome(by_run[str(run.key)]):
                wrong.append(f"run {run.key} is {run.state}, its deliveries say {run_outcome(by_run[str(run.key)])}")
            elif run.state in _OPEN_RUNS or (run.state is RunState.FAILED and not given_up(run)):
                wrong.append(f"run {run.key} is {run.state}: {run.reason}")
            built = run.state not in (RunState.MISSED, RunState.FAILED)
            if run.key.job == "burst" and built and len(by_run.get(str(run.key), ())) == 0:
                wrong.append(f"run {run.key} is {run.state} without a delivery: {run.reason}")
        duplicates = sum(count - 1 for count in received.values() if count > 1)
        allowed = sum(one.possible_duplicate for one in found)
        in_flight = self.kills * CONNECTIONS * WINDOW * 3 + sum(self.mischief.misbehaved.values()) * WINDOW * 3
        if not duplicates <= allowed <= in_flight:
            wrong.append(f"{duplicates} duplicates, {allowed} suspected, {in_flight} can have been in flight")
        attempts, logged, torn = self.logged(workspace, found)
        return Verdict(
            self.killed, self.seed, seconds, self.processes, Counter(str(one.state) for one in found),
            Counter(str(run.state) for run in runs), mails, sum(received.values()), duplicates, allowed,
            attempts, logged, torn, self.mischief.misbehaved, wrong,
        )  # fmt: skip

    def logged(self, workspace: Workspace, found: list[Delivery]) -> tuple[int, int, int]:
        """How many attempts the ledger has, how many lines about one the log, and how many half lines. A kill between
        the commit and its lines, or while they are written, may cost the lines of that commit, and nothing else."""
        ends = {f"delivery.{state}" for state in ("sent", "deferred", "failed", "uncertain")}
        lines: Counter[tuple[int, str]] = Counter()
        torn = 0
        for path in sorted(workspace.log_file.parent.iterdir()):
            for text in path.read_text(encoding="utf-8").splitlines():
                line = parse_line(text)
                if line is None:
                    torn += 1
                elif line["event"] in ends:
                    lines[line["delivery"], line["event"].partition(".")[2]] += 1
        attempts: Counter[tuple[int, str]] = Counter()
        for one in found:
            for attempt in workspace.outbox.attempts(one.id):
                attempts[one.id, str(attempt.state)] += 1
        more = lines - attempts
        self.wrong += [f"the log has {n} lines more than the ledger: delivery {d} {s}" for (d, s), n in more.items()]
        if torn > self.killed:
            self.wrong.append(f"the log has {torn} lines that are none, after {self.killed} kills")
        return attempts.total(), lines.total(), torn


def wrong_with(one: Delivery, copies: int) -> list[str]:
    """What must not be of one recipient."""
    name = f"delivery {one.id} of {one.run} to {one.recipient} is {one.state} after {one.attempts} attempts"
    if one.state not in ENDED:
        return [f"{name}: not ended"]
    found = []
    if one.state is DeliveryState.SENT and not copies:
        found.append(f"{name}, and the server never took it over: LOST")
    if copies > 1 and not one.possible_duplicate:
        found.append(f"{name}, and came {copies} times without a word: REPEATED")
    if one.state in (DeliveryState.FAILED, DeliveryState.EXPIRED) and copies and not one.possible_duplicate:
        found.append(f"{name}, and came {copies} times")
    if one.job == "careful" and copies > 1:
        found.append(f"{name}, and came {copies} times in spite of on_uncertain: hold")
    if not one.attempts:
        found.append(f"{name}: ended without an attempt")
    return found


def given_up(run: Run) -> bool:
    """Whether the service was killed each time that it built the run or told of it: it fails, and says why."""
    return run.reason.startswith("its builder died")


def every_delivery(workspace: Workspace) -> Iterator[Delivery]:
    for run in workspace.runs.find(limit=1_000_000):
        yield from workspace.outbox.deliveries(run=run.key, limit=1_000_000)


def open_work(workspace: Workspace) -> dict[str, int]:
    """What is still to happen, by state."""
    found = {str(state): count for state, count in workspace.outbox.counts().items() if state in OPEN and count}
    for state in (RunState.DUE, RunState.BUILDING):
        if runs := len(workspace.runs.find(state=state, limit=100_000)):
            found[str(state)] = runs
    return found


def only_later(workspace: Workspace, ahead: timedelta) -> bool:
    """Whether all that is open waits for a time that this process will not see."""
    now = soak_worker.later(ahead)()
    due = workspace.outbox.next_due("relay", now)
    idle = not workspace.outbox.owners() and not set(open_work(workspace)) & {"due", "building"}
    return idle and due is not None and due > now + timedelta(seconds=5)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Kill a worker at random, many times; then count mails.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result", type=Path, help="where to write the page")
    parser.add_argument(
        "--folder", type=Path, help="where the project and its ledger are made; default: a temporary one"
    )
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="soak", dir=given.folder))
    try:
        verdict = Soak(folder, given.kills, given.seed).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = page(verdict)
    if given.result is not None:
        given.result.write_text(text, encoding="utf-8")
    print(text)
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
