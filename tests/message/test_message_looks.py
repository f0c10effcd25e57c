"""What every client needs of the looks: contrast in both modes, styles that stand alone, no rule that fetches."""

import re
from html.parser import HTMLParser

import pytest

from pipeline.message.highlights import STEPS
from pipeline.message.tables import has_long_word
from pipeline.message.themes import DEFAULT, Palette

TEXT = ("ink", "muted", "accent", "good", "bad")
GROUNDS = ("paper", "soft", "page")


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


PAIRS = [
    *((text, ground) for text in TEXT for ground in GROUNDS),
    *(("ink", banner) for banner in ("notice", "warning", "alarm")),
    ("on_accent", "accent"),
]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(text: str, ground: str, mode: str) -> None:
    palette: Palette = getattr(DEFAULT, mode)
    assert contrast(getattr(palette, text), getattr(palette, ground)) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("colour", ["accent", "good", "bad"])
def test_ink_can_be_read_on_every_shade_of_a_colour_scale(colour: str, mode: str) -> None:
    palette: Palette = getattr(DEFAULT, mode)
    shades = [palette.tints[f"{colour} {step}"] for step in range(1, STEPS + 1)]
    assert len({palette.paper, *shades}) == STEPS + 1
    assert all(contrast(palette.ink, shade) >= 4.5 for shade in shades)


RICH = """
{{ banner("numbers may move", kind="warning", title="Preliminary") }}
{{ kpi([{"label": "Flights", "value": 928, "delta": 3, "trend": [1, 2]}, {"label": "Delay", "value": "18 min"}]) }}
{{ chart(by_hour, caption="EWR, JFK and LGA") }}
{{ section("Carriers", "by delay") }}
{{ table(delays, caption="Carriers") }}
{{ sparkline([1, 2, 3]) }}
{{ button("Open", "https://example.com") }}
"""


class Reader(HTMLParser):
    """Collects every element with its attributes, and checks that what is opened is closed."""

    VOID = frozenset({"meta", "img", "br", "input", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def elements(desk) -> list[tuple[str, dict[str, str | None]]]:  # type: ignore[no-untyped-def]
    reader = Reader()
    reader.feed(desk.html(RICH))
    assert reader.open == []
    return reader.elements


def test_layout_tables_are_no_tables_to_screen_readers(elements) -> None:  # type: ignore[no-untyped-def]
    for tag, attributes in elements:
        if tag == "table":
            assert attributes.get("role") == "presentation" or "data" in (attributes.get("class") or "")
        if tag == "img":
            assert attributes["alt"]
            assert attributes["width"]
            assert attributes["height"]
    headings = [tag for tag, _ in elements if re.fullmatch(r"h\d", tag)]
    assert headings == ["h1", "h2"]
    assert dict(elements)["html"]["lang"] == "en"


def test_styles_are_such_as_outlook_and_gmail_know(elements) -> None:  # type: ignore[no-untyped-def]
    styles = " ".join(attributes.get("style") or "" for _, attributes in elements)
    assert not re.search(r"\b(flex|grid|position|float|calc|var)\b", styles)
    assert "url(" not in styles
    assert {tag for tag, _ in elements} <= {
        "html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td", "th", "caption", "h1", "h2", "p",
        "a", "img", "span", "strong",
    }  # fmt: skip


def test_dark_mode_is_declared_and_every_colour_class_turns(desk) -> None:  # type: ignore[no-untyped-def]
    html = desk.html(RICH)
    assert '<meta name="color-scheme" content="light dark">' in html
    dark = html.split("@media (prefers-color-scheme:dark){", 1)[1].split("</style>", 1)[0]
    for name in (
        "page",
        "paper",
        "soft",
        "ink",
        "muted",
        "top",
        "push",
        "good",
        "bad",
        "notice",
        "warning",
        "alarm",
        "photo",
    ):
        assert re.search(rf"\.{name}\b[^{{]*\{{[^}}]*!important", dark), name


def test_lines_travel_as_they_are(desk) -> None:  # type: ignore[no-untyped-def]
    assert max(map(len, desk.html(RICH).encode().split(b"\n"))) <= 998


@pytest.mark.parametrize(
    ("texts", "long"),
    [
        ([], False),
        (["George Bush Intl", "Minneapolis St Paul"], False),
        (["twelve chars", "twelve-chars"], False),
        (["thirteen-char"], True),
        (["Bush Intercontinental"], True),
    ],
)
def test_only_words_that_a_phone_has_no_room_for_may_be_broken(texts: list[str], long: bool) -> None:
    assert has_long_word(texts) is long
