"""File names that every mail client and file system takes, and no two the same in one mail."""

import re
import unicodedata
from collections.abc import Iterable

from pipeline.errors import ExportError

_LONGEST = 120
"""Characters: 255 bytes are what file systems take, and a folder's path is added where somebody saves the
file."""
_ADDRESS = re.compile(r"[a-z]{1,3}\d+|[rc]|r\d*c\d*|true|false|\d.*", re.IGNORECASE)
"""What Excel takes for a cell, a value or no name at all."""
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def finished(given: str, ending: str, *, zip_it: bool) -> str:
    """`given` made safe, with the ending (and `.zip` behind it) where it lacks them.

    Path separators and what Windows forbids become `_`; control and invisible format characters go (a
    right-to-left override makes `fdp.exe` read `exe.pdf`); reserved names get a `_` in front; long ones are
    cut before the ending.
    """
    text = "".join(" " if c in "\t\r\n" else c for c in unicodedata.normalize("NFC", given))
    text = "".join("_" if c in '/\\<>:"|?*' else c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    stem = text.strip()
    for suffix in (".zip", ending) if zip_it else (ending,):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    stem = stem.strip(". ")
    if not stem.strip("_"):
        raise ExportError(f'the file name "{given}" leaves nothing to call a file; give it letters or digits')
    stem = f"_{stem}" if stem.split(".")[0].lower() in _RESERVED else stem
    return stem[:_LONGEST].rstrip(". ") + ending + (".zip" if zip_it else "")


def refuse_twins(filenames: Iterable[str]) -> None:
    """Raises ExportError where two files of one mail have one name, in whatever case."""
    seen: set[str] = set()
    for name in filenames:
        if name.casefold() in seen:
            raise ExportError(f'two files of this mail are called "{name}"; give one of them a name of its own')
        seen.add(name.casefold())


def sheet_titles(datasets: Iterable[str]) -> list[str]:
    """Excel's rules for sheet names: 31 characters, none of `[]:*?/\\`, no `'` at either end, not History,
    and unique in whatever case."""
    titles: list[str] = []
    for dataset in datasets:
        safe = "".join("_" if c in "[]:*?/\\" or ord(c) < 32 else c for c in dataset).strip("'") or "_"
        safe = f"{safe}_" if safe.casefold() == "history" else safe
        title, number = safe[:31], 2
        while title.casefold() in {other.casefold() for other in titles}:
            tail = f"~{number}"
            title, number = safe[: 31 - len(tail)] + tail, number + 1
        titles.append(title)
    return titles


def table_names(datasets: Iterable[str]) -> list[str]:
    """Excel's rules for names of tables: letters, digits and `_`, nothing that reads as a cell, unique in whatever
    case and in the whole workbook."""
    found: list[str] = []
    for dataset in datasets:
        name = re.sub(r"\W", "_", dataset)[:200] or "_"
        name = f"_{name}" if _ADDRESS.fullmatch(name) else name
        found.append(_free(name, "_", found))
    return found


def headers(labels: Iterable[str]) -> list[str]:
    """What a table of Excel's takes above its columns: one line of 255 characters at most, not empty, and unique in
    whatever case."""
    found: list[str] = []
    for label in labels:
        line = "".join(" " if unicodedata.category(c) == "Cc" else c for c in label)
        line = re.sub(r"_x(?=[0-9A-Fa-f]{4}_)", "_X", line) or "_"
        line = line if len(line) <= 240 else f"{line[:239]}…"
        found.append(_free(line, " ~", found))
    return found


def _free(name: str, joint: str, taken: Iterable[str]) -> str:
    """The name, or the first with a number behind it that nobody has yet."""
    others, number, found = {other.casefold() for other in taken}, 2, name
    while found.casefold() in others:
        found, number = f"{name}{joint}{number}", number + 1
    return found
