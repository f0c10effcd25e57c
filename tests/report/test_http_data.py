"""Data by HTTP, from a server on loopback: what it becomes, what is asked, what becomes of a server that misbehaves."""

import io
import json
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPMessage
from pathlib import Path

import pandas as pd
import pytest
import trustme
from http_server import Answer, HttpServer
from projects import make_project, pipeline
from pydantic import SecretStr

from pipeline.errors import SourceError
from pipeline.jobs.fetching import HttpData
from pipeline.report.model import Facts
from pipeline.report.sources import load_dataset
from pipeline.report.sources.http_fetch import Fetched, Limits, _Redirects, fetch

JSON = {"Content-Type": "application/json; charset=utf-8"}
RATES = b'[{"currency": "EUR", "rate": 1.08, "day": "2013-01-02"}, {"currency": "JPY", "rate": 0.0115, "day": null}]'
OK: Answer = (200, JSON, RATES)
SECRET = "s3cret-canary"
LIMITS = Limits(100.0, 1_000_000)


def parquet() -> bytes:
    held = io.BytesIO()
    pd.DataFrame({"a": [1, 2]}).to_parquet(held)
    return held.getvalue()


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that is taken, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


class Clock:
    """Seconds that pass while somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def get(server: HttpServer, clock: Clock | None = None, limits: Limits = LIMITS, **headers: str) -> Fetched:
    clock = clock or Clock()
    return fetch(f"{server.url}/fx?key={SECRET}", "the address", headers, limits, now=clock.now, sleep=clock.sleep)


def refusal(asking: Callable[[], object]) -> str:
    with pytest.raises(SourceError) as caught:
        asking()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value).removeprefix("the address: ")


# --- what it becomes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "body", "expected"),
    [
        ("/fx", {"Content-Type": "application/json"}, b'[{"a": 1}, {"a": 2}]', [1, 2]),
        ("/fx", {"Content-Type": "application/vnd.api+json"}, b'{"a": [1, 2], "b": ["x", "y"]}', [1, 2]),
        ("/fx", {"Content-Type": "text/csv;charset=utf-8"}, b"a,b\n1,x\n2,y\n", [1, 2]),
        ("/fx", {"Content-Type": "application/x-ndjson"}, b'{"a": 1}\n{"a": 2}\n', [1, 2]),
        ("/fx.parquet", {"Content-Type": "application/octet-stream"}, parquet(), [1, 2]),
        ("/fx.CSV", {}, b"a\n1\n2\n", [1, 2]),
        ("/fx.csv", {"Content-Type": "application/json"}, b'[{"a": 3}]', [3]),
    ],
)
def test_what_comes_is_read_by_what_the_server_calls_it_or_by_its_ending(
    facts: Facts, path: str, headers: dict[str, str], body: bytes, expected: list[int]
) -> None:
    with HttpServer([(200, headers, body)]) as server:
        loaded = load_dataset("fx", HttpData(http=server.url + path), facts, {}, {})
    assert loaded.frame["a"].tolist() == expected
    [one] = loaded.inputs
    assert (one.path, one.size) == (server.url + path, len(body))


def test_what_is_said_in_the_clear_goes_to_no_proxy(tmp_path: Path) -> None:
    with HttpServer([OK]) as server, HttpServer([OK]) as proxy:
        jobs = f"""\
jobs:
  fx:
    data: {{fx: {{http: "{server.url}/fx"}}}}
    to: team@example.com
"""
        environ = {"http_proxy": proxy.url, "HTTP_PROXY": proxy.url, "no_proxy": "", "NO_PROXY": ""}
        planned = pipeline(make_project(tmp_path, jobs), "plan", "fx", EMAIL_ADDRESS="me@example.com", **environ)
    assert planned.returncode == 0, planned.stderr
    assert (len(server.asked), len(proxy.asked)) == (1, 0)


def test_columns_are_taken_in_their_order(facts: Facts) -> None:
    with HttpServer([OK]) as server:
        source = HttpData(http=f"{server.url}/fx", columns=("rate", "currency"))
        frame = load_dataset("fx", source, facts, {}, {}).frame
    assert list(frame.columns) == ["rate", "currency"]


def test_what_is_asked_is_bound_as_in_sql_and_told_nowhere(facts: Facts) -> None:
    query = {
        "from": ":start",
        "to": ":end_utc",
        "over": ":threshold",
        "who": ":name",
        "plain": "a&b=c",
        "key": SecretStr(SECRET),
    }
    headers = {"Authorization": SecretStr(f"Bearer {SECRET}"), "Accept": "application/json"}
    with HttpServer([OK]) as server:
        loaded = load_dataset("fx", HttpData(http=f"{server.url}/fx", query=query, headers=headers), facts, {}, {})
        [(path, sent)] = server.asked
    assert path == (
        "/fx?from=2013-01-02T00%3A00%3A00&to=2013-01-03T05%3A00%3A00&over=15&who=O%27Hare%3B+--&plain=a%26b%3Dc"
        f"&key={SECRET}"
    )
    assert (sent["authorization"], sent["accept"]) == (f"Bearer {SECRET}", "application/json")
    assert SECRET not in repr(loaded.inputs)
    assert SECRET not in repr(HttpData(http="https://x.example", headers=headers, query=query))


def test_what_is_asked_is_spelt_as_json_does_and_what_is_null_is_not_asked(facts: Facts) -> None:
    query = {"limit": 100, "all": True, "over": 1.5, "flag": ":yes", "off": ":no", "none": ":nothing"}
    source = HttpData.model_validate(
        {"http": "https://api.example.com/fx", "query": query, "headers": {"X-Version": 2}}
    )
    assert source.headers == {"X-Version": "2"}
    asked = replace(facts, params={"yes": True, "no": False, "nothing": None})
    with HttpServer([OK]) as server:
        load_dataset("fx", source.model_copy(update={"http": f"{server.url}/fx"}), asked, {}, {})
        [(path, _)] = server.asked
    assert path == "/fx?limit=100&all=true&over=1.5&flag=true&off=false"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, JSON, b"<html>"), "not JSON"),
        ((200, JSON, b'{"rates": {"EUR": 1}}'), "must be a list of objects, one a row, or lists"),
        ((200, {"Content-Type": "text/html"}, b"<html>"), 'the server says "text/html" of what it sends'),
        ((200, {}, b"?"), "the server says nothing of what it sends"),
        ((200, {"Content-Type": "text/csv"}, b"\xff\xfe"), "not UTF-8 at byte 0; ask for UTF-8"),
        ((200, {**JSON, "Content-Encoding": "gzip"}, b"\x1f\x8b"), "sends Content-Encoding: gzip, unasked"),
        ((200, {"Content-Type": "application/vnd.apache.parquet"}, b"PAR0"), "http://127.0.0.1"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_address(facts: Facts, answer: Answer, words: str) -> None:
    with HttpServer([answer]) as server:
        source = HttpData(http=f"{server.url}/fx", query={"key": SecretStr(SECRET)})
        with pytest.raises(SourceError) as caught:
            load_dataset("fx", source, facts, {}, {})
    assert str(caught.value).startswith(f'dataset "fx": {server.url}/fx: ')
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_no_more_is_read_than_a_quarter_of_the_memory(facts: Facts) -> None:
    with HttpServer([(200, JSON, b" " * 3_000_000)]) as server, pytest.raises(SourceError, match="more than 2 MB"):
        load_dataset("fx", HttpData(http=f"{server.url}/fx"), replace(facts, memory=8_000_000), {}, {})


# --- a server that misbehaves -----------------------------------------------------------------------------

CUT = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n[{"


@pytest.mark.parametrize(
    "trouble",
    [None, b"", b"\x00\xff garbage\r\n\r\n", CUT, (503, {}, b"busy"), (429, {}, b""), (500, {}, b""), (502, {}, b"")],
)
def test_what_may_pass_is_tried_again(trouble: Answer) -> None:
    clock = Clock()
    with HttpServer([trouble, trouble, OK]) as server:
        assert get(server, clock).data == RATES
        assert len(server.asked) == 3
    assert clock.slept == [1.0, 4.0]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (None, "no connection: Connection reset by peer; tried 4 times"),
        (b"junk", "the server does not speak HTTP, or hangs up (BadStatusLine); tried 4 times"),
        (CUT, "the connection broke after 2 of 500 bytes; tried 4 times"),
        ((503, {}, SECRET.encode()), "the server answers 503 Service Unavailable; tried 4 times"),
    ],
)
def test_four_tries_are_enough(trouble: Answer, words: str) -> None:
    clock = Clock()
    with HttpServer([trouble]) as server:
        assert refusal(lambda: get(server, clock)) == words
    assert clock.slept == [1.0, 4.0, 15.0]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "the server answers 401 Unauthorized; the secret in its headers or query is wrong or has ended"),
        (403, "the server answers 403 Forbidden; whoever this is may not read it"),
        (404, "the server answers 404 Not Found; nothing is at this address"),
        (418, "the server answers 418 I'm a Teapot"),
        (304, "the server answers 304 Not Modified"),
    ],
)
def test_what_will_not_pass_is_asked_once(status: int, words: str) -> None:
    with HttpServer([(status, {}, SECRET.encode())]) as server:
        assert refusal(lambda: get(server, Authorization=SECRET)) == words
        assert len(server.asked) == 1


def test_the_server_s_own_wait_counts_and_the_time_that_is_left() -> None:
    clock = Clock()
    with HttpServer([(429, {"Retry-After": "33"}, b""), OK]) as server:
        assert get(server, clock).data == RATES
        assert clock.slept == [33.0]
    with HttpServer([(429, {"Retry-After": "99999"}, b"")]) as server:
        assert "429" in refusal(lambda: get(server))
        assert len(server.asked) == 1


def test_nobody_listens(unused_port: int) -> None:
    clock = Clock()
    words = refusal(
        lambda: fetch(f"http://127.0.0.1:{unused_port}/", "the address", {}, LIMITS, now=clock.now, sleep=clock.sleep)
    )
    assert words == "no connection: Connection refused; tried 4 times"


def test_a_body_that_never_ends_ends_with_the_time() -> None:
    times = iter([0.0, 1.0, 200.0])
    with HttpServer([(200, JSON, b" " * 300_000)]) as server:
        words = refusal(
            lambda: fetch(
                f"{server.url}/", "the address", {}, LIMITS, now=lambda: next(times, 200.0), sleep=lambda _: None
            )
        )
    assert words.startswith("it takes longer than the job's timeout leaves; ")


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_said() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with HttpServer([OK], context) as server:
        words = refusal(lambda: get(server, Authorization=SECRET))
        assert server.asked == []
    assert words == "its certificate cannot be trusted: unable to get local issuer certificate"


# --- where it leads ---------------------------------------------------------------------------------------


def leading(to: str) -> Answer:
    return (302, {"Location": to}, b"")


def test_it_may_lead_elsewhere_on_the_same_host_with_what_was_said() -> None:
    with HttpServer([leading("/there"), OK]) as server:
        assert get(server, Authorization=SECRET).data == RATES
        assert [(path, sent["authorization"]) for path, sent in server.asked][1] == ("/there", SECRET)


def test_another_host_gets_no_headers_and_nothing_goes_there_in_the_clear() -> None:
    with HttpServer([OK]) as other, HttpServer([leading(f"http://localhost:{other.port}/")]) as server:
        assert refusal(lambda: get(server)) == "it leads to http://localhost, in the clear"
        server.answers = [leading(f"https://localhost:{other.port}/")]
        assert refusal(lambda: get(server, Authorization=SECRET)) == (
            "it leads to localhost, which must not get its headers; write that address"
        )
        server.answers = [leading("file:///etc/passwd")]
        assert "302" in refusal(lambda: get(server))
        assert other.asked == []


def test_who_leads_astray_at_last_is_named() -> None:
    redirects = _Redirects("the address", "https://first.example/", says_something=False)
    asked = urllib.request.Request("https://second.example/")
    said = refusal(
        lambda: redirects.redirect_request(asked, io.BytesIO(), 302, "", HTTPMessage(), "http://third.example/")
    )
    assert said == "by way of second.example, it leads to http://third.example, in the clear"


def test_it_does_not_run_in_circles() -> None:
    with HttpServer([leading("/again")]) as server:
        assert "302" in refusal(lambda: get(server))
        assert len(server.asked) <= 6


def test_the_spec_of_a_dataset_is_json_free_of_secrets() -> None:
    source = HttpData(http="https://x.example/fx", headers={"X-Key": SecretStr(SECRET)})
    assert SECRET not in json.dumps(source.model_dump(mode="json"))
