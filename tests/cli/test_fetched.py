"""Data by HTTP with the real command: the run names what came, and its secret stands nowhere on the disk."""

from pathlib import Path

from http_server import HttpServer
from projects import json_lines, make_project, pipeline

AT, SECRET = "2026-03-02 07:00", "canary-4711"
JOBS = """\
defaults: {{from: Reports <reports@example.com>}}
jobs:
  rates:
    data:
      fx:
        http: {url}/fx.json
        query: {{day: ":start", key: "${{FX_KEY}}"}}
        headers: {{Authorization: "Bearer ${{FX_KEY}}"}}
    to: team@example.com
"""


def test_a_run_tells_what_came_and_no_secret(tmp_path: Path) -> None:
    answers = [(200, {"Content-Type": "application/json"}, b'[{"currency": "EUR", "rate": 1.08}]'), (401, {}, b"")]
    with HttpServer(answers) as server:
        project = make_project(tmp_path, JOBS.format(url=server.url), _dot_env=f"FX_KEY={SECRET}\n")
        assert pipeline(project, "check").returncode == 0
        sent = pipeline(project, "run", "rates", "--at", AT, "--json")
        failed = pipeline(project, "run", "rates", "--at", "2026-03-03 07:00", "--json")
        [(path, headers), _] = server.asked
    assert sent.returncode == 0
    assert path == f"/fx.json?day=2026-03-01T00%3A00%3A00&key={SECRET}"
    assert headers["authorization"] == f"Bearer {SECRET}"
    shown = pipeline(project, "show", "rates@20260302T070000Z").stdout
    assert f"{server.url}/fx.json" in shown
    assert failed.returncode == 1
    reason = next(line["reason"] for line in json_lines(failed.stdout) if line.get("event") == "run.failed")
    assert reason == (
        f'dataset "fx": {server.url}/fx.json: the server answers 401 Unauthorized; the secret in its headers or query'
        " is wrong or has ended"
    )
    written = [file for file in project.rglob("*") if file.is_file() and file.name != ".env"]
    assert not [file for file in written if SECRET.encode() in file.read_bytes()]
    told = sent.stdout + sent.stderr + failed.stdout + failed.stderr + shown + pipeline(project, "jobs", "rates").stdout
    assert SECRET not in told
