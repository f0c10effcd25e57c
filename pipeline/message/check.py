"""What can be known of a job's templates without running it: syntax, names, filters, the templates they
use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables

from pipeline.errors import PipelineError, Problem, TemplateError
from pipeline.jobs.model import Job
from pipeline.jobs.names import did_you_mean, listed
from pipeline.message.body import is_page, wrapped
from pipeline.message.components import Preparations, install
from pipeline.message.environment import Environment, Kind, make_environment, source_of
from pipeline.message.failures import not_found, shown_path, syntax_message
from pipeline.message.formats import Formats
from pipeline.message.names import CONTEXT_NAMES

_FIELDS = {
    "period": frozenset({"start", "end", "label", "last_day", "days"}),
    "run": frozenset({"id", "due"}),
    "job": frozenset({"name", "owner"}),
}
"""What stands behind a dot after these names; nothing else does."""

_BEFORE_DATA = frozenset({"title", "description", "period", "params", "recipient", "run", "job"})
"""What the names of exports can use: datasets are not among it, and the recipient only in a message to each."""


_USES_OTHERS = re.compile(r"\{%[-+]?\s*(extends|include|import|from)\b")
_NO_WAY_OUT = (
    "a page of its own has to show how to unsubscribe, as the job says:"
    ' <a href="{{ unsubscribe.href }}">{{ unsubscribe.word }}</a>'
)


@dataclass(frozen=True, slots=True)
class _Source:
    """One template's text and where a problem in it is to be reported."""

    text: str
    file: str
    path: str
    """Of one-line templates in jobs.yaml, which have no file of their own; empty otherwise."""


def check_template(job: Job, root: Path) -> list[Problem]:
    """All problems of a job's templates, sorted: `.html`, `.txt`, subject, preheader, names and notes of exports.

    Problems in files carry the file, line and column. Those of one-line templates carry the path in jobs.yaml
    (`jobs.daily.message.subject`), an empty file and line 0: `jobs/` knows where that stands.
    """
    root = root.resolve()
    problems: list[Problem] = []
    try:
        formats = Formats.of(job.locale)
    except ValueError as error:
        problems.append(_at_path(f"jobs.{job.name}.locale", str(error)))
        formats = Formats.of("en_US")
    html, text = _environment(root, formats, "html"), _environment(root, formats, "text")
    for name in job.charts.keys() & job.data.keys():
        message = f'"{name}" is a dataset, too, and a template could not tell them apart; choose another name'
        problems.append(_at_path(f"jobs.{job.name}.charts.{name}", message))
    names = _names(job)
    for path, template in _lines(job):
        problems += _Checker(job, text, names, root).check(_Source(template, "", path))
    for path, template in _file_names(job):
        problems += _Checker(job, text, names & _BEFORE_DATA, root).check(_Source(template, "", path))
    for path, template in _notes(job):
        problems += _Checker(job, text, names - job.charts.keys(), root).check(_Source(template, "", path))
    problems += _check_files(job, html, text, names, root)
    for number, export in enumerate(job.exports):
        if export.template is not None:
            where = f"jobs.{job.name}.exports.{number}.template"
            problems += _check_html(job, html, names, root, template=export.template, where=where)
    return sorted(set(problems))


def _environment(root: Path, formats: Formats, kind: Kind) -> Environment:
    environment = make_environment(root, formats, kind)
    install(environment, Preparations(formats), kind)
    return environment


def _names(job: Job) -> frozenset[str]:
    """What templates of this job can use. The audience's own dataset is hidden from them unless it is
    sliced."""
    each = job.audience.each
    hidden = {each.data} if each is not None and each.data not in each.slice else set()
    personal = set() if each is not None else {"recipient"}
    return frozenset({*job.data, *job.charts, *CONTEXT_NAMES} - hidden - personal)


def _lines(job: Job) -> Iterator[tuple[str, str]]:
    yield f"jobs.{job.name}.message.subject", job.message.subject
    if job.message.preheader is not None:
        yield f"jobs.{job.name}.message.preheader", job.message.preheader


def _file_names(job: Job) -> Iterator[tuple[str, str]]:
    for number, export in enumerate(job.exports):
        if export.name is not None:
            yield f"jobs.{job.name}.exports.{number}.name", export.name


def _notes(job: Job) -> Iterator[tuple[str, str]]:
    """Of workbooks, which see the datasets, but no charts: those may be in the same file."""
    for number, export in enumerate(job.exports):
        if export.note is not None:
            yield f"jobs.{job.name}.exports.{number}.note", export.note


def _check_files(
    job: Job, html: Environment, text: Environment, names: frozenset[str], root: Path
) -> Iterator[Problem]:
    if job.message.template is None:
        return
    template = job.message.template
    yield from _check_html(job, html, names, root, template=template, where=f"jobs.{job.name}.message.template")
    try:
        source, filename = source_of(text, f"{template}.txt")
    except jinja2.TemplateNotFound:
        return
    yield from _Checker(job, text, names, root).check(_Source(source, shown_path(filename, root), ""))


def _check_html(
    job: Job, html: Environment, names: frozenset[str], root: Path, *, template: str, where: str
) -> Iterator[Problem]:
    try:
        source, filename = source_of(html, f"{template}.html")
    except jinja2.TemplateNotFound as error:
        yield _at_path(where, not_found(error, html))
        return
    except jinja2.TemplateSyntaxError as error:
        yield Problem(f"templates/{template}.html", error.lineno, 1, syntax_message(error))
        return
    yield from _Checker(job, html, names, root).check(_Source(source, shown_path(filename, root), ""))
    mails_it = job.audience.unsubscribe and where.endswith(".message.template")
    if mails_it and is_page(source) and "unsubscribe" not in source and not _USES_OTHERS.search(source):
        yield Problem(shown_path(filename, root), 1, 1, _NO_WAY_OUT)


def _at_path(path: str, message: str) -> Problem:
    return Problem("", 0, 0, message, path)


class _Checker:
    """Finds the problems of one template and of what it includes, extends and imports."""

    def __init__(self, job: Job, environment: Environment, names: frozenset[str], root: Path) -> None:
        self._job = job
        self._environment = environment
        self._names = names
        self._root = root

    def check(self, source: _Source) -> list[Problem]:
        try:
            text = source.text
            if source.file.endswith(".html"):
                text = wrapped(self._environment, source.text, source.file, source.file)
            tree = self._environment.parse(text, source.file or None, source.file or None)
        except jinja2.TemplateSyntaxError as error:
            return [self._problem(source, error.lineno, "", syntax_message(error))]
        except RecursionError:
            return [self._problem(source, 1, "", "its expressions are nested too deeply; take them apart")]
        except TemplateError as error:
            return [_located(source, error)]
        problems = list(self._unknown_calls(tree, source))
        problems += self._missing_templates(tree, source)
        problems += self._unknown_fields(tree, source)
        if not problems:  # jinja2's own search for names stops at an unknown filter
            problems += self._unknown_names(tree, source)
        return problems

    def _unknown_calls(self, tree: nodes.Template, source: _Source) -> Iterator[Problem]:
        for kind, known, what in (
            (nodes.Filter, self._environment.filters, "filter"),
            (nodes.Test, self._environment.tests, "test"),
        ):
            for node in tree.find_all(kind):
                if node.name not in known:
                    message = f'there is no {what} "{node.name}"{did_you_mean(node.name, known)}'
                    yield self._problem(source, node.lineno, node.name, message)

    def _missing_templates(self, tree: nodes.Template, source: _Source) -> Iterator[Problem]:
        for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
            wanted = node.template  # type: ignore[attr-defined]
            if not isinstance(wanted, nodes.Const) or getattr(node, "ignore_missing", False):
                continue
            try:
                source_of(self._environment, str(wanted.value))
            except jinja2.TemplateNotFound as error:
                yield self._problem(source, node.lineno, str(wanted.value), not_found(error, self._environment))

    def _unknown_fields(self, tree: nodes.Template, source: _Source) -> Iterator[Problem]:
        fields = {
            **_FIELDS,
            "params": frozenset(self._job.params),
            "charts": frozenset(self._job.charts),
            "datasets": self._names & frozenset(self._job.data),
        }
        for node in tree.find_all(nodes.Getattr):
            if not isinstance(node.node, nodes.Name) or node.node.name not in fields:
                continue
            known = fields[node.node.name]
            if node.attr not in known and not hasattr(dict, node.attr):
                there = f", only {listed(sorted(known), 'and')}" if known else ""
                message = f'{node.node.name} has no "{node.attr}"{there}{did_you_mean(node.attr, known)}'
                yield self._problem(source, node.lineno, node.attr, message)

    def _unknown_names(self, tree: nodes.Template, source: _Source) -> Iterator[Problem]:
        known = {*self._environment.globals, *self._names, *_guarded_names(tree), *_branch_names(tree)}
        for name in sorted(find_undeclared_variables(tree) - known):
            for line in sorted({node.lineno for node in tree.find_all(nodes.Name) if node.name == name}):
                yield self._problem(source, line, name, self._undefined(name, known))

    def _undefined(self, name: str, known: set[str]) -> str:
        each = self._job.audience.each
        if name in self._job.data and name not in self._names and not self._names & self._job.data.keys():
            return f'"{name}" is not there yet: files are named before a dataset is loaded'
        if name == "recipient":
            return '"recipient" is there only in messages to one person each (audience: each)'
        if each is not None and name == each.data:
            return f'"{name}" holds all recipients, so templates do not see it; their own row is "recipient"'
        return f'"{name}" is undefined{did_you_mean(name, known)}'

    def _problem(self, source: _Source, line: int, word: str, message: str) -> Problem:
        if source.path:
            return _at_path(source.path, message)
        lines = source.text.splitlines()
        text = lines[line - 1] if 0 < line <= len(lines) else ""
        found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) if word else re.search(r"\{[{%#]", text)
        return Problem(source.file, max(line, 1), found.start() + 1 if found else 1, message)


def _guarded_names(tree: nodes.Template) -> set[str]:
    """Names that the template itself asks for: `x is defined`, `x | default(…)`."""
    asked = [
        *(test.node for test in tree.find_all(nodes.Test) if test.name in {"defined", "undefined"}),
        *(used.node for used in tree.find_all(nodes.Filter) if used.name in {"default", "d"}),
    ]
    return {node.name for node in asked if isinstance(node, nodes.Name)}


def _branch_names(tree: nodes.Template) -> set[str]:
    """Names that are set in a branch of an `if`: to jinja2 they are undeclared in the whole template, as another branch
    may be taken."""
    branches = list(tree.find_all(nodes.If))
    targets = [set_.target for if_ in branches for set_ in if_.find_all((nodes.Assign, nodes.AssignBlock))]  # type: ignore[attr-defined]
    parts = [part for target in targets for part in (target, *target.find_all(nodes.Name))]
    macros = {macro.name for if_ in branches for macro in if_.find_all(nodes.Macro)}
    return macros | {part.name for part in parts if isinstance(part, nodes.Name)}


def _located(source: _Source, error: PipelineError) -> Problem:
    """A TemplateError's `file:line: message` as a problem."""
    found = re.fullmatch(r"(.*?):(\d+): (.*)", str(error), re.DOTALL)
    if found and found[1] == source.file:
        return Problem(source.file, int(found[2]), 1, found[3])
    return Problem(source.file, 1, 1, str(error).removeprefix(f"{source.file}: "))
