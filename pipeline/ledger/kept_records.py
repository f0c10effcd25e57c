"""What a run leaves behind for later ones and for whoever asks how it came about. Plain values, no SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

Trouble = Literal["", "gate", "failed"]
"""What was wrong with a run: nothing, its numbers, or that it could not be built."""
Kept: TypeAlias = str | int | float | bool | datetime | timedelta | None
"""One value that a gate asks of the last sent run."""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A file of the project that a run was made from, as it was then."""

    path: str
    """Relative to the project, with forward slashes."""
    sha256: str
    """Hex."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What one run was made from, and what it keeps for the next."""

    values: Mapping[str, Kept] = field(default_factory=dict)
    """An expression (or `content of DATASET`) → its value in this run."""
    armed: bool = True
    """Whether `send_when` with `once` would send when it next becomes true."""
    passed: bool = True
    """Whether its numbers are fresh and as expected, whatever became of the run."""
    ingredients: tuple[Ingredient, ...] = ()


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a job's real runs before a due time."""

    sent_due: datetime | None = None
    """The due time of the last one whose messages went out; None: there was none."""
    values: Mapping[str, Kept] = field(default_factory=dict)
    """What that one kept."""
    armed: bool = True
    """As the last one left it that came through the gate or was turned back by it, sent or not."""
    trouble: Trouble = ""
    """What was wrong with the last one that was built, or could not be."""
