"""What happens in the child: one job for one due time, from data to finished letters in a sink.

Nothing here comes from the clock: the period comes from the due time, the Date header from the due time too, so
that a run that is built again is the same run.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.engine.audience import Refusal
from pipeline.engine.gating import ALONE, PASSED, GateClosedError, Gatekeeper, GateNews, GateTerms
from pipeline.engine.ingredients import ingredients
from pipeline.engine.keyfile import UNSUBSCRIBE_KEY, secret_key
from pipeline.engine.letters import Addressees, Letters
from pipeline.engine.lighten import Lightener
from pipeline.engine.logo import logo_of
from pipeline.engine.process import Progress
from pipeline.errors import ReportError
from pipeline.jobs.model import Job, Project
from pipeline.jobs.scalars import Mailbox
from pipeline.ledger.kept_records import Ingredient
from pipeline.ledger.records import Letter, RunKey
from pipeline.message.compose import Composer
from pipeline.message.facts import RunFacts
from pipeline.message.ladder import Fitted
from pipeline.message.unsubscribing import Unsubscribing
from pipeline.message.wire import encoded_size
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.build import Report, build_report
from pipeline.report.exports.book import Voice
from pipeline.schedule.period import Period, parse_period, period_for


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a build, for people: `flights`, `27,004 rows`."""

    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a build came to."""

    messages: int
    deliveries: int
    bytes: int
    """Of all messages as they will be on the wire, to a server that takes eight bits (RFC 6152: nearly all)."""
    refused: tuple[Refusal, ...]
    rows: dict[str, int]
    """Dataset → its rows."""
    gate: GateNews = PASSED
    """Where it says wait or skip, nothing was built."""
    ingredients: tuple[Ingredient, ...] = ()
    """The project's files that it was made from."""
    empty: tuple[Refusal, ...] = ()
    """Rows of the audience of which no sliced dataset has a row; whether they get a message, the job says."""
    refused_more: int = 0
    """Rows that are refused besides those that are named."""
    empty_more: int = 0
    """Likewise without rows of their own."""


class OpenSink(Protocol):
    def add(self, letter: Letter) -> None: ...


class Sink(Protocol):
    """Where finished letters go; picklable, opened in the child."""

    def open(self, progress: Progress) -> AbstractContextManager[OpenSink]: ...


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """All that the child needs; plain and picklable."""

    project: Project
    key: RunKey
    state: Path
    """The folder with the project's keys."""
    artifacts: Path
    sink: Sink
    only_to: tuple[Mailbox, ...] = ()
    gate: GateTerms = ALONE


def run_period(job: Job, key: RunKey) -> Period:
    """The span of time that a run reports on: from its due time, never from the clock."""
    return period_for(parse_period(job.period), key.due, job.timezone, job.locale, job.calendar)


def build(request: BuildRequest, progress: Progress) -> Summary:
    """Loads, builds, renders and composes; puts every letter into the request's sink.

    Raises ReportError for whatever is wrong with the report. What was staged by then is never sendable.
    """
    job = request.project.jobs[request.key.job]
    period = run_period(job, request.key)
    store = ArtifactStore(request.artifacts)
    facts = RunFacts(request.key, period, request.key.due)
    composer = Composer(
        job,
        request.project,
        facts,
        unsubscribing=_unsubscribing(job, request.project, request.state),
        logo=logo_of(job, request.project, store),
    )
    gate = Gatekeeper(job, period, request.key.due, request.gate)
    try:
        report = _report(request, period, store, composer, gate, progress)
    except GateClosedError as closed:
        return Summary(0, 0, 0, (), {}, closed.news)
    if gate.news.action == "send" or (gate.news.failed and request.gate.rehearsal):
        composer.warn(finding.told for finding in gate.news.findings)
    lightener = Lightener(store, request.project.store, request.project.root, request.state / "store.key")
    fitted = Fitted(composer.letter, lightener, job.owner.address, progress)
    progress(Step("messages"))
    tell = progress if request.gate.rehearsal else _unheard
    to = Addressees(request.project.allow_recipients, request.only_to)
    letters, count = Letters(job, report, fitted, composer.manners, to, tell), Count()
    with request.sink.open(progress) as sink:
        for letter in letters:
            count.add(letter)
            sink.add(letter)
    refused = tuple(letters.refused.rows)
    if refused and not count.messages:
        raise ReportError(f"no row of the audience can be mailed; row {refused[0].row}: {refused[0].reason}")
    return Summary(
        count.messages,
        count.deliveries,
        count.bytes,
        refused,
        rows={name: len(frame) for name, frame in report.datasets.items()},
        gate=gate.news,
        ingredients=ingredients(job, request.project, report, composer.template_files()),
        empty=tuple(letters.empty.rows),
        refused_more=letters.refused.more,
        empty_more=letters.empty.more,
    )


def _report(  # noqa: PLR0917 - what a report is made of
    request: BuildRequest,
    period: Period,
    store: ArtifactStore,
    composer: Composer,
    gate: Gatekeeper,
    progress: Progress,
) -> Report:
    """Data, charts and files, with `composer` for the words in their names and pages. Raises GateClosedError."""
    job = request.project.jobs[request.key.job]
    where = f"jobs.{job.name}.exports"
    return build_report(
        job,
        request.project,
        period,
        request.key.due,
        store,
        lambda name: composer.render_line(name, where=where, datasets={}),
        lambda what: progress(Step(what)),
        render_personal=lambda name, row: composer.render_line(name, where=where, datasets={}, row=row),
        render_document=lambda number, report: composer.document(number, report, report.row, store.read),
        voice=lambda number, report: _voice(composer, job, number, report),
        admit=gate,
    )


def _unheard(_value: object) -> None:
    """Nobody asks how each one's letter reads."""


def _unsubscribing(job: Job, project: Project, state: Path) -> Unsubscribing | None:
    """How the job's recipients leave, where they can."""
    if not job.audience.unsubscribe:
        return None
    key = secret_key(state / UNSUBSCRIBE_KEY)
    mail = job.sender.address if project.bounces is not None else ""
    return Unsubscribing(key, job.name, mail=mail, url=project.pages.url if project.pages is not None else "")


def _voice(composer: Composer, job: Job, number: int, report: Report) -> Voice:
    """What the workbook of an export says to the report's reader."""
    note, where = job.exports[number].note, f"jobs.{job.name}.exports.{number}.note"
    said = composer.render_line(note, where=where, datasets=report.views, row=report.row) if note else ""
    return Voice(said, composer.manners.of(report.row).params)


@dataclass(slots=True)
class Count:
    messages: int = 0
    deliveries: int = 0
    bytes: int = 0

    def add(self, letter: Letter) -> None:
        self.messages += 1
        self.deliveries += len(letter.recipients)
        self.bytes += encoded_size(letter, eight_bit=True)
