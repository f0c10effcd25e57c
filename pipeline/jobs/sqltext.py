"""Where `:name` stands in SQL for a value to bind: not in strings, quoted names, comments or casts (`x::int`)."""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Placeholder(NamedTuple):
    """One `:name`; line and column from 1, offset of the colon from 0."""

    name: str
    line: int
    column: int
    offset: int


_TOKEN = re.compile(
    r"""
      --[^\n]*                                  # a comment to the end of the line
    | /\*.*?(?:\*/|\Z)                          # a comment
    | '(?:[^']|'')*(?:'|\Z)                     # a string
    | "(?:[^"]|"")*(?:"|\Z)                     # a quoted name
    | `[^`]*(?:`|\Z)                            # a quoted name of MySQL
    | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)    # a dollar-quoted string of PostgreSQL and DuckDB
    | (?<![\w:\\]):(?P<name>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def placeholders(sql: str) -> Iterator[Placeholder]:
    """Every place where a value is to be bound, in order."""
    for match in _TOKEN.finditer(sql):
        if match["name"]:
            start = match.start()
            line = sql.count("\n", 0, start) + 1
            yield Placeholder(match["name"], line, start - sql.rfind("\n", 0, start), start)


def is_blank(sql: str) -> bool:
    """Whether there is nothing but blanks, comments and semicolons."""
    rest = _TOKEN.sub(lambda match: " " if match[0].startswith(("--", "/*")) else "x", sql)
    return not rest.strip(" \t\r\n;\ufeff")
