"""From wall-clock time to instants: what a local time means where clocks jump."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def instants(wall: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The instants (UTC, ascending) at which clocks of `zone` show the naive `wall`.

    None inside a gap, two inside a fold, else one. PEP 495: where clocks change, `fold=0` uses the offset
    from before the change and `fold=1` the offset from after it.
    """
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return (first,)
    return (first, second) if first < second else ()


def resolve(wall: datetime, zone: ZoneInfo) -> datetime:
    """The one instant (UTC) that people mean by a naive `wall`: the first of two; in a gap, the gap's end."""
    found = instants(wall, zone)
    return found[0] if found else _gap_end(wall, zone)


def local_wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """What clocks of `zone` show at an aware instant: naive, with the fold forgotten."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _gap_end(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of the jump over `wall`, searched to the second, because zoneinfo lists no transitions."""
    # Read with the offset from after the jump, a time of the gap lies before it; read the other way, after.
    before = int(wall.replace(tzinfo=zone, fold=1).timestamp()) - 1
    after = int(wall.replace(tzinfo=zone, fold=0).timestamp()) + 1
    offset_after = datetime.fromtimestamp(after, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset_after:
            after = middle
        else:
            before = middle
    return datetime.fromtimestamp(after, UTC)
