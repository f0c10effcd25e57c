"""The looks as tokens: one place for colours, fonts and width. Templates use them as `theme.ink`,
`theme.dark.ink`.

Text on its background keeps a contrast of at least 4.5:1 in both modes (WCAG 2.2, 1.4.3); a test computes it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

_TINT = 0.09
"""How much of a colour each step of a tint has: the deepest leaves `ink` its contrast, in both modes."""


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
        higher the step, from 1 to 4."""
        return {
            f"{colour} {step}": _mixed(self.paper, getattr(self, colour), step * _TINT)
            for colour in ("accent", "good", "bad")
            for step in range(1, 5)
        }

    @property
    def view(self) -> dict[str, Any]:
        return {**asdict(self), "tints": self.tints, "tint_rules": self.tint_rules}

    @cached_property
    def tint_rules(self) -> str:
        """The same as rules of a style sheet, for the classes `accent-3` and so on."""
        return "\n".join(
            f".{name.replace(' ', '-')}{{background:{tint} !important}}" for name, tint in self.tints.items()
        )


def _mixed(paper: str, colour: str, share: float) -> str:
    parts = zip(bytes.fromhex(paper[1:]), bytes.fromhex(colour[1:]), strict=True)
    return f"#{bytes(round(under + (over - under) * share) for under, over in parts).hex()}"


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

THEMES: dict[str, Theme] = {DEFAULT.name: DEFAULT}
