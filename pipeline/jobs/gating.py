"""What a job says of its gate: the conditions that decide whether a run's numbers may leave."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from pipeline.jobs.base import Strict, Text
from pipeline.jobs.scalars import Duration, Span

CONDITIONS = ("fresh", "expect", "send_when", "only_changes")
"""Keys of a gate of which it has one at least."""


class Fresh(Strict):
    """A dataset's newest row must not be older than this."""

    data: Text = Field(description="The dataset that must be fresh.", examples=["flights"])
    column: Text = Field(description="Its column of dates or times.", examples=["time_hour"])
    within: Span = Field(
        description="How old its newest row may be, counted back from the due time.", examples=["26 hours"]
    )
    wait: Duration = Field(
        default=timedelta(0),
        description="How long to look again, where it is older, before that counts as a failure.",
        examples=["2 hours"],
    )


class SendWhen(Strict):
    """When a report is worth sending."""

    when: Text = Field(
        description="An expression; where it is false, the run is skipped, and says so.",
        examples=["ranking.mean_delay.max() > threshold"],
    )
    once: bool = Field(
        default=False,
        description="true: only the first time that it has become true; again after it has been false.",
        examples=[True],
    )
    quiet: Duration = Field(
        default=timedelta(0),
        description="How long after a run that was sent nothing more is sent.",
        examples=["4 hours"],
    )


class Gate(Strict):
    """Stands between the datasets and everything that is made of them."""

    fresh: tuple[Fresh, ...] = Field(
        default=(),
        description="Datasets that must not be old.",
        examples=[{"data": "flights", "column": "time_hour", "within": "26 hours", "wait": "2 hours"}],
    )
    expect: tuple[Text, ...] = Field(
        default=(), description="Expressions that are true of right numbers.", examples=[["len(delays) > 0"]]
    )
    send_when: SendWhen | None = Field(
        default=None,
        description="When the report is worth sending: an expression.",
        examples=["ranking.mean_delay.max() > threshold"],
    )
    only_changes: Text | None = Field(
        default=None,
        description="A dataset; the run is skipped where it equals the one that was sent last.",
        examples=["delays"],
    )
    on_failure: Literal["hold", "skip", "send"] = Field(
        default="hold",
        description="What becomes of a run that is not fresh or not as expected: composed and held until its owner"
        " decides, skipped, or sent with a banner. The owner is told.",
        examples=["skip"],
    )
