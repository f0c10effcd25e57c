"""What people wrote about a project, read from the disk and found right: environment, jobs.yaml, rules.yaml."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import MailerError, MissingExtraError, Problem, ProjectErrors
from pipeline.jobs.bounceplace import bounce_secrets
from pipeline.jobs.load import Loaded, Validators, environ_of, load
from pipeline.jobs.model import LocalMailer, Project
from pipeline.jobs.replyrules import ReplyRule, load_reply_rules
from pipeline.jobs.secrets import secrets_in


@dataclass(frozen=True, slots=True)
class Edition:
    """A project, its environment and an operator's rules about servers' answers, read at one time."""

    environ: Mapping[str, str]
    loaded: Loaded
    rules: tuple[ReplyRule, ...]


def read_jobs(root: Path, environ: Mapping[str, str]) -> Loaded:
    """jobs.yaml with the place of everything in it. Raises ProjectErrors."""
    from pipeline.schedule.period import default_period, parse_period  # noqa: PLC0415

    return load(root, environ, validators=Validators(parse_period, default_period))


def found_right(root: Path, loaded: Loaded) -> tuple[ReplyRule, ...]:
    """Checks jobs.yaml and all that it names, and rules.yaml, whose rules it returns. Raises ProjectErrors with
    everything that is wrong."""
    from pipeline.jobs.check import check_project  # noqa: PLC0415
    from pipeline.message.check import check_template  # noqa: PLC0415 - brings Jinja2
    from pipeline.message.theming import unreadable  # noqa: PLC0415

    problems = check_project(loaded, lambda job: check_template(job, root))
    for name, theme in loaded.project.themes.items():
        problems += [loaded.problem(message, "themes", name, *where) for where, message in unreadable(theme)]
    rules: tuple[ReplyRule, ...] = ()
    try:
        rules = load_reply_rules(root, loaded.project.mailers)
    except ProjectErrors as errors:
        problems = [*problems, *errors.problems]
    if problems:
        raise ProjectErrors(problems)
    return rules


def read_edition(root: Path, environ: Mapping[str, str]) -> Edition:
    """The project as it is on the disk now, found right, its mailers usable. `environ` wins over the project's `.env`.
    Raises ProjectErrors."""
    environ = environ_of(root, environ)
    loaded = read_jobs(root, environ)
    rules = found_right(root, loaded)
    if problems := list(_of_mailers(loaded)):
        raise ProjectErrors(problems)
    return Edition(environ, loaded, rules)


def secrets_of(project: Project) -> list[str]:
    """What may be in a line of the log and must not."""
    urls = [secret for mailer in project.mailers.values() for secret in secrets_in(mailer)]
    archives = secrets_in(tuple(export for job in project.jobs.values() for export in job.exports))
    asked = secrets_in(tuple(job.data for job in project.jobs.values()))
    sources = [source.get_secret_value() for source in project.sources.values()]
    bounces = [] if project.bounces is None else bounce_secrets(project.bounces)
    return [*urls, *archives, *asked, *bounces, *(source for source in sources if source != "duckdb")]


def _of_mailers(loaded: Loaded) -> Iterator[Problem]:
    """What only shows when a mailer is made: a service that works must not end because of it."""
    from pipeline.delivery.mailers.smtp import check_mailer  # noqa: PLC0415

    for name, mailer in loaded.project.mailers.items():
        if not isinstance(mailer, LocalMailer):
            try:
                check_mailer(mailer)
            except (MailerError, MissingExtraError) as error:
                yield loaded.problem(str(error), "mailers", name)
