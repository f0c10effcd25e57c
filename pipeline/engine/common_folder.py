"""Whose a folder of artifacts is: machines that share a ledger must share it, and ledgers that share it must not sweep
it. A mail in the one names files in the other."""

import os
import secrets
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.ledger.marks import Marks

MARKER = "of-ledger"
USED_BY = "used-by-"
"""Begins the name of a file that a ledger leaves where its mails' files are."""
_NAME = "artifacts"
_LEDGER = "ledger"


def require_common(folder: Path, marks: Marks) -> None:
    """Compares the name in the folder with that in the ledger; where neither has one, both get it.

    Raises UsageError where this is another folder than the one that the ledger's mails were made with.
    """
    file = folder / MARKER
    mine = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    known = marks.find(_NAME)
    if known is None:
        mine = mine or _leave(file, secrets.token_hex(8))
        known = marks.agree(_NAME, mine)
    if mine != known:
        there = f"says {mine}" if mine else "is absent"
        raise UsageError(
            f"{folder} is not the folder of artifacts that this ledger's mails were made with: {file} {there}, the "
            f"ledger says {known}. Share the folder of the machine that has it (NFS will do) and name it here: "
            "ARTIFACTS=/where/it/is. Only if its files are gone for good, and mails that carry them may fail: write "
            f"{known} into {file}"
        )


def sign(folder: Path, marks: Marks, place: str) -> None:
    """Leaves this ledger's mark where files of its mails are going to be. `place`: where the ledger is, for people."""
    file = folder / f"{USED_BY}{_id(marks)}"
    if not file.exists():
        _leave(file, place)


def refuse_shared(folder: Path, marks: Marks) -> None:
    """Raises UsageError where another ledger has left its mark: what this one does not name may be named by that."""
    mine = _id(marks)
    for file in sorted(folder.glob(f"{USED_BY}*")):
        if file.name != f"{USED_BY}{mine}":
            raise UsageError(
                f"{folder} has files of another ledger, too: {file.read_text(encoding='utf-8').strip()}. What this one "
                f"does not know may be that one's, so nothing is removed. Give one of them a folder of its own "
                f"(ARTIFACTS) before its next build; once that ledger, and what it has sent, is gone for good, "
                f"remove {file}"
            )


def _id(marks: Marks) -> str:
    """What tells this ledger from any other."""
    return marks.find(_LEDGER) or marks.agree(_LEDGER, secrets.token_hex(8))


def _leave(file: Path, line: str) -> str:
    """The whole line or nothing, and that of whoever was first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    hidden.write_text(f"{line}\n", encoding="utf-8")
    try:
        os.link(hidden, file)
    except FileExistsError:
        return file.read_text(encoding="utf-8").strip()
    finally:
        hidden.unlink()
    return line
