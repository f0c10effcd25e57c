"""What all models of jobs.yaml have in common."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.jobs.names import got


class Strict(BaseModel):
    """No unknown keys, no coercion, no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def one_of(kinds: Mapping[str, type]) -> Callable[[object], str | None]:
    """Which model a mapping means: the one that its key names. Tags are in brackets, so that no field is
    called so."""

    def kind(value: object) -> str | None:
        if isinstance(value, Mapping):
            return next((f"<{name}>" for name in kinds if name in value), None)
        return next((f"<{name}>" for name, model in kinds.items() if isinstance(value, model)), None)

    return kind


def scalar_only(value: object) -> object:
    """Refuses lists and mappings before a union would report every one of its members."""
    if isinstance(value, Mapping | list | tuple):
        raise ValueError(f"expected text, a number, true, false or null, {got(value)}")  # noqa: TRY004 - pydantic's way
    return value


Text = Annotated[str, Field(min_length=1)]
Parameter = Annotated[str | int | float | bool | date | None, BeforeValidator(scalar_only)]
