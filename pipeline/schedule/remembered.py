"""A schedule as text that the ledger can keep: what was in force when nobody has its jobs.yaml any more."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from pydantic import BaseModel, TypeAdapter

from pipeline.jobs.calendars import OnlyDays
from pipeline.jobs.model import ScheduleEntry
from pipeline.jobs.scalars import format_duration

_ENTRIES = TypeAdapter(tuple[ScheduleEntry, ...])


@lru_cache(maxsize=16_384)  # the same jobs again at every wake-up
def schedule_text(entries: tuple[ScheduleEntry, ...]) -> str:
    """JSON, the same for equal schedules; their calendars are in it."""
    return json.dumps(_plain(entries), ensure_ascii=False)


def read_schedule(text: str) -> Sequence[ScheduleEntry]:
    """What `schedule_text` wrote. Raises ValueError for what another version wrote and this one cannot read."""
    return _ENTRIES.validate_json(text)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        fields = ((name, getattr(value, name), field) for name, field in type(value).model_fields.items())
        return {name: _plain(said) for name, said, field in fields if field.is_required() or said != field.default}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, OnlyDays):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value
