"""Where files go that are too large for a mail."""

from pathlib import Path

from pydantic import Field

from pipeline.jobs.base import Strict, Text
from pipeline.jobs.paths import check_inside


class Store(Strict):
    """A folder that a web server shows to the recipients: files under names that nobody can guess."""

    folder: Text = Field(
        description="The folder, from the project's own; something else serves it.", examples=["var/store"]
    )
    url: Text = Field(
        description="Where that folder is served, https; the mails' links begin with it.",
        examples=["https://files.example.com/"],
    )


def check_store_folder(root: Path, text: str) -> None:
    """Raises ValueError for a folder outside of the project, and for one whose files are not all for recipients."""
    check_inside(root, text)
    folder = (root / text).resolve()
    if folder in (root.resolve(), (root / "var").resolve()):
        raise ValueError(
            f'"{text}" holds the project\'s own files, and all in a store is shown on the web; give it a folder of its '
            "own, like var/store"
        )
