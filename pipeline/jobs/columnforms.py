"""Short forms and rules of `columns`: `hidden` and `highlight: heat` in full, and what they name is there."""

from collections.abc import Callable

from babel import Locale, UnknownLocaleError

from pipeline.jobs.names import did_you_mean, listed
from pipeline.jobs.rules_data import check_column, check_dataset
from pipeline.jobs.tree import Findings, Node

SCALES = ("heat", "bar", "delta")
_LIMITS = ("above", "below")


def long_columns(columns: Node) -> Node:
    """`hidden` → `{hidden: true}`, `highlight: heat` → `highlight: {heat: true}`; anything else stays as it is."""
    return _children(columns, lambda dataset: _children(dataset, _long))


def _long(column: Node) -> Node:
    column = _true(column, ("hidden",))
    highlight = column.get("highlight")
    if highlight is None:
        return column
    return column.with_mapping({**column.mapping, "highlight": _true(highlight, SCALES)})


def _true(node: Node, words: tuple[str, ...]) -> Node:
    if node.text not in words:
        return node
    word = str(node.text)
    said = Node(value=True, place=node.place, path=(*node.path, word))
    return Node({word: said}, node.place, node.path, {word: node.place})


def _children(node: Node, change: Callable[[Node], Node]) -> Node:
    if not isinstance(node.value, dict):
        return node
    return node._replace(value={key: change(child) for key, child in node.value.items()})


def check_columns(job: Node, findings: Findings) -> None:
    """Datasets and params known, columns too where their dataset lists its own; one highlight a column."""
    columns = job.get("columns") or Node(None, job.place)
    for name, dataset in columns.mapping.items():
        check_dataset(_key(columns, name), job, findings)
        for column, spec in dataset.mapping.items():
            check_column(_key(dataset, column), name, job, findings)
            if (format_ := spec.get("format")) is not None and format_.text in {"money", "money:"}:
                _check_country(format_, job, findings)
            if (highlight := spec.get("highlight")) is not None:
                _check_highlight(highlight, name, job, findings)


def _check_country(money: Node, job: Node, findings: Findings) -> None:
    """Money without a currency is in that of the locale's country, so there must be one."""
    locale = job.get("locale")
    if locale is None or locale.text is None:
        return  # en_US, or no text: said of the locale itself, as a wrong one is
    try:
        country = Locale.parse(locale.text).territory
    except (UnknownLocaleError, ValueError):
        return
    if country is None:
        findings.about(money, f'money of which currency? The locale "{locale.text}" names no country; write money:EUR')


def _check_highlight(highlight: Node, dataset: str, job: Node, findings: Findings) -> None:
    said = [key for key in (*SCALES, *_LIMITS) if key in highlight.mapping]
    kinds = ["above" if key in _LIMITS else key for key in said]
    if highlight.value == {}:
        findings.about(highlight, f"a highlight has one of the keys {listed((*_LIMITS, *SCALES))}")
    elif len(set(kinds)) > 1:
        other = next(key for key, kind in zip(said, kinds, strict=True) if kind != kinds[0])
        findings.about_key(highlight, other, f'a column has one highlight; "{said[0]}" is there already')
    for key in _LIMITS:
        if (limit := highlight.get(key)) is not None:
            _check_limit(limit, job, findings)
    if (against := highlight.get("delta")) is not None and against.text is not None:
        check_column(against, dataset, job, findings)


def _check_limit(limit: Node, job: Node, findings: Findings) -> None:
    if limit.text is None:
        return
    params = job.get("params") or Node({}, job.place)
    param = params.get(limit.text)
    if param is None:
        findings.about(limit, f'unknown param "{limit.text}"{did_you_mean(limit.text, params.mapping)}')
    elif isinstance(param.value, bool) or not isinstance(param.value, int | float):
        findings.about(limit, f'the param "{limit.text}" is not a number')


def _key(mapping: Node, key: str) -> Node:
    """A key as the text that it is."""
    return Node(key, mapping.key_place(key), (*mapping.path, key))
