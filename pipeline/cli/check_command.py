"""`pipeline check`: everything that can be known to be wrong without running."""

from dataclasses import asdict
from pathlib import Path

import click

from pipeline.cli.output import counted, json_option, print_json
from pipeline.cli.workspace import open_workspace
from pipeline.errors import ProjectErrors


@click.command()
@json_option
@click.pass_obj
def command(root: Path, *, as_json: bool) -> int:
    """Find everything that can be known to be wrong without running: YAML, templates, SQL files, Python
    references, recipients, secrets present. Exit status 2 if something is."""
    with open_workspace(root) as workspace:
        try:
            project = workspace.checked().project
        except ProjectErrors as errors:
            if as_json:
                for problem in errors.problems:
                    print_json({"event": "check.problem", **asdict(problem)})
            else:
                click.echo(str(errors), err=True)
                click.echo(f"{counted(len(errors.problems), 'problem')}; nothing was run", err=True)
            return 2
    if as_json:
        print_json({"event": "check.passed", "jobs": list(project.jobs)})
    else:
        click.echo(f"{project.file.name} is right: {counted(len(project.jobs), 'job')}, {', '.join(project.jobs)}")
    return 0
