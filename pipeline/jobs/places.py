"""Where a key of jobs.yaml stands, for what is found wrong only when a report is built."""

from pathlib import Path

from pipeline.errors import ProjectErrors
from pipeline.jobs.tree import Node
from pipeline.jobs.yamltext import parse_yaml


def place_of(file: Path, *path: str) -> str:
    """`jobs.yaml:31:9` for a path of keys as they are written; the file's name alone where it has none such by now."""
    try:
        node: Node | None = parse_yaml(file.read_text(encoding="utf-8-sig"), file.name)
    except (OSError, UnicodeError, ProjectErrors):
        return file.name
    place = None
    for key in path:
        if node is None or key not in node.mapping:
            return file.name
        place, node = node.key_place(key), node.get(key)
    return file.name if place is None else f"{file.name}:{place.line}:{place.column}"
