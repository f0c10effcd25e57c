"""Every YAML block of docs/jobs.md loads, and the page names every key that there is."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipeline.jobs.document import Document
from pipeline.jobs.explain import VOCABULARY
from pipeline.jobs.load import Loaded

PAGE = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
ENVIRON = {
    "EMAIL_ADDRESS": "me@example.com",
    "SMTP_URL": "smtps://user:secret@mail.example.com",
    "SMTP_PASSWORD": "secret",
    **dict.fromkeys(["G_ID", "G_SECRET", "G_TOKEN", "SES_USER", "SES_PASSWORD", "DKIM_KEY"], "secret"),
    **dict.fromkeys(["ZIP_PASSWORD", "FX_KEY", "FX_TOKEN"], "secret"),
    "BOUNCES_URL": "imaps://reports:secret@mail.example.com/INBOX",
    "WAREHOUSE_URL": "postgresql://user:secret@db/warehouse",
}


def whole_file(block: str) -> str:
    """A block shows a file, the top of one, or keys of a job; what it leaves out is the smallest there is."""
    keys = set(yaml.safe_load(block))
    if "jobs" in keys:
        return block
    if keys <= set(Document.model_fields):
        return f"{block}jobs: {{shown: {{data: sales.csv, to: team@example.com}}}}\n"
    job = block + ("" if "data" in keys else "data: sales.csv\n")
    job += "" if keys & {"to", "each"} else "to: team@example.com\n"
    return "jobs:\n  shown:\n" + "".join(f"    {line}\n" for line in job.splitlines())


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_loads(load_text: Callable[..., Loaded], block: str) -> None:
    assert load_text(whole_file(block), ENVIRON).project.jobs


def test_there_are_blocks() -> None:
    assert len(BLOCKS) > 12


def test_every_key_is_on_the_page() -> None:
    known = {key for keys in VOCABULARY.values() for key in keys}
    assert sorted(key for key in known if not re.search(rf"\b{key}\b", PAGE)) == []
