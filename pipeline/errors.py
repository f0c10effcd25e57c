"""Every error that this project raises, in one tree.

    PipelineError
    ├── InputError                 somebody wrote something wrong; nothing was done      exit 2
    │   ├── ProjectErrors          jobs.yaml and what it names: all problems at once
    │   ├── UsageError             a command's argument names nothing that exists
    │   └── MissingExtraError      a capability whose packages are not installed
    ├── ReportError                a run cannot be built; the owner is told              exit 1
    │   ├── SourceError            a dataset cannot be loaded
    │   ├── GateError              the numbers may not leave
    │   ├── ChartError             a chart cannot be drawn
    │   ├── ExportError            a file cannot be built
    │   ├── TemplateError          a template cannot be rendered
    │   ├── ComposeError           a message cannot be put together
    │   └── BuildProcessError      the child process ran out of time or memory, or died
    ├── BuildCancelledError        the service is stopping; the run will be built again
    ├── LedgerError                the ledger's state forbids it, or it cannot be reached   exit 1
    │   ├── LedgerUnavailableError locked, full or gone for now: later it may go on
    │   ├── IllegalTransitionError a state change that the diagram in ledger/states.py does not have
    │   └── LedgerSchemaError      the ledger belongs to another version
    ├── StateError                 a file or folder of the project's state is refused    exit 1
    └── MailerError                a way out that cannot be used at all                  exit 1

Failures of single deliveries are no exceptions: they are values (`delivery.replies.Verdict`), because a
delivery that fails is an expected outcome with a state of its own.

A message says what happened, where (file:line:column for YAML), and what to do.
"""

import errno
import traceback
from collections.abc import Iterable
from dataclasses import dataclass


class PipelineError(Exception):
    """The root: catch this to catch everything that is not a defect of ours."""


class InputError(PipelineError):
    """Somebody wrote something wrong. Nothing was done."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one place. Sorts by file, line and column (both from 1)."""

    file: str
    line: int
    column: int
    message: str
    path: str = ""
    """Dotted path inside the file, `jobs.daily.schedule.cron`; empty where the whole file is meant."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class ProjectErrors(InputError):  # noqa: N818 - several at once, and the plural says so
    """All problems of a project, sorted by place. There is at least one: who reads none could not mend it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        if not self.problems:
            raise ValueError("refused, and nobody says why: a defect of this software")
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type["ProjectErrors"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class UsageError(InputError):
    """A command's argument names nothing that exists."""


class MissingExtraError(InputError):
    """A capability whose packages are not installed."""

    def __init__(self, what: str, extra: str) -> None:
        self.what, self.extra = what, extra
        super().__init__(f'{what} needs the "{extra}" extra: pip install "report-pipeline[{extra}]"')

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        return type(self), (self.what, self.extra)


class ReportError(PipelineError):
    """A run cannot be built; its owner is told."""


class SourceError(ReportError):
    """A dataset cannot be loaded."""


class GateError(ReportError):
    """The numbers may not leave."""


class ChartError(ReportError):
    """A chart cannot be drawn."""


class ExportError(ReportError):
    """A file cannot be built."""


class TemplateError(ReportError):
    """A template cannot be rendered."""


class ComposeError(ReportError):
    """A message cannot be put together."""


class BuildProcessError(ReportError):
    """The child process that builds a run ran out of time or memory, or died."""


class BuildCancelledError(PipelineError):
    """The service is stopping. The run is due again and will be built by whoever comes next."""


class LedgerError(PipelineError):
    """The ledger's state forbids it, or the ledger cannot be reached."""


class LedgerUnavailableError(LedgerError):
    """The ledger cannot be used for now: it is locked, its disk is full, its server is gone. Nothing is wrong with what
    was asked of it, so it may be asked again later."""


class IllegalTransitionError(LedgerError):
    """A state change that the diagram in `ledger/states.py` does not have."""


class LedgerSchemaError(LedgerError):
    """The ledger belongs to another version of this software."""


class StateError(PipelineError):
    """The machine refuses a file or folder that is needed: `var/` cannot be written, the disk is full."""

    @classmethod
    def of(cls, error: OSError) -> "StateError":
        """With what to do about it."""
        todo = {
            errno.EACCES: "let this user read and write there",
            errno.EPERM: "let this user read and write there",
            errno.EROFS: "let this user read and write there",
            errno.ENOSPC: "free some space",
            errno.EDQUOT: "free some space",
            errno.EEXIST: "a file stands where a folder is needed; move it away",
            errno.ENOTDIR: "a file stands where a folder is needed; move it away",
        }.get(error.errno or 0, "look at that path")
        return cls(f"{error.filename}: {error.strerror}; {todo}, then ask again")


class MailerError(PipelineError):
    """A way out that cannot be used at all: its settings, its credentials, its folder."""


def place_and_words(error: Exception) -> str:
    """Where an exception that is none of ours came from, and what it says: `FILE:LINE: KeyError: 'x'`."""
    words = "".join(traceback.format_exception_only(error)).strip()
    where = traceback.extract_tb(error.__traceback__)
    return f"{where[-1].filename}:{where[-1].lineno}: {words}" if where else words
