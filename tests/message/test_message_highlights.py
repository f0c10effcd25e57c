"""What a job says of columns, in tables: labels, units, totals, and what stands out, in HTML and in text alike."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import TemplateError
from pipeline.jobs.columnspec import ColumnSpec
from pipeline.jobs.model import Audience, Each, FileData
from pipeline.jobs.scalars import Mailbox
from pipeline.message.facts import Recipients
from pipeline.message.formats import Formats
from pipeline.message.highlights import blocks, direction
from pipeline.message.tables import Table, make_table
from pipeline.message.totals import labelled

US = Formats.of("en_US")
FRAME = pd.DataFrame(
    {
        "carrier": ["United", "Delta", "JetBlue"],
        "flights": [1930, 812, 640],
        "mean_delay": [12.5, 18.42, np.nan],
        "usual": [14.0, 14.02, 9.0],
    }
)


def spec(**said: Any) -> ColumnSpec:
    return ColumnSpec.model_validate(said)


def table(column: str, frame: pd.DataFrame = FRAME, params: dict[str, Any] | None = None, **said: Any) -> Table:
    return make_table(US, frame, specs={column: spec(**said)}, params=params or {}, limit=99)


def column(made: Table, position: int) -> list[str]:
    return [row[position] for row in made.rows]


def tones(made: Table, position: int) -> list[str]:
    return [made.looks[row[position]].tone for row in made.looks_of]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ["12.50", "18.42", "–"]),
        ({"format": "0.0"}, ["12.5", "18.4", "–"]),
        ({"format": "number:1"}, ["12.5", "18.4", "–"]),
        ({"format": "+0.0"}, ["+12.5", "+18.4", "–"]),
        ({"format": "percent:0"}, ["1,250%", "1,842%", "–"]),
        ({"format": "0%"}, ["1250%", "1842%", "–"]),
        ({"format": "+0%"}, ["+1250%", "+1842%", "–"]),
        ({"format": "money:EUR"}, ["€12.50", "€18.42", "–"]),
        ({"format": "text"}, ["12.5", "18.42", "–"]),
    ],
)
def test_values_read_as_the_job_says(said: dict[str, Any], expected: list[str]) -> None:
    assert column(table("mean_delay", **said), 2) == expected


def test_an_ungrouped_number_has_the_locale_s_point() -> None:
    frame = pd.DataFrame({"v": [1234.5]})
    assert make_table(Formats.of("de"), frame, specs={"v": spec(format="0.0")}, limit=9).rows == (("1234,5",),)
    assert make_table(Formats.of("de"), frame, specs={"v": spec(format="#,##0.0")}, limit=9).rows == (("1.234,5",),)


def test_label_unit_alignment_and_hidden() -> None:
    specs = {
        "carrier": spec(hidden=True),
        "flights": spec(label="Departures", align="center"),
        "mean_delay": spec(unit="min"),
    }
    made = make_table(US, FRAME, specs=specs, limit=9)
    assert [(one.label, one.align) for one in made.columns] == [
        ("Departures", "center"), ("Mean delay (min)", "right"), ("Usual", "right"),
    ]  # fmt: skip


def test_what_a_template_says_wins() -> None:
    specs = {"mean_delay": spec(label="Delay", unit="min", format="number:2", hidden=True)}
    options: dict[str, Any] = {"labels": {"mean_delay": "Late"}, "cell_formats": {"mean_delay": "number:0"}}
    made = make_table(US, FRAME, specs=specs, limit=9, columns=["mean_delay"], **options)
    assert made.columns[0].label == "Late"
    assert column(made, 0) == ["13", "18", "–"]


@pytest.mark.parametrize(
    ("highlight", "good", "cells", "expected", "legend"),
    [
        ({"above": 15}, None, ["12.50", "* 18.42", "–"], ["", "bad", ""], "* Mean delay above 15"),
        ({"above": 15}, "up", ["12.50", "* 18.42", "–"], ["", "good", ""], "* Mean delay above 15"),
        ({"above": 15}, "none", ["12.50", "* 18.42", "–"], ["", "strong", ""], "* Mean delay above 15"),
        ({"below": 12.5}, None, ["12.50", "18.42", "–"], ["", "", ""], ""),
        ({"below": 13, "above": 15}, "down", ["* 12.50", "* 18.42", "–"], ["good", "bad", ""],
         "* Mean delay above 15 or below 13"),
        ({"above": "most"}, None, ["* 12.50", "* 18.42", "–"], ["bad", "bad", ""], "* Mean delay above 7"),
        ({"heat": True}, None, ["12.50", "18.42", "–"], ["", "accent 4", ""], ""),
        ({"heat": True}, "down", ["12.50", "18.42", "–"], ["good 4", "bad 4", ""], ""),
        ({"heat": True}, "up", ["12.50", "18.42", "–"], ["bad 4", "good 4", ""], ""),
        ({"bar": True}, None, ["12.50", "18.42", "–"], ["68", "100", ""], ""),
    ],
)  # fmt: skip
def test_what_stands_out(
    highlight: dict[str, Any], good: str | None, cells: list[str], expected: list[str], legend: str
) -> None:
    made = table("mean_delay", params={"most": 7}, highlight=highlight, good=good)
    assert column(made, 2) == cells
    assert tones(made, 2) == expected
    assert made.legend == legend


def test_a_difference_has_an_arrow_and_a_colour_by_its_sign() -> None:
    frame = pd.DataFrame({"change": [1.5, -2.0, 0.001, np.nan]})
    made = table("change", frame, highlight={"delta": True}, good="down", format="+0.0")
    assert column(made, 0) == ["▲ +1.5", "▼ -2.0", "±0.0", "–"]
    assert tones(made, 0) == ["bad", "good", "same", ""]
    assert tones(table("change", frame, highlight={"delta": True}), 0)[:2] == ["good", "bad"]


@pytest.mark.parametrize("locale", ["en_US", "sv", "ar", "fa", "ckb", "de_CH"])
def test_the_sign_of_any_locale_is_seen(locale: str) -> None:
    made = make_table(Formats.of(locale), pd.DataFrame({"v": [2, -2]}), specs={"v": spec(format="+0")}, limit=9)
    assert [direction(row[0]) for row in made.rows] == ["up", "down"]


def test_a_column_compared_with_another_has_the_difference_behind_it() -> None:
    specs = {
        "mean_delay": spec(format="number:1", highlight={"delta": "usual"}, good="down", total="mean"),
        "usual": spec(label="Usual", hidden=True),
    }
    made = make_table(US, FRAME, specs=specs, limit=9)
    assert [one.label for one in made.columns] == ["Carrier", "Flights", "Mean delay", "vs. Usual"]
    assert column(made, 3) == ["▼ -1.5", "▲ +4.4", "–"]
    assert tones(made, 3) == ["good", "bad", ""]
    assert made.totals == ("Mean", "", "15.5", "+1.5")


@pytest.mark.parametrize(
    ("total", "expected", "word"),
    [
        ("sum", "3,382", "Total"), ("mean", "1,127.3", "Mean"), ("min", "640", "Lowest"),
        ("max", "1,930", "Highest"), ("count", "3", "Count"),
    ],
)  # fmt: skip
def test_totals_are_of_all_rows(total: str, expected: str, word: str) -> None:
    made = make_table(US, FRAME, specs={"flights": spec(total=total)}, limit=1)
    assert made.totals == (word, expected, "", "")


def test_totals_of_several_kinds_say_so() -> None:
    specs = {"flights": spec(total="sum"), "mean_delay": spec(total="mean"), "usual": spec(total="max")}
    assert make_table(US, FRAME, specs=specs, limit=9).totals == ("Total / mean / highest", "3,382", "15.46", "14.02")
    assert make_table(US, FRAME.head(0), specs=specs, limit=9).totals == ()


@pytest.mark.parametrize(
    ("column", "said", "message"),
    [
        ("carrier", {"highlight": {"above": 3}}, 'the highlight of "Carrier" needs numbers, and there is "United"'),
        ("carrier", {"highlight": {"heat": True}}, 'the highlight of "Carrier" needs numbers'),
        ("carrier", {"total": "sum"}, '"Carrier" holds text, and a sum needs numbers'),
        ("carrier", {"highlight": {"delta": "usual"}}, '"carrier" less "usual" needs numbers'),
        ("usual", {"highlight": {"delta": "mean"}}, '"usual" is compared with "mean", which is no column here'),
        ("usual", {"highlight": {"above": "most"}}, "above: the param \"most\" is 'x', not a number"),
    ],
)
def test_what_cannot_be_is_said(column: str, said: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        table(column, params={"most": "x"}, **said)


SPECS = {
    "carrier": spec(label="Airline"),
    "flights": spec(total="sum", highlight={"bar": True}),
    "mean_delay": spec(unit="min", highlight={"above": "threshold"}),
}


def test_html_and_text_show_the_same(desk) -> None:  # type: ignore[no-untyped-def]
    report = desk.report(datasets={"delays": FRAME})
    html = desk.html("{{ table(delays) }}", report, columns={"delays": SPECS})
    text = desk.text("{{ table(delays) }}", report, columns={"delays": SPECS})
    rows = [re.findall(r"<t[dh][^>]*>([^<\n&]+)", row) for row in re.findall(r"<tr>(.*?)</tr>\n", html, re.DOTALL)]
    assert ["Airline", "Flights", "Mean delay", "Usual"] in rows
    assert re.search(r">Mean delay<br><span[^>]*>\(min\)</span></th>", html)
    assert "Mean delay (min)" in text
    for words in ("Airline", "* 18.42", "* Mean delay above 15 min", "Total", "3,382"):
        assert words in html
        assert words in text
    assert re.search(r'<td align="right" class="bad" [^>]*font-weight:700;color:#b42323">\* 18.42</td>', html)
    assert re.search(r'812<table role="presentation" width="42%"', html)
    assert "812 ███▍ " in text


def test_some_rows_of_a_dataset_read_as_the_whole_does(desk) -> None:  # type: ignore[no-untyped-def]
    report = desk.report(datasets={"delays": FRAME, "ranking": FRAME.rename(columns={"usual": "other"})})
    for source in ("delays.head(1)", "delays[delays.flights > 900]", "delays.to_dict('records')", "delays"):
        assert "Airline" in desk.text(f"{{{{ table({source}) }}}}", report, columns={"delays": SPECS})
    for source in ("ranking", "delays.groupby('carrier').sum()", "ranking.head(1)"):
        assert "Airline" not in desk.text(f"{{{{ table({source}) }}}}", report, columns={"delays": SPECS})


def test_cards_of_a_dataset_of_one_row(desk) -> None:  # type: ignore[no-untyped-def]
    said = {
        "carrier": spec(hidden=True),
        "flights": spec(highlight={"above": 3}),
        "mean_delay": spec(label="Delay", unit="min", format="number:1", highlight={"delta": "usual"}, good="down"),
        "usual": spec(hidden=True),
    }
    report = desk.report(datasets={"delays": FRAME.iloc[[1]]}, charts={}, files=())
    text = desk.letter(desk.job(columns={"delays": said}), report).text.decode()
    assert "Flights: 812\r\n" in text
    assert "Delay: 18.4 min (▲ +4.4 vs. Usual)" in " ".join(text.split())
    assert "Carrier" not in text


def test_a_limit_may_be_each_one_s_own(desk) -> None:  # type: ignore[no-untyped-def]
    each = Each(data="people", params=("threshold",))
    people = {"people": FileData(file="p.csv"), "delays": FileData(file="d.csv")}
    job = desk.job(columns={"delays": SPECS}, audience=Audience(each=each), data=people, exports=())
    composer = desk.composer(job)
    report = desk.report(datasets={"delays": FRAME}, charts={}, files=())
    for most, marked in ((15, True), (20, False), (None, True)):
        letter = composer.letter(report, Recipients(to=(Mailbox("a@example.com"),)), {"threshold": most})
        assert ("* 18.42" in letter.text.decode()) == marked


def test_a_wrong_column_fails_the_template_s_line(desk) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TemplateError, match=r"templates/t\.html:2: .*needs numbers"):
        desk.html("\n{{ table(delays) }}", columns={"delays": {"carrier": spec(total="sum")}})


@given(st.integers(0, 100))
def test_bars_of_texts_grow_with_the_value(percent: int) -> None:
    assert len(blocks(percent)) <= 8
    assert blocks(percent) <= blocks(percent) + "█"
    assert (blocks(percent) == "") == (percent == 0)


@given(
    st.lists(st.floats(allow_nan=True, width=32), min_size=1, max_size=9), st.sampled_from(["up", "down", "none", None])
)
def test_any_numbers_have_a_tone(values: list[float], good: str | None) -> None:
    frame = pd.DataFrame({"v": values})
    for highlight in ({"heat": True}, {"bar": True}, {"delta": True}, {"above": 0, "below": 1}):
        made = table("v", frame, highlight=highlight, good=good)
        assert len(made.rows) == len(made.looks_of) == len(values)
        for value, tone in zip(values, tones(made, 0), strict=True):
            assert not (np.isnan(value) and tone)
            if "bar" in highlight and tone:
                assert 0 <= int(tone) <= 100


def test_a_derived_text_draws_bars_under_each_other(desk) -> None:  # type: ignore[no-untyped-def]
    desk.write("t.html", "{{ table(delays) }}")
    job = desk.job(message={"template": "t"}, columns={"delays": SPECS})
    text = desk.letter(job, desk.report(datasets={"delays": FRAME})).text.decode().splitlines()
    rows = [line for line in text if line.startswith(("United", "Delta", "JetBlue"))]
    assert len({line.index(bar) for line, bar in zip(rows, (" ████████ ", " ███▍ ", " ██▋ "), strict=True)}) == 1
    assert text.index(rows[2]) == text.index(rows[0]) + 2


def test_a_total_in_the_first_column_leaves_no_room_for_the_word() -> None:
    assert labelled(["3", "", "7"], ["sum", None, "sum"]) == ("3", "", "7")
    assert labelled(["", "", "7"], [None, None, "mean"]) == ("Mean", "", "7")
    assert labelled(["", ""], [None, None]) == ()
