"""What every command starts from: the project folder of `-C`, and the names that people type."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.errors import ProjectErrors, StateError, UsageError
from pipeline.jobs.model import Job, Project
from pipeline.jobs.names import did_you_mean
from pipeline.wiring import Workspace


@contextmanager
def open_workspace(root: Path, *, log_stream: TextIO | None = None) -> Iterator[Workspace]:
    """The workspace of a folder, closed at the end. Raises UsageError where there is no such folder, and StateError."""
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder; `pipeline init {root}` makes a project there")
    with writable(), Workspace(root, log_stream=log_stream) as workspace:
        yield workspace


@contextmanager
def writable() -> Iterator[None]:
    """Raises StateError for a file or folder that the machine refuses."""
    try:
        yield
    except OSError as error:
        if error.filename is None or isinstance(error, BrokenPipeError):
            raise
        raise StateError.of(error) from error


def find_job(project: Project, name: str) -> Job:
    """The job of this name. Raises UsageError with the near miss."""
    job = project.jobs.get(name)
    if job is None:
        raise _unknown("job", name, project.jobs)
    return job


def zone_of(workspace: Workspace, job: str) -> str:
    """The zone that a job's times are told in; UTC where jobs.yaml does not say, or no longer."""
    try:
        entry = workspace.project.jobs.get(job)
    except ProjectErrors:
        return "UTC"  # an operator can look at runs nevertheless
    return entry.timezone if entry else "UTC"


def no_message(job: str, address: str) -> UsageError:
    """What to say where a build made no letter for this address, or none at all."""
    if address:
        return UsageError(f"no message of {job} goes to {address}; `pipeline plan {job}` lists who gets one")
    return UsageError(
        f"nobody would get a message for this due time: the audience is empty, or none of it has rows; "
        f"`pipeline plan {job}` says which, and --at takes another due time"
    )


def find_mailers(project: Project, name: str | None) -> list[str]:
    """The mailer of this name, or all where none is given. Raises UsageError with the near miss."""
    if name is None:
        return list(project.mailers)
    if name not in project.mailers:
        raise _unknown("mailer", name, project.mailers)
    return [name]


def _unknown(kind: str, name: str, known: Collection[str]) -> UsageError:
    hint = did_you_mean(name, known) or f"; there are {', '.join(known) or 'none'}"
    return UsageError(f'there is no {kind} "{name}"{hint}')
