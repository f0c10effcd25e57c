"""A message that is over its limit is made smaller, one step after the other, until it fits:

    zip   every file that packing makes smaller
    link  the largest files, one by one, as links to a store, where one is configured
    note  without a store: the largest files, one by one, left out

What was done to a file that people miss is said in the mail, above everything else. Pure but for what `Lighten` does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pipeline.errors import ComposeError
from pipeline.ledger.records import Artifact, Letter
from pipeline.message.facts import ChartLike, FileLike, Recipients, ReportLike
from pipeline.message.notes import Note

Step = Literal["zip", "link", "note"]
WORTH = 0.95
"""A zipped file must be smaller than this share of the file: workbooks and pictures are packed already."""


class TooLargeError(ComposeError):
    """The message is over its limit."""


class Lighten(Protocol):
    """What makes a message lighter and leaves traces on a disk."""

    def zipped(self, file: FileLike) -> FileLike:
        """The file in a ZIP archive of its own."""

    def linked(self, file: FileLike) -> str:
        """The URL under which the file can be had; empty where no store is configured."""


@dataclass(frozen=True, slots=True)
class Degraded:
    """Progress: a message that was made smaller."""

    message_id: str
    recipients: tuple[str, ...]
    step: Step
    """The furthest that was taken."""
    files: tuple[str, ...]
    """The names of what was zipped, linked or left out by that step."""


@dataclass(frozen=True, slots=True)
class _Lighter:
    """A report with other files."""

    report: Any
    files: Sequence[FileLike]

    @property
    def charts(self) -> Mapping[str, ChartLike]:
        charts: Mapping[str, ChartLike] = self.report.charts
        return charts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.report, name)


class Compose(Protocol):
    """`Composer.letter`."""

    def __call__(
        self, report: ReportLike, to: Recipients, row: Mapping[str, Any] | None = None, notes: Sequence[Note] = ()
    ) -> Letter: ...


class Fitted:
    """Composes letters, each made smaller where it must be."""

    def __init__(self, compose: Compose, lighten: Lighten, owner: str, tell: Callable[[Degraded], object]) -> None:
        """`owner`: whom recipients ask for a file that was left out."""
        self._compose = compose
        self._lighten = lighten
        self._owner = owner
        self._tell = tell

    def letter(self, report: ReportLike, to: Recipients, row: Mapping[str, Any] | None = None) -> Letter:
        """See `Composer.letter`. Raises TooLargeError where the text alone is over the limit."""
        try:
            return self._compose(report, to, row)
        except TooLargeError:
            if not report.files:
                raise
            for step, files, names, notes in self._steps(report.files):
                try:
                    lighter: Any = _Lighter(report, files)
                    letter = self._compose(lighter, to, row, notes)
                except TooLargeError:
                    continue
                self._tell(Degraded(letter.message_id, letter.recipients, step, names))
                return letter
            raise

    def _steps(
        self, files: Sequence[FileLike]
    ) -> Iterator[tuple[Step, list[FileLike], tuple[str, ...], tuple[Note, ...]]]:
        """(step, the files that stay, names of those it concerns, what the mail says), lighter each time."""
        packed = [self._packed(file) for file in files]
        names = tuple(now.filename for was, now in zip(files, packed, strict=True) if now is not was)
        if names:
            yield "zip", packed, names, ()
        order = sorted(range(len(files)), key=lambda index: -packed[index].artifact.size)
        notes: list[Note] = []
        for count, index in enumerate(order, 1):
            url = self._lighten.linked(files[index])
            notes.append(self._note(files[index], url))
            gone = order[:count]
            staying = [file for number, file in enumerate(packed) if number not in gone]
            yield "link" if url else "note", staying, tuple(files[number].filename for number in gone), tuple(notes)

    def _packed(self, file: FileLike) -> FileLike:
        if file.filename.endswith(".zip"):
            return file
        packed = self._lighten.zipped(file)
        return packed if packed.artifact.size < WORTH * file.artifact.size else file

    def _note(self, file: FileLike, url: str) -> Note:
        size = megabytes(file.artifact)
        ask = f"It is left out; {self._owner} can tell you how to get it."
        return Note(f"{file.filename} ({size}) is too large for a mail", "" if url else ask, url)


def megabytes(artifact: Artifact) -> str:
    """`31.2 MB`."""
    return f"{artifact.size / 1e6:.1f} MB" if artifact.size >= 100_000 else f"{artifact.size / 1e3:.1f} kB"
