"""Every directory of tests/bad_jobs is refused with exactly the lines of its expected.txt."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from pipeline.errors import ProjectErrors
from pipeline.jobs.check import check_project
from pipeline.jobs.load import load

FOLDER = Path(__file__).parents[1] / "bad_jobs"
CASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def problems_of(project: Path) -> str:
    """What an analyst reads. The environment is the file `env`, or an EMAIL_ADDRESS alone."""
    env = project / "env"
    environ = {"EMAIL_ADDRESS": "me@example.com"}
    if env.exists():
        environ = {name: value or "" for name, value in dotenv_values(env, interpolate=False).items()}
    try:
        loaded = load(project, environ)
    except ProjectErrors as errors:
        return f"{errors}\n"
    found = check_project(loaded, installed=lambda _module: True)
    return "".join(f"{problem}\n" for problem in found)


@pytest.mark.parametrize("name", CASES)
def test_bad_jobs(name: str) -> None:
    expected = (FOLDER / name / "expected.txt").read_text(encoding="utf-8")
    assert problems_of(FOLDER / name) == expected
    assert expected.strip()


def test_no_secret_is_in_any_message() -> None:
    told = [(FOLDER / name / "expected.txt").read_text(encoding="utf-8") for name in CASES]
    assert not [text for text in told if "hunter2" in text or "ter2" in text]


def test_there_is_no_refusal_without_a_problem() -> None:
    with pytest.raises(ValueError, match="nobody says why"):
        ProjectErrors([])
