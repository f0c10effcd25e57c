"""Columns that a job describes and its dataset does not have: told once it is loaded, where jobs.yaml says them."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import SourceError
from pipeline.jobs.load import load_project
from pipeline.report.described import check_described

YAML = """\
jobs:
  daily:
    data: sales.csv
    to: team@example.com
    columns:
      sales:
        amuont: {unit: EUR}
        region: {label: Region, highlight: {delta: before}}
"""


def test_every_missing_column_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(YAML, encoding="utf-8")
    project = load_project(tmp_path, {"EMAIL_ADDRESS": "me@example.com"})
    job = project.jobs["daily"]
    frame = pd.DataFrame({"amount": [1], "region": ["north"]})
    with pytest.raises(SourceError) as caught:
        check_described(job, project, "sales", frame)
    assert str(caught.value).splitlines() == [
        'jobs.yaml:7:9: dataset "sales" has no column "amuont", only amount, region; did you mean "amount"?',
        'jobs.yaml:8:45: dataset "sales" has no column "before", only amount, region',
    ]
    check_described(job, project, "other", frame)
    check_described(job, project, "sales", frame.rename(columns={"amount": "amuont"}).assign(before=1))
    check_described(job, project, "sales", pd.DataFrame())
    (tmp_path / "jobs.yaml").unlink()
    with pytest.raises(SourceError, match=r'^jobs\.yaml: dataset "sales" has no column "amuont"'):
        check_described(job, project, "sales", frame)
