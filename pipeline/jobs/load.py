"""jobs.yaml → `Project`: text, nodes, long form, models, rules; every problem of the file at once."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr, ValidationError

from pipeline.errors import Problem, ProjectErrors
from pipeline.jobs.bounceplace import check_mailbox
from pipeline.jobs.document import Document
from pipeline.jobs.explain import explain
from pipeline.jobs.model import Project
from pipeline.jobs.rules import Validators, check_rules
from pipeline.jobs.scalars import parse_mailbox
from pipeline.jobs.secrets import environ_of, lookup, resolve_secrets
from pipeline.jobs.short import FROM_SCHEDULE, expand_document
from pipeline.jobs.tree import Findings, Node, Place, plain
from pipeline.jobs.urls import check_smtp_url, check_source_url, has_literal_password
from pipeline.jobs.utf8 import not_utf8
from pipeline.jobs.yamltext import parse_yaml

__all__ = ["Loaded", "Validators", "environ_of", "load", "load_project"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A project and where everything in it was written."""

    project: Project
    tree: Node
    file: str

    def problem(self, message: str, *path: str | int) -> Problem:
        """A problem at a value of the long form, by the models' names: `"jobs", "daily", "data", "delays",
        "sql"`.

        What a short form or a default brought in stands where it was written; what nobody wrote, at what
        holds it.
        """
        node = self.tree
        for step in path:
            below = node.get(step)
            if below is None:
                break
            node = below
        return Problem(self.file, node.place.line, node.place.column, message, ".".join(node.path))


def load_project(
    root: Path, environ: Mapping[str, str], *, file: str = "jobs.yaml", validators: Validators | None = None
) -> Project:
    """The project in a folder. Raises ProjectErrors with all problems, sorted by place.

    `environ` answers `${NAME}` and the sender's default; `environ_of` merges `.env` into it.
    """
    return load(root, environ, file=file, validators=validators).project


def load(
    root: Path, environ: Mapping[str, str], *, file: str = "jobs.yaml", validators: Validators | None = None
) -> Loaded:
    """Like `load_project`, and hands out where everything was written, for `check_project`."""
    with _collector_paused():
        return _load(root, environ, file, validators or Validators())


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Nodes make no cycles, and looking for some takes half of the time that a thousand jobs load in."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load(root: Path, environ: Mapping[str, str], file: str, validators: Validators) -> Loaded:
    written = parse_yaml(_read(root, file), file)
    findings = Findings(file)
    if not isinstance(written.value, dict):
        findings.about(written, 'expected a mapping that begins with "jobs:"')
        raise ProjectErrors(findings.problems)
    _check_urls(written, findings)
    resolved = resolve_secrets(written, environ, findings)
    tree = expand_document(resolved, _address(resolved, environ, findings), findings)
    check_rules(tree, root, validators, findings)
    document = _validate(tree, findings)
    if document is None or findings.problems:
        raise ProjectErrors(findings.problems)
    return Loaded(_project(document, root, file, validators), tree, file)


def _read(root: Path, file: str) -> str:
    try:
        data = (root / file).read_bytes()
    except FileNotFoundError:
        raise ProjectErrors([Problem(file, 1, 1, "no such file; pipeline init DIR makes a project")]) from None
    except OSError as error:
        raise ProjectErrors([Problem(file, 1, 1, f"cannot be read: {error.strerror}")]) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProjectErrors([not_utf8(file, data, error)]) from None


def _check_urls(root: Node, findings: Findings) -> None:
    """A password written out is refused before anything else is said about its URL."""
    smtp = [mailer.mapping["smtp"] for mailer in (root.get("mailers") or root).mapping.values() if mailer.get("smtp")]
    bounces = [root.mapping["bounces"]] if "bounces" in root.mapping else []
    for node in [*smtp, *bounces, *(root.get("sources") or Node(None, root.place)).mapping.values()]:
        if node.text is not None and has_literal_password(node.text):
            findings.about(
                node,
                "a password in jobs.yaml; write ${NAME} in its place and set NAME in the environment or .env",
            )


def _address(root: Node, environ: Mapping[str, str], findings: Findings) -> str:
    """EMAIL_ADDRESS, which jobs without `from` are sent from; empty where every job has its own."""
    jobs = root.get("jobs")
    lacking = [job for job in (jobs.mapping if jobs else {}).items() if job[1].mapping and "from" not in job[1].mapping]
    if not lacking or jobs is None or root.get("defaults", "from") is not None:
        return ""
    place, path = jobs.key_place(lacking[0][0]), ("jobs", lacking[0][0])
    try:
        address = lookup(environ, "EMAIL_ADDRESS")
    except ValueError as error:
        reason = "" if "EMAIL_ADDRESS_FILE" not in environ else f" ({error})"
        _no_sender(findings, place, path, reason)
        return ""
    try:
        parse_mailbox(address)
    except ValueError as error:
        findings.at(place, f"EMAIL_ADDRESS of the environment: {error}", path)
        return ""
    return address


def _no_sender(findings: Findings, place: Place, path: tuple[str, ...], reason: str) -> None:
    message = f'no sender; write "from" under "defaults", or set EMAIL_ADDRESS in the environment or .env{reason}'
    findings.at(place, message, path)


def _validate(tree: Node, findings: Findings) -> Document | None:
    for section, key, check in (("mailers", "smtp", check_smtp_url), ("sources", None, check_source_url)):
        for node in (tree.get(section) or Node(None, tree.place)).mapping.values():
            url = node.get(key) if key else node
            if url is not None and isinstance(url.value, SecretStr) and url.value.get_secret_value():
                findings.check(url._replace(value=url.value.get_secret_value()), check)
    check_mailbox(tree.get("bounces"), findings)
    try:
        return Document.model_validate(plain(tree))
    except ValidationError as error:
        explain(error, tree, findings)
        return None


def _project(document: Document, root: Path, file: str, validators: Validators) -> Project:
    jobs = {
        name: job.model_copy(update={"period": validators.default_period(job.schedule)})
        if job.period == FROM_SCHEDULE
        else job
        for name, job in document.jobs.items()
    }
    return Project(
        root=root,
        file=root / file,
        jobs=jobs,
        mailers=document.mailers,
        sources=document.sources,
        calendars=document.calendars,
        bounces=document.bounces,
        allow_recipients=document.allow_recipients,
        themes=document.themes,
        pages=document.pages,
        store=document.store,
        retention=document.retention,
    )
