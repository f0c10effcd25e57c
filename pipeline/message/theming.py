"""A theme of jobs.yaml → all colours of both modes. What is not said follows from what is, so that every text can be
read (WCAG 2.2, 1.4.3): at least 4.5:1."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.errors import ComposeError
from pipeline.jobs.names import did_you_mean
from pipeline.jobs.theming import USUAL, Colours
from pipeline.jobs.theming import Theme as Tokens
from pipeline.message.colours import READABLE, contrast_of, mixed
from pipeline.message.themes import DEFAULT, Palette, Theme

_BLACK, _WHITE = "#000000", "#ffffff"
_WARNING, _ALARM = "#c98a08", "#d64545"
_STEPS = tuple(step / 20 for step in range(20, -1, -1))
"""Shares to try, from all of a colour to none of it."""


def named(name: str, themes: Mapping[str, Tokens]) -> Theme:
    """Raises ComposeError for a theme that there is not."""
    if name in themes:
        return theme_of(name, themes[name])
    if name != USUAL:
        raise ComposeError(f'there is no theme "{name}"{did_you_mean(name, [USUAL, *themes])}')
    return DEFAULT


def theme_of(name: str, tokens: Tokens) -> Theme:
    """All of it."""
    return Theme(
        name=name,
        width=tokens.width or DEFAULT.width,
        font=tokens.font or DEFAULT.font,
        mono=DEFAULT.mono,
        light=_palette(tokens, DEFAULT.light),
        dark=_palette(_dark(tokens), DEFAULT.dark),
    )


def unreadable(tokens: Tokens) -> Iterator[tuple[tuple[str, ...], str]]:
    """(where in the theme, what is wrong) for every colour of text that cannot be read on its ground."""
    for mode, said, usual in (((), tokens, DEFAULT.light), (("dark",), tokens.dark, DEFAULT.dark)):
        if said is not None:
            for key, message in _unreadable(said, usual):
                yield (*mode, key), message


def _unreadable(said: Colours, usual: Palette) -> Iterator[tuple[str, str]]:
    """At most one fault for each of the two texts: on the ground that hides it most. Blamed is what was said."""
    made = _palette(said, usual)
    grounds = {"background": made.paper, "page": made.page}
    for key, colour in (("text", made.ink), ("accent", made.accent)):
        ground = min(grounds, key=lambda name: contrast_of(colour, grounds[name]))
        found = contrast_of(colour, grounds[ground])
        blamed = next((name for name in (key, ground, "background", "page") if getattr(said, name)), None)
        if found >= READABLE or blamed is None:
            continue
        better = _readable(colour, list(grounds.values()), _furthest(grounds[ground]))
        advice = f"; {better} would do" if _is_readable(better, list(grounds.values())) else ""
        pair = f"{key} {colour} on {ground} {grounds[ground]}"
        yield blamed, f"{pair} has a contrast of {found:.1f}:1, and text needs {READABLE}:1{advice}"


def _dark(tokens: Tokens) -> Colours:
    """What is said of the dark mode, with an accent that goes with the light one."""
    said = tokens.dark or Colours()
    if said.accent is not None or tokens.accent is None:
        return said
    made = _palette(said, DEFAULT.dark)
    accent = _readable(tokens.accent, [made.paper, made.page, made.soft], _furthest(made.paper))
    return said.model_copy(update={"accent": accent})


def _palette(said: Colours, usual: Palette) -> Palette:
    accent = said.accent or usual.accent
    if not (said.text or said.background or said.page):
        return _with_accent(usual, accent)
    paper, ink = said.background or usual.paper, said.text or usual.ink
    page = said.page or (usual.page if said.background is None else mixed(paper, ink, 0.05))
    soft = mixed(paper, ink, 0.03)
    grounds = [paper, soft, page]
    return Palette(
        page=page,
        paper=paper,
        soft=soft,
        line=mixed(paper, ink, 0.14),
        ink=ink,
        muted=_readable(mixed(ink, paper, 0.3), grounds, ink),
        accent=accent,
        on_accent=_on(accent),
        good=_readable(usual.good, grounds, ink),
        bad=_readable(usual.bad, grounds, ink),
        notice=_banner(paper, accent, ink),
        warning=_banner(paper, _WARNING, ink),
        alarm=_banner(paper, _ALARM, ink),
    )


def _with_accent(usual: Palette, accent: str) -> Palette:
    """The default's colours, as nothing but the accent differs."""
    if accent == usual.accent:
        return usual
    values = {name: getattr(usual, name) for name in Palette.__dataclass_fields__}
    return Palette(**values | {
        "accent": accent, "on_accent": _on(accent), "notice": _banner(usual.paper, accent, usual.ink),
    })  # fmt: skip


def _on(accent: str) -> str:
    """Black or white can be read on any colour."""
    return next(colour for colour in (_WHITE, DEFAULT.dark.page, _BLACK) if contrast_of(colour, accent) >= READABLE)


def _banner(paper: str, colour: str, ink: str) -> str:
    """A tint of the colour that text can stand on."""
    return next(
        (tint for share in _STEPS if contrast_of(ink, tint := mixed(paper, colour, share * 0.12)) >= READABLE), paper
    )


def _readable(colour: str, grounds: Sequence[str], towards: str) -> str:
    """The colour, with as much of another as it needs to be read on all of the grounds."""
    tried = (mixed(towards, colour, share) for share in _STEPS)
    return next((one for one in tried if _is_readable(one, grounds)), towards)


def _is_readable(colour: str, grounds: Sequence[str]) -> bool:
    return all(contrast_of(colour, ground) >= READABLE for ground in grounds)


def _furthest(ground: str) -> str:
    return max((_BLACK, _WHITE), key=lambda colour: contrast_of(colour, ground))
