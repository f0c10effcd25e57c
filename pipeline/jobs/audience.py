"""To whom a job's mails go: one shared message, or one for each row of a dataset."""

from typing import Literal

from pydantic import Field

from pipeline.jobs.base import Strict, Text
from pipeline.jobs.scalars import Address


class Each(Strict):
    """Bursting: one message for each row of `data`, its address in column `email`, own rows only."""

    data: Text = Field(description="The dataset that has a row for each recipient.", examples=["subscribers"])
    email: Text = Field(default="email", description="Its column with the address.", examples=["email"])
    slice: dict[str, str] = Field(
        default_factory=dict,
        description="Dataset: column. The recipient gets the rows whose value equals their row's column of that name.",
        examples=[{"delays": "carrier"}],
    )
    """Dataset → column that must equal the row's column of the same name."""
    locale: Text | None = Field(
        default=None, description="Its column with each one's locale; empty cells: the job's.", examples=["lang"]
    )
    timezone: Text | None = Field(
        default=None, description="Its column with each one's time zone; empty cells: the job's.", examples=["tz"]
    )
    params: tuple[Text, ...] = Field(
        default=(),
        description="Params of the job that each one's message takes from the columns of the same names;"
        " empty cells: the job's.",
        examples=[["threshold"]],
    )
    max: int = Field(
        default=10_000,
        ge=1,
        description="How many rows it may have; with more nothing is sent, and the run fails.",
        examples=[50_000],
    )
    empty: Literal["send", "skip"] = Field(
        default="send",
        description="What becomes of a recipient of whom no sliced dataset has a row: a message all the same, or none.",
        examples=["skip"],
    )


_TO = ["team@example.com"]


class Audience(Strict):
    """Either to/cc/bcc (one shared message) or each (one message a row)."""

    to: tuple[Address, ...] = Field(default=(), description="Who gets the shared message.", examples=[_TO])
    cc: tuple[Address, ...] = Field(default=(), description="Who gets a copy that all see.", examples=[_TO])
    bcc: tuple[Address, ...] = Field(default=(), description="Who gets a copy that nobody sees.", examples=[_TO])
    each: Each | None = Field(
        default=None, description="One message for each row of a dataset.", examples=[{"data": "subscribers"}]
    )
    unsubscribe: bool = Field(
        default=False,
        description="Each message says, in its headers and at its end, how to get no more of this job's.",
        examples=[True],
    )
