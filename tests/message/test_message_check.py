"""What `pipeline check` says of templates before anything runs."""

import pytest

from pipeline.jobs import reserved
from pipeline.jobs.model import Audience, Chart, Each, Export
from pipeline.message.check import check_template
from pipeline.message.names import CONTEXT_NAMES


def problems(desk, **changes) -> list[str]:  # type: ignore[no-untyped-def]
    job = desk.job(**changes)
    return [f"{p.path or f'{p.file}:{p.line}:{p.column}'}: {p.message}" for p in check_template(job, desk.root)]


def test_the_defaults_have_none(desk) -> None:  # type: ignore[no-untyped-def]
    assert problems(desk) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ table(delays) }} {{ title }} {{ period.label }} {{ params.threshold }} {{ run.id }}", []),
        ("{% set x = 1 %}{{ x }}{% for d in delays %}{{ d }}{{ loop.index }}{% endfor %}", []),
        ("{{ recipient.name if recipient is defined }}{{ nosuch | default(1) }}", []),
        ("{% if delays %}{% set x = 1 %}{{ x }}{% else %}{% set y, z = 1, 2 %}{{ y + z }}{% endif %}", []),
        ("{% if delays %}{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1) }}{% endif %}", []),
        ("{% if delays %}{% set x = 1 %}{{ y }}{% endif %}", ['1:34: "y" is undefined']),
        ("{% if delays %}{% for x in delays %}{% endfor %}{{ x }}{% endif %}", ['1:23: "x" is undefined']),
        ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1) }}", []),
        (
            "{{ recipient.name }}",
            ['1:4: "recipient" is there only in messages to one person each (audience: each)'],
        ),
        ("\n  {{ delys }}", ['2:6: "delys" is undefined; did you mean "delays"?']),
        ("{{ tabel(delays) }}", ['1:4: "tabel" is undefined; did you mean "table"?']),
        ("{{ a }}\n{{ a }}", ['1:4: "a" is undefined', '2:4: "a" is undefined']),
        ("{{ delays | nmber }}", ['1:13: there is no filter "nmber"; did you mean "number"?']),
        ("{{ delays is definde }}", ['1:14: there is no test "definde"; did you mean "defined"?']),
        (
            "{{ params.treshold }}",
            ['1:11: params has no "treshold", only nothing and threshold; did you mean "threshold"?'],
        ),
        ("{{ period.begin }}", ['1:11: period has no "begin", only days, end, label, last_day and start']),
        ("{{ charts.by_hour }}", ['1:11: charts has no "by_hour"']),
        ("{% include 'prt.html' %}", ['1:13: there is no template "prt.html"; did you mean "part.html"?']),
        ("{{ title", ["1:1: unexpected end of template, expected 'end of print statement'."]),
        ("\n{% for x in delays %}", ["2:1: Unexpected end of template."]),
        ("<style>p{}</style>\n<p class='{{ title }}'>", ["2:1: a class or id with a Jinja tag"]),
        (f"{{{{ {'(' * 9000}1 }}}}", ["1:1: its expressions are nested too deeply"]),
    ],
)
def test_html(desk, source: str, expected: list[str]) -> None:  # type: ignore[no-untyped-def]
    desk.write("part.html", "")
    desk.write("t.html", source)
    found = problems(desk, message={"template": "t"})
    assert len(found) == len(expected), found
    for have, want in zip(found, expected, strict=True):
        assert have.startswith(f"templates/t.html:{want.rstrip('.')}")


def test_all_places_at_once(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("t.html", "{{ a }}")
    desk.write("t.txt", "\n{{ b }}")
    found = problems(
        desk,
        locale="xx",
        message={"template": "t", "subject": "{{ c }}", "preheader": "{{ d | nosuch }}"},
        exports=(Export(kind="csv", data=("delays",)), Export(kind="csv", data=("delays",), name="{{ f")),
    )
    assert sorted(found) == [
        "jobs.daily-delays.exports.1.name: unexpected end of template, expected 'end of print statement'",
        'jobs.daily-delays.locale: "xx" is not a locale; write one like en_US, de or pt_BR',
        'jobs.daily-delays.message.preheader: there is no filter "nosuch"',
        'jobs.daily-delays.message.subject: "c" is undefined',
        'templates/t.html:1:4: "a" is undefined',
        'templates/t.txt:2:4: "b" is undefined',
    ]


def test_a_template_that_is_not_there(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("daily.html", "")
    expected = 'jobs.daily-delays.message.template: there is no template "dialy.html"; did you mean "daily.html"?'
    assert problems(desk, message={"template": "dialy"}) == [expected]


def test_each_has_a_recipient_and_hides_the_others(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("t.html", "{{ recipient.anything }}{{ ranking }}{{ delays }}")
    each = {"audience": Audience(each=Each(data="ranking")), "message": {"template": "t"}}
    [found] = problems(desk, **each)
    assert found.endswith('"ranking" holds all recipients, so templates do not see it; their own row is "recipient"')
    sliced = Audience(each=Each(data="ranking", slice={"ranking": "email"}))
    assert problems(desk, audience=sliced, message={"template": "t"}) == []


def test_a_name_of_a_file_is_made_before_the_data_is_there(desk) -> None:  # type: ignore[no-untyped-def]
    exports = (Export(kind="csv", data=("delays",), name="{{ delays.carrier.iloc[0] }}.csv"),)
    [found] = problems(desk, exports=exports)
    assert found.startswith('jobs.daily-delays.exports.0.name: "delays" is not there yet')


def test_no_dataset_can_hide_what_templates_have(desk) -> None:  # type: ignore[no-untyped-def]
    globals_ = set(desk.composer()._own.templates._html_environment.globals)
    assert globals_ | CONTEXT_NAMES <= reserved.CONTEXT | reserved.COMPONENTS | reserved.JINJA
    assert globals_ >= reserved.COMPONENTS


def test_a_page_of_one_s_own_has_to_show_the_way_out(desk) -> None:  # type: ignore[no-untyped-def]
    leaving = Audience(each=Each(data="ranking"), unsubscribe=True)
    desk.write("t.html", '<html lang="en"><body>{{ delays }}</body></html>')
    [found] = problems(desk, audience=leaving, message={"template": "t"})
    assert found.startswith("templates/t.html:1:1: a page of its own has to show how to unsubscribe")
    assert problems(desk, message={"template": "t"}) == []
    for way in ('<a href="{{ unsubscribe.href }}">out</a>', '{% include "t.txt" %}'):
        desk.write("t.html", f'<html lang="en"><body>{way}</body></html>')
        desk.write("t.txt", "")
        assert problems(desk, audience=leaving, message={"template": "t"}) == []
    desk.write("t.html", "{{ delays }}")
    assert problems(desk, audience=leaving, message={"template": "t"}) == []


def test_a_chart_must_not_be_called_like_a_dataset(desk) -> None:  # type: ignore[no-untyped-def]
    [found] = problems(desk, charts={"delays": Chart(kind="bar", data="delays")})
    assert found.startswith('jobs.daily-delays.charts.delays: "delays" is a dataset, too')


def test_what_check_passes_renders(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("t.html", "{{ table(delays) }}{{ chart('by_hour') }}{{ title | upper }}")
    job = desk.job(message={"template": "t"})
    assert check_template(job, desk.root) == []
    assert desk.letter(job).html
