"""Turns whatever goes wrong inside a template into one TemplateError that says where, what and what
instead."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.utils import missing

from pipeline.errors import TemplateError
from pipeline.jobs.names import did_you_mean
from pipeline.message.environment import PACKAGE_TEMPLATES, Environment, UndefinedName, known_names

_POSITION = re.compile(r"-?\d+")


def syntax_message(error: jinja2.TemplateSyntaxError) -> str:
    """jinja2's own words, without its location."""
    return (error.message or "cannot be read").rstrip(".")


def template_error(
    error: Exception, environment: Environment, context: Mapping[str, Any], root: Path, where: str
) -> TemplateError:
    """`templates/daily.html:12: "delays.carier" is not there; did you mean "carrier"?`

    `where` names what was rendered, for errors that come from no template line. A line of the analyst's own
    template comes before the line of the package's component that it called.
    """
    if isinstance(error, TemplateError):
        return error
    if isinstance(error, jinja2.TemplateSyntaxError):
        name = shown_path(error.filename, root) or error.name or where
        return TemplateError(f"{name}:{error.lineno}: {syntax_message(error)}")
    if isinstance(error, jinja2.TemplateNotFound):
        return TemplateError(f"{where}: {not_found(error, environment)}")
    place = _place(error.__traceback__, root)
    return TemplateError(f"{place or where}: {_reason(error, environment, context)}")


def not_found(error: jinja2.TemplateNotFound, environment: jinja2.Environment) -> str:
    name = str(error.name or "?")
    return f'there is no template "{name}"{did_you_mean(name, environment.list_templates())}'


def shown_path(filename: str | None, root: Path) -> str:
    """Relative to the project, or from the package's own folder on; empty for a template that is no file."""
    if not filename or filename.startswith("<"):
        return ""
    path = Path(filename)
    if path.is_relative_to(root):
        return str(path.relative_to(root))
    if path.is_relative_to(PACKAGE_TEMPLATES):
        return f"package/{path.relative_to(PACKAGE_TEMPLATES)}"
    return filename


def _place(traceback: TracebackType | None, root: Path) -> str:
    """The deepest template line, the analyst's own first. jinja2 has put template names and lines into the
    traceback."""
    own = package = ""
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if "__jinja_exception__" in traceback.tb_frame.f_globals:
            if filename.startswith("<"):
                return ""  # a one-line template has no lines to name
            place = f"{shown_path(filename, root)}:{traceback.tb_lineno}"
            if Path(filename).is_relative_to(PACKAGE_TEMPLATES):
                package = place
            else:
                own = place
        traceback = traceback.tb_next
    return own or package


def _reason(error: Exception, environment: Environment, context: Mapping[str, Any]) -> str:
    if isinstance(error, UndefinedName):
        return undefined_message(error.name, error.owner, known_names(environment, context))
    if isinstance(error, SecurityError):
        return f"{error}; templates show values, so compute this in a dataset (python:) and show the result"
    if isinstance(error, IndexError):
        return f"{error}: it asks for a row that is not there; positions count from 0"
    if isinstance(error, UndefinedError | ValueError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def undefined_message(name: str, owner: Any, known: set[str]) -> str:
    """What is missing and the nearest thing that is there."""
    if owner is missing:
        if name == "recipient":
            return '"recipient" is there only in messages to one person each (audience: each)'
        return f'"{name}" is undefined{did_you_mean(name, known)}'
    if (rows := _rows_of(name, owner)) is not None:
        return _beyond(name, rows)
    if isinstance(owner, Mapping):
        return f'there is no "{name}" here, only {_some(owner)}{did_you_mean(name, map(str, owner))}'
    columns = getattr(owner, "columns", None)
    if columns is not None:
        return f'there is no column "{name}", only {_some(columns)}{did_you_mean(name, map(str, columns))}'
    public = [attribute for attribute in dir(owner) if not attribute.startswith("_")]
    return f'{type(owner).__name__} has no "{name}"{did_you_mean(name, public)}'


def _rows_of(name: str, owner: Any) -> int | None:
    """How many rows there are where a row is asked for by its position or, with `.loc`, by its name."""
    if type(owner).__name__ in {"_iLocIndexer", "_LocIndexer", "_iAtIndexer", "_AtIndexer"}:
        return len(owner.obj)
    return len(owner) if _POSITION.fullmatch(name) and isinstance(owner, list | tuple) else None


def _beyond(name: str, rows: int) -> str:
    there = f"there {'is 1 row' if rows == 1 else f'are {rows:,} rows' if rows else 'are no rows'}"
    if not _POSITION.fullmatch(name):
        return f'there is no row "{name}"; {there}'
    return f"there is no row {name}: {there}, counted from 0; ask first, like {{% if delays | length > {name} %}}"


def _some(names: Any, limit: int = 8) -> str:
    shown = [str(name) for name in names]
    more = f", … ({len(shown)} in all)" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + more if shown else "nothing"
