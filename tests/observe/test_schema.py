"""The JSON Schema is that of the list of events, its copy in docs/ is current, and the page tells of every event."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from pipeline.observe.events import EVENTS, FIELDS
from pipeline.observe.log import EventLog
from pipeline.observe.schema import json_schema, schema_text

DOCS = Path(__file__).parents[2] / "docs"
VALIDATOR = Draft202012Validator(json_schema())
VALUES: dict[type, Any] = {str: "text", int: 3, bool: True, datetime: datetime(2013, 2, 1, tzinfo=UTC)}
PAGE = (DOCS / "delivery-log.md").read_text()
EXAMPLES = re.findall(r"^### `([a-z_.]+)`\n```json\n(.*)\n```$", PAGE, re.MULTILINE)


def emitted(log: EventLog, written: Any, event: str, fields: tuple[str, ...]) -> dict[str, Any]:
    log.emit(event, **{name: VALUES[FIELDS[name].type] for name in fields})
    record: dict[str, Any] = written.records[-1]
    return record


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("event", [name for name, spec in EVENTS.items() if spec.level])
def test_lines_with_few_and_with_all_fields_are_valid(log: EventLog, written: Any, event: str) -> None:
    spec = EVENTS[event]
    least = emitted(log, written, event, spec.required)
    most = emitted(log, written, event, spec.required + spec.optional)
    VALIDATOR.validate(least)
    VALIDATOR.validate(most)
    assert most.keys() == {"ts", "level", "event", *spec.required, *spec.optional}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"event": "run.dew"}, id="an event that is none"),
        pytest.param({"level": "error"}, id="another level"),
        pytest.param({"due": None}, id="no due time"),
        pytest.param({"due": "yesterday"}, id="a time that is none"),
        pytest.param({"ts": "2013-02-01T11:30:02+01:00"}, id="a time that is not UTC"),
        pytest.param({"recipient": "ana@example.com"}, id="a field of another event"),
    ],
)
def test_other_lines_are_not(log: EventLog, written: Any, change: dict[str, Any]) -> None:
    record = emitted(log, written, "run.due", EVENTS["run.due"].required)
    assert VALIDATOR.is_valid(record)
    changed = {name: value for name, value in (record | change).items() if value is not None}
    assert not VALIDATOR.is_valid(changed)


def test_the_copy_in_docs_is_current() -> None:
    assert (DOCS / "delivery-log.schema.json").read_text() == schema_text(), (
        "run: python -m pipeline.observe.schema > docs/delivery-log.schema.json"
    )


@pytest.mark.parametrize(("event", "example"), EXAMPLES)
def test_the_examples_of_the_page_are_lines_of_their_event(event: str, example: str) -> None:
    record = json.loads(example)
    VALIDATOR.validate(record)
    assert record["event"] == event
    assert list(record) == [name for name in ("ts", "level", "event", *FIELDS) if name in record]


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not on this machine")
@pytest.mark.parametrize("recipe", re.findall(r"^```sh\n(jq .*)\n```$", PAGE, re.MULTILINE))
def test_the_recipes_of_the_page_find_something_in_its_examples(tmp_path: Path, recipe: str) -> None:
    path = tmp_path / "var" / "log" / "delivery.jsonl"
    path.parent.mkdir(parents=True)
    torn = '{"ts": "2013\n' if "fromjson" in recipe else ""
    path.write_text(torn + "".join(f"{example}\n" for _, example in EXAMPLES))
    done = subprocess.run(recipe, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_the_page_tells_of_every_event_once() -> None:
    assert sorted(event for event, _ in EXAMPLES) == sorted(EVENTS)
