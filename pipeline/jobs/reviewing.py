"""Who must release a report before it leaves: `review: true` is its owner, an address somebody else."""

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from pipeline.jobs.names import got
from pipeline.jobs.scalars import Mailbox, parse_mailbox

_EXPECTED = "true (its owner), false or a mail address like ana@example.com"


def _read(value: object) -> object:
    if value is None or isinstance(value, bool | Mailbox):
        return value
    if isinstance(value, str):
        return parse_mailbox(value)
    raise ValueError(f"expected {_EXPECTED}, {got(value)}")


_SCHEMA = {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "@"}, {"type": "null"}]}
Reviewer = Annotated[Mailbox | None, BeforeValidator(_read), WithJsonSchema(_SCHEMA)]
"""In a job, once its owner is known: true and false are gone."""
Review = Annotated[Mailbox | bool | None, BeforeValidator(_read), WithJsonSchema(_SCHEMA)]
"""As it is written."""
