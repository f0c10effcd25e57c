"""Datasets as templates see them: rows to go over, the frame for all else, and nothing that changes either."""

import inspect
from typing import Any

import pandas as pd
import pytest

from pipeline.errors import TemplateError
from pipeline.message.compiler import Escaped
from pipeline.message.datasets import Dataset
from pipeline.message.sandbox import _FRAMES

GOES_OVER_ROWS = [
    "{% for r in delays %}{{ r.carrier }}={{ r.flights }} {% endfor %}",
    "{% for r in delays if r.flights %}{{ r['carrier'] }}={{ r.flights }} {% endfor %}",
    "{% for r in delays.head(3) %}{{ r.carrier }}={{ r.flights }} {% endfor %}",
    "{% for r in delays.to_dict('records') %}{{ r.carrier }}={{ r.flights }} {% endfor %}",
    "{% for r in delays.itertuples() %}{{ r.carrier }}={{ r.flights }} {% endfor %}",
    "{% for _, r in delays.iterrows() %}{{ r.carrier }}={{ r.flights }} {% endfor %}",
    "{% macro rows(d) %}{% for r in d %}{{ r.carrier }}={{ r.flights }} {% endfor %}{% endmacro %}{{ rows(delays) }}",
    "{% set d = delays %}{% for r in d | sort(attribute='flights') %}{{ r.carrier }}={{ r.flights }} {% endfor %}",
    "{% for g in delays | groupby('flights') %}{{ g.list[0].carrier }}={{ g.grouper }} {% endfor %}",
    (
        "{% for name in datasets if name == 'delays' %}{% for r in datasets[name] %}"
        "{{ r.carrier }}={{ r.flights }} {% endfor %}{% endfor %}"
    ),
]


@pytest.mark.parametrize("source", GOES_OVER_ROWS)
def test_every_way_to_go_over_rows(desk: Any, source: str) -> None:
    assert "United=930 Delta=931 JetBlue=932" in desk.html(source)
    assert "United=930 Delta=931 JetBlue=932" in desk.text(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{{ delays[0].carrier }} {{ (delays | last).carrier }} {{ (delays | first).carrier }}",
            "United JetBlue United",
        ),
        ("{{ delays | map(attribute='carrier') | join('+') }}", "United+Delta+JetBlue"),
        ("{{ 'carrier' in delays }} {{ 'United' in delays }} {{ delays.columns | join('+') }}", "True False carrier+"),
        ("{% if delays %}some{% else %}none{% endif %} {{ delays.empty }}", "some False"),
        ("{{ delays[delays.flights > 930] | length }} {{ delays[['flights']].sum().item() }}", "2 2793"),
        ("{{ (delays[['flights']] == delays[['flights']]).all().item() }} {{ (delays == delays).shape[0] }}", "True 3"),
        (
            "{% for name, part in delays.groupby('carrier') %}{{ name }}:{{ part | length }} {% endfor %}",
            "Delta:1 JetBlue:1",
        ),
        (
            "{% for r in delays.groupby('carrier')[['flights']].sum() %}{{ r.carrier }}{{ r.flights }} {% endfor %}",
            "Delta931",
        ),
        ("{{ delays.to_dict('list').carrier | join }}", "UnitedDeltaJetBlue"),
    ],
)
def test_a_dataset_is_rows_and_a_frame(desk: Any, source: str, expected: str) -> None:
    assert expected in desk.html(source)


def test_an_empty_dataset_is_false_and_has_no_rows(desk: Any) -> None:
    report = desk.report(datasets={"delays": desk.delays(0)})
    assert "[none]" in desk.html("[{% for r in delays %}x{% else %}none{% endfor %}]", report)
    assert "no rows" in desk.html("{{ 'rows' if delays else 'no rows' }}", report)


def test_what_is_looked_up_where_it_stands_fails_as_before(desk: Any) -> None:
    """The short way is taken for keys that are there, and for nothing else."""
    for source in (
        "{% for r in delays %}{{ r.carier }}{% endfor %}",
        "{% for r in delays %}{{ r['carier'] }}{% endfor %}",
    ):
        with pytest.raises(TemplateError, match=r'templates/t.html:1: there is no "carier" here.*mean "carrier"'):
            desk.html(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ delays.sort_values('flights', inplace=True) }}",
        "{{ delays.carrier.fillna('x', inplace=true) }}",
        "{{ delays.flights.values.sum(out=delays.flights.values) }}",
        "{{ delays._source }}",
        "{{ delays['_source'] }}",
        "{{ delays.quick }}",
        "{{ delays.records }}",
        "{{ delays['__class__'] }}",
        "{{ delays.to_dict.__func__ }}",
        "{{ delays.to_dict['__globals__'] }}",
        "{% for r in delays %}{{ r.update({'carrier': 'x'}) }}{% endfor %}",
        "{% for r in delays %}{{ r.clear() }}{% endfor %}",
        "{% for r in delays %}{{ r.__class__ }}{% endfor %}",
        "{% for r in delays.itertuples() %}{{ r._replace(carrier='x') }}{% endfor %}",
        "{% for r in delays.itertuples() %}{{ r.__class__ }}{% endfor %}",
        "{% for r in delays | map('attr', 'to_csv') %}{{ r }}{% endfor %}",
        "{{ delays.to_dict(into=range) }}",
        "{{ {'a': 1}.__class__.__mro__ }}",
        "{{ recipients.clear }}",
    ],
)
def test_nothing_is_changed_and_nothing_private_is_reached(desk: Any, source: str) -> None:
    report = desk.report()
    with pytest.raises(TemplateError):
        desk.html(source, report)
    assert report.datasets["delays"].equals(desk.delays())


def test_pandas_takes_inplace_only_by_name() -> None:
    """So that refusing the name refuses the change: no method that templates reach has it among its positional ones."""
    for kind in (pd.DataFrame, pd.Series):
        for name in _FRAMES:
            method = getattr(kind, name, None)
            if not inspect.isfunction(method):
                continue
            parameter = inspect.signature(method).parameters.get("inplace")
            assert parameter is None or parameter.kind is inspect.Parameter.KEYWORD_ONLY, name


def test_rows_are_made_once_and_a_frame_only_when_asked_for(desk: Any) -> None:
    class Own:
        columns = desk.delays().columns

        def __init__(self) -> None:
            self.asked: list[str] = []

        def __len__(self) -> int:
            return 3

        @property
        def records(self) -> list[dict[str, Any]]:
            self.asked.append("records")
            found: list[dict[str, Any]] = desk.delays().to_dict("records")
            return found

        @property
        def frame(self) -> pd.DataFrame:
            self.asked.append("frame")
            return desk.delays()  # type: ignore[no-any-return]

    own = Own()
    dataset = Dataset(own)
    assert [row["carrier"] for row in dataset] == ["United", "Delta", "JetBlue"]
    assert (len(list(reversed(dataset))), len(dataset), "carrier" in dataset) == (3, 3, True)
    assert own.asked == ["records"]
    assert dataset.frame is dataset.frame
    assert own.asked == ["records", "frame"]


def test_what_is_remembered_of_escaping_is_bounded() -> None:
    escaped = Escaped()
    assert (escaped["<&>"], escaped["<&>"]) == ("&lt;&amp;&gt;", "&lt;&amp;&gt;")
    for number in range(10_000):
        assert escaped[f"<{number}"] == f"&lt;{number}"
    assert escaped["x" * 100] == "x" * 100
    assert len(escaped) <= 4096
    assert "x" * 100 not in escaped
