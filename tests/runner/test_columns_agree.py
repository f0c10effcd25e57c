"""One description of columns, three places: the mail, its text and the workbook show the same."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from lxml import html

from tests.support.projects import make_project, pipeline

JOBS = """\
defaults:
  from: Reports <reports@example.com>
jobs:
  delays:
    data: {delays: reports/data/delays.csv}
    params: {late_after: 15}
    exports: [xlsx, csv]
    to: team@example.com
    columns:
      delays:
        carrier: {label: Airline}
        flights: {format: "#,##0", total: sum, align: center, highlight: bar}
        mean_delay: {format: "0.0", unit: min, total: mean, highlight: {above: late_after}}
        late: {format: "0%", total: max, highlight: heat}
        change: {label: Against usual, format: "+0.0", highlight: delta, good: down}
        cancelled: {format: "0", highlight: {delta: before}}
        before: hidden
"""
DELAYS = """\
carrier,flights,mean_delay,late,change,cancelled,before
United,1931,12.5,0.31,-1.6,4,2
Delta,812,18.42,0.41,4.42,0,3
JetBlue,640,,0.5,0,12,12
"""
SHOWN = [
    ["Airline", "Flights", "Mean delay (min)", "Late", "Against usual", "Cancelled", "vs. Before"],
    ["United", "1,931", "12.5", "31%", "▼ -1.6", "4", "▲ +2"],
    ["Delta", "812", "* 18.4", "41%", "▲ +4.4", "0", "▼ -3"],
    ["JetBlue", "640", "–", "50%", "±0.0", "12", "±0"],
    ["Total / mean / highest", "3,383", "15.5", "50%", "", "", ""],
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("columns"), JOBS, reports__data__delays_dot_csv=DELAYS)
    done = pipeline(project, "preview", "delays", "--out", str(project / "out"))
    assert done.returncode == 0, done.stderr
    return project / "out"


@pytest.fixture(scope="module")
def sheet(out: Path) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* extension is not supported")  # openpyxl knows no data bars as of 2010
        return openpyxl.load_workbook(out / "delays.xlsx", data_only=True)["delays"]


def rows_of(page: Path) -> list[list[str]]:
    (table,) = html.parse(page).getroot().xpath('//table[starts-with(@class, "data") and not(@role)]')
    for line_end in table.xpath(".//br"):
        line_end.tail = " "
    rows = [[cell.text_content() for cell in row.xpath("./th|./td")] for row in table.xpath("./tr|./tbody/tr")]
    return [[cell.strip() for cell in row] for row in rows]


def test_the_mail_shows_it(out: Path) -> None:
    assert rows_of(out / "message.html") == SHOWN


def test_its_text_shows_it(out: Path) -> None:
    lines = (out / "message.txt").read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("Airline"))
    found = [re.split(r"\s{2,}", re.sub(r" [█▏▎▍▌▋▊▉]+ *", "  ", line)) for line in lines[start : start + 7]]
    head, rule, *rows, under, total = found
    assert [head, *rows] == SHOWN[:4]
    assert rule == under
    assert total == [cell for cell in SHOWN[4] if cell]
    assert "* Mean delay above 15 min" in lines


def written(cell: Any) -> str:
    """As Excel shows a number; the codes of this sheet alone."""
    value, code = cell.value, cell.number_format
    if not isinstance(value, int | float):
        return str(value or "")
    if ";" in code:
        above, below, none = code.split(";")
        code = above if value > 0 else below if value < 0 else none
        value = abs(value)
    number = re.search(r"(#,##)?0(?:\.(0+))?(%?)", code)
    assert number is not None, code
    digits = len(number[2] or "")
    text = f"{value:.{digits}%}" if number[3] else f"{value:{',' if number[1] else ''}.{digits}f}"
    return str(code).replace('"', "").replace(number[0], text)


def test_the_workbook_shows_it(sheet: Any) -> None:
    unmarked = [[text.removeprefix("* ").replace("–", "") for text in row] for row in SHOWN]
    assert [[written(cell) for cell in row] for row in sheet.iter_rows()] == unmarked
    assert {cell.alignment.horizontal for cell in sheet["B"]} == {"center"}


def rules(sheet: Any) -> Iterator[tuple[str, Any]]:
    for area in sheet.conditional_formatting:
        for rule in area.rules:
            yield str(area.sqref), rule


def test_the_workbook_marks_what_the_mail_marks(sheet: Any) -> None:
    found = {(area, rule.type, *rule.formula) for area, rule in rules(sheet)}
    assert found == {
        ("B2:B4", "dataBar"),
        ("C2:C4", "expression", "AND(ISNUMBER(C2),C2>15)"),
        ("D2:D4", "colorScale"),
        *((f"{column}2:{column}4", "expression", f"AND(ISNUMBER({column}2),{column}2{sign}0)")
          for column in "EG" for sign in "<>"),
    }  # fmt: skip
    colours = {(area, rule.formula[0][-3]): rule.dxf.font.color.rgb for area, rule in rules(sheet) if rule.formula}
    assert colours["E2:E4", "<"] == colours["G2:G4", ">"] != colours["E2:E4", ">"] == colours["G2:G4", "<"]


def test_data_stay_data(out: Path) -> None:
    head, first, *_ = (out / "delays.csv").read_text(encoding="utf-8-sig").splitlines()
    assert head == "carrier,flights,mean_delay,late,change,cancelled,before"
    assert first == "United,1931,12.5,0.31,-1.6,4,2"
