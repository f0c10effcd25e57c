"""File names that every mail client and file system takes, and no two the same in one mail."""

import unicodedata
from collections.abc import Iterable

from pipeline.errors import ExportError

_LONGEST = 120
"""Characters: 255 bytes are what file systems take, and a folder's path is added where somebody saves the
file."""
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
