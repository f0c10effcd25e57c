"""What the models refuse → problems in an analyst's words, each at its place in the file."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from pipeline.jobs.base import Strict
from pipeline.jobs.calendars import Calendar
from pipeline.jobs.columnspec import ColumnSpec, Highlight
from pipeline.jobs.document import Defaults, Document
from pipeline.jobs.gating import Fresh, Gate, SendWhen
from pipeline.jobs.identity import Dkim, OAuth2
from pipeline.jobs.mailing import MAILERS, Delivery, DeliveryTerms, Limits
from pipeline.jobs.model import (
    DATASETS,
    Audience,
    Chart,
    Each,
    Export,
    Job,
    Message,
    ScheduleEntry,
)
from pipeline.jobs.names import did_you_mean, got, listed, nearest
from pipeline.jobs.paging import Pages
from pipeline.jobs.short import AUDIENCE_KEYS, CHART_KINDS, EXPORT_KINDS, RECIPIENTS
from pipeline.jobs.storing import Store
from pipeline.jobs.theming import Colours, Logo, Theme
from pipeline.jobs.tree import Findings, Node, plain

Shape = tuple[str, ...]
"""Where in the file: keys, with `*` for any name or position."""
_JOB: Shape = ("jobs", "*")
_TAGS = frozenset(f"<{kind}>" for kind in (*DATASETS, *MAILERS))
"""What pydantic puts into a path for the member of a union that it took."""
_OF_MAPPINGS = frozenset({"missing", "extra_forbidden", "no_kind"})
"""What is wrong with the keys of a mapping."""
_NAMED = frozenset({"slice", "query", "headers"})
"""Mappings deep in a job whose keys are names of the analyst's own."""
_OPEN = frozenset({"themes", "jobs", "mailers", "sources", "calendars", "data", "columns", "charts", "params", *_NAMED})
"""Mappings whose keys are names of the analyst's own."""


def _fields(model: type[Strict], *but: str) -> tuple[str, ...]:
    return tuple("from" if name == "sender" else name for name in model.model_fields if name not in but)


VOCABULARY: dict[Shape, tuple[str, ...]] = {
    (): _fields(Document),
    ("defaults",): _fields(Defaults),
    ("defaults", "message"): _fields(Message),
    ("defaults", "gate"): _fields(Gate),
    ("defaults", "gate", "fresh", "*"): _fields(Fresh),
    ("defaults", "gate", "send_when"): _fields(SendWhen),
    ("defaults", "delivery"): _fields(DeliveryTerms),
    ("mailers", "*"): tuple(dict.fromkeys(key for model in MAILERS.values() for key in _fields(model, "name"))),
    ("mailers", "*", "limits"): _fields(Limits),
    ("store",): _fields(Store),
    ("pages",): _fields(Pages),
    ("themes", "*"): _fields(Theme),
    ("themes", "*", "dark"): _fields(Colours),
    ("themes", "*", "logo"): _fields(Logo),
    ("mailers", "*", "oauth2"): _fields(OAuth2),
    ("mailers", "*", "dkim", "*"): _fields(Dkim),
    ("calendars", "*"): _fields(Calendar, "name"),
    _JOB: (*_fields(Job, "name"), *AUDIENCE_KEYS),
    (*_JOB, "schedule", "*"): _fields(ScheduleEntry),
    (*_JOB, "data", "*"): tuple(dict.fromkeys(key for model in DATASETS.values() for key in _fields(model))),
    (*_JOB, "columns", "*", "*"): _fields(ColumnSpec),
    (*_JOB, "columns", "*", "*", "highlight"): _fields(Highlight),
    (*_JOB, "gate"): _fields(Gate),
    (*_JOB, "gate", "fresh", "*"): _fields(Fresh),
    (*_JOB, "gate", "send_when"): _fields(SendWhen),
    (*_JOB, "charts", "*"): (*CHART_KINDS, *_fields(Chart, "kind", "spec")),
    (*_JOB, "exports", "*"): (*EXPORT_KINDS, *_fields(Export, "kind", "data", "template")),
    (*_JOB, "message"): _fields(Message),
    (*_JOB, "audience"): _fields(Audience),
    (*_JOB, "audience", "each"): _fields(Each),
    (*_JOB, "delivery"): _fields(Delivery),
}
"""The keys that can stand in each mapping of the file."""

_KINDS: dict[Shape, tuple[str, tuple[str, ...]]] = {
    ("mailers", "*"): ("a mailer", tuple(MAILERS)),
    (*_JOB, "data", "*"): ("a dataset", tuple(DATASETS)),
    (*_JOB, "charts", "*"): ("a chart", CHART_KINDS),
    (*_JOB, "exports", "*"): ("an export", EXPORT_KINDS),
}
"""Mappings that hold exactly one of some keys."""

_EXPECTED: dict[Shape, str] = {
    ("jobs",): "a mapping of names to jobs",
    _JOB: 'a mapping with at least "data" and "to" (or "each")',
    ("mailers",): "a mapping of names to mailers, like relay: {smtp: ${SMTP_URL}}",
    ("mailers", "*"): "a mapping like {smtp: ${SMTP_URL}} or {local: var/inbox}",
    ("mailers", "*", "limits"): "a mapping like {per_second: 14, per_day: 50000}",
    ("mailers", "*", "oauth2"): "a mapping like {client_id: ${G_ID}, refresh_token: ${G_TOKEN}}",
    ("mailers", "*", "dkim"): "a mapping like {domain: example.com, selector: reports, key: ${DKIM_KEY}}",
    ("mailers", "*", "dkim", "*"): "a mapping like {domain: example.com, selector: reports, key: ${DKIM_KEY}}",
    ("allow_recipients",): "a pattern like *@example.com or a list of them",
    **{(*_JOB, "audience", key): "an address or a list of addresses" for key in ("to", "cc", "bcc")},
    ("pages",): "a mapping like {url: https://reports.example.com/}",
    ("store",): "a mapping like {folder: var/store, url: https://files.example.com/}",
    ("sources",): "a mapping of names to database URLs",
    ("themes",): "a mapping of names to themes",
    ("themes", "*"): 'a mapping like {accent: "#1f5fbf"}',
    ("themes", "*", "dark"): 'a mapping like {accent: "#7fb0f5"}',
    ("themes", "*", "logo"): "a mapping like {file: templates/logo.png, alt: Example Airlines}",
    ("calendars",): "a mapping of names to calendars, like us: {holidays: US-NY}",
    ("calendars", "*"): "a mapping like {holidays: US-NY}",
    (*_JOB, "schedule"): "a cron text, a rule like {every: 15 minutes} or a list of these",
    (*_JOB, "schedule", "*"): "a cron text or a rule like {every: 15 minutes}",
    (*_JOB, "data"): "one file or a mapping of names to datasets",
    (*_JOB, "data", "*"): "a file or a mapping like {sql: …, source: …}",
    (*_JOB, "data", "*", "query"): 'a mapping like {from: ":start", key: "${FX_KEY}"}',
    (*_JOB, "data", "*", "headers"): 'a mapping like {Authorization: "Bearer ${FX_TOKEN}"}',
    (*_JOB, "columns"): "a mapping of datasets to columns",
    (*_JOB, "columns", "*"): "a mapping of columns to how they read",
    (*_JOB, "columns", "*", "*"): "hidden, or a mapping like {label: Mean delay, unit: min}",
    (*_JOB, "columns", "*", "*", "highlight"): "heat, bar, delta or a mapping like {above: 15}",
    **{
        (*top, *below): said
        for top in (_JOB, ("defaults",))
        for below, said in {
            ("gate",): 'a mapping like {expect: "len(delays) > 0", on_failure: skip}',
            ("gate", "fresh"): "a mapping like {data: flights, column: day, within: 26 hours}",
            ("gate", "fresh", "*"): "a mapping like {data: flights, column: day, within: 26 hours}",
            ("gate", "expect"): "an expression like len(delays) > 0, or a list of them",
            ("gate", "send_when"): "an expression like len(delays) > 0, or {when: …, once: true}",
        }.items()
    },
    (*_JOB, "charts"): "a mapping of names to charts",
    (*_JOB, "charts", "*"): "a mapping like {line: delays, x: hour, y: mean_delay}",
    (*_JOB, "exports"): "xlsx, csv, parquet, json, pdf, html or a list of files",
    (*_JOB, "exports", "*"): "xlsx, csv, parquet, json, pdf, html or a mapping like {csv: delays}",
    (*_JOB, "audience", "each"): "a dataset's name or a mapping like {data: subscribers, email: email}",
    (*_JOB, "audience", "each", "slice"): "a mapping of datasets to columns",
    (*_JOB, "audience", "each", "params"): "a param's name or a list of them",
}
_MISSING: dict[Shape, str] = {
    ("jobs",): 'no jobs; write one under "jobs:"',
    (*_JOB, "audience"): 'nobody gets it; write "to" (one shared message) or "each" (one message a row)',
    (
        *_JOB,
        "delivery",
    ): 'several mailers and none chosen; write "mailer" under "defaults" or under "delivery"',
    (*_JOB, "delivery", "mailer"): 'several mailers and none chosen; write "mailer" here or under "defaults"',
}
_SECTIONS: dict[str, type[Strict]] = {
    "message": Message,
    "schedule": ScheduleEntry,
    "delivery": Delivery,
    "audience": Audience,
}


def explain(error: ValidationError, root: Node, findings: Findings) -> None:
    """Adds a problem for everything that the models refuse; one mistake makes one message."""
    unions: dict[tuple[str | int, ...], list[Any]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        loc = tuple(step for step in detail["loc"] if step not in _TAGS)
        if loc[:1] == ("jobs",) and "calendar" in (loc[2:3] + loc[4:5]) and len(loc) > 3:
            continue  # a calendar in the place of its name: said where it is written
        if detail["type"] in _OF_MAPPINGS or root.get(*loc) is not None:
            _explain_one(detail, loc, root, findings)
        else:
            unions.setdefault(_written(loc, root), []).append(detail)
    for loc, details in unions.items():
        node = root.get(*loc) or root
        findings.about(node, _no_member(details, node, shape_of(loc)))


def _written(loc: tuple[str | int, ...], root: Node) -> tuple[str | int, ...]:
    """Without what pydantic puts behind a place for each member of a union that it tried."""
    while root.get(*loc) is None:
        loc = loc[:-1]
    return loc


def _no_member(details: Sequence[Any], node: Node, shape: Shape) -> str:
    """Of a value that no member of a union takes: what is wrong with it where one takes its type, else all types."""
    for detail in details:
        if detail["type"] not in _TYPES:
            return _wrong_value(detail["type"], detail.get("ctx", {}), node, shape)
    types = dict.fromkeys(_TYPES[detail["type"]] for detail in details)
    return f"expected {_EXPECTED.get(shape) or listed(types)}, {got(plain(node))}"


def shape_of(loc: Iterable[str | int]) -> Shape:
    """`("jobs", "daily", "schedule", 0)` → `("jobs", "*", "schedule", "*")`."""
    shape: list[str] = []
    for step in loc:
        named = bool(shape) and _takes_names(shape)
        shape.append("*" if named or isinstance(step, int) else step)
    return tuple(shape)


def _takes_names(shape: list[str]) -> bool:
    if shape[-1] not in _OPEN:
        return shape[0] == "jobs" and shape[2:] == ["columns", "*"]  # a dataset's columns
    return len(shape) == 1 or (len(shape) == 3 and shape[0] == "jobs") or shape[-1] in _NAMED or shape[0] == "defaults"


def _explain_one(detail: Any, loc: tuple[str | int, ...], root: Node, findings: Findings) -> None:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        _missing(loc, root, findings)
    elif kind == "extra_forbidden":
        _unknown(loc, root, findings)
    elif kind == "no_kind":
        _no_kind(loc, root, findings)
    elif (node := root.get(*loc)) is not None:
        findings.about(node, _wrong_value(kind, context, node, shape_of(loc)))


def _wrong_value(kind: str, context: dict[str, Any], node: Node, shape: Shape) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _literal(context["expected"].replace("'", "").replace(" or ", ", ").split(", "), node)
    if kind in {"greater_than", "greater_than_equal", "less_than_equal"}:
        word = {"greater_than": "more than", "greater_than_equal": "at least", "less_than_equal": "at most"}[kind]
        bound = next(iter(context.values()))
        return f"must be {word} {bound}, {got(node.value)}"
    if kind == "string_too_short":
        return "is empty; write something or leave the key out"
    expected = _EXPECTED.get(shape) or _TYPES.get(kind, kind.replace("_", " "))
    hint = "; put it in quotes" if kind == "string_type" and isinstance(node.value, int | float) else ""
    return f"expected {expected}, {got(plain(node))}{hint}"


_TYPES = {
    "string_type": "text", "int_type": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false", "tuple_type": "a list", "dict_type": "a mapping", "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}  # fmt: skip


def _literal(allowed: list[str], node: Node) -> str:
    near = did_you_mean(node.text, allowed) if node.text is not None else ""
    return f"expected {listed(allowed)}, {got(plain(node))}{near}"


def _missing(loc: tuple[str | int, ...], root: Node, findings: Findings) -> None:
    parent, shape, field = root.get(*loc[:-1]), shape_of(loc[:-1]), str(loc[-1])
    if parent is None or field == "sender" or (field == "owner" and "sender" not in parent.mapping):
        return  # no sender: said once for the whole file
    if field == "kind":
        _no_kind(loc[:-1], root, findings)
        return
    if shape in _KINDS and "kind" not in parent.mapping and field == "data":
        return  # said with the missing kind
    if shape == ("mailers", "*") and field in {"host", "port", "security"}:
        return  # the provider's, whose name is wrong
    if field in {"delivery", "mailer"} and len(root.mapping["mailers"].mapping) < 2:
        return  # the mailers themselves are wrong
    wanted = RECIPIENTS if field == "audience" else (field,)
    if any(nearest(key, VOCABULARY[shape]) in {*wanted, field} for key in _strangers(parent, shape)):
        return
    holder, key = root.get(*loc[:-2]), loc[-2] if len(loc) > 1 else None
    message = _MISSING.get(shape_of(loc)) or f'missing key "{field}"'
    if holder is not None and isinstance(key, str) and key in (holder.keys or {}):
        findings.about_key(holder, key, message)
    else:
        findings.at(parent.place, message, parent.path)


def _strangers(node: Node, shape: Shape) -> Iterator[str]:
    known = {"name", "sender", "kind", "spec", "data", *VOCABULARY[shape]}
    return (key for key in node.mapping if key not in known)


def _no_kind(loc: tuple[str | int, ...], root: Node, findings: Findings) -> None:
    node, shape = root.get(*loc), shape_of(loc)
    if node is None:
        return
    what, kinds = _KINDS[shape]
    if not isinstance(node.value, dict):
        findings.about(node, f"expected {_EXPECTED.get(shape, 'a mapping')}, {got(plain(node))}")
        return
    misspelt = next((key for key in node.value if key not in VOCABULARY[shape] and nearest(key, kinds)), None)
    if misspelt is not None:
        findings.about_key(node, misspelt, f'unknown key "{misspelt}"{did_you_mean(misspelt, kinds)}')
    else:
        findings.about(node, f"{what} has one of the keys {listed(kinds)}")


def _unknown(loc: tuple[str | int, ...], root: Node, findings: Findings) -> None:
    parent, shape, key = root.get(*loc[:-1]), shape_of(loc[:-1]), str(loc[-1])
    if parent is not None:
        findings.about_key(parent, key, _unknown_key(parent, shape, key))


def _unknown_key(parent: Node, shape: Shape, key: str) -> str:
    what, kinds = _KINDS.get(shape, ("", ()))
    if key in kinds:
        return f'{what} has one of the keys {listed(kinds)}; "{key}" is one too many'
    if shape == ("defaults",) and key in VOCABULARY[_JOB]:
        return f'"{key}" has no default; each job says its own'
    near = did_you_mean(key, VOCABULARY.get(shape, ()))
    if key in VOCABULARY.get(shape, ()):
        return f'"{key}" does not go with {listed(_partners(parent, kinds, key), "and")}'
    return f'unknown key "{key}"{_belongs(shape, key) or near}'


def _partners(parent: Node, kinds: tuple[str, ...], key: str) -> list[str]:
    return [f'"{kind}"' for kind in kinds if kind in parent.mapping and kind != key] or ["the others"]


def _belongs(shape: Shape, key: str) -> str:
    """Where a key stands that is right in another part of the job."""
    if shape == ("defaults", "delivery") and key == "mailer":
        return '; it belongs to "defaults" itself'
    if shape == _JOB:
        for section, model in _SECTIONS.items():
            if key in model.model_fields:
                return f'; it belongs under "{section}"'
    elif shape[:2] == _JOB and key in VOCABULARY[_JOB]:
        return "; it belongs to the job itself"
    return ""
