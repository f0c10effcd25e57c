"""The looks as tokens: one place for colours, fonts and width. Templates use them as `theme.ink`,
`theme.dark.ink`.

Text on its background keeps a contrast of at least 4.5:1 in both modes (WCAG 2.2, 1.4.3); a test computes it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from pipeline.message.colours import READABLE, contrast_of, mixed

_STEPS = (1, 2, 3, 4)
_TINT = 0.09
"""How much of a colour each step of a tint has, at most."""


@dataclass(frozen=True)
class Palette:
    """The colours of one mode, as `#rrggbb`."""

    page: str
    """Around the mail."""
    paper: str
    """Behind the content."""
    soft: str
    """Cards, table heads."""
    line: str
    ink: str
    muted: str
    accent: str
    """Links, buttons, the line at the top."""
    on_accent: str
    good: str
    bad: str
    notice: str
    warning: str
    alarm: str
    """Backgrounds of the three banners; `ink` stands on them."""

    @cached_property
    def tints(self) -> Mapping[str, str]:
        """Backgrounds for `ink`, like `accent 3`: the paper with some of a colour (accent, good, bad), the more the
        higher the step, from 1 to 4, and never so much that `ink` could not be read."""
        return {
            f"{name} {step}": tint
            for name in ("accent", "good", "bad")
            for step, tint in zip(_STEPS, self._shades(getattr(self, name)), strict=True)
        }

    def _shades(self, colour: str) -> list[str]:
        for part in (1.0, 0.8, 0.6, 0.4, 0.2):
            shades = [mixed(self.paper, colour, step * _TINT * part) for step in _STEPS]
            if contrast_of(self.ink, shades[-1]) >= READABLE:
                return shades
        return [self.paper for _ in _STEPS]

    @property
    def view(self) -> dict[str, Any]:
        return {**asdict(self), "tints": self.tints, "tint_rules": self.tint_rules}

    @cached_property
    def tint_rules(self) -> str:
        """The same as rules of a style sheet, for the classes `accent-3` and so on."""
        return "\n".join(
            f".{name.replace(' ', '-')}{{background:{tint} !important}}" for name, tint in self.tints.items()
        )


@dataclass(frozen=True, slots=True)
class Theme:
    name: str
    width: int
    """CSS px; 600 is what every client shows."""
    font: str
    mono: str
    light: Palette
    dark: Palette

    @property
    def view(self) -> dict[str, Any]:
        """What templates see: plain dicts. The layout asks sixty times, and an object's attribute costs 4 µs."""
        return {**asdict(self), "light": self.light.view, "dark": self.dark.view}


DEFAULT = Theme(
    name="default",
    width=600,
    font="-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif",
    mono="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace",
    light=Palette(
        page="#f3f4f6",
        paper="#ffffff",
        soft="#f7f8fa",
        line="#e4e7ec",
        ink="#1b2330",
        muted="#5d6878",
        accent="#1f5fbf",
        on_accent="#ffffff",
        good="#137a4b",
        bad="#b42323",
        notice="#eaf2fd",
        warning="#fdf3dc",
        alarm="#fdeaea",
    ),
    dark=Palette(
        page="#0f1318",
        paper="#181d24",
        soft="#212833",
        line="#343d4a",
        ink="#e8ecf2",
        muted="#a3afbf",
        accent="#7fb0f5",
        on_accent="#0f1318",
        good="#5cc794",
        bad="#f28b82",
        notice="#1d2d45",
        warning="#3a3016",
        alarm="#431f20",
    ),
)
