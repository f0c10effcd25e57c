"""What SQL may ask for by name, and the values it gets: bound by the driver, never pasted into the text."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pipeline.errors import SourceError
from pipeline.report.model import Facts, Param
from pipeline.report.project import near_miss
from pipeline.report.sqltext import Statement

Value = Param | datetime


def values(facts: Facts) -> Mapping[str, Value]:
    """`:start`, `:end`, `:due` are wall-clock times of the job's zone, `:start_utc`, … those of UTC, all
    without a zone: that is how data is mostly kept. The job's params come by their own names."""
    instants = {"start": facts.period.start, "end": facts.period.end, "due": facts.due}
    zone = ZoneInfo(facts.zone)
    local = {name: at.astimezone(zone).replace(tzinfo=None) for name, at in instants.items()}
    utc = {f"{name}_utc": at.astimezone(UTC).replace(tzinfo=None) for name, at in instants.items()}
    return {**facts.params, **local, **utc}


def pick(statement: Statement, known: Mapping[str, Value], file: str) -> dict[str, Value]:
    """The values of the parameters that the statement uses. Raises SourceError for one that there is not."""
    for param in statement.params:
        if param.name not in known:
            raise SourceError(
                f'{file}:{param.line}: nothing is bound to ":{param.name}"{near_miss(param.name, known)}; '
                f"there is {', '.join(f':{name}' for name in known)}; where the colon means "
                "something else, put a space after it"
            )
    return {param.name: known[param.name] for param in statement.params}
