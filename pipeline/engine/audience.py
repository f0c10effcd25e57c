"""Who gets a run's messages: pure, from the audience and the rows of its dataset.

One bad row never stops the rest: it is refused with a reason, and the run goes on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeline.engine.addresses import FirstRows
from pipeline.jobs.model import Each
from pipeline.jobs.scalars import Mailbox, parse_mailbox
from pipeline.message.formats import Formats

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row of the audience that gets no message, and why."""

    row: int
    """From 1, in the order of the dataset."""
    address: str
    reason: str


def allowed(address: str, patterns: Sequence[str]) -> bool:
    """Whether an envelope address may be mailed; no patterns allow everyone. Compared without case."""
    return not patterns or any(fnmatchcase(address.lower(), pattern.lower()) for pattern in patterns)


def _anything(_row: Row) -> None:
    """Finds every row good."""


def personal(
    each: Each,
    rows: Iterable[Row],
    patterns: Sequence[str],
    only_to: Sequence[Mailbox] = (),
    check: Callable[[Row], object] = _anything,
) -> Iterator[tuple[Mailbox, Row] | Refusal]:
    """One (recipient, row) for each good row, a Refusal for each bad one, in order.

    A second row with the address of an earlier one is refused: a recipient is in a run's outbox once. `check`
    raises ValueError for a row that nothing can be made for. With `only_to` nothing goes to the rows' own
    addresses: each address given gets its own row, or the first good one.
    """
    found = _checked(each, rows, patterns, check)
    if not only_to:
        yield from found
        return
    good = [item for item in found if not isinstance(item, Refusal)]
    by_address = {mailbox.address.lower(): row for mailbox, row in good}
    for mailbox in only_to:
        row = by_address.get(mailbox.address.lower(), good[0][1] if good else None)
        if row is not None:
            yield mailbox, row


def _checked(
    each: Each, rows: Iterable[Row], patterns: Sequence[str], check: Callable[[Row], object]
) -> Iterator[tuple[Mailbox, Row] | Refusal]:
    seen = FirstRows()
    for number, row in enumerate(rows, start=1):
        value = row.get(each.email)
        text = value if isinstance(value, str) else ""
        try:
            mailbox = parse_mailbox(text)
        except ValueError as error:
            yield Refusal(number, text, str(error) if text else f'column "{each.email}" holds no address')
            continue
        first = seen.first(mailbox.address.lower(), number)
        if first != number:
            yield Refusal(number, mailbox.address, f"row {first} has the same address")
        elif not allowed(mailbox.address, patterns):
            yield Refusal(number, mailbox.address, "not in allow_recipients")
        elif (column := _without_slice(each, row)) is not None:
            yield Refusal(number, mailbox.address, f'column "{column}" is empty, so no rows are theirs')
        elif reason := _wrong(row, check):
            yield Refusal(number, mailbox.address, reason)
        else:
            yield mailbox, row


def _without_slice(each: Each, row: Row) -> str | None:
    """A column that says which rows are theirs, and says nothing."""
    return next((column for column in each.slice.values() if column in row and Formats.is_missing(row[column])), None)


def _wrong(row: Row, check: Callable[[Row], object]) -> str:
    try:
        check(row)
    except ValueError as error:
        return str(error)
    return ""
