"""Who would get another mail than last time: two plans of one job, compared by recipient. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.engine.sinks import Planned

_DIGITS = re.compile(r"\d+")
_MUCH = 0.1
"""A size that differs by less than this part is the same report on another day."""


@dataclass(frozen=True, slots=True)
class Change:
    """One recipient's mail, then and now."""

    recipient: str
    kind: Literal["new", "gone", "changed"]
    before: Planned | None
    now: Planned | None
    what: tuple[str, ...] = ()
    """Of one that changed: subject, files, bytes."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What both runs call their periods: a subject that differs in this alone is the same."""

    before: str
    now: str


def compare(
    before: Iterable[Planned], now: Iterable[Planned], labels_of: Callable[[Planned], Labels]
) -> Iterator[Change]:
    """Every recipient for whom something is different, by address: new, gone, changed. Digits do not count in
    subjects and file names: they are dates and numbers of the day. `labels_of` tells those of today's message, which
    reads in its recipient's own language."""
    then, today = _by_recipient(before), _by_recipient(now)
    for recipient in sorted(today.keys() - then.keys()):
        yield Change(recipient, "new", None, today[recipient])
    for recipient in sorted(then.keys() - today.keys()):
        yield Change(recipient, "gone", then[recipient], None)
    for recipient in sorted(then.keys() & today.keys()):
        old, new = then[recipient], today[recipient]
        if what := tuple(_different(old, new, labels_of(new))):
            yield Change(recipient, "changed", old, new, what)


def _by_recipient(plan: Iterable[Planned]) -> Mapping[str, Planned]:
    return {recipient: message for message in plan for recipient in message.recipients}


def _different(old: Planned, new: Planned, labels: Labels) -> Iterator[str]:
    if _plain(old.subject, labels.before) != _plain(new.subject, labels.now):
        yield "subject"
    if sorted(_plain(name, "") for name in old.files) != sorted(_plain(name, "") for name in new.files):
        yield "files"
    if abs(old.bytes - new.bytes) > _MUCH * old.bytes:
        yield "bytes"


def _plain(text: str, label: str) -> str:
    return _DIGITS.sub("0", text.replace(label, "") if label else text)
