"""What jobs.yaml will be able to say and cannot yet: refused by name, never ignored."""

from pipeline.jobs.names import did_you_mean

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


def check_theme(text: str) -> None:
    """Raises ValueError for any theme but the one there is."""
    if text != "default":
        raise ValueError(f"theme {not_yet(text)}{did_you_mean(text, ['default']) or '; leave it out'}")
