"""What the row under a table is called, in mails and in workbooks."""

from collections.abc import Sequence

from pipeline.jobs.columnspec import Total

WORDS: dict[Total, str] = {"sum": "Total", "mean": "Mean", "min": "Lowest", "max": "Highest", "count": "Count"}


def label_of(totals: Sequence[Total | None]) -> str:
    """`Total`, or where the columns have several kinds, `Total / mean`."""
    words = list(dict.fromkeys(WORDS[total] for total in totals if total is not None))
    return " / ".join([*words[:1], *(word.lower() for word in words[1:])])
