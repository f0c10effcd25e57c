"""What `pipeline jobs JOB` prints loads to the same job, here and with a stock YAML reader."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.jobs.load import Loaded, load
from pipeline.jobs.longform import long_form, written
from pipeline.jobs.model import Job
from pipeline.jobs.scalars import Mailbox, parse_mailbox

Load = Callable[..., Loaded]
EXAMPLES = Path(__file__).parent / "good_jobs"
ENVIRON = {"EMAIL_ADDRESS": "me@example.com", "SMTP_URL": "smtps://user:hunter2@mail.example.com"}
AROUND = (
    "mailers: {relay: {smtp: '${SMTP_URL}'}, inbox: {local: var/inbox}}\n"
    "sources: {files: duckdb, warehouse: 'sqlite:///warehouse.db'}\n"
    "calendars: {us: {holidays: US-NY, extra: '2026-12-24'}}\n"
)


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_loads_to_the_same_job(load_text: Load, example: str) -> None:
    jobs = load(EXAMPLES, ENVIRON, file=example).project.jobs
    for name, job in jobs.items():
        text = long_form(job)
        assert "hunter2" not in text
        assert load_text(AROUND + text).project.jobs == {name: job}


@pytest.mark.parametrize(("kind", "shown"), [("csv", False), ("xlsx", True)])
def test_shows_of_an_export_what_can_be_written_there(load_text: Load, kind: str, shown: bool) -> None:
    text = f"jobs: {{daily: {{data: sales.csv, to: team@example.com, exports: {kind}}}}}\n"
    [export] = yaml.safe_load(long_form(load_text(text).project.jobs["daily"]))["jobs"]["daily"]["exports"]
    assert ("charts" in export, "totals" in export) == (shown, shown)


@pytest.mark.parametrize(
    "said",
    [
        "data: {fx: {http: 'https://api.example.com/fx.json', query: {key: '${FX_KEY}', day: ':start'}}}",
        "data: {fx: {http: 'https://api.example.com/fx', headers: {Authorization: 'Bearer ${FX_KEY}'}}}",
        "data: sales.csv\n    exports: {csv: sales, zip: true, password: '${FX_KEY}'}",
    ],
)
def test_of_secrets_it_has_what_was_written(load_text: Load, said: str) -> None:
    environ = {**ENVIRON, "FX_KEY": "hunter2 & more"}
    job = load_text(f"jobs:\n  daily:\n    to: team@example.com\n    {said}\n", environ).project.jobs["daily"]
    text = long_form(job)
    assert "${FX_KEY}" in text
    assert "hunter2" not in text
    assert load_text(text, environ).project.jobs["daily"] == job


def mailbox(name: str) -> Mailbox:
    return Mailbox("a@example.com", " ".join(name.split()))


def can_be_read(value: Mailbox) -> bool:
    """Not every text can be a display name; those that the address validator refuses cannot come from
    YAML."""
    try:
        return parse_mailbox(str(value)) == value
    except ValueError:
        return False


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda text: "${" not in text and "\ufffe" not in text and "\uffff" not in text
)
values = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
tricky = st.sampled_from(
    ["no", "1e3", "012", "2026-01-01", "null", "true", "~", "1_000", "- a", "a: b", "#", "<<", "="]
)


@given(
    title=texts | tricky,
    params=st.dictionaries(st.from_regex(r"p[a-z_]{1,5}", fullmatch=True), values | texts | tricky, max_size=4),
    preheader=st.none() | st.just("") | texts,
    timeout=st.timedeltas(timedelta(microseconds=1), timedelta(days=100)),
    memory=st.integers(1, 10**12),
    reply_to=st.none() | st.from_regex(r"[\w ,.;\\\"'()<>@-]{1,20}", fullmatch=True).map(mailbox).filter(can_be_read),
)
def test_any_value_comes_back(tmp_path_factory: pytest.TempPathFactory, **changed: object) -> None:
    folder = tmp_path_factory.getbasetemp()
    message = {"preheader": changed.pop("preheader")}
    base = load(EXAMPLES, ENVIRON, file="smallest.yaml").project.jobs["weekly-sales"]
    job: Job = base.model_copy(update={**changed, "message": base.message.model_copy(update=message)})
    (folder / "jobs.yaml").write_text(AROUND + long_form(job), encoding="utf-8", newline="\n")
    assert load(folder, ENVIRON).project.jobs["weekly-sales"] == job


def test_any_yaml_reader_reads_the_same_values() -> None:
    job = load(EXAMPLES, ENVIRON, file="smallest.yaml").project.jobs["weekly-sales"]
    job = job.model_copy(update={"params": {"a": "no", "b": "1e3", "c": "012", "d": "2026-01-01", "e": "1:30"}})
    assert yaml.safe_load(long_form(job)) == {"jobs": {"weekly-sales": written(job)}}
