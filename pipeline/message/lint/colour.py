"""Colours as numbers, and how well one reads on another (WCAG 2.2)."""

import re

RGB = tuple[int, int, int]

_NAMES: dict[str, RGB] = {
    "black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255),
    "gray": (128, 128, 128), "grey": (128, 128, 128), "silver": (192, 192, 192), "yellow": (255, 255, 0),
    "orange": (255, 165, 0), "purple": (128, 0, 128), "navy": (0, 0, 128), "teal": (0, 128, 128),
    "maroon": (128, 0, 0), "lightgray": (211, 211, 211), "lightgrey": (211, 211, 211), "darkgray": (169, 169, 169),
}  # fmt: skip
_COLOUR = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-f])|rgb\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)\s*\)|\b([a-z]+)\b")


def parse(text: str) -> RGB | None:
    """The first colour in a CSS value; None for none, for transparency, and for names beyond the common ones."""
    for digits, red, green, blue, name in _COLOUR.findall(text.lower()):
        if digits:
            wide = digits if len(digits) == 6 else "".join(letter * 2 for letter in digits)
            return int(wide[:2], 16), int(wide[2:4], 16), int(wide[4:], 16)
        if red:
            return int(red), int(green), int(blue)
        if name in _NAMES:
            return _NAMES[name]
    return None


def contrast(one: RGB, other: RGB) -> float:
    """The contrast ratio, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: RGB) -> float:
    red, green, blue = (
        value / 12.92 if (value := part / 255) <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
