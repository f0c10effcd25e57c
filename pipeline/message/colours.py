"""Colours as `#rrggbb`: mixed, and how well one reads on another."""

from pipeline.message.lint.colour import contrast

READABLE = 4.5
"""The contrast that texts need (WCAG 2.2, 1.4.3)."""


def mixed(ground: str, colour: str, share: float) -> str:
    """The ground with a share of the colour, from 0 to 1."""
    parts = zip(_parts(ground), _parts(colour), strict=True)
    return f"#{bytes(round(under + (over - under) * share) for under, over in parts).hex()}"


def contrast_of(one: str, other: str) -> float:
    """From 1 to 21."""
    return contrast(_parts(one), _parts(other))


def _parts(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
