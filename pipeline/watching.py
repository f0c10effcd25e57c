"""Says when a file of the project has changed on the disk: jobs.yaml, .env, and what they name in two folders.

Editors replace files, deployments swap links, and several files change at once; so this tells that something has
changed, some time after the last change, and not what. Data files are not watched: they are read when they are due.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

_FOLDERS = ("reports", "templates")
_ENDINGS = (".html", ".jinja", ".json", ".py", ".sql", ".txt", ".yaml", ".yml")
_SETTLED_MS = 300
"""Nothing more may change for so long before it is told."""
_LOOK_MS = 500


@dataclass(frozen=True, slots=True)
class Watch:
    """Two threads that end when `stop` is set."""

    root: Path
    stop: threading.Event
    changed: Callable[[], object]
    failed: Callable[[str], object]

    def start(self) -> None:
        """Raises nothing: a machine that cannot watch is told to `failed`, once."""
        for work, name in ((self._watch_root, "watch"), (self._watch_folders, "watch folders")):
            threading.Thread(target=self._guarded, args=[work], name=name, daemon=True).start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, RuntimeError) as error:  # the second: no watch is left to be had, says watchfiles
            self.failed(f"changes of files cannot be seen here ({error}); SIGHUP makes it look")

    def _watch_root(self) -> None:
        # The whole folder without what is below it: var/ changes with every mail.
        self._tell([self.root], self.stop.is_set, recursive=False)

    def _watch_folders(self) -> None:
        while not self.stop.is_set():
            there = self._folders()
            if there:
                self._tell(there, partial(self._elsewhere, there), recursive=True)
            else:
                self.stop.wait(1)

    def _elsewhere(self, there: list[Path]) -> bool:
        return self.stop.is_set() or self._folders() != there

    def _folders(self) -> list[Path]:
        return [self.root / name for name in _FOLDERS if (self.root / name).is_dir()]

    def _tell(self, paths: Iterable[Path], ended: Callable[[], bool], *, recursive: bool) -> None:
        from watchfiles import watch  # noqa: PLC0415 - for `serve` alone

        def wanted(_: object, path: str) -> bool:
            return not recursive or path.endswith(_ENDINGS)

        begun = False
        for changes in watch(
            *paths,
            watch_filter=wanted,
            stop_event=_Ended(ended),
            step=_SETTLED_MS,
            debounce=10 * _SETTLED_MS,
            recursive=recursive,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            if changes or not begun:  # what changed before it could be seen counts too
                self.changed()
            begun = True


@dataclass(frozen=True, slots=True)
class _Ended:
    """What watchfiles asks now and then."""

    is_set: Callable[[], bool]
