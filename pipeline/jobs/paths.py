"""Paths that an analyst writes: inside the project, whatever they look like."""

from pathlib import Path, PurePosixPath


def check_inside(root: Path, text: str) -> None:
    """Raises ValueError for a path that is absolute, climbs out with `..`, or leads out through a symbolic
    link."""
    if "\\" in text:
        raise ValueError(f'"{text}" has a backslash; write "/" between folders')
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("a path must not hold control characters")
    if PurePosixPath(text).is_absolute() or text[1:3] == ":/":
        raise ValueError(f'"{text}" is absolute; write the path from the project\'s folder')
    inside = root.resolve()
    try:
        target = (inside / text).resolve()
    except (OSError, RuntimeError):
        raise ValueError(f'"{text}" is a symbolic link that leads nowhere') from None
    if target != inside and inside not in target.parents:
        raise ValueError(f'"{text}" leads out of the project\'s folder')
