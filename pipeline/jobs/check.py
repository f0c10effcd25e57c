"""What can be known without running: the files, SQL, functions, templates and packages that jobs.yaml
names."""

from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec

from pipeline.errors import MissingExtraError, Problem
from pipeline.jobs.check_calendars import check_calendars
from pipeline.jobs.check_files import WORKBOOKS, check_data_file, check_picture, check_vega
from pipeline.jobs.check_queries import check_function_of, check_sql
from pipeline.jobs.extras import missing_extras
from pipeline.jobs.load import Loaded
from pipeline.jobs.model import ExcelData, FileData, Job, LocalMailer, PythonData, SqlData

TemplateCheck = Callable[[Job], Iterable[Problem]]
"""All problems of a job's templates. One without a file is about a value in jobs.yaml: its path says which,
by the models' names (`jobs.daily.message.subject`, `jobs.daily.exports.0.name`)."""


def no_templates(_job: Job) -> Iterable[Problem]:
    """A TemplateCheck that finds nothing, for whoever does not render."""
    return ()


def is_installed(module: str) -> bool:
    """Whether a top-level module could be imported; nothing is."""
    return find_spec(module) is not None


def check_project(
    loaded: Loaded,
    check_template: TemplateCheck = no_templates,
    installed: Callable[[str], bool] = is_installed,
) -> list[Problem]:
    """Everything wrong with what a project names, sorted by place; empty if nothing is. Reads files, runs
    nothing."""
    problems: set[Problem] = set()
    for name, job in loaded.project.jobs.items():
        problems.update(_check_job(loaded, name, job))
        problems.update(_templates(loaded, job, check_template))
        for message, where in missing_extras(job, loaded.project.sources, installed):
            problems.add(loaded.problem(message, "jobs", name, *where))
    for message, where in check_calendars(loaded.project.calendars, installed):
        problems.add(loaded.problem(message, *where))
    for name, theme in loaded.project.themes.items():
        if theme.logo is not None:
            problems.update(
                _said(loaded, check_picture(loaded.project.root, theme.logo.file), "themes", name, "logo", "file")
            )
    if loaded.project.pages is not None and not (installed("starlette") and installed("uvicorn")):
        problems.add(loaded.problem(str(MissingExtraError("pages", "web")), "pages"))
    problems.update(_check_mailers(loaded, installed))
    return sorted(problems)


def _check_mailers(loaded: Loaded, installed: Callable[[str], bool]) -> Iterator[Problem]:
    for name, mailer in loaded.project.mailers.items():
        if not isinstance(mailer, LocalMailer) and mailer.dkim and not installed("cryptography"):
            yield loaded.problem(str(MissingExtraError("DKIM signing", "dkim")), "mailers", name, "dkim")


def _check_job(loaded: Loaded, name: str, job: Job) -> Iterator[Problem]:
    root = loaded.project.root
    names = list(job.data)
    for index, (key, dataset) in enumerate(job.data.items()):
        at = ("jobs", name, "data", key)
        if isinstance(dataset, FileData):
            yield from _said(loaded, check_data_file(root, dataset.file), *at, "file")
        elif isinstance(dataset, ExcelData):
            yield from _said(loaded, check_data_file(root, dataset.excel, WORKBOOKS), *at, "excel")
        elif isinstance(dataset, SqlData):
            yield from _mixed(loaded, check_sql(root, dataset.sql, job.params), *at, "sql")
        elif isinstance(dataset, PythonData):
            found = check_function_of(root, dataset.python, names[:index], names)
            yield from _mixed(loaded, found, *at, "python")
    for key, chart in job.charts.items():
        at = ("jobs", name, "charts", key)
        if chart.kind == "vega" and chart.spec:
            yield from _mixed(loaded, check_vega(root, chart.spec), *at, "spec")
        elif chart.kind == "python" and chart.spec:
            yield from _mixed(loaded, check_function_of(root, chart.spec, names, names), *at, "spec")


def _templates(loaded: Loaded, job: Job, check_template: TemplateCheck) -> Iterator[Problem]:
    prefix = f"jobs.{job.name}."
    for problem in check_template(job):
        if problem.file:
            yield problem
        else:
            steps = problem.path.removeprefix(prefix).split(".")
            where = (int(step) if step.isdigit() else step for step in steps)
            yield loaded.problem(problem.message, "jobs", job.name, *where)


def _said(loaded: Loaded, message: str, *where: str) -> Iterator[Problem]:
    if message:
        yield loaded.problem(message, *where)


def _mixed(loaded: Loaded, found: Iterable[Problem | str], *where: str) -> Iterator[Problem]:
    """Texts are about the value in jobs.yaml, problems about a file of their own."""
    for each in found:
        yield each if isinstance(each, Problem) else loaded.problem(each, *where)
