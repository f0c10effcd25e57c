"""Files that a mail brings, and what a workbook shows besides rows."""

from typing import Literal

from pydantic import Field, SecretStr

from pipeline.jobs.base import Strict, Text


class Export(Strict):
    """One file. `kind` is the key that the YAML used; `data` the datasets in it (one, except for xlsx), of pdf
    and html none: they have a `template`."""

    kind: Literal["csv", "xlsx", "parquet", "json", "pdf", "html"]
    data: tuple[str, ...] = ()
    template: Text | None = None
    """Of a document, `daily` means templates/daily.html; None: the message's."""
    name: Text | None = Field(
        default=None,
        description="The file's name, a template; default: after the dataset, of a workbook after the job.",
        examples=["delays-{{ period.start | date }}.xlsx"],
    )
    """A template for the file name, `delays-{{ period.start | date }}.xlsx`; default: after the dataset or
    job."""
    totals: bool = Field(default=False, description="A row of totals under each table of a workbook.", examples=[True])
    cover: bool | None = Field(
        default=None,
        description="A first sheet with title, period, filters and what is in the workbook; default: where it has"
        " more than one dataset, charts or a note.",
        examples=[False],
    )
    note: Text | None = Field(
        default=None,
        description="What stands on a workbook's cover, a template of one paragraph.",
        examples=["{{ delays | length }} carriers; numbers are final on the 5th."],
    )
    charts: bool = Field(default=False, description="The mail's charts on a sheet of a workbook.", examples=[True])
    zip: bool = Field(default=False, description="Puts the file into a ZIP archive.", examples=[True])
    password: SecretStr | None = Field(
        default=None, description="Encrypts the ZIP archive (AES-256).", examples=["${ZIP_PASSWORD}"]
    )

    @property
    def has_cover(self) -> bool:
        """Of a workbook."""
        return len(self.data) > 1 or self.charts or self.note is not None if self.cover is None else self.cover
