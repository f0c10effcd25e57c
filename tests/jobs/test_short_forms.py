"""Each short form is exactly its long form; defaults are merged under every job, key by key."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.errors import ProjectErrors
from pipeline.jobs.load import Loaded, Validators
from pipeline.jobs.model import Chart, Export, Job, LocalMailer, ScheduleEntry
from pipeline.jobs.scalars import Mailbox, parse_retry

Load = Callable[..., Loaded]
WHOLE = Path(__file__).parent / "good_jobs" / "whole.yaml"
HEAD = "jobs:\n  weekly-sales:\n"
REST = "    data: {sales: {file: reports/data/sales.csv}}\n    audience: {to: [team@example.com]}\n"


def only_job(loaded: Loaded) -> Job:
    (job,) = loaded.project.jobs.values()
    return job


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ('schedule: "0 7 * * mon"', 'schedule: [{cron: "0 7 * * mon"}]'),
        ("schedule: {every: 15 minutes}", "schedule: [{every: 15 minutes}]"),
        ("schedule: [0 7 * * *, {every: 1h}]", "schedule: [{cron: 0 7 * * *}, {every: 1h}]"),
        ("exports: xlsx", "exports: [{xlsx: [sales]}]"),
        ("exports: csv", "exports: [{csv: [sales]}]"),
        ("columns: {sales: {id: hidden}}", "columns: {sales: {id: {hidden: true}}}"),
        ("columns: {sales: {amount: {highlight: heat}}}", "columns: {sales: {amount: {highlight: {heat: true}}}}"),
        ("exports: [xlsx, csv]", "exports: [{xlsx: [sales]}, {csv: [sales]}]"),
        ("exports: {json: sales, zip: true}", "exports: [{json: [sales], zip: true}]"),
        ("timezone: Europe/Berlin", "timezone: Europe/Berlin"),
        ("title: Weekly sales", ""),
        ("period: previous day", ""),
        ("owner: me@example.com", "from: me@example.com"),
        ("delivery: {mailer: inbox}", "delivery: {}"),
        ("review: true\nowner: ana@example.com", "review: ana@example.com\nowner: ana@example.com"),
        ("review: true", "review: me@example.com"),
        ("review: false", ""),
        ("delivery: {retry: '1m, 5m*2, 15m*4, 1h'}", ""),
    ],
)
def test_means_the_same(load_text: Load, short: str, long: str) -> None:
    assert only_job(load_text(HEAD + indented(short) + REST)) == only_job(load_text(HEAD + indented(long) + REST))


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (
            "data: in/sales.csv\nto: a@example.com",
            "data: {sales: {file: in/sales.csv}}\naudience: {to: [a@example.com]}",
        ),
        ("data: {s: sales.csv}\nto: a@example.com", "data: {s: {file: sales.csv}}\nto: [a@example.com]"),
        (
            "data: in/2026-sales.csv\nto: a@example.com",
            "data: {data_2026_sales: {file: in/2026-sales.csv}}\nto: a@example.com",
        ),
        (
            "data: {s: {file: s.csv, columns: a}}\ncc: a@example.com",
            "data: {s: {file: s.csv, columns: [a]}}\naudience: {cc: [a@example.com]}",
        ),
        (
            "data: {s: {excel: s.xlsx, sheet: 2026}}\nbcc: [a@example.com]",
            'data: {s: {excel: s.xlsx, sheet: "2026"}}\naudience: {bcc: [a@example.com]}',
        ),
        (
            "data: {people: p.csv, s: s.csv}\neach: people\nexports: xlsx",
            "data: {people: p.csv, s: s.csv}\neach: {data: people, email: email}\nexports: [{xlsx: [s]}]",
        ),
    ],
)
def test_data_and_audience_mean_the_same(load_text: Load, short: str, long: str) -> None:
    assert only_job(load_text(HEAD + indented(short))) == only_job(load_text(HEAD + indented(long)))


def test_the_smallest_job(load_text: Load) -> None:
    loaded = load_text(
        'jobs:\n  weekly-sales:\n    schedule: "0 7 * * mon"\n    data: reports/data/sales.csv\n'
        "    exports: xlsx\n    to: team@example.com\n"
    )
    job = only_job(loaded)
    assert (job.name, job.title) == ("weekly-sales", "Weekly sales")
    assert job.sender == job.owner == Mailbox("me@example.com")
    assert job.schedule == (ScheduleEntry(cron="0 7 * * mon"),)
    assert job.exports == (Export(kind="xlsx", data=("sales",)),)
    assert job.delivery.mailer == "inbox"
    assert job.delivery.retry == parse_retry("1m, 5m*2, 15m*4, 1h")
    assert loaded.project.mailers == {"inbox": LocalMailer(name="inbox", local="var/inbox")}


def test_the_whole_of_it(load_text: Load) -> None:
    """JOBS.md, without what comes later."""
    project = load_text(WHOLE.read_text(encoding="utf-8")).project
    job = project.jobs["daily-delays"]
    assert list(job.data) == ["flights", "delays", "ranking", "plan"]
    assert job.charts["heat"] == Chart(kind="vega", spec="reports/heat.vl.json", data="delays")
    assert job.schedule[0].grace == timedelta(hours=6)
    assert job.reply_to == Mailbox("desk@example.com")
    assert job.sender == Mailbox("reports@example.com", "Flight Desk")
    assert project.mailers["relay"].connections == 8  # type: ignore[union-attr]
    assert project.allow_recipients == ("*@example.com", "*@partner.example")
    assert "hunter2" not in repr(project)


def test_what_a_job_says_wins_over_the_defaults(load_text: Load) -> None:
    text = (
        "defaults: {reply_to: a@example.com, params: {x: 1, y: 2}, message: {preheader: P}, timeout: 5m}\n"
        + HEAD
        + REST
        + "    reply_to: null\n    params: {y: 3}\n    message: {subject: S}\n"
    )
    job = only_job(load_text(text))
    assert job.reply_to is None
    assert job.params == {"x": 1, "y": 3}
    assert (job.message.subject, job.message.preheader) == ("S", "P")
    assert job.timeout == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("defaults", "own", "job_zone", "zones"),
    [
        ("", "schedule: 0 7 * * *", "UTC", ["UTC"]),
        ("timezone: Asia/Tokyo", "schedule: 0 7 * * *", "Asia/Tokyo", ["Asia/Tokyo"]),
        (
            "timezone: Asia/Tokyo",
            "schedule: [{cron: 0 7 * * *, timezone: Europe/Rome}, 0 9 * * *]",
            "Europe/Rome",
            ["Europe/Rome", "Asia/Tokyo"],
        ),
        (
            "timezone: Asia/Tokyo",
            "timezone: Europe/Paris\nschedule: [{cron: 0 7 * * *, timezone: Europe/Rome}, 0 9 * * *]",
            "Europe/Paris",
            ["Europe/Rome", "Europe/Paris"],
        ),
    ],
)
def test_zones(load_text: Load, defaults: str, own: str, job_zone: str, zones: list[str]) -> None:
    job = only_job(load_text(f"defaults: {{{defaults}}}\n" + HEAD + indented(own) + REST))
    assert job.timezone == job_zone
    assert [entry.timezone for entry in job.schedule] == zones


def test_mailer_of_the_defaults_or_the_only_one(load_text: Load) -> None:
    both = "mailers: {a: {local: var/a}, b: {local: var/b}}\n"
    assert only_job(load_text("defaults: {mailer: b}\n" + both + HEAD + REST)).delivery.mailer == "b"
    assert only_job(load_text("mailers: {a: {local: var/a}}\n" + HEAD + REST)).delivery.mailer == "a"


def test_a_later_room_reads_periods(load_text: Load) -> None:
    def read(text: str) -> None:
        if text != "previous week":
            raise ValueError(f'"{text}" is not a period')

    validators = Validators(read, lambda entries: f"{len(entries)} rules")
    with_default = load_text(HEAD + REST + "    schedule: 0 7 * * *\n", validators=validators)
    assert only_job(with_default).period == "1 rules"
    with pytest.raises(ProjectErrors, match=r'jobs\.yaml:5:13: "next week" is not a period'):
        load_text(HEAD + REST + "    period: next week\n", validators=validators)


def test_merges_and_aliases(load_text: Load) -> None:
    text = (
        "jobs:\n  a: &a\n    data: sales.csv\n    to: &team [team@example.com]\n    title: A\n"
        "  b:\n    <<: *a\n    title: B\n    cc: ops@example.com\n  c:\n    data: sales.csv\n    to: *team\n"
    )
    jobs = load_text(text).project.jobs
    assert jobs["b"].audience.to == jobs["c"].audience.to == jobs["a"].audience.to
    assert (jobs["b"].title, len(jobs["b"].audience.cc)) == ("B", 1)


def test_defaults_of_gates_and_reviews(load_text: Load) -> None:
    jobs = load_text(
        "defaults: {review: true, owner: ana@example.com, gate: {on_failure: skip, expect: len(sales) > 0}}\n"
        "jobs:\n"
        "  one: {data: sales.csv, to: a@example.com}\n"
        "  own: {data: sales.csv, to: a@example.com, owner: bo@example.com, gate: {expect: [len(sales) > 5]}}\n"
        "  none: {data: sales.csv, to: a@example.com, review: false, gate: null}\n"
    ).project.jobs
    assert [job.review and job.review.address for job in jobs.values()] == ["ana@example.com", "bo@example.com", None]
    assert [job.gate and (job.gate.expect, job.gate.on_failure) for job in jobs.values()] == [
        (("len(sales) > 0",), "skip"), (("len(sales) > 5",), "skip"), None,
    ]  # fmt: skip


def test_a_default_without_a_condition_makes_no_gate(load_text: Load) -> None:
    jobs = load_text(
        "defaults: {gate: {on_failure: skip}}\n"
        "jobs:\n"
        "  one: {data: sales.csv, to: a@example.com}\n"
        "  own: {data: sales.csv, to: a@example.com, gate: {expect: len(sales) > 5}}\n"
    ).project.jobs
    assert [job.gate and job.gate.on_failure for job in jobs.values()] == [None, "skip"]
