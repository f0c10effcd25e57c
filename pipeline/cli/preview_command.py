"""`pipeline preview`: the exact HTML, text, files and .eml of one message."""

from pathlib import Path

import click

from pipeline.cli.output import json_option, print_json
from pipeline.cli.progress import RunProgress
from pipeline.cli.times import parse_moment
from pipeline.cli.workspace import find_job, no_message, open_workspace
from pipeline.ledger.records import Letter, RunKey


@click.command()
@click.argument("job")
@click.option("--at", "at", metavar="TIME", help="The due time, local to the job's zone; default: now.")
@click.option("--for", "address", metavar="ADDRESS", default="", help="Whose message; default: the first.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write; default: var/preview/JOB.",
)
@json_option
@click.pass_obj
def command(root: Path, job: str, at: str | None, address: str, out: Path | None, *, as_json: bool) -> None:
    """Write one message of JOB as preview.html (desktop, phone, light, dark), message.html, message.txt,
    message.eml and its files. Sends nothing."""
    from pipeline.engine.sinks import FirstSink  # noqa: PLC0415 - brings the builder's room
    from pipeline.message.preview import write_preview  # noqa: PLC0415
    from pipeline.report.artifacts import ArtifactStore  # noqa: PLC0415

    with open_workspace(root) as workspace:
        entry = find_job(workspace.checked().project, job)
        due = parse_moment(at, entry.timezone) if at else workspace.clock().replace(microsecond=0)
        letters: list[Letter] = []
        with RunProgress(RunKey(job, due), shown=not as_json) as progress:

            def on_progress(value: object) -> None:
                if isinstance(value, Letter):
                    letters.append(value)
                else:
                    progress(value)

            workspace.builder.rehearse(workspace.project, RunKey(job, due), FirstSink(address), on_progress)
        if not letters:
            raise no_message(job, address)
        folder = out or workspace.var / "preview" / job
        paths = write_preview(letters[0], ArtifactStore(workspace.artifacts).read, folder)
    if as_json:
        print_json({"job": job, "recipients": list(letters[0].recipients), "paths": paths})
    else:
        for path in paths:
            click.echo(str(path))
