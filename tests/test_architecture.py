"""The house's rules: who may import whom, how long a module may grow, and that the page shows it."""

import re
from pathlib import Path

import grimp
import pytest
from importlinter import cli

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pipeline"
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))
LONGEST = 400
"""Lines; a module that needs more holds two ideas."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("pipeline", cache_dir=None)


def test_imports_follow_the_contracts() -> None:
    status = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == cli.EXIT_STATUS_SUCCESS, "run `make check` for the import that breaks a contract"


def test_no_import_cycles(graph: grimp.ImportGraph) -> None:
    assert cycles(graph) == []


def test_a_cycle_is_found() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]:
        graph.add_import(importer=importer, imported=imported)
    assert cycles(graph) == [{"a", "b", "c"}]


@pytest.mark.parametrize("module", MODULES)
def test_module_is_short_and_opens_with_its_idea(module: str) -> None:
    text = (ROOT / module).read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST
    assert not text or text.startswith('"""'), "open with one sentence that says what it is about"


def test_the_page_names_every_room_and_no_other() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([a-z_]+(?:/|\.py))` \|", page, flags=re.MULTILINE))
    rooms = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    files = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert named == rooms | files


def cycles(graph: grimp.ImportGraph) -> list[set[str]]:
    """The groups of modules that import each other, directly or in a round."""
    below = {module: graph.find_downstream_modules(module) for module in graph.modules}
    groups = {frozenset({m} | {n for n in below[m] if m in below[n]}) for m in graph.modules}
    return sorted((set(group) for group in groups if len(group) > 1), key=sorted)
