"""The command line against a real relay over verified TLS: kill -9 and go on, and not one secret anywhere."""

import base64
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from projects import clean_environ, json_lines, make_project, pipeline
from scripted_smtp import OFFERS, ScriptedServer, Step, Turn, say, stall

PASSWORD = "c4nary/+&pässword"
JOBS = """\
defaults: {from: Reports <reports@example.com>, delivery: {retry: 1s, expires: 1 hour}}
mailers: {relay: {smtp: "smtp://canary-user:${CANARY}@localhost:PORT", connections: 2}}
sources: {db: "${DATABASE}"}
jobs:
  burst:
    data: {people: reports/people.csv}
    each: people
"""
PEOPLE = "email\n" + "".join(f"person{n}@example.com\n" for n in range(40))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def relay(authority: trustme.CA, script: dict[str, Step] | None = None) -> ScriptedServer:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    offers = (*OFFERS, "STARTTLS", "AUTH PLAIN LOGIN")
    return ScriptedServer(
        script or {}, offers=offers, tls=tls, credentials=("canary-user", PASSWORD), host="localhost", tolerant=True
    )


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody who trusts the relay's authority and knows the secrets."""
    with authority.cert_pem.tempfile(dir=str(tmp_path)) as pem:
        yield {
            "SSL_CERT_FILE": pem,
            "CANARY": PASSWORD,
            "DATABASE": f"postgresql://u:{quote(PASSWORD, safe='')}@localhost/x",
        }


def project(folder: Path, server: ScriptedServer) -> Path:
    jobs = JOBS.replace("PORT", str(server.port))
    return make_project(folder / "project", jobs, reports__people_dot_csv=PEOPLE)


def forms(secret: str) -> set[bytes]:
    """How a secret may show: plain, as in a URL, as Python and JSON write it, base64, and as AUTH PLAIN sends it."""
    raw = secret.encode()
    return {
        raw,
        quote(secret, safe="").encode(),
        quote(secret).encode(),
        repr(secret)[1:-1].encode("unicode_escape"),
        secret.encode("unicode_escape"),
        base64.b64encode(raw),
        base64.b64encode(b"\0canary-user\0" + raw),
        base64.b64encode(b"canary-user"),
    }


def assert_no_secret(folder: Path, *outputs: str) -> None:
    written = [path.read_bytes() for path in (folder / "var").rglob("*") if path.is_file()]
    assert written
    for content in [*written, *(output.encode() for output in outputs)]:
        assert not [form for form in forms(PASSWORD) if form in content]


def echo_the_login(turn: Turn) -> object:
    """What some servers do: the refusal quotes the credentials."""
    return say(f"535 5.7.8 bad login {turn.argument} {PASSWORD}")


@pytest.mark.parametrize("outcome", ["sent", "refused login", "unknown authority"])
def test_no_secret_in_any_output(authority: trustme.CA, trusted: dict[str, str], tmp_path: Path, outcome: str) -> None:
    script: dict[str, Step] = {"auth": echo_the_login} if outcome == "refused login" else {}  # type: ignore[dict-item]
    if outcome == "unknown authority":
        del trusted["SSL_CERT_FILE"]
    with relay(authority, script) as server:
        folder = project(tmp_path, server)
        built = pipeline(folder, "check", **trusted)
        assert built.returncode == 0, built.stderr
        serving = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "-C", folder, "run", "burst", "--at", "2026-03-02 07:00", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environ(trusted),
        )
        assert serving.stdout is not None
        seen = []
        for line in serving.stdout:
            seen.append(line)
            if '"run.delivered"' in line or '"mailer.paused"' in line:
                break
        if outcome == "sent":
            serving.wait(60)
        else:
            serving.kill()
        rest, errors = serving.communicate(timeout=60)
        looks = (["runs"], ["deliveries"], ["logs"], ["jobs", "burst"])
        shown = [pipeline(folder, *words, **trusted).stdout for words in looks]
        assert_no_secret(folder, "".join(seen), rest, errors, *shown)
        if outcome == "sent":
            assert len(server.mails) == 40
            assert all(mail.tls for mail in server.mails)
        else:
            assert server.mails == []
            assert server.lines("MAIL") == []
        if outcome == "unknown authority":
            assert server.lines("AUTH") == []


def test_killed_in_the_middle_of_delivery_nothing_is_lost_and_little_repeated(
    authority: trustme.CA, trusted: dict[str, str], tmp_path: Path
) -> None:
    """The relay takes the tenth mail's dot and says nothing: there the process is killed."""
    with relay(authority, {"dot": lambda turn: stall_at(turn, 10)}) as server:
        folder = project(tmp_path, server)
        running = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "-C", folder, "run", "burst", "--at", "2026-03-02 07:00"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=clean_environ(trusted),
        )
        wait_for(lambda: server.counts["dot"] >= 10)
        running.kill()
        running.wait()
        delivered = pipeline(folder, "deliver", **trusted)
        assert delivered.returncode == 0, delivered.stdout + delivered.stderr
        copies = server.received()
        assert {who for who, _ in copies} == {f"person{n}@example.com" for n in range(40)}
        assert len(copies) == 40  # one Message-ID each, also where a mail came twice
        repeated = [who for (who, _), count in copies.items() if count > 1]
        assert len(repeated) <= 2  # no more than the mails in flight: one for each connection
        rows = json_lines(pipeline(folder, "deliveries", "-n", "100", "--json", **trusted).stdout)
        assert {row["state"] for row in rows} == {"sent"}
        assert set(repeated) <= {row["recipient"] for row in rows if row.get("possible_duplicate")}


def stall_at(turn: Turn, number: int) -> object:
    return stall(taken=True) if turn.count == number else None


def wait_for(condition: object) -> None:
    """Polls what another process makes true; there is no event across processes."""
    for _ in range(3000):
        if condition():  # type: ignore[operator]
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen within half a minute")
