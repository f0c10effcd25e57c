"""`pipeline init`: a new project folder that runs as it is."""

from importlib.resources import as_file, files
from pathlib import Path
from shutil import copytree, ignore_patterns

import click

from pipeline.cli.output import json_option, print_json
from pipeline.cli.workspace import writable
from pipeline.errors import UsageError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
def command(folder: Path, *, as_json: bool) -> None:
    """Make a project in DIR: jobs.yaml, one report, one template, .env.example. It runs as it is."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty; name a new folder, nothing was written")
    with writable(), as_file(files("pipeline.cli") / "scaffold") as scaffold:
        # pip compiles what it installs, the scaffold too
        copytree(scaffold, folder, dirs_exist_ok=True, ignore=ignore_patterns("__pycache__"))
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if as_json:
        for path in paths:
            print_json({"path": path})
        return
    for path in paths:
        click.echo(f"  {path}")
    there = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    click.echo(f"\nNext: {there}pipeline check && pipeline run weekly-sales")
