"""A whole report, and that a slice of it holds nothing of anybody else."""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from python_calamine import CalamineWorkbook

from pipeline.errors import ChartError, ExportError, SourceError
from pipeline.jobs.columnspec import ColumnSpec, Highlight
from pipeline.jobs.model import Audience, Chart, Delivery, Each, Export, FileData, Job, Project, PythonData, SqlData
from pipeline.jobs.scalars import Mailbox, parse_retry
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.build import Report, build_report
from pipeline.report.exports.book import Voice
from pipeline.schedule.period import Period

Put = Callable[[Mapping[str, Any]], None]
DUE = datetime(2013, 1, 3, 11, 30, tzinfo=UTC)
FILES = {
    "sales.csv": "carrier,t,n\nUA,2013-01-02 10:00,1\nAA,2013-01-02 11:00,2\nUA,2013-01-02 12:00,4\nAA,2013-01-09,8\n",
    "people.csv": "email,carrier\na@example.com,UA\nb@example.com,AA\nc@example.com,UA\n",
    "total.sql": "select carrier, sum(n) n from sales where t >= :start and t < :end group by all order by all",
    "more_reports.py": "def double(totals, params): return totals.assign(n=totals.n * params['by'])\n",
}


def job(**changes: Any) -> Job:
    me = Mailbox("me@example.com")
    whole: dict[str, Any] = {
        "name": "sales",
        "title": "Sales",
        "owner": me,
        "sender": me,
        "period": "previous day",
        "params": {"by": 10},
        "data": {
            "sales": FileData(file="sales.csv"),
            "people": FileData(file="people.csv"),
            "totals": SqlData(sql="total.sql", source="files"),
            "double": PythonData(python="more_reports:double"),
        },
        "charts": {
            "by_carrier": Chart(kind="bar", data="totals", x="carrier", y="n"),
            "everyone": Chart(kind="bar", data="people", x="email", y="k") if changes.pop("broken", False) else
            Chart(kind="bar", data="double", x="carrier", y="n"),
        },
        "exports": (
            Export(kind="xlsx", data=("totals", "sales"), name="s-{{ period }}"),
            Export(kind="csv", data=("people",), zip=True),
        ),
        "audience": Audience(to=(me,)),
        "delivery": Delivery(mailer="inbox", retry=parse_retry("1m")),
        "timezone": "America/New_York",
    }  # fmt: skip
    return Job(**(whole | changes))


@pytest.fixture
def build(root: Path, put: Put, period: Period, store: ArtifactStore) -> Iterator[Callable[..., Report]]:
    put(FILES)

    def run(made: Job, progress: Callable[[str], None] = lambda _: None, **options: Any) -> Report:
        sources = {"files": SecretStr("duckdb")}
        project = Project(root=root, file=root / "jobs.yaml", jobs={}, mailers={}, sources=sources)
        rename: Callable[[str], str] = lambda text: text.replace("{{ period }}", period.label)  # noqa: E731
        return build_report(made, project, period, DUE, store, rename, progress, **options)

    return run  # type: ignore[return-value]


def test_a_report(build: Callable[..., Report]) -> None:
    steps: list[str] = []
    report = build(job(), steps.append)
    assert report.datasets["totals"].to_dict("list") == {"carrier": ["AA", "UA"], "n": [2, 5]}
    assert report.datasets["double"].n.tolist() == [20, 50]
    assert list(report.charts) == ["by_carrier", "everyone"]
    assert [(file.filename, file.rows) for file in report.files] == [
        ("s-2 January 2013.xlsx", 6),
        ("people.csv.zip", 3),
    ]
    assert [found.path for found in report.inputs] == ["sales.csv", "people.csv", "total.sql", "more_reports.py"]
    assert steps == [
        "data sales", "data people", "data totals", "data double", "chart by_carrier", "chart everyone",
        "file xlsx of totals, sales", "file csv of people",
    ]  # fmt: skip


def test_the_same_due_time_gives_the_same_artifacts(build: Callable[..., Report]) -> None:
    one, two = build(job()), build(job())
    assert one.files == two.files
    assert one.charts == two.charts


def test_readers_cannot_change_each_others_data(build: Callable[..., Report]) -> None:
    report = build(job())
    mine = report.datasets["totals"]
    mine.loc[0, "n"] = -1
    assert report.datasets["totals"].n.tolist() == [2, 5]


def test_slices_are_built_once_and_only_what_differs(build: Callable[..., Report]) -> None:
    steps: list[str] = []
    each = Audience(each=Each(data="people", slice={"totals": "carrier", "sales": "carrier"}))
    report = build(job(audience=each), steps.append)
    assert [step for step in steps if not step.startswith("data")] == []
    parts = [report.sliced(row, each.each.slice) for row in report.datasets["people"].to_dict("records")]  # type: ignore[union-attr]
    files = [part.files for part in parts]
    pictures = [part.charts for part in parts]
    assert files[0] == files[2] != files[1]
    assert pictures[0] == pictures[2] != pictures[1]
    assert pictures[0]["everyone"] == pictures[1]["everyone"]
    assert files[0][1] == files[1][1]
    assert sorted(step for step in steps if not step.startswith("data")) == [
        "chart by_carrier", "chart by_carrier", "chart everyone", "file csv of people",
        "file xlsx of totals, sales", "file xlsx of totals, sales",
    ]  # fmt: skip


def test_names_may_depend_on_the_recipient(build: Callable[..., Report]) -> None:
    each = Audience(each=Each(data="people", slice={"totals": "carrier"}))
    made = job(audience=each, exports=(Export(kind="csv", data=("totals",), name="x"),))
    report = build(made, render_personal=lambda text, row: f"{text}-{row['email']}")
    rows = report.datasets["people"].to_dict("records")
    found = [report.sliced(row, {"totals": "carrier"}).files[0] for row in rows]
    assert [file.filename for file in found] == [f"x-{row['email']}.csv" for row in rows]
    assert found[0].artifact == found[2].artifact


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owners=st.lists(st.sampled_from("ABC"), min_size=1, max_size=12))
def test_no_value_of_another_leaks_into_a_slice(
    build: Callable[..., Report], put: Put, store: ArtifactStore, owners: list[str]
) -> None:
    lines = [f"{owner},secret-{owner}-{n}" for n, owner in enumerate(owners)]
    put({"own.csv": "who,what\n" + "\n".join(lines) + "\n"})
    formats: tuple[Any, ...] = ("csv", "json", "xlsx", "parquet")
    made = job(
        data={"own": FileData(file="own.csv")},
        charts={},
        exports=tuple(Export(kind=kind, data=("own",)) for kind in formats),
        audience=Audience(each=Each(data="own", slice={"own": "who"})),
    )
    report = build(made)
    for who in "ABC":
        part = report.sliced({"who": who}, {"own": "who"})
        assert part.datasets["own"].what.tolist() == [f"secret-{o}-{n}" for n, o in enumerate(owners) if o == who]
        blobs = [store.read(file.artifact.sha256) for file in part.files]
        with zipfile.ZipFile(io.BytesIO(blobs[2])) as book:
            blobs[2] = b"".join(book.read(name) for name in book.namelist())
        for blob in blobs:
            assert [other for other in "ABC" if f"secret-{other}-".encode() in blob] == [who] * (who in owners)


@pytest.mark.parametrize(
    ("row", "slices", "message"),
    [
        ({"carrier": "UA"}, {"total": "carrier"}, r'no dataset "total"; did you mean "totals"\?'),
        ({"carrier": "UA"}, {"totals": "carier"}, r'"totals" has no column "carier"; did you mean "carrier"\?'),
        ({"carier": "UA"}, {"totals": "carrier"}, r'have no column "carrier"; did you mean "carier"\?'),
        ({"carrier": None}, {"totals": "carrier"}, 'nothing in "carrier"'),
        ({"carrier": 7}, {"totals": "carrier"}, "7 for a recipient and 'AA' in"),
    ],
)
def test_slices_that_cannot_be(build: Callable[..., Report], row: Any, slices: Any, message: str) -> None:
    with pytest.raises(SourceError, match=f"slice: .*{message}"):
        build(job()).sliced(row, slices)


def test_a_slice_of_nobody_is_empty(build: Callable[..., Report]) -> None:
    part = build(job(charts={})).sliced({"carrier": "XX"}, {"totals": "carrier"})
    assert part.datasets["totals"].empty
    assert list(part.datasets["totals"].columns) == ["carrier", "n"]


@pytest.mark.parametrize(
    "values", [[1, 2, 1], [True, False, True], pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-01"])]
)
def test_slices_by_other_kinds(build: Callable[..., Report], root: Path, values: Any) -> None:
    pd.DataFrame({"k": values, "n": [1, 2, 3]}).to_parquet(root / "k.parquet")
    report = build(job(data={"d": FileData(file="k.parquet")}, charts={}, exports=()))
    row = report.datasets["d"].to_dict("records")[0]
    assert report.sliced(row, {"d": "k"}).datasets["d"].n.tolist() == [1, 3]


def test_what_fails_is_named(build: Callable[..., Report]) -> None:
    with pytest.raises(ChartError, match='chart "everyone": no column "k"'):
        build(job(broken=True))
    with pytest.raises(ExportError, match="two files of this mail"):
        build(job(exports=(Export(kind="csv", data=("sales",)), Export(kind="csv", data=("totals",), name="SALES"))))


def workbook(store: ArtifactStore, report: Report) -> dict[str, list[list[Any]]]:
    """Its sheets, by name, as calamine reads them."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(store.read(report.files[0].artifact.sha256)))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_a_workbook_says_what_the_job_says_and_the_reader_gets(
    build: Callable[..., Report], store: ArtifactStore
) -> None:
    each = Audience(each=Each(data="people", slice={"totals": "carrier", "sales": "carrier"}))
    columns = {"totals": {"n": ColumnSpec(label="Sold", total="sum"), "carrier": ColumnSpec(hidden=True)}}
    book = Export(kind="xlsx", data=("totals", "sales"), note="Final.", charts=True)
    report = build(job(audience=each, exports=(book,), columns=columns))
    sheets = workbook(store, report.sliced({"carrier": "UA"}, each.each.slice))  # type: ignore[union-attr]
    assert list(sheets) == ["Cover", "totals", "sales", "Charts"]
    cover = {row[0]: row[1] for row in sheets["Cover"]}
    assert cover["Note"] == "Final."
    assert (cover["Carrier"], cover["By"], cover["Made for"]) == ("UA", "10", "2013-01-03 06:30 America/New_York")
    assert sheets["totals"] == [["Sold"], [5.0], [5.0]]
    assert len(sheets["sales"]) == 3
    assert "AA" not in str(sheets)


def test_equal_workbooks_are_made_once_and_what_a_reader_sees_of_params_tells_them_apart(
    build: Callable[..., Report],
) -> None:
    each = Each(data="people")
    limit = {"totals": {"n": ColumnSpec(highlight=Highlight(above="by"))}}

    def voice(_number: int, report: Report) -> Voice:
        return Voice("", {"by": (report.row or {})["by"], "name": (report.row or {})["email"]})

    def made(**changes: Any) -> int:
        report = build(job(audience=Audience(each=each), **changes), voice=voice)
        rows = [{"email": "a", "by": 1}, {"email": "b", "by": 1}, {"email": "c", "by": 2}]
        return len({report.sliced(row, {}).files[0].artifact.sha256 for row in rows})

    alone = Export(kind="xlsx", data=("totals",))
    assert made(exports=(alone,)) == 1
    assert made(exports=(alone,), columns=limit) == 2
    assert made(exports=(alone.model_copy(update={"cover": True}),)) == 3
