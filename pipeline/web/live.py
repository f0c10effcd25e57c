"""What the live preview shows now: the last good letter, what is wrong since, and a number that grows with each."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.ledger.records import Letter
from pipeline.message.lint.finding import Finding
from pipeline.message.lint.letter import lint_letter


@dataclass(frozen=True, slots=True)
class Built:
    """What one build came to: a letter, or the reason why there is none."""

    letter: Letter | None = None
    recipients: tuple[tuple[str, ...], ...] = ()
    """Of each letter, in order."""
    error: str = ""
    """As the command line says it: `templates/daily.html:12: …`, a line a problem."""


BuildOne = Callable[[str], Built]
"""Address (empty: the first) → what a build of the files as they are now came to. Blocks; raises nothing."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One state of the page."""

    version: int
    address: str
    letter: Letter | None
    findings: tuple[Finding, ...]
    recipients: tuple[tuple[str, ...], ...]
    error: str


class Live:
    """Builds for whoever is asked for, anew when files change, and tells those who wait for a change.

    Every recipient has a state of their own, so that two tabs can show two of them.
    """

    def __init__(self, build_one: BuildOne, begin: Shown) -> None:
        self._build_one = build_one
        self._version = self._told = begin.version
        self._last = begin.address
        self._shown = {begin.address: begin}
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    async def of(self, address: str) -> Shown:
        """The state for this recipient (empty: the first), built if the files are newer than what is there."""
        async with self._turn:
            self._last = address
            return await self._current(address)

    async def rebuild(self) -> None:
        """The files have changed: builds what was looked at last, then tells everybody."""
        async with self._turn:
            self._version += 1
            await self._current(self._last)
            self._told = self._version
            self._changed.set()
            self._changed = asyncio.Event()

    async def after(self, version: int) -> int:
        """The number of the state after `version`, once there is one."""
        while self._told <= version:
            await self._changed.wait()
        return self._told

    async def _current(self, address: str) -> Shown:
        before = self._shown.get(address)
        if before is None or before.version < self._version:
            built = await asyncio.to_thread(self._build_one, address)
            self._shown[address] = following(before, self._version, address, built)
        return self._shown[address]


def first(address: str, built: Built, version: int = 1) -> Shown:
    """The state that a page begins with."""
    findings = lint_letter(built.letter) if built.letter else ()
    return Shown(version, address, built.letter, findings, built.recipients, built.error)


def following(before: Shown | None, version: int, address: str, built: Built) -> Shown:
    """The state after a build: one that failed leaves the last good letter in sight."""
    if built.error and before is not None:
        return replace(before, version=version, error=built.error)
    return first(address, built, version)
