"""The letters that a pool holds on none of its sessions: loads that wait, and results that no commit holds yet.

A delivery is at hand from `add` until its result is taken or it is given back, wherever its letter is meanwhile. A pool
that slept past its leases is given the same deliveries again: those are not new, and two letters of one delivery must
not leave.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.delivery.ports import Note, ReadBase64, Result, Sign, unnoted
from pipeline.delivery.smtp.capabilities import Capabilities, Modesty
from pipeline.delivery.smtp.loading import Load, Terms, Work, make_work
from pipeline.delivery.verdict import Action, Verdict
from pipeline.ledger.records import Claim, Delivery

_REFUSED = {
    Modesty.NO_REPORTS: "the server offers DSN and refuses its parameters: no reports are asked for from now on",
    Modesty.NO_PARAMETERS: "the server refuses parameters of MAIL that it offers: from now on none, and 7 bits",
}


class Backlog:
    """Letters come in by `add`, leave by `next_work`, come back by `conclude`, and are done as `results`."""

    def __init__(self, read_base64: ReadBase64, sign: Sign, terms: Terms, note: Note = unnoted) -> None:
        self._read_base64 = read_base64
        self._sign = sign
        self._terms = terms
        self._loads: deque[Load] = deque()
        self._results: list[Result] = []
        self._at_hand: set[int] = set()
        self._max_recipients: int | None = None
        self._modesty = Modesty.NONE
        self._note = note

    def __len__(self) -> int:
        return len(self._loads)

    @property
    def open(self) -> bool:
        """Whether it holds anything."""
        return bool(self._loads or self._results)

    @property
    def has_results(self) -> bool:
        return bool(self._results)

    def add(self, claims: Sequence[Claim]) -> None:
        """Of deliveries at hand the letter stays the one that is there; the new lease holds for it."""
        for claim in claims:
            if new := tuple(delivery for delivery in claim.deliveries if delivery.id not in self._at_hand):
                self._loads.append(Load(claim, new))
                self._at_hand.update(delivery.id for delivery in new)

    def take_results(self) -> list[Result]:
        """Those so far; they are the caller's now."""
        results, self._results = self._results, []
        self._at_hand.difference_update(result.delivery.id for result in results)
        return results

    def empty(self) -> list[tuple[Claim, Sequence[Delivery]]]:
        """What waits, for being given back."""
        waiting: list[tuple[Claim, Sequence[Delivery]]] = [(load.claim, load.deliveries) for load in self._loads]
        self._loads.clear()
        self._at_hand.difference_update(delivery.id for _, deliveries in waiting for delivery in deliveries)
        return waiting

    def clear(self) -> None:
        """Forgets everything."""
        self._loads.clear()
        self._results.clear()
        self._at_hand.clear()

    def next_work(self, server: Capabilities, now: float, *, chunked: bool) -> Work | None:
        """The next load made ready for a session on that server; None where it cannot be sent at all, which is then its
        result."""
        load, most = self._loads.popleft(), self._max_recipients
        if most is not None and len(load.deliveries) > most:
            self._loads.appendleft(replace(load, deliveries=load.deliveries[most:]))
            load = replace(load, deliveries=load.deliveries[:most])
        server = server.asked(max(self._modesty, load.modesty))
        work = make_work(load, server, self._read_base64, now, self._sign, self._terms, chunked=chunked)
        if isinstance(work, Verdict):
            self._results += [Result(load.claim, delivery, work, 0, 0) for delivery in load.deliveries]
            return None
        return work

    def conclude(self, work: Work, now: float, judged: Callable[[Verdict], Verdict]) -> None:
        """A finished work's verdicts become results, another transaction, or another try on another session. `judged`
        has the last word on each. One that is tried again stays `sending` in the ledger: its intent holds."""
        self._learn(work)
        split: list[Delivery] = []
        again: list[Delivery] = []
        plain: list[Delivery] = []
        refusal: Verdict | None = None
        duration = round((now - work.started) * 1000)
        for delivery in work.load.deliveries:
            verdict = judged(work.transaction.verdicts[delivery.recipient])
            if verdict.action is Action.SPLIT:
                split.append(delivery)
            elif verdict.action is Action.AGAIN:
                again.append(delivery)
            elif verdict.action is Action.PLAIN:
                plain.append(delivery)
                refusal = verdict
            else:
                self._results.append(Result(work.load.claim, delivery, verdict, duration, work.size))
        if again:
            self._loads.appendleft(replace(work.load, deliveries=tuple(again)))
        if split:
            self._max_recipients = len(work.transaction.accepted)
            names = frozenset(delivery.recipient for delivery in split)
            self._loads.appendleft(replace(work.load, deliveries=tuple(split), split_before=names))
        if plain:
            modesty = Modesty.NO_REPORTS if work.transaction.reports else Modesty.NO_PARAMETERS
            self._loads.appendleft(replace(work.load, deliveries=tuple(plain), modesty=modesty, refusal=refusal))

    def _learn(self, work: Work) -> None:
        """What was refused and was right without: it is not asked for again, of any letter."""
        load = work.load
        if load.refusal is not None and load.modesty > self._modesty and work.transaction.accepted:
            self._modesty = load.modesty
            self._note(_REFUSED[load.modesty], load.refusal)
