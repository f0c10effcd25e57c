"""`pipeline plan`: who would get what and how big; sends nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.gate_line import print_gate
from pipeline.cli.output import counted, human_size, json_option, print_json, print_rows
from pipeline.cli.progress import RunProgress
from pipeline.cli.times import at_option, due_time, local
from pipeline.cli.workspace import find_job, open_workspace
from pipeline.ledger.records import RunKey

if TYPE_CHECKING:
    from pipeline.engine.audience import Refusal
    from pipeline.engine.sinks import Planned
    from pipeline.jobs.model import Job
    from pipeline.message.ladder import Degraded
    from pipeline.message.manner import ReadsAs


@click.command()
@click.argument("job")
@at_option
@click.option("--diff", is_flag=True, help="Also what is different for whom since the run that was sent last.")
@json_option
@click.pass_obj
def command(root: Path, job: str, at: str | None, *, diff: bool, as_json: bool) -> None:
    """Build the report of JOB and print who would get what and how big. Sends nothing, and the ledger learns
    nothing."""
    from pipeline.engine.sinks import PlanSink  # noqa: PLC0415 - brings the builder's room

    with open_workspace(root) as workspace:
        entry = find_job(workspace.checked().project, job)
        due = due_time(at, entry.timezone, workspace.clock())
        key = RunKey(job, due)
        heard = _Heard()
        with RunProgress(key, shown=not as_json) as progress:
            summary = workspace.builder.rehearse(workspace.project, key, PlanSink(), heard.listening(progress))
        people = [who for message in heard.planned for who in message.recipients]
        barred = workspace.suppressions.barred(entry.name, entry.delivery.mailer, people)
        rows = [heard.row(message, entry, barred) for message in heard.planned]
        nobody = "nobody in the audience has rows" if summary.empty else "the audience is empty"
        empty = f"nobody would get anything: {nobody}"
        print_rows(rows, _columns(rows), as_json=as_json, empty=empty)
        _print_audience("refused", summary.refused, summary.refused_more, as_json=as_json)
        each = entry.audience.each
        kind = "skipped" if each and each.empty == "skip" else "empty"
        _print_audience(kind, summary.empty, summary.empty_more, as_json=as_json)
        print_gate(summary.gate, entry, as_json=as_json)
        if not as_json:
            for address, reason in barred.items():
                click.echo(f"suppressed: {address}: {reason}")
            mails = f"{counted(summary.messages, 'message')} to {counted(summary.deliveries, 'recipient')}"
            size = human_size(sum(message.bytes for message in heard.planned))
            click.echo(f"\n{mails}, {size}, for {local(due, entry.timezone)}; nothing was sent")
        if diff:
            from pipeline.cli.plan_diff import print_diff  # noqa: PLC0415 - brings the builder's room

            print_diff(workspace, entry, key, heard.planned, heard.reads, as_json=as_json)


@dataclass
class _Heard:
    """What the build says of each message."""

    planned: "list[Planned]" = field(default_factory=list)
    lighter: "dict[tuple[str, ...], Degraded]" = field(default_factory=dict)
    reads: "dict[tuple[str, ...], ReadsAs]" = field(default_factory=dict)

    def listening(self, otherwise: Callable[[object], None]) -> Callable[[object], None]:
        """Keeps it; what is about no message goes to `otherwise`."""
        from pipeline.engine.sinks import Planned  # noqa: PLC0415 - brings the builder's room
        from pipeline.message.ladder import Degraded  # noqa: PLC0415
        from pipeline.message.manner import ReadsAs  # noqa: PLC0415

        def hear(value: object) -> None:
            if isinstance(value, Planned):
                self.planned.append(value)
            elif isinstance(value, Degraded):
                self.lighter[value.recipients] = value
            elif isinstance(value, ReadsAs):
                self.reads[value.recipients] = value
            else:
                otherwise(value)

        return hear

    def row(self, message: "Planned", job: "Job", barred: Mapping[str, str]) -> dict[str, object]:
        """One line of the plan."""
        return {
            "recipients": list(message.recipients),
            "subject": message.subject,
            "bytes": message.bytes,
            "files": list(message.files),
            **_reads_as(self.reads.get(message.recipients), job),
            **_too_large(self.lighter.get(message.recipients)),
            "suppressed": [who for who in message.recipients if who in barred] or None,
        }


def _print_audience(kind: str, rows: "Sequence[Refusal]", more: int, *, as_json: bool) -> None:
    """Rows of the audience that are refused, skipped or, though mailed, without rows of their own (empty)."""
    for row in rows:
        if as_json:
            print_json({"audience": kind, "recipient": row.address, "row": row.row, "reason": row.reason})
        else:
            click.echo(f"{kind}: row {row.row}, {row.address}: {row.reason}")
    if more and as_json:
        print_json({"audience": kind, "more": more})
    elif more:
        click.echo(f"{kind}: and {more:,} more rows")


def _columns(rows: Sequence[Mapping[str, object]]) -> dict[str, Callable[[Any], str] | None]:
    """Those that every plan has, and what some message needs."""
    some: dict[str, Callable[[Any], str] | None] = {
        "locale": None,
        "timezone": None,
        "params": lambda params: ", ".join(f"{name} {value}" for name, value in params.items()),
        "too_large": ", ".join,
    }
    return {
        "recipients": ", ".join,
        "subject": None,
        "bytes": human_size,
        "files": ", ".join,
        **{name: write for name, write in some.items() if any(name in row for row in rows)},
    }


def _reads_as(reads: "ReadsAs | None", job: "Job") -> dict[str, object]:
    """What the recipient's row decides of how the message reads."""
    each = job.audience.each
    if reads is None or each is None:
        return {}
    manner = reads.manner
    return {
        **({"locale": manner.locale} if each.locale else {}),
        **({"timezone": manner.timezone} if each.timezone else {}),
        **({"params": {name: manner.params[name] for name in each.params}} if each.params else {}),
    }


def _too_large(degraded: "Degraded | None") -> dict[str, object]:
    """What became of files that made the message too large: the step of the ladder, and their names."""
    return {} if degraded is None else {"step": degraded.step, "too_large": list(degraded.files)}
