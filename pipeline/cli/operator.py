"""What the commands of an operator have in common: whom they are about, who acts and why, and what is said."""

import getpass
import os
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import click

from pipeline.cli.output import counted, json_option, print_json
from pipeline.errors import LedgerError, UsageError
from pipeline.ledger.operator_records import Acted, Action, Note
from pipeline.ledger.records import RunKey, Terms
from pipeline.ledger.states import DeliveryState
from pipeline.wiring import Workspace

DONE = {
    Action.HOLD: "held; `pipeline release` sends, `pipeline cancel` gives up",
    Action.CANCEL: "cancelled",
    Action.RELEASE: "released; `pipeline serve` sends it, or `pipeline deliver` now",
    Action.RESEND: "queued again; `pipeline serve` sends it, or `pipeline deliver` now",
}


_AT_ONCE = 500
"""Lines of the log that are written together."""
_NAMED = 100
"""The most deliveries that `--json` names by number; the log has all of them."""


def note_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--why, --by and --json."""
    why = click.option("--why", metavar="TEXT", default="", help="The reason, for whoever reads the run later.")
    by = click.option("--by", metavar="NAME", default="", help="Who does it; default: the user of this machine.")
    return why(by(json_option(command)))


def make_note(workspace: Workspace, by: str, why: str) -> Note:
    """Who, when, why. Raises UsageError for text that would break a line."""
    for name, text in (("--by", by), ("--why", why)):
        if not text.isprintable():
            raise UsageError(f"{name} is one line of text, without line breaks and control characters")
    return Note(by.strip() or user(), workspace.clock(), why.strip())


def user() -> str:
    """The user of this machine; its number where it has no name, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def find_target(workspace: Workspace, text: str) -> tuple[RunKey, int | None]:
    """The run of a name or its beginning; or one delivery, by its number. Raises UsageError."""
    if not text.isdecimal():
        return workspace.runs.resolve(text).key, None
    run = workspace.operations.run_of(int(text))
    if run is None:
        raise UsageError(f"there is no delivery {text}; `pipeline deliveries` lists what there is")
    return run, int(text)


def fresh_terms(workspace: Workspace, run: RunKey, note: Note) -> Terms:
    """By the job's rule, counted from now; of a job that is gone from jobs.yaml, as they were for a day more."""
    from pipeline.engine.terms import LONGEST, terms_of  # noqa: PLC0415 - brings the schedule's room

    job = workspace.project.jobs.get(run.job)
    if job is not None:
        return terms_of(job, run, note.at, asked=True)
    terms = workspace.operations.terms(run, note.at + LONGEST)
    if terms is None:
        raise LedgerError(f"run {run} was never queued, and its job is gone from jobs.yaml")
    return terms


def finish(workspace: Workspace, action: Action, note: Note, acted: Acted, *, as_json: bool) -> None:
    """Logs what was done and says it."""
    from pipeline.delivery.operator_lines import acted_lines  # noqa: PLC0415 - brings the delivery room

    lines = acted_lines(action, note, acted, workspace.operations.changed(acted))
    while some := list(islice(lines, _AT_ONCE)):
        workspace.log.emit_all(some)
    if as_json:
        print_json(_facts(action, note, acted))
        return
    run = acted.run
    if acted.withdrawn:
        click.echo(f"{run.key} is cancelled before anything was sent")
    elif acted.changed:
        count = len(acted.changed)
        click.echo(f"{counted(count, 'delivery', 'deliveries')} of {run.key} {DONE[action]}")
        click.echo(what_they_were(acted.was, acted.examples))
    else:
        click.echo(f"nothing to {action} in {run.key}, which is {run.state}")
    if acted.in_flight:
        click.echo(f"{acted.in_flight} being sent this moment, out of reach; ask again in a minute")


def what_they_were(was: Mapping[DeliveryState, int], examples: Sequence[str]) -> str:
    """`they were 3 failed and 1 uncertain: ana@example.com, bo@example.com, cy@example.com and 1 more`"""
    count = sum(was.values())
    more = count - len(examples)
    people = ", ".join(examples) + (f" and {more:,} more" if more else "")
    if count == 1:
        return f"it was {next(iter(was))}: {people}"
    states = [f"{some:,} {state}" for state, some in sorted(was.items(), key=lambda item: (-item[1], item[0]))]
    return f"they were {' and '.join(filter(None, (', '.join(states[:-1]), states[-1])))}: {people}"


def _facts(action: Action, note: Note, acted: Acted) -> dict[str, object]:
    return {
        "action": str(action),
        "by": note.who,
        "reason": note.why or None,
        "run": str(acted.run.key),
        "job": acted.run.key.job,
        "state": str(acted.run.state),
        "count": len(acted.changed),
        "in_flight": acted.in_flight,
        "withdrawn": acted.withdrawn or None,
        "was": {str(state): count for state, count in acted.was.items()} or None,
        "delivery": list(acted.changed[:_NAMED]) or None,
    }
