"""Expected against actual: the due times of a schedule beside what the ledger knows of them. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pipeline.jobs.model import ScheduleEntry
from pipeline.schedule.due import asked_times
from pipeline.schedule.missed import ON_TIME

_TICK = timedelta(microseconds=1)

Fate = Literal["absent", "missed", "failed", "done", "forgotten"]
"""No row at all; a row that says that nobody built it in time; one that failed; anything else, also under way; or
no row, and none to be expected any more, as rows of that time were pruned."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One due time that should have been sent, and what became of it."""

    due: datetime
    fate: Fate
    reason: str = ""
    """What the ledger says of it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of one real run."""

    state: str
    reason: str = ""


def expected(
    entries: Sequence[ScheduleEntry],
    known: Mapping[datetime, Known],
    start: datetime,
    end: datetime,
    now: datetime,
    *,
    history: datetime | None = None,
) -> list[Expected]:
    """Every due time in [start, end) with its fate, ascending. Not among them: what a holiday takes away, and
    what came so lately that nobody is late yet. Before `history` rows were pruned."""
    found = []
    for asked in asked_times(entries, start.replace(microsecond=0) - _TICK, min(end - _TICK, now)):
        waits = now - asked.due <= ON_TIME + asked.entry.jitter and asked.due not in known
        if not asked.skipped and not waits:
            row = known.get(asked.due)
            forgotten = row is None and history is not None and asked.due < history
            fate: Fate = "forgotten" if forgotten else _fate(row)
            found.append(Expected(asked.due, fate, row.reason if row else ""))
    return found


def to_run(found: Collection[Expected], *, failed: bool) -> list[Expected]:
    """What a backfill runs: what never ran, and with `failed` what tried and did not get to sending."""
    wanted = {"absent", "missed", *(["failed"] if failed else [])}
    return [each for each in found if each.fate in wanted]


def _fate(row: Known | None) -> Fate:
    if row is None:
        return "absent"
    if row.state in {"missed", "overlapped"}:
        return "missed"
    return "failed" if row.state == "failed" else "done"
