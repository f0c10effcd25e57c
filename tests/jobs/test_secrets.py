"""Secrets come from the environment alone, and never come out again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.errors import ProjectErrors
from pipeline.jobs.load import Loaded, environ_of
from pipeline.jobs.model import SmtpMailer
from pipeline.jobs.secrets import lookup
from pipeline.jobs.urls import SmtpAddress, has_literal_password, parse_smtp_url

Load = Callable[..., Loaded]
JOB = "jobs: {a: {data: a.csv, to: a@example.com, from: a@example.com}}\n"


def test_env_file_is_under_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# comment\nA=1\nexport B='two words'\nC=$A${B}\nD=\n", encoding="utf-8")
    assert environ_of(tmp_path, {"A": "set"}) == {"A": "set", "B": "two words", "C": "$A${B}", "D": ""}


def test_no_env_file(tmp_path: Path) -> None:
    assert environ_of(tmp_path, {"A": "1"}) == {"A": "1"}


def test_env_file_with_bad_lines(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nhunter2\nB='open\n", encoding="utf-8")
    with pytest.raises(ProjectErrors) as caught:
        environ_of(tmp_path, {})
    assert str(caught.value) == "\n".join(f".env:{n}:1: sets nothing; write NAME=value" for n in (2, 3))


def test_secret_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n", encoding="utf-8")
    assert lookup({"PW_FILE": str(secret)}, "PW") == "hunter2"
    assert lookup({"PW_FILE": str(secret), "PW": "mine"}, "PW") == "mine"
    with pytest.raises(ValueError, match=r"^PW_FILE names a file that cannot be read: No such file or directory$"):
        lookup({"PW_FILE": str(tmp_path / "none")}, "PW")


def test_a_password_may_hold_any_character(load_text: Load) -> None:
    text = 'mailers: {r: {smtp: "smtp://me:${PW}@mail.example.com"}}\n' + JOB
    password = "a@b:c/d?e#f%20 ü"
    mailer = load_text(text, {"PW": password}).project.mailers["r"]
    assert isinstance(mailer, SmtpMailer)
    assert parse_smtp_url(mailer.smtp.get_secret_value()).password.get_secret_value() == password


def test_no_secret_in_repr_or_errors(load_text: Load) -> None:
    text = 'mailers: {r: {smtp: "${URL}"}}\nsources: {w: "${DB}"}\n' + JOB
    environ = {"URL": "smtps://me:hunter2@mail.example.com", "DB": "postgresql://me:hunter2@db/x"}
    loaded = load_text(text, environ)
    assert "hunter2" not in f"{loaded!r}{loaded.project!r}{loaded.project}"
    with pytest.raises(ProjectErrors) as caught:
        load_text(text, {"URL": "hunter2", "DB": "hunter2"})
    assert "hunter2" not in f"{caught.value!r}{caught.value}{caught.value.problems!r}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://h", SmtpAddress("smtp", "h", 587, "", SecretStr(""))),
        ("smtps://u%40x:p%3A@h.example", SmtpAddress("smtps", "h.example", 465, "u@x", SecretStr("p:"))),
        ("SMTP://h:2525/", SmtpAddress("smtp", "h", 2525, "", SecretStr(""))),
        ("smtp+plain://localhost", SmtpAddress("smtp+plain", "localhost", 25, "", SecretStr(""))),
        ("smtp+plain://127.8.9.1:1025", SmtpAddress("smtp+plain", "127.8.9.1", 1025, "", SecretStr(""))),
        ("smtp+plain://[::1]:1025", SmtpAddress("smtp+plain", "::1", 1025, "", SecretStr(""))),
    ],
)
def test_smtp_urls(url: str, expected: SmtpAddress) -> None:
    assert parse_smtp_url(url) == expected


@pytest.mark.parametrize(
    "url",
    ["", "h", "http://h", "smtp://", "smtp://h:0", "smtp://h:65536", "smtp://h:x", "smtp://h/path", "smtp://h?x=1",
     "smtp://u@h", "smtp://:p@h", "smtp://h\n", "smtp://u:p\r\n@h", "smtp://u:%0A@h", "smtp+plain://127.0.0.1.example",
     "smtp+plain://10.0.0.1", "smtp+plain://localhost.example", "smtp://[::1"],
)  # fmt: skip
def test_bad_smtp_urls(url: str) -> None:
    with pytest.raises(ValueError, match=r"SMTP|smtp"):
        parse_smtp_url(url)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("smtp://u:p@h", True), ("smtp://u:${P}x@h", True), ("postgresql+psycopg://u:p@h/d", True),
        ("smtp://u:${P}@h", False), ("smtp://${U}:${P}@h", False),
        ("${URL}", False), ("sqlite:///a:b@c", False),
        ("smtp://h:587", False), ("smtp://u@h", False), ("duckdb", False),
    ],
)  # fmt: skip
def test_literal_passwords(text: str, literal: bool) -> None:
    assert has_literal_password(text) is literal
