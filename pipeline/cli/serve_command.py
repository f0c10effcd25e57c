"""`pipeline serve`: scheduler and delivery, until SIGTERM or Ctrl-C; SIGHUP makes it look at jobs.yaml."""

import signal
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.output import on_terminal
from pipeline.cli.workspace import open_workspace
from pipeline.errors import MissingExtraError

if TYPE_CHECKING:
    from pipeline.wiring import Workspace


@click.command()
@click.option("--builds", type=click.IntRange(1, 64), default=2, show_default=True, help="Reports built at once.")
@click.pass_obj
def command(root: Path, builds: int) -> int:
    """Scheduler and delivery in one process, until SIGTERM or Ctrl-C: mails in flight are finished first. A changed
    jobs.yaml is taken up by itself, and at once on SIGHUP. The delivery log goes to standard output; on a terminal,
    in a form for people."""
    from pipeline.cli.people_stream import PeopleStream  # noqa: PLC0415
    from pipeline.service import Service  # noqa: PLC0415 - brings APScheduler

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stream = PeopleStream(sys.stdout) if on_terminal() else sys.stdout
    with open_workspace(root, log_stream=stream) as workspace:
        workspace.checked()
        service = Service(workspace, builds=builds)
        signal.signal(signal.SIGHUP, lambda *_: service.look_again())
        with _pages(workspace):
            return 0 if service.run(stop) else 1


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
