"""What differs between two versions of jobs.yaml, in its own words and without its secrets."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.jobs.changes import compare
from pipeline.jobs.load import Loaded

BASE = """\
mailers: {relay: {smtp: "${SMTP_URL}", connections: 4}}
calendars: {us: {holidays: US}}
sources: {house: "${HOUSE}"}
jobs:
  a:
    schedule: {cron: 0 7 * * mon, calendar: us}
    data: {x: {sql: x.sql, source: house}}
    exports: xlsx
    to: [one@example.com, two@example.com]
"""
SECRETS = {
    "EMAIL_ADDRESS": "me@example.com",
    "SMTP_URL": "smtps://u:canary1@mail.example.com",
    "HOUSE": "sqlite:///canary2",
}
OTHERS = {**SECRETS, "SMTP_URL": "smtps://u:canary3@mail.example.com", "HOUSE": "sqlite:///canary4"}


@pytest.mark.parametrize(
    ("old", "new", "details"),
    [
        ("two@", "three@", ["to: -two@example.com", "to: +three@example.com"]),
        ("one@example.com, two@example.com", "two@example.com, one@example.com", ["to: in another order"]),
        ("connections: 4", "connections: 8", ["mailers.relay.connections: 4 → 8"]),
        ("holidays: US", "holidays: DE", ["calendars.us.holidays: -US", "calendars.us.holidays: +DE"]),
        (
            "exports: xlsx",
            "title: Sales",
            ["title: A → Sales", "exports: -{xlsx: [x], totals: false, charts: false, zip: false}"],
        ),
        (
            "0 7",
            "0 8",
            ["schedule: -{cron: 0 7 * * mon, calendar: us}", "schedule: +{cron: 0 8 * * mon, calendar: us}"],
        ),
    ],
)
def test_a_change_in_words(load_text: Callable[..., Loaded], old: str, new: str, details: list[str]) -> None:
    before = load_text(BASE, SECRETS).project
    (change,) = compare(before, load_text(BASE.replace(old, new), SECRETS).project)
    assert (change.job, change.kind, list(change.details)) == ("a", "changed", details)


def test_secrets_are_compared_and_never_shown(load_text: Callable[..., Loaded]) -> None:
    before, after = load_text(BASE, SECRETS).project, load_text(BASE, OTHERS).project
    (change,) = compare(before, after)
    assert list(change.details) == [
        "mailers.relay.smtp: another value, which is secret",
        "sources.house: another value, which is secret",
    ]
    gone = after.model_copy(update={"mailers": {}, "jobs": {}})
    assert "canary" not in str([compare(before, gone), compare(gone, before), replace(change, details=())])


def test_another_name_of_a_secret_is_a_change_whatever_its_value(load_text: Callable[..., Loaded]) -> None:
    secrets = {**SECRETS, "OTHER_URL": SECRETS["SMTP_URL"]}
    before = load_text(BASE, secrets).project
    (change,) = compare(before, load_text(BASE.replace("${SMTP_URL}", "${OTHER_URL}"), secrets).project)
    assert list(change.details) == ["mailers.relay.smtp: another value, which is secret"]


def test_nothing_changes_where_nothing_differs(load_text: Callable[..., Loaded]) -> None:
    assert compare(load_text(BASE, SECRETS).project, load_text(f"# said\n{BASE}", SECRETS).project) == []
