"""`pipeline schema`: the JSON Schema of jobs.yaml."""

import json

import click


@click.command()
def command() -> None:
    """The JSON Schema of jobs.yaml, for editors: `pipeline schema > jobs.schema.json`."""
    from pipeline.jobs.schema import json_schema  # noqa: PLC0415 - for this command only

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
