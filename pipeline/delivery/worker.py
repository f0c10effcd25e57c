"""The worker: recovers what the dead left, ends what is too old, and lets every mailer work off its
share of the outbox."""

import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType

from pipeline.delivery.desk import OutboxDesk
from pipeline.delivery.lines import run_line, swept_line
from pipeline.delivery.ports import Barred, Clock, Mailer, Outbox, nobody_barred
from pipeline.delivery.throttle import Throttle
from pipeline.errors import LedgerError
from pipeline.ledger.records import Swept
from pipeline.ledger.ways import NO_LIMITS, Limits
from pipeline.observe.log import Log

POLL = 1.0
"""Seconds between two looks at an outbox in which nothing was due."""
SWEEP = 15.0
"""Seconds between two looks for what has expired or was left by the dead."""
LEDGER_PAUSE = 5.0
"""Seconds that a mailer rests when the ledger cannot be written or read."""


def nobody() -> Collection[str]:
    """For workers that are told of no dead owners: they wait for leases to end."""
    return ()


@dataclass(frozen=True, slots=True)
class Worked:
    """What `run_until_idle` did."""

    attempts: int
    waiting_until: datetime | None
    """The next time at which something is due or a paused mailer may be tried; None: nothing waits."""


class Worker:
    """Delivers from one outbox through several mailers, each in a thread of its own.

    `owner` names this process in the ledger and must be new at each start. `dead_owners` returns the names
    of processes that are known to have ended, whose claims need not run out. `limits` are by mailer. `barred`
    tells which deliveries must not be sent.
    """

    def __init__(
        self,
        outbox: Outbox,
        mailers: Mapping[str, Mailer],
        log: Log,
        clock: Clock,
        *,
        owner: str,
        dead_owners: Callable[[], Collection[str]] = nobody,
        limits: Mapping[str, Limits] = MappingProxyType({}),
        barred: Barred = nobody_barred,
        chance: random.Random | None = None,
        sleep: Callable[[float], object] = time.sleep,
        poll: float = POLL,
    ) -> None:
        self._outbox = outbox
        self._mailers = mailers
        self._log = log
        self._clock = clock
        self._owner = owner
        self._dead_owners = dead_owners
        self._sleep = sleep
        self._poll = poll
        self._barred = barred
        self._chance = chance or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._limits = limits
        self._stop = threading.Event()
        self._woken = {name: threading.Event() for name in mailers}
        self._desks = {name: self._desk(name) for name in mailers}

    def run_until_idle(self) -> Worked:
        """Works until nothing is due now: what is deferred, or whose mailer is paused, waits for another
        time.

        Raises LedgerError where the ledger cannot be used.
        """
        before = sum(desk.attempts for desk in self._desks.values())
        self.sweep()
        with ThreadPoolExecutor(max(1, len(self._mailers)), "mailer") as threads:
            futures = [threads.submit(self._work_off, name) for name in self._mailers]
            try:
                for future in futures:
                    future.result()
            except BaseException:  # Ctrl-C: the other mailers finish what is in flight, and no more
                self.stop()
                raise
        return Worked(sum(desk.attempts for desk in self._desks.values()) - before, self.next_due())

    def run_forever(self, stop: threading.Event) -> None:
        """Works until `stop` is set; then finishes the mails in flight and gives the rest back.

        A ledger that cannot be used is reported and tried again; anything else that a mailer raises ends
        the worker.
        """
        with ThreadPoolExecutor(len(self._mailers) + 1, "mailer") as threads:
            futures = [threads.submit(self._serve, name) for name in self._mailers]
            futures.append(threads.submit(self._keep_sweeping))
            try:
                while not stop.wait(0.2) and not any(future.done() for future in futures):
                    pass
            finally:
                self.stop()
            for future in futures:
                future.result()

    def stop(self) -> None:
        """No new letters: mails in flight are finished. Safe from any thread."""
        self._stop.set()
        self.wake()

    def wake(self) -> None:
        """There is something new in the outbox: look now and not at the next `POLL`. Safe from any thread."""
        for woken in self._woken.values():
            woken.set()

    def close(self) -> None:
        """Ends the mailers' connections and gives back what is held."""
        for mailer in self._mailers.values():
            mailer.close()
        for name in self._mailers:
            self._give_back(name)

    def sweep(self) -> None:
        """Frees what the dead held and ends what is too old, and logs both.

        What this process holds is not freed because its lease is over: the machine slept, and the answers may be there.
        """
        now = self._clock()
        gone = set(self._dead_owners())
        dead = [owner for owner in self._outbox.owners() if owner.partition("/")[0] in gone] if gone else []
        ours = [self._owner_of(name) for name in self._mailers]
        self._log_swept(partial(self._outbox.recover, now, dead, ours), "delivery.uncertain")
        self._log_swept(partial(self._outbox.expire, now), "delivery.expired")

    def next_due(self) -> datetime | None:
        """When there will be something to do, as far as is known now."""
        now = self._clock()
        times = []
        for name in self._mailers:
            due = self._outbox.next_due(name, now)
            if due is not None:
                times.append(max(due, self._desks[name].closed_until or due))
        return min(times, default=None)

    # --- inside -------------------------------------------------------------------------------------------

    def _desk(self, name: str) -> OutboxDesk:
        return OutboxDesk(
            self._outbox,
            name,
            self._owner_of(name),
            Throttle(self._outbox, name, self._owner_of(name), self._clock, self._limits.get(name, NO_LIMITS)),
            log=self._log,
            clock=self._clock,
            sleep=self._sleep,
            stopping=self._stop.is_set,
            chance=self._chance,
            barred=self._barred,
        )

    def _owner_of(self, name: str) -> str:
        return f"{self._owner}/{name}"

    def _work_off(self, name: str) -> None:
        """Until nothing is due; where letters leave by the second, that is so only when the last has left."""
        mailer, desk = self._mailers[name], self._desks[name]
        try:
            mailer.run(desk)
            while (rest := desk.rest(POLL)) < POLL and not self._stop.is_set():
                self._sleep(rest)
                mailer.run(desk)
        finally:
            desk.tell()
        mailer.tend()

    def _serve(self, name: str) -> None:
        while not self._stop.is_set():
            try:
                self._woken[name].clear()
                self._work_off(name)
                self._woken[name].wait(self._poll)
            except LedgerError as error:
                self._rest(name, error)
        self._give_back(name)

    def _give_back(self, name: str) -> None:
        """What is claimed and not begun; where the ledger cannot be written, its leases end by themselves."""
        try:
            self._outbox.release(self._owner_of(name))
        except LedgerError as error:
            self._log.emit("service.error", reason=f"mailer {name} keeps its letters until their leases end: {error}")

    def _rest(self, name: str, error: LedgerError) -> None:
        """The ledger failed under a mailer: what it held is recovered once the ledger can be used again."""
        self._log.emit("service.error", reason=f"mailer {name} rests, the ledger cannot be used: {error}")
        while not self._stop.wait(LEDGER_PAUSE):
            try:
                ours = partial(self._outbox.recover, self._clock(), [self._owner_of(name)])
                self._log_swept(ours, "delivery.uncertain")
            except LedgerError:
                continue
            return

    def _keep_sweeping(self) -> None:
        while not self._stop.is_set():
            try:
                self.sweep()
            except LedgerError as error:
                self._log.emit("service.error", reason=f"the outbox cannot be swept: {error}")
            self._stop.wait(SWEEP)

    def _log_swept(self, step: Callable[[], Swept], event: str) -> None:
        """Each step is in the log before the next: a huge run that expires is never in memory as a whole."""
        more = True
        while more:
            swept = step()
            deliveries = [swept_line(delivery, event) for delivery in swept.deliveries]
            self._log.emit_all([*deliveries, *map(run_line, swept.ended)])
            more = swept.more and not self._stop.is_set()
