"""What the gate would do to a run, said where a report is built and not sent."""

from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from pipeline.cli.output import print_json
from pipeline.schedule.due import last_due

if TYPE_CHECKING:
    from pipeline.engine.gating import GateNews
    from pipeline.jobs.model import Job


def print_gate(gate: "GateNews", job: "Job", *, as_json: bool, aside: bool = False) -> None:
    """Nothing where a run would pass. Where numbers are only old, also the due time that would show some. `aside`: on
    stderr, as the output is about something else."""
    if not gate.findings:
        return
    shows = _fresh_due(gate, job)
    if as_json:
        reasons = [finding.told for finding in gate.findings]
        print_json({"gate": gate.action, "reasons": reasons, **({"fresh_due": shows} if shows else {})})
        return
    click.echo(f"gate: a run would {gate.action} now: {gate.told}", err=aside)
    if shows:
        when = shows.astimezone(ZoneInfo(job.timezone))
        click.echo(f'gate: the last due time with fresh numbers is --at "{when:%Y-%m-%d %H:%M}"', err=aside)


def _fresh_due(gate: "GateNews", job: "Job") -> datetime | None:
    return None if gate.fresh_until is None else last_due(job.schedule, gate.fresh_until)
