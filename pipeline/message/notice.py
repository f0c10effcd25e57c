"""A small mail to a job's owner about a run. It is never the report, and needs nothing that the project brings: what
is wrong there must not keep its owner from hearing of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.jobs.model import Audience, Message, Project
from pipeline.ledger.records import Letter, RunKey
from pipeline.message.compose import Composer
from pipeline.message.environment import PACKAGE_TEMPLATES
from pipeline.message.facts import Recipients, RunFacts
from pipeline.schedule.period import Period


@dataclass(frozen=True, slots=True)
class Notice:
    """What the owner is told."""

    subject: str
    what: str
    """What became of the run, in one sentence."""
    findings: tuple[str, ...]
    """Why, with the numbers; a paragraph each."""
    then: str
    """What comes next, or what the owner can do."""
    commands: tuple[str, ...] = ()
    """For that; a line each."""


class _Nothing:
    """The report of a notice."""

    views: Mapping[str, object] = {}
    datasets: Mapping[str, object] = {}
    charts: Mapping[str, object] = {}
    files: Sequence[object] = ()


def notice_letter(project: Project, run: RunKey, key: RunKey, period: Period, notice: Notice) -> Letter:
    """The mail about `run`, itself under `key`. Raises ComposeError."""
    job = project.jobs[run.job]
    told = job.model_copy(
        update={
            "message": Message(subject="{{ params.subject }}", template="notice", preheader="{{ params.what }}"),
            "params": {
                "subject": notice.subject, "what": notice.what, "findings": notice.findings, "next": notice.then,
                "commands": notice.commands,
                "run": str(run),
            },
            "audience": Audience(to=(job.owner,)),
            "exports": (),
            "charts": {},
            "data": {},
        }
    )  # fmt: skip
    package = project.model_copy(update={"root": PACKAGE_TEMPLATES.parent})
    composer = Composer(told, package, RunFacts(key, period, key.due))
    return composer.letter(_Nothing(), Recipients(to=(job.owner,)))  # type: ignore[arg-type]
