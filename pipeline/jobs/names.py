"""Near misses: the word that somebody probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

SYNONYMS = {
    "attachments": "exports", "average": "mean", "avg": "mean", "header": "label",
    "excel": "xlsx", "charset": "encoding", "crontab": "cron", "filters": "slice",
    "frequency": "schedule",
    "interval": "every", "name": "title", "path": "file", "query": "sql", "recipients": "to",
    "reply-to": "reply_to",
    "sender": "from", "sheet_name": "sheet", "start": "at", "tz": "timezone", "zone": "timezone",
    "url": "smtp",
    "variables": "params", "parameters": "params", "when": "schedule", "where": "slice",
}  # fmt: skip
"""Words of other tools for what we call otherwise."""


def nearest(word: str, known: Iterable[str], cutoff: float | None = None) -> str | None:
    """The known word that looks most like this one, or that other tools call so; None if there is none."""
    own = {each.lower(): each for each in known}
    asked = word.lower()
    cutoff = cutoff or (0.6 if len(asked) < 5 else 0.7)
    for spelling in (asked, asked.replace("-", "_"), asked.replace("_", "-")):
        if found := get_close_matches(spelling, own, n=1, cutoff=cutoff):
            return own[found[0]]
    foreign = {theirs: ours for theirs, ours in SYNONYMS.items() if ours in own.values()}
    found = get_close_matches(asked, foreign, n=1, cutoff=0.8)
    return foreign[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], cutoff: float | None = None) -> str:
    """`; did you mean "x"?`, or nothing: the tail of a message."""
    found = nearest(word, known, cutoff)
    return f'; did you mean "{found}"?' if found else ""


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def got(value: object) -> str:
    """How a value looks to its author: `got the text "x"`. Never called with a secret."""
    if value is None:
        return "got nothing"
    if isinstance(value, bool):
        return f"got {str(value).lower()}"
    if isinstance(value, int | float):
        return f"got the number {value}"
    if isinstance(value, str):
        return f'got the text "{value if len(value) <= 60 else value[:57] + "..."}"'
    return "got a list" if isinstance(value, list | tuple) else "got a mapping"
