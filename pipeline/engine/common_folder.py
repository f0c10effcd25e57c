"""Machines that share a ledger must share the folder of artifacts: a mail in the one names files in the other."""

import os
import secrets
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.ledger.marks import Marks

MARKER = "of-ledger"
_NAME = "artifacts"


def require_common(folder: Path, marks: Marks) -> None:
    """Compares the name in the folder with that in the ledger; where neither has one, both get it.

    Raises UsageError where this is another folder than the one that the ledger's mails were made with.
    """
    file = folder / MARKER
    mine = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    known = marks.find(_NAME)
    if known is None:
        mine = mine or _write(file, secrets.token_hex(8))
        known = marks.agree(_NAME, mine)
    if mine != known:
        there = f"says {mine}" if mine else "is absent"
        raise UsageError(
            f"{folder} is not the folder of artifacts that this ledger's mails were made with: {file} {there}, the "
            f"ledger says {known}. Share the folder of the machine that has it (NFS will do) and name it here: "
            "ARTIFACTS=/where/it/is. Only if its files are gone for good, and mails that carry them may fail: write "
            f"{known} into {file}"
        )


def _write(file: Path, name: str) -> str:
    """The whole name or nothing, and that of whoever was first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{MARKER}-{name}")
    hidden.write_text(f"{name}\n", encoding="utf-8")
    try:
        os.link(hidden, file)
    except FileExistsError:
        return file.read_text(encoding="utf-8").strip()
    finally:
        hidden.unlink()
    return name
