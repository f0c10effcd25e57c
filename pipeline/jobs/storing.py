"""Where files go that are too large for a mail."""

from pydantic import Field

from pipeline.jobs.base import Strict, Text


class Store(Strict):
    """A folder that a web server shows to the recipients: files under names that nobody can guess."""

    folder: Text = Field(
        description="The folder, from the project's own; something else serves it.", examples=["var/store"]
    )
    url: Text = Field(
        description="Where that folder is served, https; the mails' links begin with it.",
        examples=["https://files.example.com/"],
    )
