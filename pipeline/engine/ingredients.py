"""Which files of the project a run was made from, as they are: data, SQL, Python, specifications, templates, jobs.yaml.

To be asked in the child, when the build is done: what the analysts' code imported is known by then, and nothing else of
theirs was.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from pipeline.jobs.model import Job, Project, SqlData
from pipeline.ledger.kept_records import Ingredient
from pipeline.report.build import Report
from pipeline.report.project import fingerprint

_LITERAL = re.compile(r"'([^'\n]{1,500})'")
_MOST_FILES = 1000
"""Of one pattern in SQL, like `reports/data/*.parquet`."""


def ingredients(job: Job, project: Project, report: Report, templates: Iterable[str]) -> tuple[Ingredient, ...]:
    """Sorted by path, each once. `templates` are the template files that were read, the package's own among them."""
    root = project.root.resolve()
    found = {item.path: Ingredient(item.path, item.sha256, item.size) for item in report.inputs}
    specs = (root / chart.spec for chart in job.charts.values() if chart.kind == "vega" and chart.spec)
    theme = project.themes.get(job.message.theme)
    logo = [root / theme.logo.file] if theme is not None and theme.logo is not None else []
    paths = [project.file, *map(Path, templates), *specs, *logo, *_modules(), *_queried(job, project)]
    for path in dict.fromkeys(path.resolve() for path in paths):
        if path.is_relative_to(root) and path.relative_to(root).as_posix() not in found and path.is_file():
            item = fingerprint(root, path)
            found[item.path] = Ingredient(item.path, item.sha256, item.size)
    return tuple(found[path] for path in sorted(found))


def _modules() -> Iterator[Path]:
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and "site-packages" not in file:
            yield Path(file)


def _queried(job: Job, project: Project) -> Iterator[Path]:
    """Files that a query on DuckDB reads by itself: texts in it that are paths of the project."""
    for dataset in job.data.values():
        if not isinstance(dataset, SqlData) or project.sources[dataset.source].get_secret_value() != "duckdb":
            continue
        for text in _LITERAL.findall((project.root / dataset.sql).read_text(encoding="utf-8-sig")):
            yield from islice(_matching(project.root, text), _MOST_FILES)


def _matching(root: Path, text: str) -> Iterator[Path]:
    try:
        yield from (path for path in root.glob(text) if path.is_file())
    except (ValueError, NotImplementedError, OSError):
        return  # no path at all
