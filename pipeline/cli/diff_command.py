"""`pipeline diff`: what a changed jobs.yaml changes for whom, before it is deployed."""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path

import click

from pipeline.cli.next_command import HORIZON
from pipeline.cli.output import json_option, print_json, utc
from pipeline.cli.times import local
from pipeline.cli.workspace import open_workspace
from pipeline.engine.planner import wanted
from pipeline.errors import Problem, ProjectErrors, UsageError
from pipeline.jobs.changes import Change, compare
from pipeline.jobs.load import Validators, load
from pipeline.jobs.model import Job, Project
from pipeline.schedule.due import due_times
from pipeline.schedule.missed import in_words
from pipeline.wiring import Workspace

_SHOWN = 3


@click.command()
@click.argument("before", metavar="[REV|FILE]", default="HEAD")
@click.option("--exit-code", is_flag=True, help="Exit status 1 if something changes, as git diff has it.")
@json_option
@click.pass_obj
def command(root: Path, before: str, *, exit_code: bool, as_json: bool) -> int:
    """What jobs.yaml changes for whom, against a git revision (default: HEAD) or another file: jobs added, removed and
    changed, recipients, and the next due times before and after. Works without the secrets of the environment."""
    with open_workspace(root) as workspace:
        now = workspace.clock()
        new = _read(workspace, workspace.root / "jobs.yaml", "jobs.yaml")
        old = _before(workspace, before)
        changes = compare(old, new)
        for change in changes:
            _show(change, old, new, now, as_json=as_json)
        if not changes and not as_json:
            click.echo(f"no job is another than in {before}")
    return 1 if changes and exit_code else 0


def _before(workspace: Workspace, before: str) -> Project:
    file = Path(before)
    if file.is_file():
        return _read(workspace, file, before)
    shown = subprocess.run(  # noqa: S603 - git itself, with a revision that cannot be an option
        ["git", "-C", str(workspace.root), "show", "--end-of-options", f"{before}:./jobs.yaml"],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if shown.returncode:
        reason = shown.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise UsageError(
            f'"{before}" is neither a file nor a git revision with a jobs.yaml here: {reason};'
            " name an older jobs.yaml, like `pipeline diff old.yaml`"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jobs.yaml"
        file.write_bytes(shown.stdout)
        return _read(workspace, file, f"{before}:jobs.yaml")


def _read(workspace: Workspace, file: Path, name: str) -> Project:
    from pipeline.schedule.period import default_period, parse_period  # noqa: PLC0415

    try:
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        environ = {**_placeholders(text), **workspace.environ}
        validators = Validators(parse_period, default_period)
        return load(workspace.root, environ, file=str(file.resolve()), validators=validators).project
    except ProjectErrors as errors:
        told = [Problem(name, each.line, each.column, each.message, each.path) for each in errors.problems]
        raise ProjectErrors(told) from None


def _placeholders(text: str) -> Mapping[str, str]:
    """Values for secrets that a reviewer does not have: they are compared by their names, and used for nothing."""
    names = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "sqlite:///unset")
    servers = dict.fromkeys(re.findall(r"smtp:\s*[\"']?\$\{(\w+)\}", text), "smtps://unset.invalid")
    return {"EMAIL_ADDRESS": "unset@example.invalid", **names, **servers}


def _show(change: Change, old: Project, new: Project, now: datetime, *, as_json: bool) -> None:
    was, will = _coming(old.jobs.get(change.job), now), _coming(new.jobs.get(change.job), now)
    if as_json:
        record = {"job": change.job, "change": change.kind, "details": list(change.details)}
        print_json({**record, "due_before": [utc(due) for due in was], "due_after": [utc(due) for due in will]})
        return
    click.echo(click.style(f"{change.job}: {change.kind}", bold=True))
    for detail in change.details:
        click.echo(f"  {detail}")
    zone = (new.jobs.get(change.job) or old.jobs[change.job]).timezone
    if was != will:
        for word, dues in (("was due", was), ("is due", will)):
            if dues:
                click.echo(f"  {word}: {', '.join(local(due, zone) for due in dues)} (in {in_words(dues[0] - now)})")


def _coming(job: Job | None, now: datetime) -> list[datetime]:
    return list(islice(due_times(wanted(job), now, now + HORIZON), _SHOWN)) if job else []
