"""`pipeline plan --diff`: what is different for whom since the run that was sent last."""

from collections.abc import Mapping, Sequence
from functools import cache
from zoneinfo import ZoneInfo

import click

from pipeline.cli.output import counted, human_size, print_json
from pipeline.cli.times import local
from pipeline.engine.build import run_period
from pipeline.engine.comparing import Change, Labels, compare
from pipeline.engine.sinks import Planned, planned
from pipeline.jobs.model import Job
from pipeline.ledger.letters import letters_of
from pipeline.ledger.records import RunKey
from pipeline.message.manner import ReadsAs
from pipeline.wiring import Workspace


def print_diff(
    workspace: Workspace,
    job: Job,
    key: RunKey,
    now: Sequence[Planned],
    reads: Mapping[tuple[str, ...], ReadsAs],
    *,
    as_json: bool,
) -> None:
    """Against the last real run before this due time whose messages went out. `reads` tells, by recipients, of messages
    that read otherwise than the job says."""
    last = workspace.memory.last_sent(key)
    if last is None:
        if not as_json:
            click.echo(
                f"\nnothing to compare with: no run of {job.name} was sent before {local(key.due, job.timezone)}"
            )
        return
    periods = run_period(job, last), run_period(job, key)

    def labels_of(message: Planned) -> Labels:
        own = reads.get(message.recipients)
        locale, zone = (own.manner.locale, own.manner.timezone) if own else (job.locale, job.timezone)
        return labels_in(locale, zone)

    @cache
    def labels_in(locale: str, zone: str) -> Labels:
        before, after = (period.label_in(locale, ZoneInfo(zone)) for period in periods)
        return Labels(before, after)

    changes = list(compare(map(planned, letters_of(workspace.engine, last)), now, labels_of))
    if as_json:
        for change in changes:
            print_json({"against": str(last), **_facts(change)})
        return
    click.echo(f"\nagainst {last}, sent for {local(last.due, job.timezone)}:")
    for change in changes:
        click.echo(f"{change.kind:<8} {change.recipient}{_told(change)}")
    same = len({who for message in now for who in message.recipients}) - sum(c.kind != "gone" for c in changes)
    click.echo(f"no other subject, files or size for {counted(same, 'recipient')}")


def _facts(change: Change) -> dict[str, object]:
    before, now = change.before, change.now
    return {
        "change": change.kind,
        "recipient": change.recipient,
        "what": list(change.what) or None,
        "before": _mail(before) if before else None,
        "now": _mail(now) if now else None,
    }


def _mail(message: Planned) -> dict[str, object]:
    return {"subject": message.subject, "bytes": message.bytes, "files": list(message.files)}


def _told(change: Change) -> str:
    before, now = change.before, change.now
    if before is None or now is None:
        return ""
    said = {
        "subject": f"subject: {before.subject} → {now.subject}",
        "files": f"files: {', '.join(before.files) or 'none'} → {', '.join(now.files) or 'none'}",
        "bytes": f"size: {human_size(before.bytes)} → {human_size(now.bytes)}",
    }
    return "".join(f"\n         {said[one]}" for one in change.what)
