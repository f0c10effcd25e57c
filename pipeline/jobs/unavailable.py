"""What jobs.yaml will be able to say and cannot yet: refused by name, never ignored."""

Shape = tuple[str, ...]
"""Where in the file: keys, with `*` for any name or position."""

LATER: dict[Shape, frozenset[str]] = {
    ("jobs", "*", "data", "*"): frozenset({"http", "headers"}),
}


def is_later(shape: Shape, key: str) -> bool:
    """Whether a key at this place belongs to a capability that comes later."""
    return key in LATER.get(shape, ())


def not_yet(what: str) -> str:
    return f'"{what}" is not available yet'
