"""`pipeline preview`: one message as its readers will see it, live in a browser or as files."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.gate_line import print_gate
from pipeline.cli.output import json_option, print_json
from pipeline.cli.times import at_option, due_time, local
from pipeline.cli.workspace import find_job, no_message, open_workspace
from pipeline.errors import MissingExtraError, PipelineError, ProjectErrors
from pipeline.ledger.records import Letter, RunKey
from pipeline.wiring import Workspace

if TYPE_CHECKING:
    from pipeline.web.live import Built


@click.command()
@click.argument("job")
@at_option
@click.option("--for", "address", metavar="ADDRESS", default="", help="Whose message; default: the first.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write files here instead of serving a page.",
)
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=8024, help="The page's port; 0: any.")
@json_option
@click.pass_obj
def command(root: Path, job: str, at: str | None, address: str, out: Path | None, port: int, *, as_json: bool) -> None:
    """Show one message of JOB on a page of this machine that reloads on save of YAML, template, SQL or data:
    desktop, phone, dark, without pictures, text, headers, files, and the lint. With --out, write preview.html,
    message.html, message.txt, message.eml and the files instead. Sends nothing."""
    with open_workspace(root) as workspace:
        entry = find_job(workspace.checked().project, job)
        due = due_time(at, entry.timezone, workspace.clock())
        if out:
            _write(workspace, RunKey(job, due), address, out, as_json=as_json)
        else:
            _serve(workspace, RunKey(job, due), address, port, local(due, entry.timezone), as_json=as_json)


def _write(workspace: Workspace, key: RunKey, address: str, out: Path, *, as_json: bool) -> None:
    from pipeline.engine.preview_sink import PreviewSink  # noqa: PLC0415 - brings the builder's room
    from pipeline.message.preview import write_preview  # noqa: PLC0415
    from pipeline.report.artifacts import ArtifactStore  # noqa: PLC0415

    letters: list[Letter] = []

    def keep(value: object) -> None:
        if isinstance(value, Letter):
            letters.append(value)

    summary = workspace.builder.rehearse(workspace.project, key, PreviewSink(address), keep)
    if not as_json:
        print_gate(summary.gate, workspace.project.jobs[key.job], as_json=False, aside=True)
    if not letters:
        raise no_message(key.job, address)
    paths = write_preview(letters[0], ArtifactStore(workspace.artifacts).read, out)
    if as_json:
        print_json({"job": key.job, "recipients": list(letters[0].recipients), "paths": paths})
    else:
        for path in paths:
            click.echo(str(path))


def _serve(workspace: Workspace, key: RunKey, address: str, port: int, due: str, *, as_json: bool) -> None:
    try:
        from pipeline.web.preview_app import preview_app  # noqa: PLC0415 - an extra
        from pipeline.web.serving import HOST, listen, serve  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("a live preview (--out DIR writes files without it)", "web") from error
    from pipeline.report.artifacts import ArtifactStore  # noqa: PLC0415
    from pipeline.web.live import Live, first  # noqa: PLC0415

    def build_one(whose: str) -> "Built":
        return built_now(workspace.root, key.job, key.due, whose)

    begin = first(address, build_one(address))
    if not begin.letter and (begin.recipients or not begin.error):
        raise no_message(key.job, address)
    with listen(port) as listening:
        url = f"http://{HOST}:{listening.getsockname()[1]}/"
        live = Live(build_one, begin)
        app = preview_app(live, ArtifactStore(workspace.artifacts).read, job=key.job, due=due)
        if as_json:
            print_json({"job": key.job, "url": url})
        else:
            click.echo(f"{url} shows {key.job} and reloads on save; Ctrl-C ends it")
        serve(app, live, workspace.root, listening)


def built_now(root: Path, job: str, due: datetime, address: str) -> "Built":
    """A build of the files as they are on the disk now; an analyst's mistake is a value, not an exception."""
    from pipeline.engine.preview_sink import Addressed, PreviewSink  # noqa: PLC0415 - brings the builder's room
    from pipeline.web.live import Built  # noqa: PLC0415

    letters: list[Letter] = []
    recipients: list[tuple[str, ...]] = []

    def keep(value: object) -> None:
        if isinstance(value, Letter):
            letters.append(value)
        elif isinstance(value, Addressed):
            recipients.append(value.recipients)

    try:
        with open_workspace(root) as workspace:
            find_job(workspace.checked().project, job)
            workspace.builder.rehearse(workspace.project, RunKey(job, due), PreviewSink(address), keep)
    except ProjectErrors as errors:
        return Built(error=str(errors))
    except PipelineError as error:
        return Built(error=str(error))
    if not letters and recipients:
        return Built(recipients=tuple(recipients), error=str(no_message(job, address)))
    return Built(letters[0] if letters else None, tuple(recipients))
