"""Projects in a folder of their own."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipeline.jobs.load import Loaded, Validators, load

ENVIRON = {"EMAIL_ADDRESS": "me@example.com", "SMTP_URL": "smtps://user:hunter2@mail.example.com"}
Load = Callable[..., Loaded]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Writes a jobs.yaml and loads it."""

    def write_and_load(
        text: str, environ: Mapping[str, str] | None = None, validators: Validators | None = None
    ) -> Loaded:
        (tmp_path / "jobs.yaml").write_text(text, encoding="utf-8")
        return load(tmp_path, ENVIRON if environ is None else environ, validators=validators)

    return write_and_load
