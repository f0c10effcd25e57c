"""Text → nodes: YAML whose scalars hold no surprises, with every fault of the text as a message for its
author.

Plain scalars are read by the rules of JSON and YAML 1.2's core names: true, false, null, whole numbers,
numbers with a point or an exponent. Anything else is text: `no`, `on`, `012`, `1_000`, `2026-01-01`,
`07:30`. Mappings must not repeat a key, tags are refused, `<<` merges and aliases are resolved here.
"""

import math
import re

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from pipeline.errors import ProjectErrors
from pipeline.jobs.tree import Findings, Node, Place, Scalar
from pipeline.jobs.yamlfaults import explain_fault

MAX_DEPTH = 60
MAX_VALUES = 1_000_000
"""After aliases are resolved. Ten thousand jobs have about 200,000."""

_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")  # RFC 8259 §6
_STR, _SEQ, _MAP = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # YAML 1.2 §5.1
_STACKED = re.compile(rf"(?:[-?:][ \t]+){{{MAX_DEPTH}}}")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml where it is built in
    """Resolves nothing by itself: `scalar` below does."""

    yaml_implicit_resolvers: dict[str, object] = {}  # noqa: RUF012 - PyYAML's own class attribute


class _SlowLoader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012


def parse_yaml(text: str, file: str) -> Node:
    """The root of the one document in the text. Raises ProjectErrors with every fault found."""
    findings = Findings(file)
    _refuse_unreadable(text, findings)
    root = _compose(text, findings)
    if root is None:
        findings.at(Place(1, 1), 'is empty; write at least one job under "jobs:"')
        raise ProjectErrors(findings.problems)
    node = _Builder(findings).build(root, ())
    if findings.problems:
        raise ProjectErrors(findings.problems)
    return node


def scalar(text: str) -> Scalar:
    """What a plain (unquoted) scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    if match[1] is None and match[2] is None:
        return int(text) if len(text) < 1000 else text
    number = float(text)
    return number if math.isfinite(number) else text


def _refuse_unreadable(text: str, findings: Findings) -> None:
    """Characters that YAML forbids, and nesting that would overflow a parser's stack."""
    if match := _UNPRINTABLE.search(text):
        findings.at(_place_of(text, match.start()), f"control character U+{ord(match[0]):04X}; take it out")
        raise ProjectErrors(findings.problems)
    depth = 0
    for match in re.finditer(r"[][{}]", text):
        depth = depth + 1 if match[0] in "[{" else max(0, depth - 1)
        if depth > MAX_DEPTH:
            break
    else:
        match = _STACKED.search(text)
    if match:
        findings.at(_place_of(text, match.start()), f"nested deeper than {MAX_DEPTH} levels")
        raise ProjectErrors(findings.problems)


def _place_of(text: str, offset: int) -> Place:
    return Place(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def _compose(text: str, findings: Findings) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        found: Exception = error
    except RecursionError as error:
        found = error
    try:
        yaml.compose(text, Loader=_SlowLoader)  # its messages are the better ones, and the same on every machine
    except (yaml.YAMLError, RecursionError) as error:
        found = error
    if isinstance(found, yaml.MarkedYAMLError):
        findings.at(*explain_fault(found))
    else:
        findings.at(Place(1, 1), f"nested deeper than {MAX_DEPTH} levels")
    raise ProjectErrors(findings.problems)


class _Builder:
    """One walk over PyYAML's nodes. A node that aliases share is built once; sizes are counted as if it were
    copied."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._built: dict[int, tuple[Node, int]] = {}
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: tuple[str, ...]) -> Node:
        return self._sized(node, path)[0]

    def _sized(self, node: yaml.Node, path: tuple[str, ...]) -> tuple[Node, int]:
        known = self._built.get(id(node))
        if known is not None:
            return known
        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, ScalarNode):
            result = self._scalar(node, place, path), 1
        elif id(node) in self._open:
            self._findings.at(place, "this value holds an alias to itself", path)
            return Node(None, place, path), 1
        elif len(self._open) >= MAX_DEPTH:
            self._stop(place, f"nested deeper than {MAX_DEPTH} levels")
        else:
            self._open.add(id(node))
            result = self._collection(node, place, path)
            self._open.discard(id(node))
        if result[1] > MAX_VALUES:
            self._stop(place, f"aliases make more than {MAX_VALUES} values out of this")
        self._built[id(node)] = result
        return result

    def _stop(self, place: Place, message: str) -> None:
        self._findings.at(place, message)
        raise ProjectErrors(self._findings.problems)

    def _scalar(self, node: ScalarNode, place: Place, path: tuple[str, ...]) -> Node:
        if node.tag != _STR:
            self._findings.at(place, f'tags like "{_short(node.tag)}" are not used here; leave it out', path)
        return Node(node.value if node.style else scalar(node.value), place, path)

    def _collection(self, node: yaml.Node, place: Place, path: tuple[str, ...]) -> tuple[Node, int]:
        if node.tag not in {_SEQ, _MAP}:
            self._findings.at(place, f'tags like "{_short(node.tag)}" are not used here; leave it out', path)
        if isinstance(node, MappingNode):
            return self._mapping(node, place, path)
        children = [self._sized(child, (*path, str(index))) for index, child in enumerate(node.value)]
        return Node([child for child, _ in children], place, path), 1 + sum(size for _, size in children)

    def _mapping(self, node: MappingNode, place: Place, path: tuple[str, ...]) -> tuple[Node, int]:
        own: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        merged: list[Node] = []
        size = 1
        for key_node, value_node in node.value:
            at = Place(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                self._findings.at(at, 'a key must be text; put a text that starts with "{" or "[" in quotes', path)
                continue
            key = key_node.value
            if key in keys:
                self._findings.at(at, f'"{key}" is here twice; first at {_spot(keys[key])}', (*path, key))
                continue
            keys[key] = at
            value, count = self._sized(value_node, (*path, key))
            size += count
            if key == "<<" and not key_node.style:
                merged += self._sources(value_node, value, at)
            else:
                own[key] = value
        for source in merged:  # the first to name a key wins (YAML merge key, yaml.org/type/merge)
            own = {**own, **{key: child for key, child in source.mapping.items() if key not in own}}
            keys = {**(source.keys or {}), **keys}
        return Node(own, place, path, keys), size

    def _sources(self, written: yaml.Node, value: Node, at: Place) -> list[Node]:
        sources = value.items if isinstance(written, SequenceNode) else [value]
        if all(isinstance(source.value, dict) for source in sources):
            return sources
        self._findings.at(at, '"<<" takes an alias of a mapping, or a list of such')
        return []


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _spot(place: Place) -> str:
    return f"{place.line}:{place.column}"
