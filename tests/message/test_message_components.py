"""The components, as HTML and as text: what they show, what they refuse, and that neither lets data become markup."""

import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import TemplateError
from pipeline.jobs.columnspec import humanised
from pipeline.message.formats import Formats
from pipeline.message.tables import make_table, rows_that_fit
from pipeline.message.wire import html_bytes

US = Formats.of("en_US")
EVIL = "<script>alert('x')</script>"


def cells(values: list[object], name: str = "value", dtype: object = None, wanted: str | None = None) -> list[str]:
    frame = pd.DataFrame({name: pd.Series(values, dtype=dtype)})  # type: ignore[call-overload]
    formats = {name: wanted} if wanted else None
    return [row[0] for row in make_table(US, frame, cell_formats=formats, limit=99).rows]


@pytest.mark.parametrize(
    ("values", "name", "dtype", "expected"),
    [
        ([1, 20000], "value", "int64", ["1", "20,000"]),
        ([1, None], "value", "Int64", ["1", "–"]),
        ([517.0, float("nan")], "value", "float64", ["517", "–"]),
        ([1.5, 2.0], "value", "float64", ["1.5", "2.0"]),
        ([1.25, 2.0], "value", "float64", ["1.25", "2.00"]),
        ([1234.567, 2.0], "value", "float64", ["1,234.6", "2.0"]),
        ([0.0123, 0.05], "value", "float64", ["0.0123", "0.0500"]),
        ([1.0, float("inf")], "value", "float64", ["1", "∞"]),
        ([2013, 2014], "when", "int64", ["2013", "2014"]),
        ([12345, 7], "flight_id", "int64", ["12345", "7"]),
        ([12345.0, float("nan")], "flight", "float64", ["12345", "–"]),
        ([True, False, None], "value", "boolean", ["yes", "no", "–"]),
        (["a", None], "value", "object", ["a", "–"]),
        (["a\n b", "c"], "value", "str", ["a b", "c"]),
        ([Decimal("1234.50"), None], "value", "object", ["1,234.5", "–"]),
        (["x", "y"], "value", "category", ["x", "y"]),
        (["2013-01-31", None], "value", "datetime64[ns]", ["2013-01-31", "–"]),
        (["2013-01-31 06:05", "2013-01-31"], "value", "datetime64[ns]", ["2013-01-31 06:05", "2013-01-31 00:00"]),
        (["2013-01-31 06:05"], "value", "datetime64[ns, America/New_York]", ["2013-01-31 06:05"]),
        (["1h 5min", "2D"], "value", "timedelta64[ns]", ["1:05:00", "2 d 0:00:00"]),
        ([], "value", "float64", []),
    ],
)
def test_cells_read_as_their_dtype_says(values: list[object], name: str, dtype: str, expected: list[str]) -> None:
    assert cells(values, name, dtype) == expected


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("number:1", 1.25, "1.3"),
        ("percent", 0.123, "12.3%"),
        ("percent:0", 0.123, "12%"),
        ("money", 12.5, "$12.50"),
        ("money:EUR", 12.5, "€12.50"),
        ("delta:1", 12.5, "+12.5"),
        ("date:long", pd.Timestamp("2013-01-31"), "January 31, 2013"),
        ("date", pd.Timestamp("2013-01-31 05:00"), "2013-01-31"),
        ("datetime", pd.Timestamp("2013-01-31 05:00"), "2013-01-31 05:00"),
        ("text", 2013000, "2013000"),
    ],
)
def test_cells_read_as_asked(wanted: str, value: object, expected: str) -> None:
    assert cells([value], wanted=wanted) == [expected]


def test_a_named_index_is_data_and_a_nameless_one_is_not(desk) -> None:  # type: ignore[no-untyped-def]
    frame = desk.delays()
    grouped = make_table(US, frame.groupby("carrier").sum(), limit=9)
    assert [column.label for column in grouped.columns] == ["Carrier", "Flights", "Mean delay"]
    assert [column.label for column in make_table(US, frame, limit=9).columns] == ["Carrier", "Flights", "Mean delay"]


@pytest.mark.parametrize(
    ("name", "label"), [("mean_delay", "Mean delay"), ("Mean Delay", "Mean Delay"), ("EWR", "EWR"), ("hour", "Hour")]
)
def test_labels(name: str, label: str) -> None:
    assert humanised(name) == label


def test_what_is_left_out_is_said(desk) -> None:  # type: ignore[no-untyped-def]
    report = desk.report(datasets={"delays": desk.delays(1229), "ranking": desk.delays(26)})
    html = desk.html("{{ table(delays) }}{{ table(ranking) }}{{ table(delays.head(30), limit=29) }}", report)
    assert "… and 1,204 more rows; the whole table is in the attachment delays.xlsx</p>" in html
    assert "… and 1 more row; the whole table is in the attachment delays.xlsx</p>" in html
    assert "… and 1 more row</p>" in html
    assert "more row" not in desk.html("{{ table(ranking, limit=26) }}", report)


def test_tables_have_what_clients_and_screen_readers_need(desk) -> None:  # type: ignore[no-untyped-def]
    html = desk.html('{{ table(delays, caption="By carrier", labels={"mean_delay": "Mean, min"}) }}')
    assert re.search(r"<caption[^>]*>By carrier</caption>", html)
    assert len(re.findall(r'<th scope="col"', html)) == 3
    assert re.search(r'<th scope="col" align="right"[^>]*>Mean, min</th>', html)
    assert re.search(r'<td align="right"[^>]*white-space:nowrap">930</td>', html)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ table(delays, colums=['a']) }}", 'did you mean "columns"?; it is table(data, columns, labels'),
        ("{{ table(delays, columns=['carier']) }}", 'there is no column "carier", only carrier, flights, mean_delay'),
        ("{{ table(delays, labels={'carier': 'x'}) }}", 'labels names the column "carier"; did you mean "carrier"?'),
        ("{{ table(delays, formats={'flights': 'nmber'}) }}", '"nmber" is not a format; one of number, money'),
        ("{{ table(7) }}", "table needs a dataset or a list of rows, not a int"),
        ("{{ kpi([]) }}", "kpi shows one to four cards in a row, not 0"),
        ("{{ kpi([{'label': 'a'}]) }}", 'kpi: a card needs a "value"'),
        ("{{ kpi([{'label': 'a', 'value': 1, 'detla': 2}]) }}", 'did you mean "delta"?'),
        ("{{ kpi(delays) }}", "kpi makes cards from a dataset of one row; this one has 3"),
        ("{{ chart('by_huor') }}", 'there is no chart "by_huor"; did you mean "by_hour"?'),
        ("{{ chart(delays) }}", "chart needs a chart of the job, not a DataFrame"),
        ("{{ button('x', 'javascript:alert(1)') }}", "is not a link that a mail can carry"),
        ("{{ banner('x', kind='warnnig') }}", 'did you mean "warning"?'),
    ],
)
def test_a_wrong_call_is_explained(desk, source: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TemplateError) as caught:
        desk.html("\n" + source)
    assert str(caught.value).startswith("templates/t.html:2: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ table(evil) }}",
        "{{ table(evil, caption=evil.carrier.iloc[0]) }}",
        "{{ kpi([{'label': evil.carrier.iloc[0], 'value': evil.carrier.iloc[0], 'note': evil.carrier.iloc[0]}]) }}",
        "{{ chart(by_hour, alt=evil.carrier.iloc[0], caption=evil.carrier.iloc[0]) }}",
        "{{ button(evil.carrier.iloc[0], 'https://example.com/\"><script>') }}",
        "{{ banner(evil.carrier.iloc[0], title=evil.carrier.iloc[0]) }}",
        "{{ section(evil.carrier.iloc[0], evil.carrier.iloc[0]) }}",
        "{{ sparkline([1, 2], label=evil.carrier.iloc[0]) }}",
    ],
)
def test_data_never_becomes_markup(desk, source: str) -> None:  # type: ignore[no-untyped-def]
    report = desk.report(datasets={"evil": pd.DataFrame({EVIL: [EVIL], "carrier": [EVIL]})})
    html = desk.html(source, report)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("card", "html", "text"),
    [
        ({"delta": 3.2}, 'class="good".*▲</span> \\+3.2', "Delay: 12.5 (▲ +3.2)"),
        ({"delta": 3.2, "good": "down", "note": "min"}, 'class="bad".*▲</span> \\+3.2', "Delay: 12.5 (▲ +3.2 min)"),
        ({"delta": -3.2, "good": "down"}, 'class="good".*▼</span> -3.2', "Delay: 12.5 (▼ -3.2)"),
        ({"delta": 0}, 'class="muted"[^>]*>±0', "Delay: 12.5 (±0)"),
        ({"delta": "-4.5%", "good": "none"}, 'class="muted".*▼</span> -4.5%', "Delay: 12.5 (▼ -4.5%)"),
        ({"note": "minutes"}, "minutes</div>", "Delay: 12.5 (minutes)"),
        ({"trend": [1, 2, 4]}, "▁▃█</div>", "Delay: 12.5  ▁▃█"),
    ],
)
def test_kpi(desk, card: dict[str, object], html: str, text: str) -> None:  # type: ignore[no-untyped-def]
    source = "{{ kpi([" + repr({"label": "Delay", "value": 12.5, **card}) + "]) }}"
    assert re.search(html, desk.html(source))
    assert text in desk.text(source)


def test_kpi_of_a_dataset_of_one_row(desk) -> None:  # type: ignore[no-untyped-def]
    text = desk.text("{{ kpi(delays) }}", desk.report(datasets={"delays": desk.delays(1)}))
    assert "Carrier: United\n" in text
    assert "Mean delay: 12.5\n" in text


def test_sparkline_leaves_a_gap_for_what_is_missing(desk) -> None:  # type: ignore[no-untyped-def]
    frame = pd.DataFrame({"v": [1.0, np.nan, 8.0, np.inf]})
    report = desk.report(datasets={"delays": frame})
    assert "▁ █ " in desk.html("{{ sparkline(delays.v) }}", report)
    assert 'aria-label="2 values from 1 to 8"' in desk.html("{{ sparkline(delays.v) }}", report)
    assert "▁▁" in desk.html("{{ sparkline([3, 3]) }}")


def test_a_chart_is_never_wider_than_the_mail(desk) -> None:  # type: ignore[no-untyped-def]
    html = desk.html("{{ chart(by_hour) }}{{ chart(by_hour, width=200) }}")
    assert 'width="536" height="268"' in html
    assert 'width="200" height="100"' in html
    assert 'alt="It climbs from 2 to 30 minutes over the day"' in html


def test_section_and_banner_take_a_body(desk) -> None:  # type: ignore[no-untyped-def]
    source = (
        "{% call section('Title', 'about') %}{{ title }}{% endcall %}{% call banner(kind='alarm') %}late{% endcall %}"
    )
    html, text = desk.html(source), desk.text(source)
    assert re.search(r"<h2[^>]*>Title</h2>\s*<p[^>]*>about</p>\s*Daily delays, New York", html)
    assert "Title\n-----\nabout\n\nDaily delays" in text
    assert "Attention: late" in text


def test_the_report_that_needs_no_template(desk) -> None:  # type: ignore[no-untyped-def]
    letter = desk.letter()
    html, text = letter.html.decode(), letter.text.decode()
    for body in (html, text):
        for words in ("Which carriers were late.", "Delays", "Ranking", "2 rows", "United", "delays.xlsx"):
            assert words in body
    assert f"cid:{letter.parts[0].cid}" in html
    assert "[Chart: Mean delay by hour: It climbs" in " ".join(text.split())


def test_the_report_stays_under_the_size_at_which_gmail_clips(desk) -> None:  # type: ignore[no-untyped-def]
    wide = pd.DataFrame({f"a_rather_long_name_{n}": [123456.789 + n] * 1000 for n in range(12)})
    datasets = {f"dataset_{number}": wide for number in range(4)}
    assert html_bytes(desk.letter(report=desk.report(datasets=datasets))) < 102_000
    many = {f"dataset_{number}": desk.delays(1000) for number in range(3)}
    assert html_bytes(desk.letter(report=desk.report(datasets=many))) < 60_000
    assert rows_that_fit(3, 3) == 25
    assert rows_that_fit(50, 50) == 5


def test_no_rows_is_said(desk) -> None:  # type: ignore[no-untyped-def]
    letter = desk.letter(report=desk.report(datasets={"delays": desk.delays(0)}))
    assert "No rows in this period." in letter.html.decode()
    assert "No rows in this period." in letter.text.decode()
