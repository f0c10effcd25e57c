"""The picture of a job's theme, as the mail carries it."""

from pipeline.errors import ReportError
from pipeline.jobs.check_files import check_picture, picture_type
from pipeline.jobs.model import Job, Project
from pipeline.report.artifacts import ArtifactStore
from pipeline.report.model import ChartImage


def logo_of(job: Job, project: Project, store: ArtifactStore) -> ChartImage | None:
    """None where the theme has none. Its height is 0: every mail program has it follow from the width. Raises
    ReportError for a file that is no picture."""
    theme = project.themes.get(job.message.theme)
    if theme is None or theme.logo is None:
        return None
    if wrong := check_picture(project.root, theme.logo.file):
        raise ReportError(f"themes.{job.message.theme}.logo.file: {wrong}")
    data = (project.root / theme.logo.file).read_bytes()
    artifact = store.put(data, picture_type(data) or "image/png")
    return ChartImage("logo", artifact, "", theme.logo.alt, theme.logo.width, 0)
