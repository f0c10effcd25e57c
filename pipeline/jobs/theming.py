"""How mails look, by a few tokens: colours for light and dark, a font, a width, a logo."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.jobs.base import Strict, Text
from pipeline.jobs.names import did_you_mean, listed
from pipeline.jobs.paths import check_inside
from pipeline.jobs.tree import Findings, Node

USUAL = "default"
"""The theme of whoever names none; a theme of this name takes its place."""
PICTURES = (".png", ".jpg", ".jpeg", ".gif")
"""What every mail program shows; of SVG nearly none does."""
_COLOUR = re.compile("#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_FONT = re.compile(r"[A-Za-z0-9 ,'\"_-]+")


def _colour(text: str) -> str:
    """`#rrggbb` in lower case."""
    if not _COLOUR.fullmatch(text):
        raise ValueError(f'"{text}" is not a colour; write it like "#1f5fbf", in quotes')
    digits = text[1:].lower()
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def _font(text: str) -> str:
    if not _FONT.fullmatch(text):
        raise ValueError(f'"{text}" names no fonts; write them like Georgia, "Times New Roman", serif')
    return text.replace('"', "'")


Colour = Annotated[str, AfterValidator(_colour)]


class Colours(Strict):
    """Those of one mode; all others follow from them."""

    accent: Colour | None = Field(
        default=None, description="Links, buttons, bars, the line at the top.", examples=["#1f5fbf"]
    )
    text: Colour | None = Field(default=None, description="What is read.", examples=["#1b2330"])
    background: Colour | None = Field(default=None, description="Behind what is read.", examples=["#ffffff"])
    page: Colour | None = Field(default=None, description="Around the mail.", examples=["#f3f4f6"])


class Logo(Strict):
    """A picture above the title."""

    file: Text = Field(
        description="Its path from the project's folder: PNG, JPEG or GIF, 200 kB at most.",
        examples=["templates/logo.png"],
    )
    alt: Text = Field(description="What it says, for readers who do not see it.", examples=["Example Airlines"])
    width: int = Field(default=140, ge=16, le=560, description="How wide it is shown, in CSS px.", examples=[140])


class Theme(Colours):
    """What is not said is as in the default theme."""

    font: Annotated[Text, AfterValidator(_font)] | None = Field(
        default=None,
        description="Fonts in order of preference; recipients see the first that their machine has.",
        examples=["Georgia, serif"],
    )
    width: int | None = Field(
        default=None,
        ge=480,
        le=800,
        description="Of the mail on a wide screen, in CSS px; default: 600.",
        examples=[640],
    )
    logo: Logo | None = Field(
        default=None,
        description="A picture above the title of each mail.",
        examples=[{"file": "templates/logo.png", "alt": "Example Airlines"}],
    )
    dark: Colours | None = Field(
        default=None,
        description="Colours where the reader's screen is dark; by default those of the default theme, with an accent"
        " that goes with the light one.",
        examples=[{"accent": "#7fb0f5"}],
    )


def check_themes(root: Node, directory: Path, findings: Findings) -> None:
    """Colours that a `#` without quotes has made a comment of, logos that lead out of the project."""
    for theme in (root.get("themes") or root).mapping.values():
        for colours in (theme, theme.get("dark") or theme):
            for key in Colours.model_fields:
                if key in colours.mapping and colours.mapping[key].value is None:
                    findings.about(colours.mapping[key], "no colour; put it in quotes: without, # begins a comment")
        if (file := theme.get("logo", "file")) is not None:
            findings.check(file, lambda text: check_inside(directory, text))
            findings.check(file, _check_picture)


def check_theme_of(message: Node | None, root: Node, findings: Findings) -> None:
    """A theme that there is."""
    theme = message.get("theme") if message is not None else None
    known = [USUAL, *(root.get("themes") or Node({}, root.place)).mapping]
    if theme is not None and theme.text is not None and theme.text not in known:
        hint = did_you_mean(theme.text, known) or f"; there is {listed(known, 'and')}"
        findings.about(theme, f'unknown theme "{theme.text}"{hint}')


def _check_picture(text: str) -> None:
    if not text.lower().endswith(PICTURES):
        raise ValueError(f'"{text}": mail programs show {listed(PICTURES)}, and hardly any shows another')
