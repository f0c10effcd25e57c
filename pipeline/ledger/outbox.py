"""The outbox: deliveries of queued runs, from the first claim to the last outcome."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Engine, func, select

from pipeline.ledger import circuits, claims, looking, metering, sweeping, taking
from pipeline.ledger.auditing import write_audit
from pipeline.ledger.database import read, write
from pipeline.ledger.journal import WAITING, journal
from pipeline.ledger.looking import Which
from pipeline.ledger.operator_records import Action, Note
from pipeline.ledger.records import Attempt, Delivery, Journaled, Outcome, RunKey, Swept
from pipeline.ledger.schema import deliveries, runs
from pipeline.ledger.states import DeliveryState, RunState
from pipeline.ledger.ways import Asking, Circuit, Limits, Taken, Usage, Waiting

_SWEEP = 1_000
"""Deliveries changed in one transaction by `recover` and `expire`."""


class Outbox:
    """The deliveries of one ledger. Safe to share between threads; each call is one transaction.

    An owner is one worker's name, new at each start of a process. All that it holds has a lease; who lets the
    lease end loses its claims, and of what it was sending nobody knows the outcome.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- working --------------------------------------------------------------------------------------------

    def take(self, asking: Asking) -> Taken:
        """Hands messages that are due to one worker, within what the mailer's circuit and its limits let through at
        this instant.

        In the order of priority, the run's due time, and the time of the next attempt; jobs of one priority take turns.
        A claim holds those of the message's deliveries that are due, and its letter names only their recipients.

        An open circuit lets nothing through, one that probes a single letter to a single owner. What is handed
        out counts in the limits at once, whatever becomes of it; what is given back untried counts no more,
        except for the spread over the second. The intent to send what was taken is what makes it last.
        """
        with write(self._engine, lasting=False) as connection:
            return taking.take(connection, asking)

    def journal(
        self, intents: Sequence[int], outcomes: Sequence[Outcome], owner: str, now: datetime, *, metered: str = ""
    ) -> Journaled:
        """Writes, in one transaction, which claimed deliveries are about to be sent and what became of
        others.

        Only what comes back as `intended` may be sent. An outcome ends the claim; its attempt is recorded,
        except that of one given back untried (state queued). An uncertain one is sent again or stays, as its
        run says. `metered` names the mailer if it has limits: its attempts count.
        Raises IllegalTransitionError, and writes nothing, for a change that the states do not have.
        """
        if not intents and not outcomes:
            return Journaled(frozenset(), frozenset(), frozenset(), ())
        with write(self._engine) as connection:
            done = journal(connection, intents, outcomes, owner, now)
            if metered:
                tried = [one for one in outcomes if one.phase != "local" and one.state is not DeliveryState.QUEUED]
                metering.charge(connection, metered, sum(one.delivery not in done.lost for one in tried), now)
            return done

    def release(self, owner: str) -> int:
        """Gives back what the owner claimed and has not begun to send; how many deliveries that were."""
        with write(self._engine) as connection:
            return claims.release(connection, owner)

    def extend(self, owner: str, until: datetime) -> int:
        """The owner lives: all that it holds is its until then; how many deliveries that are."""
        with write(self._engine) as connection:
            return claims.extend(connection, owner, until)

    # --- ways out -------------------------------------------------------------------------------------------

    def circuit(self, mailer: str) -> Circuit | None:
        """The mailer's circuit, if it is open or probing."""
        with read(self._engine) as connection:
            return circuits.find(connection, mailer)

    def change_circuit(self, mailer: str, change: circuits.Change) -> tuple[Circuit | None, Circuit | None]:
        """Changes a circuit while nobody else can; before and after."""
        with write(self._engine) as connection:
            return circuits.change(connection, mailer, change)

    def resume(self, mailer: str, note: Note) -> Circuit | None:
        """An operator closes the mailer's circuit; what it was, or None where it was closed already. Audited."""
        with write(self._engine) as connection:
            before, _ = circuits.change(connection, mailer, lambda _: None)
            if before is not None:
                write_audit(connection, Action.RESUME, note, f"mailer:{mailer}", 1)
        return before

    def begin_metering(self, mailer: str, now: datetime) -> None:
        """To be called before the first `take` with limits: counts what was sent in the last day without them."""
        with write(self._engine) as connection:
            metering.begin(connection, mailer, now)

    def usage(self, mailer: str, limits: Limits, now: datetime) -> Usage:
        """How much of the limits is used."""
        with read(self._engine) as connection:
            return metering.summary(connection, mailer, limits, now)

    def waiting(self, mailer: str, now: datetime) -> Waiting:
        """What waits for the mailer."""
        conditions = (
            runs.c.state == RunState.QUEUED,
            runs.c.mailer == mailer,
            deliveries.c.state.in_(WAITING),
        )
        query = select(func.count()).select_from(deliveries).join(runs, runs.c.id == deliveries.c.run_id)
        with read(self._engine) as connection:
            count = connection.execute(query.where(*conditions)).scalar_one()
            return Waiting(count, claims.next_due(connection, mailer, now) if count else None)

    # --- sweeping: in steps, so that workers get their turn, and each is told before the next -----------------

    def owners(self) -> set[str]:
        """Who holds claims: a process that starts can tell which of them are gone, and need not wait for
        leases."""
        with read(self._engine) as connection:
            return claims.owners(connection)

    def recover(self, now: datetime, dead: Collection[str] = (), living: Collection[str] = ()) -> Swept:
        """Frees some of what owners hold whose lease is over, or who are known to be `dead`. `living`: owners that
        the caller knows to work, whatever their leases say.

        Claimed and not begun: it waits again, silently. Being sent: it is uncertain, and returned; where the
        run says resend it is queued again at once, as a possible duplicate.
        """
        with write(self._engine) as connection:
            return sweeping.recover(connection, now, dead, _SWEEP, living)

    def expire(self, now: datetime) -> Swept:
        """Ends some of what waits in runs whose `expires_at` has come. What somebody has claimed is left to him."""
        with write(self._engine) as connection:
            return sweeping.expire(connection, now, _SWEEP)

    # --- looking --------------------------------------------------------------------------------------------

    def next_due(self, mailer: str, now: datetime) -> datetime | None:
        """The next instant, not before `now`, at which there is something to claim or to expire; None:
        nothing waits."""
        with read(self._engine) as connection:
            return claims.next_due(connection, mailer, now)

    def counts(self, *, run: RunKey | str | None = None, job: str | None = None) -> dict[DeliveryState, int]:
        """How many deliveries are in each state, of a run, of a job, or of all."""
        with read(self._engine) as connection:
            return looking.counts(connection, Which(_key(run), job))

    def deliveries(
        self,
        *,
        run: RunKey | str | None = None,
        job: str | None = None,
        state: DeliveryState | None = None,
        recipient: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Deliveries, the latest first; `since` is the due time of their run."""
        return list(self.each(Which(_key(run), job, state, recipient, since), limit))

    def each(self, which: Which, limit: int) -> Iterator[Delivery]:
        """As `deliveries`, read some hundred at a time, each page in a transaction of its own: for any number."""
        return looking.newest(self._engine, which, limit)

    def attempts(self, delivery: int) -> list[Attempt]:
        """All attempts at one delivery, the first first."""
        return self.attempts_at([delivery]).get(delivery, [])

    def attempts_at(self, numbers: Sequence[int]) -> dict[int, list[Attempt]]:
        """All attempts at some hundred deliveries that were tried, the first first."""
        with read(self._engine) as connection:
            return looking.attempts_at(connection, numbers)


def _key(run: RunKey | str | None) -> str | None:
    return None if run is None else str(run)
