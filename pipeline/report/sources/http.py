"""Data by HTTP: JSON, CSV or Parquet, by what the server says that it is, else by the address's ending."""

import hashlib
import time
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

from pipeline.errors import SourceError
from pipeline.jobs.fetching import HttpData, as_text, secret_of
from pipeline.report.model import Datasets, Facts, InputFile
from pipeline.report.sources import bound, files
from pipeline.report.sources.http_fetch import Fetched, Limits, fetch
from pipeline.report.sources.loaded import Loaded

LARGEST = 500_000_000
_TYPES = {
    "application/json": ".json", "text/json": ".json", "application/x-ndjson": ".ndjson", "application/jsonl": ".jsonl",
    "application/x-jsonlines": ".jsonl", "text/csv": ".csv", "application/csv": ".csv",
    "application/vnd.apache.parquet": ".parquet", "application/x-parquet": ".parquet",
}  # fmt: skip
_ENDINGS = (".json", ".jsonl", ".ndjson", ".csv", ".csv.gz", ".parquet")


def load(source: HttpData, facts: Facts, _earlier: Datasets, _urls: object) -> Loaded:
    """What is at the address now. Its SHA-256 and address, without what `query` asked, are told as an input."""
    shown = source.http
    said = {name: _said(value, facts) for name, value in source.query.items()}
    asked = urlencode({name: value for name, value in said.items() if value is not None})
    headers = {name: secret_of(value) for name, value in source.headers.items()}
    limits = Limits(facts.seconds / 2, min(LARGEST, facts.memory // 4))
    url = f"{source.http}?{asked}" if asked else source.http
    fetched = fetch(url, shown, headers, limits, now=time.monotonic, sleep=time.sleep)
    ending = _ending(source.http, fetched)
    with TemporaryDirectory(prefix="pipeline-") as folder:
        path = Path(folder) / f"data{ending}"
        path.write_bytes(fetched.data)
        frame = files.read(path, shown, source.columns, facts.zone)
    return Loaded(frame, (InputFile(shown, hashlib.sha256(fetched.data).hexdigest(), len(fetched.data)),))


def _said(value: str | SecretStr, facts: Facts) -> str | None:
    """A text as it is, `:start` and its like as SQL has them: dates in ISO 8601, true and false as JSON has them; None
    for a param that is null."""
    if not isinstance(value, str) or not value.startswith(":"):
        return secret_of(value)
    known = bound.values(facts)[value[1:]]
    if isinstance(known, date | datetime):
        return known.isoformat()
    return None if known is None else as_text(known)


def _ending(url: str, fetched: Fetched) -> str:
    """The kind of what came."""
    path = urlsplit(url).path.lower()
    by_name = next((ending for ending in reversed(_ENDINGS) if path.endswith(ending)), "")
    if by_name == ".csv.gz":
        return by_name
    by_type = _TYPES.get(fetched.media_type) or (".json" if fetched.media_type.endswith("+json") else "")
    if not by_type and not by_name:
        said = f'"{fetched.media_type}"' if fetched.media_type else "nothing"
        raise SourceError(f"{url}: the server says {said} of what it sends; JSON, CSV and Parquet can be read")
    return by_type or by_name
