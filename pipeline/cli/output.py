"""What commands print: tables for people, one JSON object a line with `--json`."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def print_json(record: Mapping[str, object]) -> None:
    """One line; fields that are None are left out, times are RFC 3339 UTC."""
    fields = {name: _plain(value) for name, value in record.items() if value is not None}
    click.echo(json.dumps(fields, ensure_ascii=False))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    return value


def utc(moment: datetime) -> str:
    """`2013-02-01T11:30:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def print_rows(
    rows: Sequence[Mapping[str, object]],
    columns: Mapping[str, Callable[[Any], str] | None],
    *,
    as_json: bool,
    empty: str,
) -> None:
    """Rows as a table with upper-case headings (columns: field → how to write it), or as JSON lines.

    `empty` is what a person reads instead of a table with no rows.
    """
    if as_json:
        for row in rows:
            print_json(row)
        return
    if not rows:
        click.echo(empty)
        return
    cells = [[_cell(row.get(name), write) for name, write in columns.items()] for row in rows]
    heads = [name.upper().replace("_", " ") for name in columns]
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    for number, line in enumerate([heads, *cells]):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        click.echo(click.style(text, bold=True) if number == 0 else text)


def _cell(value: object, write: Callable[[Any], str] | None) -> str:
    if value is None or value == "":
        return "–"
    return write(value) if write else str(value)


def counted(count: int, one: str, many: str = "") -> str:
    """`1 message`, `1,204 messages`; `many` where an s does not make the plural."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def human_size(count: int) -> str:
    """`312 B`, `48.1 kB`, `2.4 MB` (powers of 1,000, as mail limits are given)."""
    if count < 1000:
        return f"{count} B"
    for unit, factor in (("kB", 1e3), ("MB", 1e6)):
        if count < 999.95 * factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count / 1e9:.1f} GB"


def on_terminal() -> bool:
    """Progress is shown to people, not to pipes."""
    return sys.stdout.isatty()
