"""The JSON Schema takes what the loader takes, short and long, and refuses what is wrong in shape."""

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from pipeline.errors import ProjectErrors
from pipeline.jobs.load import load
from pipeline.jobs.longform import long_form
from pipeline.jobs.schema import json_schema
from pipeline.jobs.tree import plain
from pipeline.jobs.yamltext import parse_yaml

HERE = Path(__file__).parent
BAD = HERE.parent / "bad_jobs"
ROOT = HERE.parents[1]
GOOD = [
    *sorted((HERE / "good_jobs").glob("*.yaml")),
    ROOT / "jobs.yaml",
    ROOT / "pipeline/cli/scaffold/jobs.yaml",
]
SHAPE = (
    "unknown key",
    "missing key",
    "expected ",
    "too many",
    "has no default",
)
"""What messages about the shape of the file say; the rest is about names, files and values."""


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def values(text: str) -> object:
    """As an editor's YAML 1.2 reader has them."""
    return json.loads(json.dumps(plain(parse_yaml(text, "jobs.yaml"))))


def shape_is_wrong(folder: Path) -> bool:
    if folder.name.startswith(("yaml_", "file_")):
        return False  # no values to look at
    told = (folder / "expected.txt").read_text(encoding="utf-8").splitlines()
    return any(said in line for line in told for said in SHAPE if line.startswith("jobs.yaml"))


@pytest.mark.parametrize("file", GOOD, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_takes_every_good_example(validator: jsonschema.Draft202012Validator, file: Path) -> None:
    assert [error.message for error in validator.iter_errors(values(file.read_text(encoding="utf-8")))] == []


def test_takes_the_long_form(validator: jsonschema.Draft202012Validator) -> None:
    environ = {"EMAIL_ADDRESS": "me@example.com", "SMTP_URL": "smtps://mail.example.com"}
    for file in (HERE / "good_jobs").glob("*.yaml"):
        for job in load(file.parent, environ, file=file.name).project.jobs.values():
            assert [error.message for error in validator.iter_errors(values(long_form(job)))] == []


@pytest.mark.parametrize("name", [path.name for path in sorted(BAD.iterdir()) if shape_is_wrong(path)])
def test_refuses_wrong_shapes(validator: jsonschema.Draft202012Validator, name: str) -> None:
    assert not validator.is_valid(values((BAD / name / "jobs.yaml").read_text(encoding="utf-8")))


def properties(schema: object, path: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    if isinstance(schema, dict):
        for key, value in schema.get("properties", {}).items():
            yield f"{path}.{key}", value
        for key, value in schema.items():
            yield from properties(value, f"{path}.{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from properties(value, f"{path}[{index}]")


def test_every_field_has_a_description_and_an_example() -> None:
    found = dict(properties(json_schema()))
    assert len(found) > 80
    assert [path for path, field in found.items() if not field.get("description")] == []
    assert [path for path, field in found.items() if not field.get("examples")] == []


def test_every_example_of_a_field_is_good_for_it(validator: jsonschema.Draft202012Validator) -> None:
    schema = json_schema()
    for path, field in properties(schema):
        of_field = validator.evolve(schema={"$defs": schema["$defs"], **field})
        for example in field["examples"]:  # type: ignore[attr-defined]
            assert of_field.is_valid(example), f"{path}: {example}"


def test_has_yaml_s_names_only() -> None:
    names = {path.rsplit(".", 1)[1] for path, _ in properties(json_schema())}
    assert not names & {"sender", "kind", "spec", "name"} - {"name"}
    assert "from" in names


def test_bad_examples_are_told_by_the_loader_too() -> None:
    """SHAPE is not empty talk: each of its phrases is in some message."""
    told = "".join((folder / "expected.txt").read_text(encoding="utf-8") for folder in BAD.iterdir())
    assert [said for said in SHAPE if said not in told] == []


def test_the_loader_refuses_what_the_schema_refuses_here(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("jobs: {a: {data: {x: {}}, to: a@example.com}}", encoding="utf-8")
    with pytest.raises(ProjectErrors, match="one of the keys file, excel, sql, python or http"):
        load(tmp_path, {"EMAIL_ADDRESS": "me@example.com"})
