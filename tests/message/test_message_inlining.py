"""An analyst's style rules become style attributes with every Jinja tag in its place, or the template is refused."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import TemplateError
from pipeline.message.environment import Environment, make_environment
from pipeline.message.formats import Formats
from pipeline.message.inlining import inline_styles


@pytest.fixture(scope="module")
def environment() -> Environment:
    return make_environment(Path("nowhere"), Formats.of("en_US"), "html")


def inlined(environment: Environment, source: str) -> str:
    return inline_styles(environment, source, "t.html").source


def test_no_style_no_change(environment: Environment) -> None:
    source = "<p CLASS=x>{{ a }}<br/>&nbsp;<td>{% if x %}</i>{% endif %}"
    assert inlined(environment, source) == source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<style>p{color:red}</style><p>{{ a }}</p>", '<p style="color: red;">{{ a }}</p>'),
        (
            '<style>.a{color:red}</style><p class="a" style="width:{{ w }}px">x</p>',
            '<p class="a" style="color: red;width: {{ w }}px">x</p>',
        ),
        (
            "<style>td{color:red}</style><table>{% for r in rows %}<tr><td>{{ r }}</td></tr>{% endfor %}</table>",
            '<table>{% for r in rows %}<tr><td style="color: red;">{{ r }}</td></tr>{% endfor %}</table>',
        ),
        (
            '<style>a{color:red}</style><a href="https://example.com/?a={{ x }}">{% if a < b %}y{% endif %}</a>',
            '<a href="https://example.com/?a={{ x }}" style="color: red;">{% if a < b %}y{% endif %}</a>',
        ),
        (
            "<style>p{color:red}</style><p title='1 > {{ a }}'>1 < {{ b }} > {{ c }}</p>",
            '<p title="1 > {{ a }}" style="color: red;">1 &lt; {{ b }} &gt; {{ c }}</p>',
        ),
        (
            "<style>p{color:red}</style>{# a <b> comment #}{% raw %}{{ no }}{% endraw %}<p>{{ '}}' }}</p>",
            "{# a <b> comment #}{% raw %}{{ no }}{% endraw %}<p style=\"color: red;\">{{ '}}' }}</p>",
        ),
    ],
)
def test_rules_become_attributes(environment: Environment, source: str, expected: str) -> None:
    result = inlined(environment, source)
    assert re.sub(r"</?tbody>", "", result).replace(" ", "") == re.sub(r"</?tbody>", "", expected).replace(" ", "")


def test_media_rules_stay_rules(environment: Environment) -> None:
    source = "<style>p{color:red} @media (max-width:400px){p{color:blue}}</style>\n<p>x</p>"
    result = inline_styles(environment, source, "t.html")
    assert "@media" in result.head
    assert "blue" in result.head
    assert "style" in result.source
    assert "@media" not in result.source


def test_nothing_is_fetched(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "x.css").write_text("p{color:green}")
    links = f'<link rel="stylesheet" href="file://{tmp_path}/x.css"><link rel="stylesheet" href="{tmp_path}/x.css">'
    result = inlined(environment, f"<style>p{{color:red}}</style>{links}<p>x</p>")
    assert "green" not in result
    assert "red" in result


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("\n<style>p{color:{{ c }}}</style>", r"^t\.html:2: a <style> with a Jinja tag"),
        (
            "<style>.a{color:red}</style>\n\n<p class=\"a {{ 'b' }}\">x</p>",
            r"^t\.html:3: a class or id with a Jinja tag",
        ),
        (
            "<style>.a{color:red}</style>\n<p {% if x %}hidden{% endif %}>x</p>",
            r"^t\.html:2: a Jinja tag inside an HTML tag",
        ),
        ("<style>p{color:red}</style><td width={{ w }}>x</td>", r"^t\.html:1: .*quote it"),
        ("<style>p{color:red}</style><p title='a > b' {{ w }}>x</p>", r"^t\.html:1: .*quote it"),
        (
            "<style>.a{color:red}</style>{% if a %}<div class=a>{% else %}<div>{% endif %}x</div>",
            r"^t\.html: its <style> cannot be inlined, because .* is not closed properly near the end",
        ),
        ("<style>p{color:red}</style><p>a<p>b", r"not closed properly near"),
    ],
)
def test_what_cannot_be_known_is_refused(environment: Environment, source: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        inlined(environment, source)


def test_lines_keep_their_numbers(desk) -> None:  # type: ignore[no-untyped-def]
    source = (
        "<style>\np { color: red }\n\n</style>\n<p\n  style='margin:0'\n  title='x'>\n{{ title }}</p>\n"
        "<p>{{ 'a' }}</p>\n{{ delys }}\n"
    )
    with pytest.raises(TemplateError, match=r"^templates/t\.html:10: \"delys\" is undefined"):
        desk.html(source)


def test_the_page_has_the_rules(desk) -> None:  # type: ignore[no-untyped-def]
    html = desk.html("<style>.x{color:#123456} @media print{.x{color:#654321}}</style><p class=x>{{ title }}</p>")
    assert re.search(r'<p class="x" style="color: ?#123456;?">Daily delays, New York</p>', html)
    assert html.index("#654321") < html.index("</head>") < html.index("#123456")


PIECES = st.sampled_from(
    [
        "{{ a }}",
        "{% if a %}x{% endif %}",
        "text",
        "<b>bold</b>",
        "<p title='{{ a }}'>p</p>",
        "&nbsp;",
        "\n",
        "é",
        "<br>",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_inlining_changes_nothing_but_styles(environment: Environment, source: str) -> None:
    def rendered(template: str) -> str:
        html = environment.from_string(template).render(a="<1>")
        html = re.sub(r" style=\"[^\"]*\"", "", html).replace("'", '"').replace("\xa0", "&nbsp;")
        return re.sub(r"\s+", " ", html).strip()

    result = inlined(environment, f"<style>p,b{{color:red}}</style>{source}")
    assert rendered(result) == rendered(source)
    assert ("style=" in result) == ("<b>" in source or "<p " in source)
