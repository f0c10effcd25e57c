"""Templates of one line: the subject, the preheader, the names of files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from pipeline.message.environment import Environment
from pipeline.message.failures import template_error
from pipeline.message.headers import one_line

_BLANKS = re.compile(r"[ \t\n\r\f\v\x85\u2028\u2029]+")


class Lines:
    """Compiles each one-line template once and renders it with every recipient's values."""

    def __init__(self, environment: Environment, root: Path) -> None:
        self._environment = environment
        self._root = root
        self._compiled: dict[str, jinja2.Template] = {}

    def render(self, template: str, where: str, context: Mapping[str, Any]) -> str:
        """One line of plain text; line breaks and runs of blanks become one blank.

        Raises TemplateError for what the template does wrong, ComposeError for a character no line can hold;
        both begin with or name `where`, the path in jobs.yaml.
        """
        try:
            compiled = self._compiled.get(template)
            if compiled is None:
                compiled = self._compiled[template] = self._environment.from_string(template)
            text = "".join(self._environment.pieces(compiled, context))
        except MemoryError:
            raise
        except Exception as error:  # analysts' code: whatever it raises is theirs to read
            raise template_error(error, self._environment, context, self._root, where) from error
        if text.isprintable() and "  " not in text:  # no blanks but single ones, and nothing that no line can hold
            return text.strip()
        return one_line(_BLANKS.sub(" ", text).strip(), where)
