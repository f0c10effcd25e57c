"""The compiled templates of a job and what they render: subject, text body, HTML body."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2

from pipeline.errors import ComposeError
from pipeline.jobs.model import Job
from pipeline.message import text
from pipeline.message.compiler import MARKER, MARKERS
from pipeline.message.components import Preparations, install
from pipeline.message.environment import Environment, make_environment, source_of
from pipeline.message.failures import shown_path, template_error
from pipeline.message.formats import Formats, Language
from pipeline.message.inlining import inline_styles
from pipeline.message.lines import Lines
from pipeline.message.notes import Note, noted_html, noted_text
from pipeline.message.ownwords import WORDS, text_of, unmarked
from pipeline.message.themes import Theme
from pipeline.message.warnings import warned_html, warned_text

_WHOLE_PAGE = re.compile(r"<html[\s>]", re.IGNORECASE)
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])
_SHOWN = str.maketrans(dict.fromkeys(_CONTROLS, "�"))

DERIVED = '{% extends "layout.txt" %}{% block content %}{{ derived }}{% endblock %}'


@dataclass(frozen=True, slots=True)
class Body:
    """Both bodies as a letter keeps them: UTF-8 with CRLF line ends."""

    subject: str
    text: bytes
    html: bytes


class Templates:
    """All templates of one job, compiled. Raises TemplateError or ComposeError where that is not possible."""

    def __init__(self, job: Job, root: Path, theme: Theme, zone: ZoneInfo | None = None) -> None:
        """`zone`: where the reader's clocks are, if not where the job's are."""
        self._job = job
        self._root = root.resolve()
        self.theme = theme
        try:
            formats = Formats.of(job.locale, zone)
        except ValueError as error:
            raise ComposeError(f"jobs.{job.name}.locale: {error}") from None
        self.language = Language.of(formats.locale)
        self._html_environment = make_environment(self._root, formats, "html")
        self._text_environment = make_environment(self._root, formats, "text")
        prepared = Preparations(formats, job.columns)
        install(self._html_environment, prepared, "html", self._text_environment)
        install(self._text_environment, prepared, "text")
        self.lines = Lines(self._text_environment, self._root)
        name = job.message.template or "report"
        self._html = self._compiled(self._html_environment, f"{name}.html", f"jobs.{job.name}.message.template")
        self._text = self._text_template(name)
        self._documents = {
            number: self._compiled(
                self._html_environment,
                f"{export.template or name}.html",
                f"jobs.{job.name}.exports.{number}.template",
                layout="page.html",
            )
            for number, export in enumerate(job.exports)
            if export.kind in {"pdf", "html"}
        }
        self._derived = self._text_environment.from_string(DERIVED)

    def files(self) -> set[str]:
        """The template files that were read so far, the package's own among them."""
        cached = [
            template
            for environment in (self._html_environment, self._text_environment)
            for template in (environment.cache or {}).values()
        ]
        return {str(t.filename) for t in (self._html, self._text, *cached) if t is not None and t.filename}

    def body(self, context: dict[str, Any], warnings: Sequence[str] = (), notes: Sequence[Note] = ()) -> Body:
        """Renders subject, preheader and both bodies, the warnings above everything."""
        job = self._job
        subject = self.lines.render(job.message.subject, f"jobs.{job.name}.message.subject", context)
        if not subject:
            raise ComposeError(f"jobs.{job.name}.message.subject: the subject is empty; say what the report is")
        preheader = job.message.preheader
        where = f"jobs.{job.name}.message.preheader"
        context["preheader"] = job.description if preheader is None else self.lines.render(preheader, where, context)
        marked = self._text is None or warnings or notes
        words: dict[str, list[str]] = {WORDS: []} if self._text is None else {}
        values = {**context, MARKER: True, **words} if marked else context
        html = self._pieces(self._html_environment, self._html, values)
        if self._text is not None:
            plain = self._render(self._text_environment, self._text, context)
        else:
            plain = text_of(page := "".join(html), words[WORDS])
            if text.has_content(page):  # else it is a page of its own and says everything itself
                plain = self._render(self._text_environment, self._derived, {**context, "derived": plain})
            html = [unmarked(page)]
        if warnings or notes:
            page = warned_html(self._html_environment, "".join(html), warnings, context)
            plain = warned_text(self._text_environment, plain, warnings, context)
            html = [noted_html(self._html_environment, page, notes, context)]
            plain = noted_text(self._text_environment, plain, notes, context)
        return Body(subject, wire_text([text.tidy(plain)]), wire_text(html, without=MARKERS if marked else ()))

    def document(self, number: int, context: dict[str, Any]) -> str:
        """The page of the job's export `number`."""
        return self._render(self._html_environment, self._documents[number], {**context, "preheader": ""})

    def _text_template(self, name: str) -> jinja2.Template | None:
        """NAME.txt, if it stands beside the NAME.html that is used: another folder's text tells another
        story."""
        try:
            found = source_of(self._text_environment, f"{name}.txt")[1]
        except jinja2.TemplateNotFound:
            return None
        if self._html.filename is None or Path(str(found)).parent != Path(self._html.filename).parent:
            return None
        return self._compiled(self._text_environment, f"{name}.txt", f"jobs.{self._job.name}.message.template")

    def _compiled(
        self, environment: Environment, name: str, where: str, layout: str = "layout.html"
    ) -> jinja2.Template:
        try:
            return content_template(environment, name, self._root, layout)
        except jinja2.TemplateError as error:
            raise template_error(error, environment, {}, self._root, where) from error

    def _render(self, environment: Environment, template: jinja2.Template, context: Mapping[str, Any]) -> str:
        return "".join(self._pieces(environment, template, context))

    def _pieces(self, environment: Environment, template: jinja2.Template, context: Mapping[str, Any]) -> list[str]:
        try:
            return environment.pieces(template, context)
        except MemoryError:
            raise
        except Exception as error:  # analysts' code: whatever it raises is theirs to read
            where = shown_path(template.filename, self._root) or f"jobs.{self._job.name}.message"
            raise template_error(error, environment, context, self._root, where) from error


def content_template(environment: Environment, name: str, root: Path, layout: str = "layout.html") -> jinja2.Template:
    """A job's template: its own style rules inlined, the layout around it unless it brings its own page.

    Raises jinja2.TemplateNotFound and jinja2.TemplateSyntaxError as jinja2 does, TemplateError where
    `<style>` cannot be inlined.
    """
    source, filename = source_of(environment, name)
    source = wrapped(environment, source, name, shown_path(filename, root), layout)
    code = environment.compile(source, name, filename)
    return environment.template_class.from_code(environment, code, environment.make_globals(None))


def is_page(source: str) -> bool:
    """Whether an HTML template is a page of its own, which no layout goes around."""
    return _WHOLE_PAGE.search(source) is not None


def wrapped(environment: Environment, source: str, name: str, shown: str, page: str = "layout.html") -> str:
    """The source with the layout around it, all lines where they were."""
    head = ""
    is_html = name.endswith(".html")
    if is_html:
        inlined = inline_styles(environment, source, shown)
        source, head = inlined.source, inlined.head
    tree = environment.parse(source, name, shown)
    if tree.find(jinja2.nodes.Extends) is not None or (is_html and is_page(source)):
        return source
    layout = page if is_html else "layout.txt"
    styles = f"{{% block head %}}{{% raw %}}{head}{{% endraw %}}{{% endblock %}}" if head else ""
    return f'{{% extends "{layout}" %}}{styles}{{% block content %}}{source}{{% endblock %}}'


def wire_text(pieces: Iterable[str], without: Iterable[str] = ()) -> bytes:
    """UTF-8 with CRLF line ends, ending in one. What no mail may carry (NUL and other controls, lone
    surrogates) becomes a visible replacement character: it came from data, and it must not end a line or a
    message early. The texts in `without` are left out.

    In pieces, as templates give them: a page with one dash in it is joined and encoded as text at two to three
    times the price of its pieces, nearly all of which are ASCII.
    """
    data = b"".join([piece.encode("utf-8", errors="replace") for piece in pieces])
    for marker in without:
        data = data.replace(marker.encode(), b"")
    data = data.strip(b"\r\n")
    if any(control in data for control in _CONTROLS):  # so many quick looks: a third of the time of one at each octet
        data = data.decode().translate(_SHOWN).encode()
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.replace(b"\n", b"\r\n") + b"\r\n"
