"""A banner over every mail of a run whose numbers did not pass the gate: in any template, also one that brings its
own page."""

import re
from collections.abc import Sequence

import jinja2

_TITLE = "These numbers did not pass their checks"
_HTML = '{% for warning in warnings %}{{ banner(text=warning, title=title, kind="alarm") }}{% endfor %}'
_TEXT = '{% for warning in warnings %}{{ banner(text=warning, title=title, kind="alarm") }}\n\n{% endfor %}'
_PLACES = (re.compile("<!--content-->"), re.compile(r"<body\b[^>]*>", re.IGNORECASE))


def warned_html(environment: jinja2.Environment, html: str, warnings: Sequence[str], context: dict[str, object]) -> str:
    """The page with the banner before its content."""
    if not warnings:
        return html
    shown = environment.from_string(_HTML).render({**context, "warnings": warnings, "title": _TITLE})
    place = next((match.end() for pattern in _PLACES if (match := pattern.search(html))), 0)
    return html[:place] + shown + html[place:]


def warned_text(environment: jinja2.Environment, text: str, warnings: Sequence[str], context: dict[str, object]) -> str:
    """The text with the warning before everything else."""
    if not warnings:
        return text
    return environment.from_string(_TEXT).render({**context, "warnings": warnings, "title": _TITLE}) + text
