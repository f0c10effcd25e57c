"""Templates as analysts write them: the sandbox, names, errors with file and line, the layout, overriding."""

import re

import pandas as pd
import pytest

from pipeline.errors import TemplateError


def content(html: str) -> str:
    """What stands between the period line and the footer."""
    return html.split("</p>", 1)[1].split('<tr><td class="edge muted"', maxsplit=1)[0].strip()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ delays.carrier.iloc[0] }}", "United"),
        ("{{ delays.flights.sum() }}", "2793"),
        ("{{ delays | length }}", "3"),
        ("{{ delays.nlargest(1, 'flights').carrier.item() if false else delays.shape[1] }}", "3"),
        ("{% for row in delays.to_dict('records') %}{{ row.carrier }},{% endfor %}", "United,Delta,JetBlue,"),
        ("{% for _, row in delays.iterrows() %}{{ row.mean_delay }};{% endfor %}", "12.5;12.25;12.0;"),
        ("{{ period.start | date }} {{ period.end | date('HH:mm') }}", "2013-01-31 00:00"),
        ("{{ params.threshold + 1 }} {{ run.id }}", "16 daily-delays@20130201T113000Z"),
        ("{{ params.nothing }}|{{ delays.nosuch is defined }}", "–|False"),
        ("{{ charts | list | join(',') }} {{ files[0].filename }}", "by_hour delays.xlsx"),
        ("{{ '<b>' }}", "&lt;b&gt;"),
    ],
)
def test_what_templates_can_say(desk, source: str, expected: str) -> None:  # type: ignore[no-untyped-def]
    assert expected in content(desk.html(source))


def test_columns_and_keys_come_before_methods(desk) -> None:  # type: ignore[no-untyped-def]
    frame = pd.DataFrame({"count": [7], "items": ["x"], "mean": [1.5]})
    rows = "{% for r in delays.to_dict('records') %}{{ r.items }} {{ r.mean }}{% endfor %}"
    source = "{{ delays['count'].sum() }} {{ delays.count.iloc[0] }} " + rows
    assert "7 7 x 1.5" in desk.html(source, desk.report(datasets={"delays": frame}))


@pytest.mark.parametrize(
    "source",
    [
        "{{ delays.to_csv('stolen.csv') }}",
        "{{ delays.to_pickle('x') }}",
        "{{ delays.eval('1+1') }}",
        "{{ delays.query('flights > 1') }}",
        "{{ delays.pipe(range) }}",
        "{{ delays.apply(range) }}",
        "{{ delays.carrier.map(range) }}",
        "{{ delays.carrier.to_csv('x') }}",
        "{{ delays.flights.values.tofile('x') }}",
        "{{ delays.flights.iloc[0].tofile('x') }}",
        "{{ delays.__class__ }}",
        "{{ delays._mgr }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ params.__init__.__globals__ }}",
        "{{ table.__init__ }}",
        "{{ datasets.clear() }}",
        "{{ [].append(1) }}",
    ],
)
def test_templates_show_and_do_nothing_else(desk, source: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(
        TemplateError, match=r"^templates/t\.html:2: .*(unsafe|undefined|has no|not safely callable)"
    ) as caught:
        desk.html("\n" + source)
    assert "compute this in a dataset" in str(caught.value) or "no " in str(caught.value)
    assert not list(desk.root.glob("stolen*"))


def test_loops_and_powers_are_bounded(desk) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TemplateError, match=r"^templates/t\.html:1: .*Range too big"):
        desk.html("{% for x in range(10000000) %}{% endfor %}")
    with pytest.raises(TemplateError, match=r"exponents up to 64"):
        desk.html("{{ 9 ** 999 }}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("\n\n{{ delys }}", 'templates/t.html:3: "delys" is undefined; did you mean "delays"?'),
        (
            "{{ ranking[['flights']].fligts }}",
            'templates/t.html:1: there is no column "fligts", only flights; did you mean "flights"?',
        ),
        (
            "{{ params.treshold }}",
            'templates/t.html:1: there is no "treshold" here, only threshold, nothing; did you mean "threshold"?',
        ),
        (
            "{{ recipient.name }}",
            'templates/t.html:1: "recipient" is there only in messages to one person each (audience: each)',
        ),
        ("a\n{{ table(delys) }}", 'templates/t.html:2: "delys" is undefined; did you mean "delays"?'),
        ("\n{{ kpi([{'label': nosuch, 'value': 1}]) }}", 'templates/t.html:2: "nosuch" is undefined'),
        ("{{ 'x' | number }}", 'templates/t.html:1: number needs a number, not "x"'),
        (
            "{{ delays.carrier.iloc[9] }}",
            "templates/t.html:1: there is no row 9: there are 3 rows, counted from 0; ask first,"  # noqa: ISC004
            " like {% if delays | length > 9 %}",
        ),
        ("{{ 1 / 0 }}", "templates/t.html:1: ZeroDivisionError: division by zero"),
        ("{{ delays | nmber }}", "templates/t.html:1: No filter named 'nmber'"),
        ("{% if %}", "templates/t.html:1: Expected an expression, got 'end of statement block'"),
        (
            "\n{% include 'lay0ut.html' %}",
            'templates/t.html: there is no template "lay0ut.html"; did you mean "layout.html"?',
        ),
        ("{% include '../jobs.yaml' %}", 'templates/t.html: there is no template "../jobs.yaml"'),
    ],
)
def test_errors_say_where_what_and_what_instead(desk, source: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TemplateError) as caught:
        desk.html(source)
    assert str(caught.value) == message


def test_a_link_out_of_templates_is_not_followed(desk) -> None:  # type: ignore[no-untyped-def]
    (desk.root / "secret.txt").write_text("secret")
    (desk.root / "templates" / "out.html").symlink_to(desk.root / "secret.txt")
    with pytest.raises(TemplateError, match=r"out\.html:1: is a link that leaves templates/"):
        desk.html("{% include 'out.html' %}")


def test_a_template_that_is_not_utf8_says_so(desk) -> None:  # type: ignore[no-untyped-def]
    (desk.root / "templates" / "t.html").write_bytes("Verspätung".encode("latin-1"))
    with pytest.raises(TemplateError, match=r"t\.html:1: is not UTF-8: byte 5 cannot be read"):
        desk.composer(desk.job(message={"template": "t"}))


def test_the_layout_goes_around_the_content(desk) -> None:  # type: ignore[no-untyped-def]
    html = desk.html("<p>mine</p>")
    assert html.startswith("<!DOCTYPE html>")
    assert re.search(r"<h1[^>]*>Daily delays, New York</h1>", html)
    assert "January 31, 2013</p>" in html
    assert "<p>mine</p>" in html
    assert 'href="mailto:ana@example.com"' in html
    assert "daily-delays@20130201T113000Z" in html
    assert "<!--" not in html.replace("<!--[if mso]>", "")


def test_a_page_of_its_own_is_left_alone(desk) -> None:  # type: ignore[no-untyped-def]
    page = "<html><body><p>{{ title }}</p></body></html>"
    assert desk.html(page) == "<html><body><p>Daily delays, New York</p></body></html>\n"


def test_extending_another_layout(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("bare.html", "<body>{% block content %}{% endblock %}</body>")
    assert desk.html("{% extends 'bare.html' %}{% block content %}hello{% endblock %}") == "<body>hello</body>\n"


def test_a_file_of_the_same_name_takes_its_place(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("components/button.html", "<a class=mine href='{{ href }}'>{{ text }}</a>")
    desk.write("layout.html", "{% extends 'package/layout.html' %}{% block footer %}my footer{% endblock %}")
    html = desk.html("{{ button('Go', 'https://example.com') }}")
    assert "<a class=mine href='https://example.com'>Go</a>" in html
    assert "my footer" in html
    assert "You get this report" not in html
    assert "<h1" in html


def test_the_preheader_is_hidden_text(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("t.html", "content")
    letter = desk.letter(desk.job(message={"template": "t", "preheader": "Worst: {{ delays.carrier.iloc[0] }}"}))
    assert re.search(r'<div style="display:none[^"]*">Worst: United&#847;', letter.html.decode())
    assert b"Worst" not in letter.text


def test_control_characters_of_data_become_visible(desk) -> None:  # type: ignore[no-untyped-def]
    frame = pd.DataFrame({"carrier": ["a\0b\x1b[31m\rc\nd"]})
    letter = desk.letter(report=desk.report(datasets={"delays": frame}))
    for body in (letter.html, letter.text):
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\r(?!\n)|(?<!\r)\n", body)
    assert "a�b�[31m".encode() in letter.text
