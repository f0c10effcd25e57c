"""Whatever stands in a jobs.yaml: it loads, or its author is told where it is wrong. Nothing else is raised."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ProjectErrors
from pipeline.jobs.load import load
from pipeline.jobs.longform import long_form

EXAMPLES = Path(__file__).parent / "good_jobs"
ENVIRON = {"EMAIL_ADDRESS": "me@example.com", "SMTP_URL": "smtps://user:secret@mail.example.com"}
DOCUMENTS = [
    yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # texts only
    for path in sorted(EXAMPLES.glob("*.yaml"))
]
WORDS = [
    "", "x", "no", "5", "-1", "0.5", "null", "true", "~", "xlsx", "pdf", "a@example.com", "0 7 * * *", "1m",
    "20MB", "${X}", "sales", "../x", "a.b:c", "2027-12-31", "* * * * * *", "ü", "{{ x }}", "duckdb", "name",
    "kind", "data", "sender", "spec", "<<",
]  # fmt: skip
words = st.sampled_from(WORDS)
values = st.recursive(
    words | st.integers(-5, 5) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (collection, key) of a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in pairs for found in [(value, key), *places(child)]]


def changed(document: Any, draw: st.DataObject) -> Any:
    """One to three values replaced, taken out or renamed."""
    document = copy.deepcopy(document)
    for _ in range(draw.draw(st.integers(1, 3))):
        found = places(document)
        if not found:
            break
        holder, key = found[draw.draw(st.integers(0, len(found) - 1))]
        what = draw.draw(st.sampled_from(["replace", "take out", "rename"]))
        if what == "replace":
            holder[key] = draw.draw(values)
        elif what == "take out" or not isinstance(holder, dict):
            del holder[key]
        else:
            holder[draw.draw(words | st.just(f"{key}s"))] = holder.pop(key)
    return document


@settings(max_examples=100)
@given(st.data())
def test_loads_or_says_where_it_is_wrong(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp()
    document = changed(data.draw(st.sampled_from(DOCUMENTS)), data)
    text = yaml.safe_dump(document, allow_unicode=True)
    text = re.sub(r"'([\w.]*)'", r"\1", text)  # numbers and words as an analyst writes them
    (folder / "jobs.yaml").write_text(text, encoding="utf-8")
    try:
        project = load(folder, ENVIRON).project
    except ProjectErrors as errors:
        told = errors.problems
    else:
        told = ()
        for job in project.jobs.values():
            assert long_form(job).startswith("jobs:\n")
    lines = text.count("\n") + 1
    for problem in told:
        assert problem.file == "jobs.yaml"
        assert 1 <= problem.line <= lines
        assert problem.message
        assert "_type" not in problem.message  # pydantic's own words
