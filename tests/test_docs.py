"""What the pages promise exists: links, make targets, commands, and a README of one screen."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import make_project

from pipeline.cli.main import COMMANDS
from pipeline.jobs.schema import json_schema
from pipeline.wiring import Workspace

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "reports/**/*.md", "bench/*.md", "pipeline/cli/scaffold/**/*.md")
    for path in ROOT.glob(pattern)
)
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


def code(text: str) -> Iterator[str]:
    """Indented and fenced lines, and inline code: what a reader may copy."""
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


@pytest.mark.parametrize("page", NAMES)
def test_relative_links_resolve(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", text)
    missing = [
        link
        for link in map("".join, links)
        if "://" not in link and not ((ROOT / page).parent / link).resolve().exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", NAMES)
def test_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = {
        name
        for snippet in code((ROOT / page).read_text(encoding="utf-8"))
        for name in re.findall(r"^(?:\$ )?make ([a-z]+)", snippet)
    }
    assert told <= targets


@pytest.mark.parametrize("page", NAMES)
def test_commands_exist(page: str) -> None:
    told = {
        name
        for snippet in code((ROOT / page).read_text(encoding="utf-8"))
        for name in re.findall(r"^(?:\$ )?(?:\.venv/bin/)?pipeline ([a-z]+)", snippet)
    }
    assert told <= set(COMMANDS)


def test_every_make_target_has_a_line_of_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)[0].split())
    assert phony == set(re.findall(r"^([a-z]+):.*## ", text, re.MULTILINE))


def test_the_readme_fits_its_promise() -> None:
    """One screen: a picture of the mail, the two commands, ten lines of YAML."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "docs/images/mail.png" in text
    assert "    make demo\n" in text
    assert "pipeline init" in text
    assert len(example(text).splitlines()) <= 12
    assert len(text.splitlines()) <= 80


def test_the_readme_example_loads(tmp_path: Path) -> None:
    text = example((ROOT / "README.md").read_text(encoding="utf-8"))
    project = make_project(tmp_path, text, reports__by_shop_dot_sql="SELECT 1")
    jobs = Workspace(project, environ={"EMAIL_ADDRESS": "reports@example.com"}).checked().project.jobs
    assert list(jobs) == ["weekly-sales"]


def test_the_schema_that_the_example_names_is_the_one_of_the_code() -> None:
    written = json.loads((ROOT / "docs/jobs.schema.json").read_text(encoding="utf-8"))
    assert written == json_schema(), "run: pipeline schema > docs/jobs.schema.json"


def example(readme: str) -> str:
    """The README's YAML."""
    return re.findall(r"```yaml\n(.+?)```", readme, re.DOTALL)[0]
