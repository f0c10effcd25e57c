"""What a person sees while a run is under way; nothing in a pipe."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pipeline.cli.output import on_terminal
from pipeline.ledger.records import Run, RunKey

if TYPE_CHECKING:
    from rich.status import Status


class RunProgress:
    """A line that changes: what the build is at, how many messages are staged, how many are sent.

    Call it with the progress values of a build (`engine.build.Step`, `engine.sinks.Staged`), with a run that
    somebody else is building, or with the counts of deliveries by state.
    """

    def __init__(self, key: RunKey, *, shown: bool) -> None:
        self._key = key
        self._shown = shown and on_terminal()
        self._status: Status | None = None

    def __enter__(self) -> Self:
        if self._shown:
            from rich.console import Console  # noqa: PLC0415 - only where somebody watches

            self._status = Console(stderr=True).status(f"{self._key}: starting")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, value: object) -> None:
        if self._status is not None:
            self._status.update(f"{self._key}: {described(value)}")


def described(value: Any) -> str:
    """A progress value in words."""
    if isinstance(value, Run):
        return "another process is building it"
    if isinstance(value, Mapping):
        return ", ".join(f"{count:,} {state}" for state, count in value.items())
    if hasattr(value, "what"):
        return f"{value.what} {value.detail}".rstrip()
    if hasattr(value, "messages"):
        return f"{value.messages:,} messages composed"
    return "working"
