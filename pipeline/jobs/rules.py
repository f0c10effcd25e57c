"""What must hold between the parts of one file, checked on its nodes, so that one bad value hides no other
problem."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from babel import Locale, UnknownLocaleError

from pipeline.jobs.calendarnames import check_rule_calendar
from pipeline.jobs.columnforms import check_columns
from pipeline.jobs.cron import check_cron
from pipeline.jobs.model import ScheduleEntry
from pipeline.jobs.names import did_you_mean, got
from pipeline.jobs.paging import check_pages
from pipeline.jobs.paths import check_inside
from pipeline.jobs.reserved import check_label, check_name, check_param
from pipeline.jobs.rules_audience import check_audience, check_patterns, check_reviewer
from pipeline.jobs.rules_data import check_charts, check_datasets, check_exports
from pipeline.jobs.rules_gate import check_gate
from pipeline.jobs.rules_mailers import check_mailer, check_store_url
from pipeline.jobs.short import FROM_SCHEDULE
from pipeline.jobs.storing import check_store_folder
from pipeline.jobs.theming import check_theme_of, check_themes
from pipeline.jobs.tree import Findings, Node


def _any_period(text: str) -> None:
    """Takes every period: whoever loads without the schedule's grammar checks none."""


def _previous_day(_entries: tuple[ScheduleEntry, ...]) -> str:
    return "previous day"


@dataclass(frozen=True, slots=True)
class Validators:
    """What a later room knows about the words in jobs.yaml."""

    period: Callable[[str], object] = _any_period
    """Raises ValueError for a period that nobody can read."""
    default_period: Callable[[tuple[ScheduleEntry, ...]], str] = _previous_day
    """The period of a job that names none."""


def check_rules(root: Node, directory: Path, validators: Validators, findings: Findings) -> None:
    """All rules of the file; `root` is in long form."""
    patterns = check_patterns(root, findings)
    for section in ("mailers", "sources", "calendars", "themes", "jobs"):
        _check_keys(root.get(section), check_label, findings)
    for mailer in (root.get("mailers") or root).mapping.values():
        if local := mailer.get("local"):
            findings.check(local, lambda text: check_inside(directory, text))
        check_mailer(mailer, findings)
    check_themes(root, directory, findings)
    check_pages(root, findings)
    if (folder := root.get("store", "folder")) is not None:
        findings.check(folder, lambda text: check_store_folder(directory, text))
    if (url := root.get("store", "url")) is not None:
        findings.check(url, check_store_url)
    for job in (root.get("jobs") or root).mapping.values():
        if isinstance(job.value, dict):
            _check_schedule(job, findings)
            _check_scalars(job, validators, findings)
            check_theme_of(job.get("message"), root, findings)
            _check_known(job.get("delivery", "mailer"), root.get("mailers"), "mailer", findings)
            check_datasets(job, root.get("sources"), directory, findings)
            check_columns(job, findings)
            check_charts(job, directory, findings)
            check_exports(job, findings)
            check_gate(job, findings)
            check_audience(job, root, patterns, findings)
            check_reviewer(job, patterns, findings)


def _check_keys(node: Node | None, check: Callable[[str], None], findings: Findings) -> None:
    for key in node.mapping if node else ():
        try:
            check(key)
        except ValueError as error:
            if node:
                findings.about_key(node, key, str(error))


def _check_known(node: Node | None, known: Node | None, what: str, findings: Findings) -> None:
    if node is not None and node.text is not None and known is not None and node.text not in known.mapping:
        findings.about(node, f'unknown {what} "{node.text}"{did_you_mean(node.text, known.mapping)}')


def _check_schedule(job: Node, findings: Findings) -> None:
    for rule in (job.get("schedule") or job).items:
        said = [key for key in ("cron", "every", "at") if key in rule.mapping]
        if isinstance(rule.value, dict) and not said:
            findings.about(rule, "when? a schedule has one of the keys cron, every or at")
        for key in said[1:]:
            findings.about_key(rule, key, f'"{said[0]}" and "{key}" in one rule; write a list of two rules')
        if cron := rule.get("cron"):
            findings.check(cron, check_cron)
        check_rule_calendar(rule, findings)


def _check_scalars(job: Node, validators: Validators, findings: Findings) -> None:
    period, locale = job.get("period"), job.get("locale")
    if period is not None and period.text != FROM_SCHEDULE:
        findings.check(period, validators.period)
    if locale is not None:
        findings.check(locale, _check_locale)
    for key in ("attach_limit", "memory"):
        size = job.get(key)
        if size is not None and type(size.value) is int:
            findings.about(size, f"a size needs its unit, like 20MB; {got(size.value)}")
    for section, check in (("data", check_name), ("charts", check_name), ("params", check_param)):
        _check_keys(job.get(section), check, findings)
    if template := job.get("message", "template"):
        findings.check(template, _check_template_name)


def _check_locale(text: str) -> None:
    proper = text.replace("-", "_")
    try:
        known = str(Locale.parse(proper)) == proper
    except (UnknownLocaleError, ValueError):
        known = False
    if known and proper == text:
        return
    hint = f'; did you mean "{proper}"?' if known else "; write one like en_US or de_DE"
    raise ValueError(f'"{text}" is not a locale{hint}')


def _check_template_name(text: str) -> None:
    if text.endswith((".html", ".txt")):
        raise ValueError(f'"{text}": a template is named without its ending; write {text.rsplit(".", 1)[0]}')
    if text.startswith("/") or "\\" in text or ".." in text.split("/") or not text.isprintable():
        raise ValueError(f'"{text}" is not a template; write the name of a file in templates/, without its ending')
