"""A mail over its limit is made smaller step by step: zipped, linked where a store is, else without the file, and says
so; the log and the plan name the step."""

import email
import email.policy
import json
import random
from email.message import EmailMessage
from pathlib import Path

import pytest
from projects import inbox, json_lines, make_project, pipeline

from pipeline.engine.lighten import Lightener, LightFile
from pipeline.errors import ComposeError
from pipeline.jobs.storing import Store
from pipeline.ledger.records import Letter
from pipeline.message.ladder import Degraded, Fitted, TooLargeError
from pipeline.message.wire import base64_size
from pipeline.report.artifacts import ArtifactStore

AT = "2026-03-02 07:00"
NOISE = random.Random(1)
REPEATING = "shop,note\n" + "Berlin,the same words in every row of this file\n" * 4000
RANDOM = "shop,note\n" + "".join(f"x,{NOISE.getrandbits(800):x}\n" for _ in range(1200))
JOBS = """\
defaults: {from: Reports <reports@example.com>, owner: Ana <ana@example.com>}
%s
jobs:
  weekly-sales:
    data: {large: reports/large.csv, small: reports/data/sales.csv}
    exports: [{csv: large}, {csv: small}]
    message: {template: short}
    attach_limit: %s
    to: team@example.com
"""
STORE = "store: {folder: var/store, url: https://files.example.com/r}"
TEMPLATES = {"own page": "<html><body>Numbers.</body></html>", "in the layout": "<p>Numbers.</p>"}


def project(
    folder: Path, large: str, *, store: str = "", limit: str = "100kB", template: str = "in the layout"
) -> Path:
    texts = {"reports__large_dot_csv": large, "templates__short_dot_html": TEMPLATES[template]}
    return make_project(folder, JOBS % (store, limit), **texts)


def sent(folder: Path) -> tuple[EmailMessage, dict[str, object]]:
    """The one mail that a run put into the inbox, and its message.degraded line."""
    ran = pipeline(folder, "run", "weekly-sales", "--at", AT)
    assert (ran.returncode, ran.stderr) == (0, "")
    (path,) = inbox(folder)
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert len(path.read_bytes()) < 110_000
    lines = [json.loads(line) for line in (folder / "var/log/delivery.jsonl").read_text().splitlines()]
    (line,) = [line for line in lines if line["event"] == "message.degraded"]
    return message, line


def names(message: EmailMessage) -> list[str | None]:
    return [part.get_filename() for part in message.iter_attachments()]


def bodies(message: EmailMessage) -> list[str]:
    return [message.get_body((kind,)).get_content() for kind in ("html", "plain")]  # type: ignore[union-attr]


def test_first_files_are_zipped(tmp_path: Path) -> None:
    message, line = sent(project(tmp_path, REPEATING))
    assert names(message) == ["large.csv.zip", "small.csv"]
    assert (line["step"], line["reason"]) == ("zip", "too large for a mail: large.csv.zip")
    assert not any("too large" in body for body in bodies(message))


@pytest.mark.parametrize("template", TEMPLATES)
def test_then_the_largest_is_linked_where_a_store_is(tmp_path: Path, template: str) -> None:
    folder = project(tmp_path, RANDOM, store=STORE, template=template)
    message, line = sent(folder)
    (stored,) = (folder / "var/store").glob("*/*")
    assert (stored.name, stored.read_text("utf-8-sig"), stored.stat().st_mode & 0o777) == ("large.csv", RANDOM, 0o644)
    assert len(stored.parent.name) == 32
    url = f"https://files.example.com/r/{stored.parent.name}/large.csv"
    html, plain = bodies(message)
    assert f'<a href="{url}"' in html
    assert f"Note: large.csv (0.2 MB) is too large for a mail: download it here: {url}" in " ".join(plain.split())
    assert html.index(url) < html.index("Numbers.")
    assert names(message) == ["small.csv"]
    assert (line["step"], url in str(line)) == ("link", False)
    assert (folder / "var/store.key").stat().st_mode & 0o777 == 0o600


def test_a_rebuilt_run_links_to_the_same_place(tmp_path: Path) -> None:
    folder = project(tmp_path, RANDOM, store=STORE)
    sent(folder)
    assert pipeline(folder, "run", "weekly-sales", "--at", AT, "--again").returncode == 0
    first, again = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in inbox(folder)]
    assert bodies(first)[1].split("Note:")[1][:150] == bodies(again)[1].split("Note:")[1][:150]  # type: ignore[arg-type]
    assert len(list((folder / "var/store").glob("*/*"))) == 1


def test_without_a_store_it_is_left_out_and_the_mail_says_whom_to_ask(tmp_path: Path) -> None:
    message, line = sent(project(tmp_path, RANDOM))
    assert names(message) == ["small.csv"]
    for body in bodies(message):
        assert "large.csv (0.2 MB) is too large for a mail: It is left out; ana@example.com can" in " ".join(
            body.replace("<strong>", "").replace("</strong>", "").split()
        )
    assert line["step"] == "note"


def test_a_text_that_alone_is_too_large_fails_the_run(tmp_path: Path) -> None:
    folder = project(tmp_path, RANDOM, store=STORE, limit="1kB")
    ran = pipeline(folder, "run", "weekly-sales", "--at", AT)
    assert (ran.returncode, inbox(folder)) == (1, [])
    assert "more than attach_limit (1.0 kB)" in ran.stderr


def test_the_plan_says_what_would_become_of_it(tmp_path: Path) -> None:
    folder = project(tmp_path, REPEATING)
    (line,) = json_lines(pipeline(folder, "plan", "weekly-sales", "--json").stdout)
    assert (line["step"], line["too_large"]) == ("zip", ["large.csv.zip"])
    assert line["files"] == ["large.csv.zip", "small.csv"]
    assert "TOO LARGE" in pipeline(folder, "plan", "weekly-sales").stdout
    assert not (folder / "var/log/delivery.jsonl").exists()


def test_a_mailer_s_message_size_is_a_limit_too(tmp_path: Path) -> None:
    mailers = 'mailers: {relay: {smtp: "smtp+plain://localhost:1", limits: {message_size: 50kB}}}'
    folder = project(tmp_path, REPEATING, store=mailers, limit="20MB")
    (line,) = json_lines(pipeline(folder, "plan", "weekly-sales", "--json").stdout)
    assert line["step"] == "zip"


# --- the steps alone --------------------------------------------------------------------------------------------


class Report:
    def __init__(self, files: list[LightFile]) -> None:
        self.files = files
        self.charts: dict[str, object] = {}


@pytest.mark.parametrize(
    ("limit", "step", "gone", "staying"),
    [
        (10**6, None, (), ["a.bin", "b.bin", "c.zip"]),
        (base64_size(60_000) + base64_size(30_000), "link", ("a.bin",), ["b.bin", "c.zip"]),
        (base64_size(30_000), "link", ("a.bin", "b.bin"), ["c.zip"]),
        (0, "link", ("a.bin", "b.bin", "c.zip"), []),
        (-1, "error", (), []),
    ],
)
def test_the_largest_go_first_and_no_more_than_must(
    tmp_path: Path, limit: int, step: str | None, gone: tuple[str, ...], staying: list[str]
) -> None:
    """What cannot be packed (noise, archives) is not; the letter here is nothing but its files."""
    store = ArtifactStore(tmp_path / "artifacts")
    sizes = {"b.bin": 60_000, "a.bin": 90_000, "c.zip": 30_000}
    noise = random.Random(2)
    files = [LightFile(store.put(noise.randbytes(size), "a/b"), name, 0) for name, size in sizes.items()]
    kept: list[list[str]] = []

    def compose(report: Report, to: object, row: object = None, notes: object = ()) -> Letter:
        if sum(base64_size(file.artifact.size) for file in report.files) > limit:
            raise TooLargeError("too large")
        kept.append(sorted(file.filename for file in report.files))
        return Letter("<m>", "a@b", ("c@d",), b"", b"", b"", (), "")

    lightener = Lightener(store, Store(folder="store", url="https://f.example.com"), tmp_path, tmp_path / "key")
    told: list[Degraded] = []
    fitted = Fitted(compose, lightener, "owner", told.append)  # type: ignore[arg-type]
    if step == "error":
        with pytest.raises(ComposeError):
            fitted.letter(Report(files), None)  # type: ignore[arg-type]
        return
    fitted.letter(Report(files), None)  # type: ignore[arg-type]
    assert kept == [staying]
    assert [(one.step, one.files) for one in told] == ([] if step is None else [(step, gone)])
