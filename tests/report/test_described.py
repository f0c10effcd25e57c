"""What a job says of columns and their dataset has not: told once it is loaded, where jobs.yaml says it."""

from datetime import time
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.jobs.columnspec import ColumnSpec
from pipeline.jobs.load import load_project
from pipeline.message.formats import Formats
from pipeline.message.tables import make_table
from pipeline.report.described import check_described
from pipeline.report.fitting import misfits

YAML = """\
jobs:
  daily:
    data: sales.csv
    to: team@example.com
    columns:
      sales:
        amuont: {unit: EUR}
        region: {label: Region, highlight: {delta: before}}
"""


def test_every_missing_column_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(YAML, encoding="utf-8")
    project = load_project(tmp_path, {"EMAIL_ADDRESS": "me@example.com"})
    job = project.jobs["daily"]
    frame = pd.DataFrame({"amount": [1], "region": ["north"]})
    with pytest.raises(SourceError) as caught:
        check_described(job, project, "sales", frame)
    assert str(caught.value).splitlines() == [
        'jobs.yaml:7:9: dataset "sales" has no column "amuont", only amount, region; did you mean "amount"?',
        'jobs.yaml:8:45: dataset "sales" has no column "before", only amount, region',
    ]
    check_described(job, project, "other", frame)
    check_described(job, project, "sales", frame.rename(columns={"amount": "amuont"}).assign(region=2, before=1))
    check_described(job, project, "sales", pd.DataFrame())
    (tmp_path / "jobs.yaml").unlink()
    with pytest.raises(SourceError, match=r'^jobs\.yaml: dataset "sales" has no column "amuont"'):
        check_described(job, project, "sales", frame)


# --- what does not fit ------------------------------------------------------------------------------------------

FRAME = pd.DataFrame({
    "text": ["north", None, "3"],
    "day": ["2013-01-31", "1 Feb", None],
    "whole": [1, 2, 3],
    "decimal": [Decimal("1.5"), None, Decimal(2)],
    "fraction": [1.5, None, 2.0],
    "flag": [True, False, True],
    "time": pd.to_datetime(["2013-01-31 08:00", None, "2013-02-01 00:00"]),
    "clock": [time(8), None, time(9)],
    "took": pd.to_timedelta([90, None, 3600], unit="s"),
    "kind": pd.Categorical([3, 1, 2]),
    "list": [[1], [2], None],
    "both": [1, "x", None],
    "none": [None, None, None],
})  # fmt: skip
OR_NONE = ", or leave the highlight out"


@pytest.mark.parametrize(
    ("column", "said", "place", "holds", "message"),
    [
        ("text", "{format: '0.0'}", "5:12", "text (dtype str)",
         ", which format: 0.0 cannot read; write format: text, or make numbers of it in the dataset"),
        ("flag", "{format: percent}", "5:12", "truth values (dtype bool)",
         ", which format: percent cannot read; leave the format out, and it reads yes and no"),
        ("time", "{format: delta}", "5:12", "times without a zone (dtype datetime64[us])",
         ", which format: delta cannot read; write a format like datetime"),
        ("took", "{label: Took, format: number:1}", "5:25", "durations (dtype timedelta64[us])",
         ", which format: number:1 cannot read; leave the format out, and it reads like 1:05:00"),
        ("whole", "{format: date}", "5:13", "integers (dtype int64)",
         ", which format: date cannot read; write a format like number:1"),
        ("list", "{format: number}", "5:12", "a value of type list (dtype object)",
         ", which format: number cannot read; write format: text"),
        ("both", "{format: number}", "5:12", "values of several kinds (dtype object)",
         ", which format: number cannot read; write format: text"),
        ("day", "{format: date:long}", "5:11", "text (dtype str)",
         ', which format: date:long cannot read; write "1 Feb" as dates are, like 2013-01-31, or format: text'),
        ("clock", "{format: date:long}", "5:13", "times of day (dtype object)",
         ", which format: date:long cannot read; write one of hours and minutes, like date:HH:mm"),
        ("text", "{total: sum}", "5:12", "text (dtype str)",
         ", which has no sum; write total: min, max or count"),
        ("time", "{total: sum}", "5:12", "times without a zone (dtype datetime64[us])",
         ", which has no sum; write total: mean, min, max or count"),
        ("kind", "{total: max}", "5:12", "integers (dtype category)",
         ", which has no max; write total: count"),
        ("flag", "{highlight: {above: 0}}", "5:12", "truth values (dtype bool)",
         f", and a highlight needs numbers; make numbers of it in the dataset{OR_NONE}"),
        ("text", "{highlight: heat}", "5:12", "text (dtype str)",
         f", and a highlight needs numbers; make numbers of it in the dataset{OR_NONE}"),
        ("text", "{highlight: delta}", "5:12", "text (dtype str)",
         f", and a highlight needs numbers; make numbers of it in the dataset{OR_NONE}"),
        ("decimal", "{highlight: {delta: fraction}}", "5:27", "decimals (dtype object)",
         (', "fraction" holds numbers (dtype float64), and there is no difference of the two; make numbers of one kind'
         f" of both in the dataset{OR_NONE}")),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_what_to_write(
    tmp_path: Path, column: str, said: str, place: str, holds: str, message: str
) -> None:
    job = f"{{data: sales.csv, to: team@example.com,\n columns: {{\n  sales: {{\n    {column}: {said}}}}}}}"
    (tmp_path / "jobs.yaml").write_text(f"jobs:\n daily: {job}\n", encoding="utf-8")
    project = load_project(tmp_path, {"EMAIL_ADDRESS": "me@example.com"})
    with pytest.raises(SourceError) as caught:
        check_described(project.jobs["daily"], project, "sales", FRAME)
    assert str(caught.value) == f'jobs.yaml:{place}: dataset "sales": the column "{column}" holds {holds}{message}'


NUMBERS = ("number", "money:EUR", "percent", "delta", "+0.0%", "text")
DATES = ("date", "date:long", "date:HH:mm", "date:d MMM", "datetime")
HIGHLIGHTS = ({"heat": True}, {"bar": True}, {"above": 2}, {"delta": True}, *({"delta": name} for name in FRAME))
SPECS = st.builds(
    lambda form, total, highlight: ColumnSpec.model_validate({"format": form, "total": total, "highlight": highlight}),
    st.sampled_from([None, *NUMBERS, *DATES]),
    st.sampled_from([None, "sum", "mean", "min", "max", "count"]),
    st.sampled_from([None, *HIGHLIGHTS]),
)


@settings(max_examples=300)
@given(st.sampled_from(list(FRAME)), SPECS)
@example("none", ColumnSpec.model_validate({"format": "date", "highlight": {"above": 2}}))
def test_what_fits_can_be_shown(column: str, spec: ColumnSpec) -> None:
    columns = {str(name): series for name, series in FRAME.items()}
    if list(misfits(column, spec, columns)):
        event("does not fit")
        return
    event("fits")
    make_table(Formats.of("en_US"), FRAME, specs={column: spec}, limit=9)
