"""`pipeline schema`: the JSON Schema of jobs.yaml."""

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="On one line.")
def command(*, as_json: bool) -> None:
    """The JSON Schema of jobs.yaml, for editors: `pipeline schema > jobs.schema.json`."""
    from pipeline.jobs.schema import json_schema  # noqa: PLC0415 - for this command only

    click.echo(json.dumps(json_schema(), indent=None if as_json else 2, ensure_ascii=False))
