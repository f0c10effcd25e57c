"""What changes for whom between two versions of jobs.yaml. Pure; no secret is in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import SecretStr

from pipeline.jobs.base import Strict
from pipeline.jobs.calendars import Calendar
from pipeline.jobs.longform import written
from pipeline.jobs.model import Job, Project, SqlData
from pipeline.jobs.secrets import Referred

Kind = Literal["removed", "added", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One job that is not as it was."""

    job: str
    kind: Kind
    details: tuple[str, ...] = ()
    """One line for each thing that changed, in the words of jobs.yaml: `to: +new@example.com`."""


def compare(before: Project, after: Project) -> list[Change]:
    """The jobs that differ: removed, added, changed, each in the order of the file that has them."""
    removed = [Change(name, "removed", _all(job)) for name, job in before.jobs.items() if name not in after.jobs]
    added = [Change(name, "added", _all(job)) for name, job in after.jobs.items() if name not in before.jobs]
    changed = []
    for name, job in after.jobs.items():
        if name in before.jobs:
            details = tuple(_differences(_facts(before.jobs[name], before), _facts(job, after)))
            if details:
                changed.append(Change(name, "changed", details))
    return [*removed, *added, *changed]


Facts = dict[str, str | tuple[str, ...]]
"""Path → its value, or its items where it is a list."""


def _all(job: Job) -> tuple[str, ...]:
    """Of a job that is new or gone: who gets it, and when."""
    facts = _of_job(job)
    wanted = ("schedule", "audience.to", "audience.cc", "audience.bcc", "audience.each.data", "delivery.mailer")
    return tuple(f"{_short(path)}: {_listed(facts[path])}" for path in wanted if path in facts)


def _facts(job: Job, project: Project) -> Facts:
    """All that decides what the job sends, what it only names included."""
    facts = _of_job(job)
    mailer = project.mailers.get(job.delivery.mailer)
    if mailer is not None:
        facts |= _flat(f"mailers.{job.delivery.mailer}", _plain(mailer))
    theme = project.themes.get(job.message.theme)
    if theme is not None:
        facts |= _flat(f"themes.{job.message.theme}", _plain(theme))
    for calendar in {job.calendar, *(entry.calendar for entry in job.schedule)} - {None}:
        if isinstance(calendar, Calendar):
            facts |= _flat(f"calendars.{calendar.name}", _plain(calendar))
    for dataset in job.data.values():
        if isinstance(dataset, SqlData):
            facts[f"sources.{dataset.source}"] = _Hidden(project.sources[dataset.source])
    facts["allow_recipients"] = project.allow_recipients
    return facts


def _of_job(job: Job) -> Facts:
    """The long form; of schedules only what somebody wrote."""
    said = written(job)
    rules = [entry.model_dump(exclude_defaults=True).keys() for entry in job.schedule]
    long = said.get("schedule")
    if isinstance(long, list):
        said["schedule"] = [
            {key: value for key, value in rule.items() if key in mine} for rule, mine in zip(long, rules, strict=True)
        ]
    return _flat("", said)


class _Hidden(str):
    """A secret's name in jobs.yaml and its text: both can be compared and neither is shown."""

    __slots__ = ()

    def __new__(cls, secret: SecretStr) -> Self:
        name = secret.written if isinstance(secret, Referred) else ""
        return super().__new__(cls, f"{name} {secret.get_secret_value()}")


def _plain(value: object) -> object:
    if isinstance(value, Strict):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields if name != "name"}
    if isinstance(value, SecretStr):
        return _Hidden(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _flat(path: str, value: object) -> Facts:
    if isinstance(value, Mapping):
        found: Facts = {}
        for key, child in value.items():
            found |= _flat(f"{path}.{key}" if path else str(key), child)
        return found
    if isinstance(value, list):
        return {path: tuple(_item(item) for item in value)}
    return {} if value is None else {path: value if isinstance(value, _Hidden) else _item(value)}


def _item(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_item(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_item, value)) + "]"
    if isinstance(value, _Hidden):
        return "(secret)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _differences(before: Facts, after: Facts) -> Iterator[str]:
    for path in dict.fromkeys([*after, *before]):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        if isinstance(old, tuple) or isinstance(new, tuple):
            yield from _of_lists(_short(path), _as_list(old), _as_list(new))
        elif isinstance(old, _Hidden) or isinstance(new, _Hidden):
            yield f"{_short(path)}: another value, which is secret"
        elif old is None or new is None:
            yield f"{_short(path)}: {f'+{new}' if old is None else f'-{old}'}"
        else:
            yield f"{_short(path)}: {old} → {new}"


def _of_lists(path: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    gone = [f"{path}: -{item}" for item in old if item not in new]
    come = [f"{path}: +{item}" for item in new if item not in old]
    yield from gone + come or [f"{path}: in another order"]


def _as_list(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _listed(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _short(path: str) -> str:
    """As people write it: recipients stand in the job itself."""
    return path.removeprefix("audience.")
