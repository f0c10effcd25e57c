"""Every example of docs/templates.md renders, and its tables name every filter and component that there is."""

import re
from pathlib import Path

import pytest

from pipeline.jobs.reserved import COMPONENTS
from pipeline.message.names import CONTEXT_NAMES

PAGE = (Path(__file__).parents[2] / "docs/templates.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(html\+jinja|jinja)\n(.*?)```", PAGE, re.DOTALL)
FILTERS = re.findall(r"^\| `(\{\{.*?\}\})` \| `(.*?)`", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("language", "source"), EXAMPLES)
def test_examples_render(desk, language: str, source: str) -> None:  # type: ignore[no-untyped-def]
    assert (desk.text if language == "jinja" else desk.html)(source)


@pytest.mark.parametrize(("source", "expected"), FILTERS)
def test_filters_give_what_the_page_says(desk, source: str, expected: str) -> None:  # type: ignore[no-untyped-def]
    assert f"\n{expected}\n" in desk.text(source.replace("\\|", "|"))


def test_the_page_names_everything() -> None:
    assert len(EXAMPLES) > 6
    assert len(FILTERS) > 10
    for name in COMPONENTS | (CONTEXT_NAMES - {"attachments", "preheader"}):
        assert f"`{name}`" in PAGE or f"{name}(" in PAGE, name
