"""JSON Schema (draft 2020-12) of jobs.yaml for editors: the models' descriptions and examples, YAML's names,
both forms.

The models know the long form by their own names. What is said otherwise in YAML is a table of small changes
here.
"""

import warnings
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import PydanticJsonSchemaWarning

from pipeline.jobs.calendars import Calendar
from pipeline.jobs.columnforms import SCALES
from pipeline.jobs.columnspec import ColumnSpec, Highlight
from pipeline.jobs.document import Defaults, Document
from pipeline.jobs.gating import Fresh, Gate, SendWhen
from pipeline.jobs.identity import Dkim, OAuth2
from pipeline.jobs.longform import field_default
from pipeline.jobs.mailing import MAILERS, Delivery, DeliveryTerms, Limits
from pipeline.jobs.model import (
    DATASETS,
    Audience,
    Chart,
    Each,
    Export,
    Job,
    Message,
    ScheduleEntry,
)
from pipeline.jobs.paging import Pages
from pipeline.jobs.short import AUDIENCE_KEYS, EXPORT_KINDS, RECIPIENTS
from pipeline.jobs.storing import Store
from pipeline.jobs.theming import Colours, Logo, Theme

Schema = dict[str, Any]

_MODELS: tuple[type[BaseModel], ...] = (
    Theme, Colours, Logo, Pages,
    Document, Defaults, Job, ScheduleEntry, Chart, Export, Message, Audience, Each, Delivery, DeliveryTerms,
    *DATASETS.values(), *MAILERS.values(), Limits, OAuth2, Dkim, Store, Calendar, Gate, Fresh, SendWhen,
    ColumnSpec, Highlight,
)  # fmt: skip
_LABEL = {"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"}
_WORD = {"pattern": "^[A-Za-z][A-Za-z0-9_]{0,99}$"}
_CHART_KEYS = {
    "line": ("The dataset that it draws as lines.", "delays"),
    "bar": ("The dataset that it draws as bars.", "delays"),
    "area": ("The dataset that it draws as areas.", "delays"),
    "scatter": ("The dataset that it draws as points.", "delays"),
    "heat": ("The dataset that it draws as coloured cells.", "delays"),
    "vega": ("A file with a Vega-Lite specification.", "reports/heat.vl.json"),
    "python": ("module:function that returns PNG bytes or a matplotlib Figure.", "reports.charts:delays"),
}
_EXPORT_KEYS = {
    "csv": ("The dataset of a CSV file.", "flights"),
    "xlsx": ("The datasets of a workbook, one a sheet.", ["delays", "ranking"]),
    "parquet": ("The dataset of a Parquet file.", "flights"),
    "json": ("The dataset of a JSON file.", "flights"),
    "pdf": ("The template of a paged document, like message.template.", "daily-delays"),
    "html": ("The template of a web page that needs nothing beside it.", "daily-delays"),
}


def json_schema() -> Schema:
    """The schema that `pipeline schema` prints."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # defaults are set below, as YAML writes them
        schema = Document.model_json_schema()
    schema = _without_titles(schema)
    definitions = schema["$defs"]
    _set_defaults(schema, definitions)
    _rename_fields(schema, definitions)
    _short_forms(schema, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "jobs.yaml", **schema}


def _without_titles(value: Any, inside_properties: bool = False) -> Any:  # noqa: FBT001, FBT002 - recursion only
    """pydantic titles every field with its own name; an editor shows the description better."""
    if isinstance(value, Mapping):
        return {
            key: _without_titles(child, key in {"properties", "$defs"} and not inside_properties)
            for key, child in value.items()
            if inside_properties or key not in {"title", "discriminator", "format", "writeOnly", "exclusiveMinimum"}
        }
    return [_without_titles(child) for child in value] if isinstance(value, list) else value


def _set_defaults(schema: Schema, definitions: Schema) -> None:
    for model in _MODELS:
        properties = (schema if model is Document else definitions[model.__name__])["properties"]
        for name in model.model_fields:
            properties[name].pop("default", None)
            default = field_default(model, name)
            if default is not None:
                properties[name]["default"] = default
            for form in properties[name].get("anyOf", ()):  # a scalar that may be null has its examples inside
                properties[name].setdefault("examples", form.get("examples", []))


def _rename_fields(schema: Schema, definitions: Schema) -> None:
    for name in ("Job", "Defaults"):
        properties = definitions[name]["properties"]
        definitions[name]["properties"] = {
            "from" if key == "sender" else key: value for key, value in properties.items() if key != "name"
        }
    for model in MAILERS.values():
        definition = definitions[model.__name__]
        del definition["properties"]["name"]
        definition["required"] = [key for key, said in MAILERS.items() if said is model]
    del definitions["Calendar"]["properties"]["name"], definitions["Calendar"]["required"]
    definitions["Delivery"].pop("required")
    definitions["Job"]["required"] = ["data"]
    definitions["Job"]["anyOf"] = [{"required": [key]} for key in ("audience", *RECIPIENTS)]
    definitions["ScheduleEntry"]["oneOf"] = [{"required": [key]} for key in ("cron", "every", "at")]
    definitions["Chart"] = _kinds(
        definitions["Chart"], _CHART_KEYS, "A picture inside the mail.", drop=("kind", "spec")
    )
    definitions["Export"] = _kinds(
        definitions["Export"], _EXPORT_KEYS, "A file that the mail brings.", drop=("kind", "data", "template")
    )
    definitions["Export"]["properties"]["xlsx"]["anyOf"] = [_TEXT, _list_of(_TEXT)]
    definitions["Export"]["properties"]["xlsx"].pop("type")
    for kind in ("csv", "parquet", "json"):
        definitions["Export"]["properties"][kind].update(
            anyOf=[_TEXT, {**_list_of(_TEXT), "maxItems": 1, "minItems": 1}]
        )
        definitions["Export"]["properties"][kind].pop("type")
    schema["properties"]["jobs"].update(propertyNames=_LABEL, minProperties=1)
    schema["properties"]["mailers"]["propertyNames"] = _LABEL
    schema["properties"]["sources"]["propertyNames"] = _LABEL
    schema["properties"]["calendars"]["propertyNames"] = _LABEL
    schema["properties"]["themes"]["propertyNames"] = _LABEL
    for key in ("data", "columns", "charts", "params"):
        definitions["Job"]["properties"][key]["propertyNames"] = _WORD


_TEXT: Schema = {"type": "string"}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _kinds(
    definition: Schema, kinds: Mapping[str, tuple[str, object]], description: str, drop: tuple[str, ...]
) -> Schema:
    """A mapping that says by one of its keys what it is."""
    keyed = {
        kind: {"type": "string", "description": said, "examples": [example]} for kind, (said, example) in kinds.items()
    }
    rest = {key: value for key, value in definition["properties"].items() if key not in drop}
    return {
        **{key: value for key, value in definition.items() if key != "required"},
        "description": description,
        "properties": {**keyed, **rest},
        "oneOf": [{"required": [kind]} for kind in kinds],
    }


def _short_forms(schema: Schema, definitions: Schema) -> None:
    """A string where a mapping has one obvious key, one item where a list is meant, the audience at the
    job's level."""
    job = definitions["Job"]["properties"]
    audience = definitions["Audience"]["properties"]
    rule: Schema = {"anyOf": [_TEXT, {"$ref": "#/$defs/ScheduleEntry"}]}
    kind: Schema = {"enum": list(EXPORT_KINDS)}
    export: Schema = {"anyOf": [kind, {"$ref": "#/$defs/Export"}]}
    _either(job["schedule"], rule, _list_of(rule))
    dataset = {"anyOf": [_TEXT, *job["data"]["additionalProperties"]["oneOf"]]}
    names = {"type": "object", "additionalProperties": dataset, "propertyNames": _WORD}
    job["data"].pop("propertyNames")
    _either(job["data"], _TEXT, names)
    _either(job["exports"], export, _list_of(export))
    column = {"anyOf": [{"const": "hidden"}, {"$ref": "#/$defs/ColumnSpec"}]}
    job["columns"]["additionalProperties"]["additionalProperties"] = column
    described = definitions["ColumnSpec"]["properties"]
    _either(described["highlight"], {"enum": list(SCALES)}, {"$ref": "#/$defs/Highlight"}, {"type": "null"})
    gate = definitions["Gate"]["properties"]
    for key in ("fresh", "expect"):
        _either(gate[key], gate[key]["items"], _list_of(gate[key]["items"]))
    _either(gate["send_when"], _TEXT, {"$ref": "#/$defs/SendWhen"}, {"type": "null"})
    for key in ("to", "cc", "bcc"):
        address = audience[key]["items"]
        _either(audience[key], address, _list_of(address))
    _either(audience["each"], _TEXT, {"$ref": "#/$defs/Each"}, {"type": "null"})
    _either(definitions["Each"]["properties"]["params"], _TEXT, _list_of(_TEXT))
    for model in ("FileData", "ExcelData", "HttpData"):
        _either(definitions[model]["properties"]["columns"], _TEXT, _list_of(_TEXT), {"type": "null"})
    _either(schema["properties"]["allow_recipients"], _TEXT, _list_of(_TEXT))
    for field in definitions["Calendar"]["properties"].values():
        _either(field, field["items"], _list_of(field["items"]))
    signing: Schema = {"$ref": "#/$defs/Dkim"}
    for model in ("SmtpMailer", "ProviderMailer"):
        _either(definitions[model]["properties"]["dkim"], signing, _list_of(signing))
    for key in AUDIENCE_KEYS:
        job[key] = audience[key]


def _either(field: Schema, *forms: Schema) -> None:
    """The field takes any of the forms; its description, examples and default stay."""
    for key in ("type", "items", "anyOf", "oneOf", "additionalProperties", "$ref"):
        field.pop(key, None)
    field["anyOf"] = list(forms)
