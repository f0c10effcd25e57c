"""`pipeline resend`: what was not sent of a run goes out again."""

from pathlib import Path

import click

from pipeline.cli.operator import find_target, finish, fresh_terms, make_note, note_options
from pipeline.cli.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.ledger.operator_records import Action
from pipeline.ledger.records import RunKey
from pipeline.ledger.states import DeliveryState
from pipeline.wiring import Workspace


@click.command()
@click.argument("target", metavar="RUN|DELIVERY")
@click.option("--failed", is_flag=True, help="Only what failed, expired, is uncertain or was suppressed.")
@note_options
@click.pass_obj
def command(root: Path, target: str, by: str, why: str, *, failed: bool, as_json: bool) -> None:
    """Send again what was not sent of RUN, or one DELIVERY by its number: the same mails with the same
    Message-IDs, for as long as the job gives a new run. Without --failed, what was cancelled goes too.

    What was sent stays sent: `pipeline run JOB --at TIME --again` mails everybody anew.
    """
    with open_workspace(root) as workspace:
        run, delivery = find_target(workspace, target)
        if not failed and delivery is None:
            _refuse_where_some_have_it(workspace, run)
        note = make_note(workspace, by, why)
        terms = fresh_terms(workspace, run, note)
        acted = workspace.operations.resend(run, note, terms, failed=failed, delivery=delivery)
        finish(workspace, Action.RESEND, note, acted, as_json=as_json)


def _refuse_where_some_have_it(workspace: Workspace, run: RunKey) -> None:
    """Whoever writes `resend RUN` may mean everybody or the rest; a guess would double or lose mails."""
    counts = workspace.outbox.counts(run=run)
    sent = counts.get(DeliveryState.SENT, 0)
    if sent:
        raise UsageError(
            f"{sent} of {sum(counts.values())} deliveries of {run} were sent; `pipeline resend {run} --failed` sends "
            f"the rest, `pipeline run {run.job} --at {run.due:%Y-%m-%dT%H:%M:%SZ} --again` mails everybody anew"
        )
