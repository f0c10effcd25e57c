"""What the gate's judgement means for a run: go on, wait, skip, hold, or send with a banner. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pipeline.errors import GateError
from pipeline.gate.judge import Finding, Judgement, Numbers, judge
from pipeline.jobs.model import Job
from pipeline.ledger.kept_records import Before, Kept
from pipeline.schedule.period import Period

SOONEST, LATEST = timedelta(seconds=30), timedelta(minutes=5)
"""Between two looks at data that is not fresh yet."""


NOTHING = Before()


@dataclass(frozen=True, slots=True)
class GateTerms:
    """What the gate must know of the run besides its numbers."""

    before: Before = NOTHING
    waited: timedelta = timedelta(0)
    """How long ago the run began."""
    asked: bool = False
    """Somebody wants it now, as a test or once more: whether it is worth sending is theirs to say, and nothing
    waits."""
    rehearsal: bool = False
    """Nothing will be sent: the gate only says what it would do."""


ALONE = GateTerms()
"""Those of a job's first run."""


@dataclass(frozen=True, slots=True)
class GateNews:
    """What the gate made of one run."""

    action: Literal["pass", "wait", "skip", "hold", "send"]
    findings: tuple[Finding, ...] = ()
    failed: bool = False
    """Something is wrong with the numbers; the owner is told."""
    patience: timedelta = timedelta(0)
    """How much longer it may wait."""
    values: Mapping[str, Kept] = field(default_factory=dict)
    armed: bool = True

    @property
    def told(self) -> str:
        """With the numbers, in one line."""
        return "; ".join(finding.told for finding in self.findings)

    @property
    def fresh_until(self) -> datetime | None:
        """Where all that is wrong is that numbers are old: the latest due time for which none is."""
        untils = [finding.until for finding in self.findings if finding.until is not None]
        return min(untils) if untils and len(untils) == len(self.findings) else None

    @property
    def rules(self) -> str:
        """Without any value of the report: for the log."""
        return "; ".join(finding.rule for finding in self.findings)


PASSED = GateNews("pass")


class GateClosedError(GateError):
    """The gate stops the build. Ends in the child: the run's builder is handed the news."""

    def __init__(self, news: GateNews) -> None:
        super().__init__(news.told)
        self.news = news


@dataclass(slots=True)
class Gatekeeper:
    """Asked once, when the datasets are there; remembers what it said."""

    job: Job
    period: Period
    due: datetime
    terms: GateTerms
    news: GateNews = PASSED

    def __call__(self, datasets: Mapping[str, Any]) -> None:
        """Raises GateClosedError where nothing is to be built, and GateError."""
        self.news = pass_gate(self.job, self.period, self.due, datasets, self.terms)


def pass_gate(job: Job, period: Period, due: datetime, datasets: Mapping[str, Any], terms: GateTerms) -> GateNews:
    """What the gate lets happen. Raises GateClosedError where nothing is to be built, and GateError for an
    expression that cannot be evaluated."""
    if job.gate is None:
        return PASSED
    around = {
        "start": period.start, "end": period.end, "label": period.label,
        "last_day": period.last_day, "days": period.days,
    }  # fmt: skip
    numbers = Numbers(datasets, job.params, around, due, job.timezone)
    news = decide(job.gate.on_failure, judge(job.gate, numbers, terms.before), terms)
    if news.action in {"wait", "skip"} and not terms.rehearsal:
        raise GateClosedError(news)
    return news


def decide(on_failure: Literal["hold", "skip", "send"], judged: Judgement, terms: GateTerms) -> GateNews:
    """The judgement's consequence. What is not fresh is looked at again while any of its rules has time left."""
    if judged.failures:
        left = max(finding.wait for finding in judged.failures) - terms.waited
        if left > timedelta(0) and not terms.asked:
            return GateNews("wait", judged.failures, patience=left, armed=judged.armed)
        return GateNews(on_failure, judged.failures, failed=True, armed=judged.armed)
    if judged.uneventful is not None and not terms.asked:
        return GateNews("skip", (judged.uneventful,), values=judged.values, armed=judged.armed)
    return GateNews("pass", values=judged.values, armed=judged.armed)


def next_look(now: datetime, patience: timedelta) -> datetime:
    """When a waiting run looks again: every half minute to five minutes, and at the very end of its patience."""
    pause = min(max(patience / 20, SOONEST), LATEST)
    return now + min(pause, patience)
