"""Names that datasets, charts and params cannot have, because templates, SQL or Python already mean
something by them."""

import re
from keyword import iskeyword

CONTEXT = frozenset(
    {
        "title", "description", "period", "params", "recipient", "run", "job",
        "due", "datasets", "charts", "files", "attachments",
        "theme", "preheader", "locale", "unsubscribe", "logo",
    }
)  # fmt: skip
"""What templates and Python functions see under these names."""
COMPONENTS = frozenset({"table", "kpi", "chart", "sparkline", "button", "banner", "section"})
JINJA = frozenset(
    {
        "range", "dict", "cycler", "joiner", "namespace", "loop", "self", "super",
        "caller", "varargs", "kwargs", "true", "false", "none",
    }
)  # fmt: skip
BOUND = frozenset({"start", "end", "due"})
"""What SQL binds besides params."""


def check_name(text: str) -> None:
    """Raises ValueError unless it can name a dataset or a chart: a word of templates, SQL and Python."""
    if text in CONTEXT | COMPONENTS | JINJA:
        raise ValueError(f'"{text}" means something else in templates; choose another name')
    _check_word(text)


def check_param(text: str) -> None:
    """Raises ValueError unless it can name a parameter."""
    if text in BOUND:
        raise ValueError(f'":{text}" is bound to the period already; choose another name')
    _check_word(text)


def check_label(text: str) -> None:
    """Raises ValueError unless it can name a job, mailer or source: part of a file name, a log line, a
    command."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        raise ValueError(f'"{text}" is not a name; letters, digits, "-", "_" and ".", at most 100 of them')


def _check_word(text: str) -> None:
    if not text.isascii() or not text.isidentifier() or text.startswith("_") or iskeyword(text) or len(text) > 100:
        raise ValueError(f'"{text}" is not a name; letters, digits and "_", a letter first, and no word of Python')
