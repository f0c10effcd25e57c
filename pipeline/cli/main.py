"""The `pipeline` command: its subcommands, loaded only when they are called, and its exit codes.

Exit status: 0 done, 1 the work failed, 2 the input is wrong (also click's own usage errors).
"""

import sys
from importlib import import_module
from pathlib import Path

import click

from pipeline import __version__
from pipeline.errors import InputError, PipelineError

COMMANDS = {
    "init": "a new project folder that runs as it is",
    "check": "find everything that can be known to be wrong without running",
    "diff": "what a changed jobs.yaml changes for whom, against a git revision or a file",
    "jobs": "the jobs: state, next due time, last run; of one job, its whole configuration",
    "next": "coming due times, local and UTC, with the period of each and why a date moved",
    "plan": "build the report, print who would get what and how big, send nothing",
    "preview": "the mail on a page that reloads on save; with --out its exact HTML, text, files and .eml",
    "lint": "what mail programs would make of the messages: clipped, lost, unreadable, broken links",
    "run": "one run, followed until every delivery has ended",
    "backfill": "the due times of a span that never ran",
    "deliver": "work the outbox until nothing is due, then end",
    "serve": "scheduler and delivery; reloads on change, drains on SIGTERM",
    "worker": "more hands on another machine: builds and delivers what a `serve` there has planned",
    "runs": "the ledger's runs; with --missing, due times that have none",
    "show": "one run: its deliveries and attempts",
    "deliveries": "the ledger's deliveries",
    "resend": "send again what was not sent of a run",
    "release": "send what is held or uncertain",
    "hold": "keep what waits from leaving",
    "cancel": "take back what has not left",
    "suppress": "addresses that must not be mailed",
    "bounces": "look through the mailbox for bounces once",
    "mailers": "the ways out: whether they rest and why, what their limits leave, what waits",
    "explain": "what a server's answer means, which rule says so, and what would happen",
    "doctor": "whether each way out works; SPF, DKIM and DMARC of the sender",
    "logs": "delivery log lines for people",
    "prune": "remove runs that are too old, and files that nothing names any more",
    "schema": "the JSON Schema of jobs.yaml, for editors",
    "migrate": "bring the ledger to this version",
}
"""Name → summary: `--help` answers from here without importing a single command."""


class LazyGroup(click.Group):
    """Imports `pipeline.cli.<name>_command` when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"pipeline.cli.{cmd_name}_command").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # noqa: PLC0415 - only for the mistake

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f'; did you mean "{near[0]}"?' if near else "; `pipeline --help` lists them"
            raise click.UsageError(f'no such command "{args[0]}"{hint}', ctx) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "root",
    metavar="DIR",
    default=".",
    type=click.Path(path_type=Path),
    help="The project's folder; default: this one.",
)
@click.version_option(__version__, prog_name="pipeline")
@click.pass_context
def cli(ctx: click.Context, root: Path) -> None:
    """Reports described in jobs.yaml, mailed on time, once, or somebody is told why not."""
    ctx.obj = root


def main() -> None:
    """Runs the command line and turns errors into exit codes."""
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = 2
    except click.Abort:
        click.echo("stopped", err=True)
        status = 130
    except InputError as error:
        click.echo(str(error), err=True)
        status = 2
    except PipelineError as error:
        click.echo(f"error: {error}", err=True)
        status = 1
    sys.exit(status)
