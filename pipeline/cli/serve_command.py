"""`pipeline serve`: scheduler and delivery, until SIGTERM or Ctrl-C; SIGHUP makes it look at jobs.yaml."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.lasting import run_lasting
from pipeline.errors import MissingExtraError

if TYPE_CHECKING:
    from pipeline.wiring import Workspace


@click.command()
@click.option("--builds", type=click.IntRange(1, 64), default=2, show_default=True, help="Reports built at once.")
@click.option("--json", "as_json", is_flag=True, help="The log as JSON lines on a terminal too.")
@click.pass_obj
def command(root: Path, builds: int, *, as_json: bool) -> int:
    """Scheduler and delivery in one process, until SIGTERM or Ctrl-C: mails in flight are finished first. A changed
    jobs.yaml is taken up by itself, and at once on SIGHUP. The delivery log goes to standard output; on a terminal,
    in a form for people."""
    from pipeline.service import Service  # noqa: PLC0415 - brings APScheduler

    return run_lasting(root, lambda workspace: Service(workspace, builds=builds), beside=_pages, as_json=as_json)


def _pages(workspace: "Workspace") -> AbstractContextManager[None]:
    """What answers recipients, where jobs.yaml says so."""
    pages = workspace.project.pages
    if pages is None:
        return nullcontext()
    try:
        from pipeline.web.pages import serving  # noqa: PLC0415 - an extra
        from pipeline.web.unsubscribe_app import unsubscribe_app  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("pages", "web") from error

    def title(job: str) -> str:
        known = workspace.project.jobs.get(job)
        return known.title if known is not None else job

    return serving(unsubscribe_app(workspace.leaving, title), pages.listen)
