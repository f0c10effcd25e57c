"""The JSON Schema of the delivery log's lines, made from the list of events.

`python -m pipeline.observe.schema` prints it; docs/delivery-log.schema.json is its committed copy.
"""

import json
import sys
from datetime import datetime
from typing import Any

from pipeline.observe.events import EVENTS, FIELDS, LEVELS, EventSpec

_TIME = {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
_TYPES: dict[type, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer", "minimum": 0},
    bool: {"type": "boolean"},
    datetime: _TIME,
}


def json_schema() -> dict[str, Any]:
    """A line is exactly one of the events, with its required fields and no others than its optional ones."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of the delivery log",
        "type": "object",
        "required": ["ts", "level", "event"],
        "properties": {"event": {"enum": list(EVENTS)}},
        "oneOf": [_event(name, spec) for name, spec in EVENTS.items()],
        "$defs": {
            "ts": {"description": "When it was logged: UTC, RFC 3339.", **_TIME},
            **{name: {"description": field.description, **_TYPES[field.type]} for name, field in FIELDS.items()},
        },
    }


def schema_text() -> str:
    """As it stands in docs/."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _event(name: str, spec: EventSpec) -> dict[str, Any]:
    own = (*spec.required, *spec.optional)
    return {
        "title": name,
        "description": spec.description,
        "properties": {
            "ts": {"$ref": "#/$defs/ts"},
            "level": {"const": spec.level} if spec.level else {"enum": list(LEVELS)},
            "event": {"const": name},
            **{field: {"$ref": f"#/$defs/{field}"} for field in FIELDS if field in own},
        },
        "required": ["ts", "level", "event", *(field for field in FIELDS if field in spec.required)],
        "additionalProperties": False,
    }


if __name__ == "__main__":
    sys.stdout.write(schema_text())
