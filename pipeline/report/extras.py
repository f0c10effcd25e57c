"""Packages that only some projects need: imported when they are, with the extra's name when they are not
there."""

import importlib
from typing import Any

from pipeline.errors import MissingExtraError


def need(module: str, what: str, extra: str) -> Any:
    """The module. Raises MissingExtraError, which says how to install what `what` needs."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(what, extra) from error
