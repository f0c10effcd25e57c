"""A job in long form, as YAML: what `pipeline jobs JOB` prints. Loading it gives the same job; of secrets
it has the names."""

from datetime import date, datetime, timedelta

import yaml
from pydantic import BaseModel

from pipeline.jobs.calendars import Calendar, OnlyDays
from pipeline.jobs.cellformat import CellFormat
from pipeline.jobs.columnspec import ColumnSpec, Highlight
from pipeline.jobs.model import Chart, Export, Job, ScheduleEntry
from pipeline.jobs.scalars import Mailbox, RetryPlan, format_duration, format_size
from pipeline.jobs.secrets import Referred
from pipeline.jobs.yamltext import scalar

_SIZES = frozenset({"attach_limit", "memory"})


class _Dumper(yaml.SafeDumper):
    """Quotes what any YAML reader would take for something else than text."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, False)  # noqa: FBT003 - PyYAML's signature


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if isinstance(scalar(value), str) else '"'  # PyYAML itself quotes what YAML 1.1 would misread
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def long_form(job: Job) -> str:
    """The job under `jobs:`, defaults merged and short forms expanded; keys without a value are left out."""
    text: str = yaml.dump(
        {"jobs": {job.name: written(job)}}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110
    )
    return text


def written(job: Job) -> dict[str, object]:
    """The job as plain values with YAML's names."""
    plain = _plain(job)
    del plain["name"]
    plain["from"] = plain.pop("sender")
    order = ("title", "description", "from", "reply_to", "owner", "enabled", "schedule", "timezone", "locale")
    rest = (key for key in plain if key not in order)
    return {key: plain[key] for key in (*order, *rest) if key in plain}


def _plain(model: BaseModel) -> dict[str, object]:
    plain = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        unsaid = value is None or (value in ("", (), {}) and value == field.get_default(call_default_factory=True))
        if not unsaid:
            plain[name] = _value(name, value)
    if isinstance(model, Chart):
        holder = "spec" if model.kind in {"vega", "python"} else "data"
        plain = {str(plain.pop("kind")): plain.pop(holder), **plain}
    if isinstance(model, Export):
        held: object = list(model.data) if model.data else model.template
        plain = {str(plain.pop("kind")): held, **{key: plain[key] for key in plain if key not in {"data", "template"}}}
        if model.kind != "xlsx":
            del plain["totals"], plain["charts"]  # of workbooks alone
    if isinstance(model, ScheduleEntry) and (model.only or not model.calendar):
        plain.pop("on_holiday", None)
    if isinstance(model, ColumnSpec | Highlight):
        plain = {key: value for key, value in plain.items() if value is not False}
    if plain.get("sheet") == 0:
        del plain["sheet"]
    return plain


def _value(name: str, value: object) -> object:
    if isinstance(value, Calendar):
        return value.name
    if isinstance(value, BaseModel):
        return _plain(value)
    if isinstance(value, tuple):
        return [_value("", item) for item in value]
    if isinstance(value, dict):
        return {key: _value("", item) for key, item in value.items()}
    if name in _SIZES and isinstance(value, int):
        return format_size(value)
    return _scalar(value)


def _scalar(value: object) -> object:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Referred):
        return value.written
    if isinstance(value, CellFormat | Mailbox | OnlyDays | RetryPlan):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return value.isoformat() if isinstance(value, date) else value


def field_default(model: type[BaseModel], name: str) -> object:
    """What a field is when nobody says it, as YAML writes it; None where it has no default or nothing is its
    default."""
    field = model.model_fields[name]
    if field.is_required():
        return None
    default = field.get_default(call_default_factory=True)
    return None if default in ("", (), {}) or isinstance(default, BaseModel) else _value(name, default)
