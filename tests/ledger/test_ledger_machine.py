"""Whatever two workers, crashes and the clock do: nothing is lost, and nothing is sent twice without saying
so."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pipeline.ledger.database import open_ledger
from pipeline.ledger.outbox import Outbox
from pipeline.ledger.records import Delivery, Letter, Outcome, RunKey, Terms
from pipeline.ledger.runs import Runs
from pipeline.ledger.states import ENDED, RunState, run_outcome
from pipeline.ledger.states import DeliveryState as D
from pipeline.ledger.ways import Asking

START = datetime(2013, 2, 1, 11, 30, tzinfo=UTC)
MEMORY = Path("/dev/shm")  # where there is one, thousands of commits need not wait for a disk
LEASE = timedelta(seconds=60)
EXPIRES = timedelta(minutes=15)
OWNERS = st.sampled_from(["w1", "w2"])
REPLIES = st.sampled_from([D.UNCERTAIN, D.SENT, D.DEFERRED, D.QUEUED, D.FAILED])
FINAL = ENDED - {D.UNCERTAIN, D.HELD}


class Outside:
    """What the world saw: this is not told to the ledger, and must agree with it in the end."""

    def __init__(self) -> None:
        self.copies: Counter[int] = Counter()
        """Mails that a server took, by delivery."""
        self.claimed: dict[str, set[int]] = {"w1": set(), "w2": set()}
        self.held: dict[int, tuple[str, datetime]] = {}
        """Delivery → who has it, and until when nobody else may."""
        self.sending: dict[str, set[int]] = {"w1": set(), "w2": set()}


class OutboxMachine(RuleBasedStateMachine):
    """Two workers on one ledger. They may stop at any moment, forget all, and come back under the same
    name."""

    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine", dir=MEMORY if MEMORY.is_dir() else None))
        shutil.copy(self.template, self.folder / "ledger.sqlite3")
        self.engine = open_ledger("sqlite:///ledger.sqlite3", self.folder)
        self.runs, self.outbox = Runs(self.engine), Outbox(self.engine)
        self.now = START
        self.world = Outside()
        self.final: dict[int, D] = {}

    def teardown(self) -> None:
        self.engine.dispose()
        shutil.rmtree(self.folder)

    @initialize(
        messages=st.lists(st.integers(1, 2), min_size=1, max_size=2),
        on_uncertain=st.sampled_from(["resend", "resend", "hold"]),
    )
    def queue(self, messages: list[int], on_uncertain: str) -> None:
        self.key = RunKey("daily", START)
        self.hold = on_uncertain == "hold"
        self.runs.ensure(self.key, START)
        self.runs.start(self.key, "builder", START + LEASE, START)
        letters = [
            Letter(f"<{n}@x>", "s@x", tuple(f"{n}-{r}@x" for r in range(many)), b"", b"", b"", (), "")
            for n, many in enumerate(messages)
        ]
        self.runs.stage(self.key, "builder", letters)
        self.total = sum(messages)
        terms = Terms("relay", START + EXPIRES, 5, (60.0,), "hold" if self.hold else "resend")
        self.runs.queue(self.key, "builder", terms, START)

    @rule(owner=OWNERS, limit=st.integers(1, 4))
    def claim(self, owner: str, limit: int) -> None:
        claims = self.outbox.take(Asking("relay", owner, self.now, LEASE, limit)).claims
        for delivery in (delivery for claim in claims for delivery in claim.deliveries):
            assert self.world.held.get(delivery.id, ("", self.now))[1] <= self.now
            self.world.held[delivery.id] = (owner, self.now + LEASE)
            self.world.claimed[owner].add(delivery.id)

    @rule(owner=OWNERS, limit=st.integers(1, 4), reply=REPLIES)
    def work(self, owner: str, limit: int, reply: D) -> None:
        """From claim to outcome, as on most days."""
        self.claim(owner, limit)
        self.intend(owner)
        self.answer(owner, reply)

    @rule(owner=OWNERS, limit=st.integers(1, 4), took=st.booleans())
    def die(self, owner: str, limit: int, took: bool) -> None:
        """From claim to the final dot, and no further."""
        self.claim(owner, limit)
        self.intend(owner)
        self.crash(owner, took)

    @rule(owner=OWNERS, limit=st.integers(1, 4))
    def fall_asleep(self, owner: str, limit: int) -> None:
        """From claim to the final dot; whatever comes next, comes late."""
        self.claim(owner, limit)
        self.intend(owner)
        self.time_passes(61)
        self.sweep()

    @rule(owner=OWNERS)
    def intend(self, owner: str) -> None:
        wanted = sorted(self.world.claimed[owner])
        done = self.outbox.journal(wanted, [], owner, self.now)
        assert done.intended | done.lost == set(wanted)
        self.world.claimed[owner] -= set(wanted)
        self.world.sending[owner] |= done.intended

    @rule(owner=OWNERS, reply=REPLIES)
    def answer(self, owner: str, reply: D) -> None:
        """The reply to all that the worker is sending; UNCERTAIN: the server took it, and the line broke."""
        ids = sorted(self.world.sending[owner])
        if reply in {D.SENT, D.UNCERTAIN}:
            self.world.copies.update(ids)
        self._settle(owner, ids, reply)
        self.world.sending[owner].clear()

    @rule(owner=OWNERS, reply=st.sampled_from([D.DEFERRED, D.FAILED, D.QUEUED, D.EXPIRED, D.SUPPRESSED]))
    def refuse(self, owner: str, reply: D) -> None:
        """An outcome of a claim that was never begun."""
        ids = sorted(self.world.claimed[owner])[:1]
        self._settle(owner, ids, reply)
        self.world.claimed[owner] -= set(ids)

    @rule(owner=OWNERS, took=st.booleans())
    def crash(self, owner: str, took: bool) -> None:
        """The worker dies after an intent; the server took the mail, or did not."""
        if took:
            self.world.copies.update(self.world.sending[owner])
        self._forget(owner, self.world.sending[owner] | self.world.claimed[owner])
        self.world.sending[owner].clear()
        self.world.claimed[owner].clear()
        self.outbox.recover(self.now, dead={owner})

    @rule(owner=OWNERS)
    def release(self, owner: str) -> None:
        self.outbox.release(owner)
        self._forget(owner, self.world.claimed[owner])
        self.world.claimed[owner].clear()

    @rule(owner=OWNERS)
    def beat(self, owner: str) -> None:
        self.outbox.extend(owner, self.now + LEASE)
        for one, (holder, until) in self.world.held.items():
            if holder == owner and until > self.now:
                self.world.held[one] = (owner, self.now + LEASE)

    @rule(seconds=st.sampled_from([1, 61, 300]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        self.outbox.recover(self.now)
        self.outbox.expire(self.now)

    @invariant()
    def promises_are_kept(self) -> None:
        found = self.outbox.deliveries(limit=100)
        self._nothing_is_lost(found)
        for delivery in found:
            self._nothing_is_sent_twice_in_silence(delivery, self.world.copies[delivery.id])
            assert self.final.get(delivery.id, delivery.state) == delivery.state, "what has ended stays"
            if delivery.state in FINAL:
                self.final[delivery.id] = delivery.state

    def _nothing_is_lost(self, found: list[Delivery]) -> None:
        assert len(found) == self.total
        run = self.runs.get(self.key)
        assert run is not None
        assert run.state == run_outcome(Counter(delivery.state for delivery in found))
        if run.state is RunState.QUEUED and not self.outbox.owners():
            assert self.outbox.next_due("relay", self.now) is not None, "open, and nobody would ever look at it"

    def _nothing_is_sent_twice_in_silence(self, delivery: Delivery, copies: int) -> None:
        assert copies <= 1 or (delivery.possible_duplicate and not self.hold)
        if delivery.state is D.SENT:
            assert copies >= 1
        if delivery.state in {D.FAILED, D.EXPIRED} and not delivery.possible_duplicate:
            assert copies == 0

    # --- inside ---------------------------------------------------------------------------------------------

    def _settle(self, owner: str, ids: list[int], reply: D) -> None:
        wait = self.now + timedelta(minutes=1) if reply is D.DEFERRED else None
        outcomes = [Outcome(one, reply, self.now, 1, "dot", None, "", "OK", "", wait) for one in ids]
        done = self.outbox.journal([], outcomes, owner, self.now)
        self._forget(owner, set(ids) - done.lost)

    def _forget(self, owner: str, ids: Iterable[int]) -> None:
        for one in ids:
            if self.world.held.get(one, ("", self.now))[0] == owner:
                del self.world.held[one]


def test_the_outbox_keeps_its_promises(sqlite_template: Path) -> None:
    OutboxMachine.template = sqlite_template
    run_state_machine_as_test(
        OutboxMachine,
        settings=settings(
            max_examples=200,
            stateful_step_count=12,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
