"""What stands out in a column: marks before values and tones of cells, so that colour never says it alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.jobs.columnspec import ColumnSpec, Good, Highlight
from pipeline.message.formats import Formats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS = 4
"""Shades of a colour scale, besides none."""
_EIGHTHS = "▏▎▍▌▋▊▉█"
LONGEST_BAR = 8
"""Characters of the longest bar in a text."""


@dataclass(frozen=True, slots=True)
class Lit:
    """A column's cells with their marks. `kind` says how tones are meant:

    `limit`: good, bad, strong; `delta`: good, bad, same; `heat`: a colour and a step, `accent 3`; `bar`: a length
    in per cent. An empty tone is a cell like any other.
    """

    kind: str
    texts: list[str]
    tones: list[str]
    legend: str = ""
    """What the marks mean, where they do not say it themselves."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A column's cells before anything stands out: values, how they read, and the whole column's numbers."""

    label: str
    values: Sequence[Any]
    read: Callable[[Any], str]
    read_limit: Callable[[Any], str]
    numbers: "Callable[[], NDArray[np.float64]]"
    """Finite ones of all rows, not only of those shown. Raises ValueError where the column holds no numbers."""


def lit(spec: ColumnSpec, cells: Cells, params: Mapping[str, Any]) -> Lit | None:
    """None where nothing stands out. Raises ValueError where the column does not hold what its highlight needs."""
    highlight = spec.highlight
    if highlight is None or highlight.against is not None:
        return None
    texts = [cells.read(value) for value in cells.values]
    if highlight.heat:
        return Lit("heat", texts, _heat(cells, spec.good))
    if highlight.bar:
        return Lit("bar", texts, _bars(cells))
    if highlight.delta:
        return _signs(cells, texts, spec.good)
    return _limits(highlight, spec, cells, texts, params)


def direction(text: str) -> str:
    """up, down or same, by what a reader sees: a difference that rounds to nothing is none."""
    if not any(character in "123456789∞" for character in text):
        return "same"
    return "down" if text.lstrip(" \u200e").startswith(("-", "−")) else "up"  # U+200E: of scripts from right to left


def tone_of(direction: str, good: Good) -> str:
    """good, bad or same."""
    return "same" if direction == "same" or good == "none" else "good" if direction == good else "bad"


ARROWS = {"up": "▲", "down": "▼", "same": ""}


def blocks(percent: int) -> str:
    """A bar for texts: `█████▌`."""
    eighths = max(1, round(percent * LONGEST_BAR * 8 / 100)) if percent else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest - 1] if rest else "")


def _limits(highlight: Highlight, spec: ColumnSpec, cells: Cells, texts: list[str], params: Mapping[str, Any]) -> Lit:
    below, above = highlight.limits(params)
    side = {"up": ("bad", "good"), "down": ("good", "bad"), "none": ("strong", "strong")}
    low, high = side[spec.good] if spec.good else ("bad", "bad")
    tones = []
    for value in cells.values:
        number = _number(value, cells.label)
        is_high = number is not None and above is not None and number > above
        is_low = number is not None and below is not None and number < below
        tones.append(high if is_high else low if is_low else "")
    if not any(tones):  # limits that nothing is beyond need not even be readable, as in a column without values
        return Lit("limit", texts, tones, "")
    said = [
        f"{word} {cells.read_limit(limit)}" for word, limit in (("above", above), ("below", below)) if limit is not None
    ]
    unit = f" {spec.unit}" if spec.unit else ""
    legend = f"* {cells.label} {' or '.join(said)}{unit}"
    return Lit("limit", [f"* {text}" if tone else text for text, tone in zip(texts, tones, strict=True)], tones, legend)


def _signs(cells: Cells, texts: list[str], good: Good | None) -> Lit:
    directions = [direction(text) for text in texts]
    shown = [f"{ARROWS[way]} {text}" if ARROWS[way] else text for text, way in zip(texts, directions, strict=True)]
    tones = [
        "" if Formats.is_missing(value) else tone_of(way, good or "up")
        for value, way in zip(cells.values, directions, strict=True)
    ]
    return Lit("delta", shown, tones)


def _heat(cells: Cells, good: Good | None) -> list[str]:
    numbers = cells.numbers()
    if not len(numbers) or numbers.min() == numbers.max():
        return [""] * len(cells.values)
    low, high = float(numbers.min()), float(numbers.max())
    return [_shade(_share(number, low, high), good) for number in _numbers(cells)]


def _share(number: float | None, low: float, high: float) -> float | None:
    return None if number is None else min(1.0, max(0.0, (number - low) / (high - low)))


def _shade(share: float | None, good: Good | None) -> str:
    """One colour that deepens, or, where one end is good and one is bad, two that meet in the middle."""
    if share is None:
        return ""
    if good in {None, "none"}:
        step = round(share * STEPS)
        return f"accent {step}" if step else ""
    step = round((share - 0.5) * 2 * STEPS)
    return f"{'good' if (step > 0) == (good == 'up') else 'bad'} {abs(step)}" if step else ""


def _bars(cells: Cells) -> list[str]:
    numbers = cells.numbers()
    longest = float(abs(numbers).max()) if len(numbers) else 0.0
    shares = (None if number is None or not longest else min(1.0, abs(number) / longest) for number in _numbers(cells))
    return ["" if share is None else str(round(100 * share)) for share in shares]


def _numbers(cells: Cells) -> list[float | None]:
    return [_number(value, cells.label) for value in cells.values]


def _number(value: Any, label: str) -> float | None:
    """None for what is missing."""
    if Formats.is_missing(value):
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f'the highlight of "{label}" needs numbers, and there is "{value}"')
