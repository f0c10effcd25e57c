"""A small mail to somebody about a run. It is never the report, and needs nothing that the project brings: what is
wrong there must not keep its owner from hearing of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.jobs.model import Audience, Message, Project
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.records import Letter, RunKey
from pipeline.message.compose import Composer, megabytes
from pipeline.message.environment import PACKAGE_TEMPLATES
from pipeline.message.facts import FileLike, Recipients, RunFacts
from pipeline.message.ladder import TooLargeError


@dataclass(frozen=True, slots=True)
class Proof:
    """What a reviewer is asked about, counted."""

    messages: int
    deliveries: int
    bytes: int
    refused: tuple[str, ...]
    """Rows of the audience that get no message, in words."""
    mailer: str


@dataclass(frozen=True, slots=True)
class ProofLine:
    """One mail that waits."""

    who: str
    subject: str
    size: str
    """And the names of its files."""


@dataclass(frozen=True, slots=True)
class ShownProof:
    """What a proof shows of the letters themselves."""

    lines: tuple[ProofLine, ...]
    left_out: tuple[str, ...]
    """Who gets nothing, and why."""
    files: tuple[FileLike, ...]
    """The first mails as files."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody is told."""

    subject: str
    what: str
    """What became of the run, in one sentence."""
    findings: tuple[str, ...]
    """Why, with the numbers; a paragraph each."""
    then: str
    """What comes next, or what they can do."""
    commands: tuple[str, ...] = ()
    """For that; a line each."""
    to: Mailbox | None = None
    """None: the job's owner."""
    proof: Proof | None = None
    """Of a run that waits for their review."""


@dataclass(frozen=True, slots=True)
class _Enclosed:
    """The report of a notice: the mails of a proof, and nothing else."""

    files: Sequence[FileLike] = ()

    @property
    def views(self) -> Mapping[str, object]:
        return {}

    @property
    def charts(self) -> Mapping[str, object]:
        return {}


def notice_letter(
    project: Project, run: RunKey, facts: RunFacts, notice: Notice, shown: ShownProof | None = None
) -> Letter:
    """The mail about `run`; `facts` are its own. Of a proof's mails it brings as many as fit. Raises ComposeError."""
    while True:
        try:
            return _letter(project, run, facts, notice, shown)
        except TooLargeError:
            if shown is None or not shown.files:
                raise
            shown = replace(shown, files=shown.files[:-1])


def _letter(project: Project, run: RunKey, facts: RunFacts, notice: Notice, shown: ShownProof | None) -> Letter:
    job = project.jobs[run.job]
    to = notice.to or job.owner
    told = job.model_copy(
        update={
            "message": Message(subject="{{ params.subject }}", template="notice", preheader="{{ params.what }}"),
            "params": {
                "subject": notice.subject, "what": notice.what, "findings": notice.findings, "next": notice.then,
                "commands": notice.commands, "run": str(run), "reviews": notice.proof is not None,
                "proof": _proof(notice.proof, shown) if notice.proof and shown else None,
            },
            "audience": Audience(to=(to,)),
            "exports": (),
            "charts": {},
            "data": {},
        }
    )  # fmt: skip
    package = project.model_copy(update={"root": PACKAGE_TEMPLATES.parent})
    enclosed = _Enclosed(shown.files if shown else ())
    return Composer(told, package, facts).letter(enclosed, Recipients(to=(to,)))  # type: ignore[arg-type]


def _proof(proof: Proof, shown: ShownProof) -> dict[str, object]:
    """As the template reads it."""
    return {
        "counts": f"{_counted(proof.messages, 'message')} to {_counted(proof.deliveries, 'recipient')}, "
        f"{megabytes(proof.bytes)} in all",
        "lines": [{"who": line.who, "subject": line.subject, "size": line.size} for line in shown.lines],
        "more": proof.messages - len(shown.lines),
        "left_out": list(shown.left_out),
        "attached": len(shown.files),
    }


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
