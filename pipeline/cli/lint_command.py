"""`pipeline lint`: what readers of a job's mails would stumble over."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.gate_line import print_gate
from pipeline.cli.output import counted, json_option, print_json
from pipeline.cli.progress import RunProgress
from pipeline.cli.times import at_option, due_time
from pipeline.cli.workspace import find_job, no_message, open_workspace
from pipeline.ledger.records import RunKey

if TYPE_CHECKING:
    from pipeline.engine.lint_sink import Found

_COLOURS = {"error": "red", "warning": "yellow", "note": "bright_black"}


@click.command()
@click.argument("job")
@at_option
@click.option("--for", "address", metavar="ADDRESS", default="", help="Whose message; default: all of them.")
@click.option("--strict", is_flag=True, help="Warnings count too.")
@json_option
@click.pass_obj
def command(root: Path, job: str, at: str | None, address: str, *, strict: bool, as_json: bool) -> int:
    """Build the messages of JOB and look at each as mail programs will: size against Gmail's clip, CSS and HTML
    that some lack, alt texts, contrast in light and dark, the text part, links, leftovers of templates. Sends
    nothing. Exit status 1 if there is an error."""
    from pipeline.engine.lint_sink import Found, Linted, LintSink  # noqa: PLC0415 - brings the builder's room

    with open_workspace(root) as workspace:
        entry = find_job(workspace.checked().project, job)
        due = due_time(at, entry.timezone, workspace.clock())
        found: list[Found] = []
        letters, spam = 0, False
        with RunProgress(RunKey(job, due), shown=not as_json) as progress:

            def on_progress(value: object) -> None:
                nonlocal letters, spam
                if isinstance(value, Found):
                    found.append(value)
                elif isinstance(value, Linted):
                    letters, spam = value.letters, value.spam
                else:
                    progress(value)

            summary = workspace.builder.rehearse(
                workspace.project, RunKey(job, due), LintSink(address, workspace.artifacts), on_progress
            )
        if not as_json:
            print_gate(summary.gate, entry, as_json=False, aside=True)
        if not letters:
            raise no_message(job, address)
    counts = Counter(item.finding.level.value for item in found)
    for item in found:
        _show(item, letters, as_json=as_json)
    if not as_json:
        if not spam:
            click.echo("no spam score: SpamAssassin (spamc or spamassassin) is not installed")
        said = ", ".join(counted(counts[level], level) for level in _COLOURS if counts[level])
        click.echo(f"{counted(letters, 'message')}: {said or 'nothing to find'}; nothing was sent")
    return int(bool(counts["error"] or (strict and counts["warning"])))


def _show(item: "Found", letters: int, *, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(item.finding), "letters": item.letters, "first": item.first})
        return
    level = item.finding.level.value
    share = f" (in {item.letters} of {letters}, first {item.first})" if letters > 1 else ""
    click.echo(click.style(level, fg=_COLOURS[level]) + str(item.finding).removeprefix(level) + share)
