"""Themes by a few tokens: all that follows from them can be read, and what cannot is named before the run."""

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.engine.logo import logo_of
from pipeline.errors import ComposeError, ProjectErrors
from pipeline.jobs.model import Export
from pipeline.jobs.theming import Colours, Logo, Theme
from pipeline.message.colours import contrast_of
from pipeline.message.compose import Composer
from pipeline.message.facts import Recipients
from pipeline.message.lint.colour import contrast, parse
from pipeline.message.themes import DEFAULT, Palette
from pipeline.message.theming import named, theme_of, unreadable
from pipeline.reading import found_right, read_jobs
from pipeline.report.artifacts import ArtifactStore

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
MAYBE = st.none() | COLOURS
MODES = st.builds(Colours, accent=MAYBE, text=MAYBE, background=MAYBE, page=MAYBE)
THEMES = st.builds(
    Theme, accent=MAYBE, text=MAYBE, background=MAYBE, page=MAYBE, dark=st.none() | MODES, font=st.none(),
    width=st.none(), logo=st.none(),
)  # fmt: skip
READ = [
    *((text, ground) for text in ("ink", "muted", "accent", "good", "bad") for ground in ("paper", "page")),
    *(("ink", ground) for ground in ("notice", "warning", "alarm")),
    ("on_accent", "accent"),
]


def ratio(palette: Palette, text: str, ground: str) -> float:
    one, other = parse(getattr(palette, text)), parse(getattr(palette, ground))
    assert one
    assert other
    return contrast(one, other)


@given(THEMES)
def test_what_check_passes_can_be_read_in_both_modes(tokens: Theme) -> None:
    assume(not list(unreadable(tokens)))
    made = theme_of("mine", tokens)
    assert all(ratio(palette, *pair) >= 4.5 for palette in (made.light, made.dark) for pair in READ)
    shades = [(palette.ink, shade) for palette in (made.light, made.dark) for shade in palette.tints.values()]
    assert all(contrast_of(*pair) >= 4.5 for pair in shades)


@given(THEMES)
def test_what_is_said_is_kept_and_what_cannot_be_read_is_said(tokens: Theme) -> None:
    made = theme_of("mine", tokens)
    for said, palette in ((tokens, made.light), (tokens.dark or Colours(), made.dark)):
        for key, name in (("text", "ink"), ("background", "paper"), ("page", "page")):
            assert getattr(said, key) in {None, getattr(palette, name)}
    told = {where[:-1] for where, _ in unreadable(tokens)}
    said_modes = [((), tokens, made.light), (("dark",), tokens.dark, made.dark)]
    for mode, said, palette in said_modes:
        if said is not None and min(ratio(palette, *pair) for pair in READ[:2] + READ[4:6]) < 4.5:
            assert mode in told


def test_nothing_said_is_the_default() -> None:
    made = theme_of("mine", Theme())
    assert (made.light, made.dark, made.width, made.font) == (DEFAULT.light, DEFAULT.dark, DEFAULT.width, DEFAULT.font)


def test_the_dark_mode_gets_an_accent_that_goes_with_the_light_one() -> None:
    made = theme_of("mine", Theme(accent="#0b6e4f"))
    assert made.light.accent == "#0b6e4f"
    assert made.dark.paper == DEFAULT.dark.paper
    red, green, blue = parse(made.dark.accent) or (0, 0, 0)
    assert green > red and green > blue  # noqa: PT018 - it is still a green
    assert ratio(made.dark, "accent", "paper") >= 4.5


def test_a_theme_called_default_takes_its_place() -> None:
    assert named("default", {}) is DEFAULT
    assert named("default", {"default": Theme(width=700)}).width == 700
    with pytest.raises(ComposeError, match='there is no theme "hous"; did you mean "house"'):
        named("hous", {"house": Theme()})


def test_check_names_the_token_and_a_colour_that_would_do(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(
        'themes:\n  dim: {accent: "#7fb0f5"}\n  grey: {text: "#888", background: "#ffffff"}\n'
        '  white: {dark: {background: "#ffffff"}}\n'
        "jobs: {one: {data: sales.csv, to: a@example.com}}\n",
        encoding="utf-8",
    )
    (tmp_path / "sales.csv").write_text("a\n1\n", encoding="utf-8")
    loaded = read_jobs(tmp_path, {"EMAIL_ADDRESS": "me@example.com"})
    with pytest.raises(ProjectErrors) as caught:
        found_right(tmp_path, loaded)
    needs = "and text needs 4.5:1"
    assert str(caught.value).splitlines() == [
        f"jobs.yaml:2:17: accent #7fb0f5 on page #f3f4f6 has a contrast of 2.0:1, {needs}; #4c6a93 would do",
        f"jobs.yaml:3:16: text #888888 on page #f9f9f9 has a contrast of 3.4:1, {needs}; #6d6d6d would do",
        f"jobs.yaml:4:30: accent #7fb0f5 on page #fefefe has a contrast of 2.2:1, {needs}; #53729f would do",
        f"jobs.yaml:4:30: text #e8ecf2 on page #fefefe has a contrast of 1.2:1, {needs}; #747679 would do",
    ]


# --- in the mail ------------------------------------------------------------------------------------------


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 7)) + chunk(b"IEND", b"")


def test_the_mail_wears_its_theme_and_brings_the_logo_once(desk: Any) -> None:
    (desk.root / "logo.png").write_bytes(png())
    logo = Logo(file="logo.png", alt="Example Airlines", width=120)
    theme = Theme(accent="#0b6e4f", font="Georgia, 'Times New Roman', serif", width=640, logo=logo)
    job = desk.job(message={"theme": "house"}, exports=())
    project = desk.project(job).model_copy(update={"themes": {"house": theme}})
    store = ArtifactStore(desk.root / "artifacts")
    usual = desk.composer()
    composer = Composer(job, project, usual._run, logo=logo_of(job, project, store))
    report = desk.report(files=(), charts={})
    letter = composer.letter(report, Recipients(to=(job.owner,)))
    html = letter.html.decode()
    assert "#0b6e4f" in html
    assert DEFAULT.light.accent not in html
    assert 'width="640"' in html
    assert "font-family:Georgia, &#39;Times New Roman&#39;, serif" in html
    [part] = letter.parts
    assert (part.filename, part.disposition, part.artifact.media_type) == ("logo.png", "inline", "image/png")
    assert f'<img src="cid:{part.cid}" width="120" alt="Example Airlines"' in html


def test_a_page_has_the_logo_inside_it(desk: Any) -> None:
    (desk.root / "logo.png").write_bytes(png())
    theme = Theme(logo=Logo(file="logo.png", alt="Example Airlines"))
    job = desk.job(message={"theme": "house"}, exports=(Export(kind="html"),))
    project = desk.project(job).model_copy(update={"themes": {"house": theme}})
    store = ArtifactStore(desk.root / "artifacts")
    composer = Composer(job, project, desk.composer()._run, logo=logo_of(job, project, store))
    page = composer.document(0, desk.report(files=(), charts={}), None, store.read)
    assert '<img src="data:image/png;base64,' in page
    assert "cid:" not in page
