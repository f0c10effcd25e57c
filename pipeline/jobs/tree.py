"""Nodes: what a YAML file says, every value still knowing where it stands."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from pydantic import SecretStr

from pipeline.errors import Problem

Scalar = str | int | float | bool | SecretStr | None


class Place(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


class Node(NamedTuple):
    """One value. Sequences are lists of nodes, mappings dicts of nodes in the file's order.

    Rearranging (short forms, defaults) makes new nodes out of old ones; each keeps the place and the path at
    which its author wrote it, so that a message about it points there.
    """

    value: "Scalar | list[Node] | dict[str, Node]"
    place: Place
    path: tuple[str, ...] = ()
    keys: dict[str, Place] | None = None
    """Of a mapping: where each key stands."""

    @property
    def mapping(self) -> "dict[str, Node]":
        """The children by key; empty for anything that is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Node]":
        """The children of a sequence; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def text(self) -> str | None:
        return self.value if isinstance(self.value, str) else None

    def key_place(self, key: str) -> Place:
        """Where a key stands; the mapping's own place for a key that a short form or a default brought in."""
        return (self.keys or {}).get(key, self.place)

    def get(self, *path: str | int) -> "Node | None":
        """The node at a path below this one, or None."""
        node: Node | None = self
        for step in path:
            if node is None:
                return None
            if isinstance(step, int):
                node = node.items[step] if step < len(node.items) else None
            else:
                node = node.mapping.get(step)
        return node

    def with_mapping(self, value: "Mapping[str, Node]", keys: Mapping[str, Place] | None = None) -> "Node":
        """This mapping with other children; places of keys are kept and `keys` added."""
        return self._replace(value=dict(value), keys={**(self.keys or {}), **(keys or {})})


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.mapping.values() or node.items


def plain(node: Node) -> object:
    """The bare values: dicts, tuples (what frozen models hold) and scalars."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return tuple(plain(child) for child in value)
    return value


def merge(under: Node, over: Node) -> Node:
    """`over` with what only `under` has: mappings key by key, anything else as a whole."""
    if not isinstance(under.value, dict) or not isinstance(over.value, dict):
        return over
    merged = dict(under.value)
    for key, child in over.value.items():
        merged[key] = merge(merged[key], child) if key in merged else child
    return over._replace(value=merged, keys={**(under.keys or {}), **(over.keys or {})})


class Findings:
    """Collects problems of one file, so that all of them are reported at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._settled: set[Place] = set()

    def at(self, place: Place, message: str, path: tuple[str, ...] = ()) -> None:
        if place not in self._settled:
            self.problems.append(Problem(self.file, place.line, place.column, message, ".".join(path)))

    def about(self, node: Node, message: str) -> None:
        """Something is wrong with this value."""
        self.at(node.place, message, node.path)

    def settle(self, node: Node, message: str) -> None:
        """Something is wrong with this value, and anything else that is wrong with it follows from that."""
        self.about(node, message)
        self._settled.add(node.place)

    def about_key(self, node: Node, key: str, message: str) -> None:
        """Something is wrong with this key of a mapping."""
        self.at(node.key_place(key), message, (*node.path, key))

    def check(self, node: Node, validate: Callable[[str], object]) -> None:
        """Hands a text to a validator and reports its ValueError at the text."""
        if node.text is not None:
            try:
                validate(node.text)
            except ValueError as error:
                self.about(node, str(error))
