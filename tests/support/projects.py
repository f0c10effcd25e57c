"""Small real projects for tests, and the command line on them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SALES = "shop,units,revenue\nBerlin,3,30.5\nParis,5,51.0\nRome,2,19.9\n"
SMALLEST = """\
defaults:
  from: Reports <reports@example.com>
jobs:
  weekly-sales:
    schedule: "0 7 * * mon"
    data: reports/data/sales.csv
    exports: csv
    to: team@example.com
"""


def make_project(folder: Path, jobs: str = SMALLEST, **files: str) -> Path:
    """A project in `folder` with reports/data/sales.csv and `files` (path with `__` for `/` and `_dot_` for `.`)."""
    texts = {"jobs.yaml": jobs, "reports/data/sales.csv": SALES}
    texts |= {name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()}
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def pipeline(project: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs the `pipeline` command on a project as a user would: a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "-C", str(project), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=clean_environ(environ),
    )


def clean_environ(more: dict[str, str]) -> dict[str, str]:
    """The environment of this machine without what would steer a pipeline."""
    import os

    return {k: v for k, v in os.environ.items() if k not in {"EMAIL_ADDRESS", "LEDGER_URL"}} | more


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def inbox(project: Path) -> list[Path]:
    """The mails in the local mailbox."""
    return sorted((project / "var/inbox/new").glob("*"))
