"""Short forms → the long form: "The smallest job" of jobs.yaml, each short form exactly one rearrangement of
nodes.

A string where a mapping has one obvious key, one item where a list is meant, `to`, `cc`, `bcc` and `each` at
the job's own level for `audience`: no others. Then the defaults are merged under the job and what is still
missing is filled in. The result has the models' names (`sender` for `from`, `kind` and `data` for `line:
delays`).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.jobs.calendarnames import name_calendars, place_calendars
from pipeline.jobs.columnforms import long_columns
from pipeline.jobs.document import Defaults
from pipeline.jobs.gating import CONDITIONS
from pipeline.jobs.mailing import MAILERS
from pipeline.jobs.names import did_you_mean
from pipeline.jobs.presets import with_preset
from pipeline.jobs.tree import Findings, Node, Place, Scalar, merge

FROM_SCHEDULE = "(after the schedule)"
"""Stands for a period that nobody wrote, until the schedule is known."""
CHART_KINDS = ("line", "bar", "area", "scatter", "heat", "vega", "python")
EXPORT_KINDS = ("csv", "xlsx", "parquet", "json", "pdf", "html")
DOCUMENTS = ("pdf", "html")
RECIPIENTS = ("to", "cc", "bcc", "each")
AUDIENCE_KEYS = (*RECIPIENTS, "unsubscribe")
INBOX = "inbox"


@dataclass(frozen=True, slots=True)
class Around:
    """What a job takes from the file it stands in."""

    defaults: Node
    """Expanded; without its mailer."""
    mailer: Node | None
    """The mailer of a job that names none, where there is one."""
    address: str
    """EMAIL_ADDRESS of the environment; empty where there is none."""
    calendars: Node | None


def expand_document(root: Node, address: str, findings: Findings) -> Node:
    """The whole file in long form; what is no mapping where one is due stays as it is, for the models to
    refuse."""
    top = dict(root.mapping)
    defaults = _defaults(top.get("defaults", _new(root, "defaults", {})), findings)
    if "defaults" in top:
        top["defaults"] = defaults
    if "allow_recipients" in top:
        top["allow_recipients"] = _listed(top["allow_recipients"])
    top["mailers"] = mailers = _mailers(top.get("mailers"), root, findings)
    if "calendars" in top:
        top["calendars"] = name_calendars(top["calendars"], findings)
    if "jobs" in top:
        shared = {key: node for key, node in defaults.mapping.items() if key in Defaults.model_fields}
        around = Around(
            _without(defaults._replace(value=shared), "mailer"),
            defaults.get("mailer") or _only(mailers),
            address,
            top.get("calendars"),
        )
        jobs = top["jobs"]
        expanded = {name: _job(name, jobs.key_place(name), job, around, findings) for name, job in jobs.mapping.items()}
        top["jobs"] = jobs.with_mapping(expanded) if expanded else jobs
    return root.with_mapping(top)


def title_from(name: str) -> str:
    """`weekly-sales` → `Weekly sales`."""
    words = re.sub(r"[-_.]+", " ", name).strip()
    return words[:1].upper() + words[1:]


def dataset_name(path: str) -> str:
    """The name of the one dataset of `data: path`: the file's stem, made a name that templates can use."""
    stem = re.sub(r"\W+", "_", PurePosixPath(path).stem).strip("_")
    return f"data_{stem}" if not stem or stem[0].isdigit() else stem


# --- the parts of the file ----------------------------------------------------------------------------------


def _defaults(node: Node, findings: Findings) -> Node:
    return _each(_rename(_refuse(node, ("sender",), ("from",), findings), "from", "sender"), "gate", _gate)


def _mailers(node: Node | None, root: Node, findings: Findings) -> Node:
    if node is None or node.value == {}:
        inbox = {"name": _new(root, "name", INBOX), "local": _new(root, "local", "var/inbox")}
        return _new(root, "mailers", {INBOX: _new(root, INBOX, inbox)})
    named = {}
    for name, mailer in node.mapping.items():
        own = _refuse(mailer, ("name",), (), findings)
        if isinstance(own.value, dict) and any(kind in own.value for kind in MAILERS):
            own = _each(with_preset(_fill(own, {"name": name})), "dkim", _listed)
        named[name] = own
    return node.with_mapping(named) if named else node


def _only(mailers: Node) -> Node | None:
    names = list(mailers.mapping)
    return Node(names[0], mailers.key_place(names[0]), mailers.path) if len(names) == 1 else None


def _job(name: str, place: Place, written: Node, around: Around, findings: Findings) -> Node:
    if not isinstance(written.value, dict):
        return written
    node = written._replace(place=place)
    node = _refuse(node, ("name", "sender"), ("title", "from"), findings)
    node = _audience(_rename(node, "from", "sender"), findings)
    own_zone = node.get("timezone")
    node = merge(around.defaults, node)._replace(path=written.path, place=place)
    node = _schedule(node)
    node = place_calendars(_zone(node, own_zone), around.calendars, findings)
    node = _each(node, "data", _datasets)
    node = _each(node, "columns", long_columns)
    node = _each(_own_gate(node, written), "gate", _gate)
    node = _each(node, "charts", lambda charts: _children(charts, lambda chart: _chart(chart, findings)))
    node = _exports(node, findings)
    if around.mailer is not None:
        node = _fill(node, {"delivery": {}})
        node = _each(node, "delivery", lambda delivery: _default_child(delivery, "mailer", around.mailer))
    node = _fill(node, {"name": name, "title": title_from(name), "period": FROM_SCHEDULE})
    if around.address and "sender" not in node.mapping:
        node = _fill(node, {"sender": around.address})
    return _review(_default_child(node, "owner", node.get("sender")))


def _review(node: Node) -> Node:
    """`review: true` → the owner's address; `false` → nobody."""
    review, owner = node.get("review"), node.get("owner")
    if review is None or not isinstance(review.value, bool):
        return node
    address = owner.value if review.value and owner is not None else None
    return Node({**node.mapping, "review": review._replace(value=address)}, node.place, node.path, node.keys)


# --- the parts of a job -------------------------------------------------------------------------------------


def _audience(node: Node, findings: Findings) -> Node:
    """`to`, `cc`, `bcc`, `each` → `audience: {…}`; lists where one item stands; `each: people` → `{data:
    people}`."""
    short = [key for key in AUDIENCE_KEYS if key in node.mapping]
    if short:
        audience = node.get("audience") or _new(node, "audience", {})
        if not isinstance(audience.value, dict):
            return node
        for key in short:
            if key in audience.value:
                findings.about_key(node, key, f'"{key}" is here and under "audience"; keep one')
        moved = {key: node.mapping[key] for key in short}
        audience = audience.with_mapping({**audience.value, **moved}, {key: node.key_place(key) for key in short})
        node = _without(node, *short).with_mapping(
            {**_without(node, *short).mapping, "audience": audience}, {"audience": node.key_place(short[0])}
        )
    return _each(node, "audience", _long_audience)


def _long_audience(audience: Node) -> Node:
    for key in ("to", "cc", "bcc"):
        audience = _each(audience, key, _listed)
    return _each(audience, "each", lambda each: _each(_keyed(each, "data"), "params", _listed))


def _schedule(node: Node) -> Node:
    """`"0 7 * * mon"` → `[{cron: "0 7 * * mon"}]`; one rule → a list of one."""
    return _each(node, "schedule", lambda rules: _children(_listed(rules), lambda rule: _keyed(rule, "cron")))


def _zone(node: Node, own: Node | None) -> Node:
    """The job's zone: its own, else its first schedule's, else the defaults', else UTC; rules without one
    take it."""
    zone = own or node.get("schedule", 0, "timezone") or node.get("timezone") or _new(node, "timezone", "UTC")
    shared = own or node.get("timezone") or zone
    node = Node({**node.mapping, "timezone": zone}, node.place, node.path, node.keys)
    return _each(
        node,
        "schedule",
        lambda rules: _children(rules, lambda rule: _default_child(rule, "timezone", shared)),
    )


def _datasets(data: Node) -> Node:
    """`sales.csv` → `{sales: {file: sales.csv}}`; a path as a dataset → `{file: path}`."""
    if data.text is not None:
        name = dataset_name(data.text)
        data = Node({name: data._replace(path=(*data.path, name))}, data.place, data.path, {name: data.place})
    return _children(data, lambda dataset: _sheet(_each(_keyed(dataset, "file"), "columns", _listed)))


def _gate(gate: Node) -> Node:
    """One `fresh`, one expectation → a list of one; `send_when: expression` → `{when: expression}`."""
    for key in ("fresh", "expect"):
        gate = _each(gate, key, _listed)
    return _each(gate, "send_when", lambda rule: _keyed(rule, "when"))


def _own_gate(node: Node, written: Node) -> Node:
    """Defaults that hold no condition make no gate for a job that has none."""
    merged = (node.get("gate") or node).mapping
    idle = "gate" not in written.mapping and not any(key in merged for key in CONDITIONS)
    return _without(node, "gate") if idle else node


def _sheet(dataset: Node) -> Node:
    """`sheet: 2026` is the sheet called 2026."""
    return _each(
        dataset,
        "sheet",
        lambda sheet: sheet._replace(value=str(sheet.value)) if type(sheet.value) is int else sheet,
    )


def _chart(node: Node, findings: Findings) -> Node:
    """`{line: delays, …}` → `{kind: line, data: delays, …}`; `{vega: file}` and `{python: function}` →
    spec."""
    kind = next((kind for kind in CHART_KINDS if kind in node.mapping), None)
    node = _refuse(node, ("kind", "spec"), CHART_KINDS, findings)
    if kind is None:
        return node
    if kind not in {"vega", "python"} and "data" in node.mapping:
        findings.about_key(node, "data", f'"data" does not go with "{kind}", which names the dataset')
        node = _without(node, "data")
    return _kinded(node, kind, "spec" if kind in {"vega", "python"} else "data")


def _exports(node: Node, findings: Findings) -> Node:
    """`xlsx` → one workbook of all datasets; `csv`, `parquet`, `json` → one file of each.

    All but the dataset of `each`: it lists the other recipients.
    """
    each = node.get("audience", "each", "data")
    data = node.mapping.get("data")
    names = [name for name in (data.mapping if data else ()) if each is None or name != each.text]

    def files(exports: Node) -> Node:
        if exports.value is None:
            return exports
        items = [item for export in _listed(exports).items for item in _files(export, names, findings)]
        return exports._replace(value=items, keys=None)

    return _each(node, "exports", files)


def _files(export: Node, names: list[str], findings: Findings) -> Iterable[Node]:
    if export.text in DOCUMENTS:
        yield _new(export, "", {"kind": export})
        return
    if export.text is not None:
        groups = [[name] for name in names] if export.text in EXPORT_KINDS and export.text != "xlsx" else [names]
        for group in groups:
            data = _new(export, "data", [_new(export, "data", name) for name in group])
            yield _new(export, "", {"kind": export, "data": data})
        return
    export = _refuse(export, ("kind", "data", "template"), EXPORT_KINDS, findings)
    kind = next((kind for kind in EXPORT_KINDS if kind in export.mapping), None)
    if kind in DOCUMENTS:
        yield _kinded(export, kind, "template")
    else:
        yield _each(_kinded(export, kind, "data"), "data", _listed) if kind else export


# --- rearranging --------------------------------------------------------------------------------------------


def _new(near: Node, key: str, value: "Scalar | list[Node] | dict[str, Node]") -> Node:
    """A value that nobody wrote, standing where what brought it in stands."""
    return Node(value, near.place, (*near.path, key) if key else near.path, {} if isinstance(value, dict) else None)


def _fill(node: Node, values: dict[str, str | dict[str, Node]]) -> Node:
    missing = {key: _new(node, key, value) for key, value in values.items() if key not in node.mapping}
    return Node({**node.mapping, **missing}, node.place, node.path, node.keys) if missing else node


def _default_child(node: Node, key: str, child: Node | None) -> Node:
    if child is None or not isinstance(node.value, dict) or key in node.value:
        return node
    return Node({**node.value, key: child}, node.place, node.path, node.keys)


def _each(node: Node, key: str, change: Callable[[Node], Node]) -> Node:
    child = node.mapping.get(key)
    if child is None:
        return node
    changed = change(child)
    return node if changed is child else Node({**node.mapping, key: changed}, node.place, node.path, node.keys)


def _children(node: Node, change: Callable[[Node], Node]) -> Node:
    if isinstance(node.value, dict):
        changed = {key: change(child) for key, child in node.value.items()}
        return Node(changed, node.place, node.path, node.keys)
    if isinstance(node.value, list):
        return Node([change(child) for child in node.value], node.place, node.path)
    return node


def _listed(node: Node) -> Node:
    if isinstance(node.value, list) or node.value is None:
        return node
    return Node([node], node.place, node.path)


def _keyed(node: Node, key: str) -> Node:
    return node if node.text is None else Node({key: node}, node.place, node.path, {key: node.place})


def _rename(node: Node, old: str, new: str) -> Node:
    if old not in node.mapping:
        return node
    renamed = {new if key == old else key: child for key, child in node.mapping.items()}
    return node.with_mapping(renamed, {new: node.key_place(old)})


def _kinded(node: Node, kind: str, holder: str) -> Node:
    named = _new(node._replace(place=node.key_place(kind)), kind, kind)
    renamed = _rename(node, kind, holder)
    return renamed.with_mapping({"kind": named, **renamed.mapping})


def _without(node: Node, *keys: str) -> Node:
    if not any(key in node.mapping for key in keys):
        return node
    return node._replace(value={key: child for key, child in node.mapping.items() if key not in keys})


def _refuse(node: Node, inner: tuple[str, ...], known: tuple[str, ...], findings: Findings) -> Node:
    """The models' own names are no words of YAML."""
    for key in inner:
        if key in node.mapping:
            findings.about_key(node, key, f'unknown key "{key}"{did_you_mean(key, known)}')
    return _without(node, *inner)
