"""The picture of a job's theme, as the mail carries it."""

from dataclasses import dataclass

from pipeline.errors import ReportError
from pipeline.jobs.check_files import check_picture, picture_type
from pipeline.jobs.model import Job, Project
from pipeline.ledger.records import Artifact
from pipeline.report.artifacts import ArtifactStore


@dataclass(frozen=True, slots=True)
class LogoImage:
    """A `message.facts.ChartLike`; its height follows from its width, in every mail program."""

    name: str
    artifact: Artifact
    title: str
    alt: str
    width: int
    height: int


def logo_of(job: Job, project: Project, store: ArtifactStore) -> LogoImage | None:
    """None where the theme has none. Raises ReportError for a file that is no picture."""
    theme = project.themes.get(job.message.theme)
    if theme is None or theme.logo is None:
        return None
    if wrong := check_picture(project.root, theme.logo.file):
        raise ReportError(f"themes.{job.message.theme}.logo.file: {wrong}")
    data = (project.root / theme.logo.file).read_bytes()
    artifact = store.put(data, picture_type(data) or "image/png")
    return LogoImage("logo", artifact, "", theme.logo.alt, theme.logo.width, 0)
