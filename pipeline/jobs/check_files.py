"""Files that jobs.yaml names: there, readable, of a kind that can be loaded."""

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import Problem
from pipeline.jobs.names import did_you_mean, listed
from pipeline.jobs.utf8 import not_utf8

WORKBOOKS = (".xlsx", ".xls", ".xlsb", ".ods")
DATA_ENDINGS = (".csv", ".csv.gz", ".parquet", ".json", ".jsonl", ".ndjson", *WORKBOOKS)
"""What `report/sources` can load, by ending."""
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_LARGEST_PICTURE = 200_000


def check_exists(root: Path, path: str) -> str:
    """What is wrong with a path that ought to be a file; empty if nothing is."""
    file = root / path
    if file.is_file():
        return ""
    if file.is_dir():
        return f'"{path}" is a folder; name a file'
    try:
        siblings = {each.relative_to(root).as_posix() for each in file.parent.iterdir()}
    except OSError:
        return f'"{path}" does not exist'
    return f'"{path}" does not exist{did_you_mean(path, sorted(siblings), cutoff=0.85)}'


def check_data_file(root: Path, path: str, endings: tuple[str, ...] = DATA_ENDINGS) -> str:
    """Like `check_exists`; the ending must be one that can be loaded."""
    if not path.lower().endswith(endings):
        return f'"{path}" is of no kind that can be loaded; use {listed(endings)}'
    return check_exists(root, path)


def picture_type(data: bytes) -> str | None:
    """The media type of a picture that every mail program shows, by its first octets."""
    return next((kind for start, kind in _PICTURES.items() if data.startswith(start)), None)


def check_picture(root: Path, path: str) -> str:
    """Like `check_exists`; a picture that each mail can carry."""
    if missing := check_exists(root, path):
        return missing
    data = (root / path).read_bytes()
    if picture_type(data) is None:
        return f'"{path}" holds no PNG, JPEG or GIF picture'
    if len(data) > _LARGEST_PICTURE:
        return f'"{path}" has {len(data) // 1000} kB, and every mail brings it; 200 are enough for a logo'
    return ""


def read_text(root: Path, path: str) -> str | Problem:
    """A text file of the project, or what is wrong with its bytes, at the byte."""
    data = (root / path).read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return not_utf8(path, data, error)


def check_vega(root: Path, path: str) -> Iterator[Problem | str]:
    """A Vega-Lite specification is one JSON object. Texts are about the path, problems about the file."""
    missing = check_exists(root, path)
    if missing:
        yield missing
        return
    text = read_text(root, path)
    if isinstance(text, Problem):
        yield text
        return
    try:
        spec = json.loads(text)
    except json.JSONDecodeError as error:
        yield Problem(path, error.lineno, error.colno, f"not JSON: {error.msg}")
        return
    if not isinstance(spec, dict):
        yield Problem(path, 1, 1, "a Vega-Lite specification is a JSON object")
