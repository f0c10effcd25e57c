"""Notes above everything else in a mail, in any template, also one that brings its own page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2


@dataclass(frozen=True, slots=True)
class Note:
    title: str
    text: str = ""
    url: str = ""
    """Where the file is that the note is about."""


_HTML = """\
{% for note in notes %}{% call banner(title=note.title, kind="notice") %}: {% if note.url -%}
<a href="{{ note.url }}" style="color:{{ theme.light.accent }};text-decoration:underline">download it here</a>.
{%- else %}{{ note.text }}{% endif %}{% endcall %}{% endfor %}"""
_TEXT = """\
{% for note in notes %}{{ banner(title=note.title, text=note.text or "download it here: " ~ note.url, kind="notice") }}

{% endfor %}"""
_PLACES = (re.compile("<!--content-->"), re.compile(r"<body\b[^>]*>", re.IGNORECASE))


def noted_html(environment: jinja2.Environment, html: str, notes: Sequence[Note], context: dict[str, object]) -> str:
    """The page with the notes before its content."""
    if not notes:
        return html
    shown = environment.from_string(_HTML).render({**context, "notes": notes})
    place = next((match.end() for pattern in _PLACES if (match := pattern.search(html))), 0)
    return html[:place] + shown + html[place:]


def noted_text(environment: jinja2.Environment, text: str, notes: Sequence[Note], context: dict[str, object]) -> str:
    """The text with the notes before everything else."""
    if not notes:
        return text
    return environment.from_string(_TEXT).render({**context, "notes": notes}) + text
