"""SQL text with `:name` parameters: which it uses, and the same text in another notation.

A small lexer knows where a colon is no parameter: strings, quoted identifiers, comments, dollar quotes,
`::casts`, `:=`, array slices. The rules are PostgreSQL's (chapter "Lexical Structure"), which DuckDB shares.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<escape>  \b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z) )  # backslashes escape in these alone
    | (?P<string>  '(?:[^']|'')*(?:'|\Z) )
    | (?P<quoted>  "(?:[^"]|"")*(?:"|\Z) | `[^`]*(?:`|\Z) )
    | (?P<line>    --[^\n]* )
    | (?P<block>   /\* )                                     # its end is searched by hand: blocks nest
    | (?P<dollar>  (?<![\w$]) \$ (?P<tag>(?:[A-Za-z_]\w*)?) \$ .*? (?:\$(?P=tag)\$|\Z) )
    | (?P<cast>    :: )
    | (?<![\w:\\]) : (?P<param>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter where it stands; `line` counts from 1."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement cut at its parameters. Joining the pieces with `:name` gives the text as written."""

    pieces: tuple[str | Param, ...]

    @property
    def params(self) -> tuple[Param, ...]:
        """In order, with repetitions."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Param))

    def render(self, param: Callable[[str], str], text: Callable[[str], str] = str) -> str:
        """The statement with each parameter's name, and each text between, replaced."""
        return "".join(param(p.name) if isinstance(p, Param) else text(p) for p in self.pieces)

    def for_duckdb(self) -> str:
        """Parameters as `$name`."""
        return self.render(lambda name: f"${name}")

    def for_sqlalchemy(self) -> str:
        r"""For `sqlalchemy.text`, whose own search for `:name` looks into strings and comments too: colons
        that are no parameters are escaped as `\:`."""
        return self.render(lambda name: f":{name}", lambda text: text.replace(":", r"\:"))


def parse(sql: str, *, nested_comments: bool = True) -> Statement:
    """Cuts the text at its parameters. `nested_comments`: PostgreSQL and DuckDB nest `/* /* */ */`, SQLite
    does not."""
    pieces: list[str | Param] = []
    start = position = 0
    while match := _TOKEN.search(sql, position):
        position = match.end()
        if match["block"]:
            position = _block_end(sql, match.end(), nested=nested_comments)
        elif match["param"]:
            pieces += [
                sql[start : match.start()],
                Param(match["param"], sql.count("\n", 0, match.start()) + 1),
            ]
            start = position
    return Statement((*pieces, sql[start:]))


def _block_end(sql: str, position: int, *, nested: bool) -> int:
    depth = 1
    while depth and (edge := _BLOCK_EDGE.search(sql, position)):
        position = edge.end()
        if edge.group() == "*/":
            depth -= 1
        elif nested:
            depth += 1
    return len(sql) if depth else position
