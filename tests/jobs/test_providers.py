"""`provider: NAME` is short for known settings; each can be said otherwise; docs/providers.md shows the same table.

`python tests/jobs/test_providers.py` writes the table anew.
"""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from pipeline.jobs.load import Loaded
from pipeline.jobs.model import ProviderMailer
from pipeline.jobs.providers import PRESETS
from pipeline.jobs.scalars import format_size, parse_size
from pipeline.jobs.secrets import secrets_in

Load = Callable[..., Loaded]
JOB = "jobs: {a: {data: a.csv, to: a@example.com, from: a@example.com}}\n"
ENVIRON = {"PW": "c4nary-pw", "ID": "id", "SECRET": "c4nary-secret", "REFRESH": "c4nary-refresh", "KEY": "c4nary-key"}
LOGINS = {
    "password": 'user: me@example.com, password: "${PW}"',
    "api_key": 'api_key: "${KEY}"',
    "oauth2": (
        'user: me@example.com, oauth2: {client_id: "${ID}", client_secret: "${SECRET}", refresh_token: "${REFRESH}"}'
    ),
}
PAGE = Path(__file__).parents[2] / "docs" / "providers.md"
START, END = "<!-- presets: made by tests/jobs/test_providers.py -->\n", "<!-- end of presets -->"


def mailer(load_text: Load, settings: str) -> ProviderMailer:
    found = load_text(f"mailers: {{m: {{{settings}}}}}\n{JOB}", ENVIRON).project.mailers["m"]
    assert isinstance(found, ProviderMailer)
    return found


DELEGATED = "https://outlook.office.com/SMTP.Send offline_access"
CASES = [(name, login) for name, preset in PRESETS.items() for login in preset.logins]


@pytest.mark.parametrize(("name", "login"), CASES)
def test_a_provider_s_settings_are_filled_in(load_text: Load, name: str, login: str) -> None:
    preset = PRESETS[name]
    region = "region: eu-west-1, " if name == "ses" else ""
    made = mailer(load_text, f"provider: {name}, {region}{LOGINS[login]}")
    assert (made.port, made.security, made.connections) == (preset.port, preset.security, preset.connections)
    assert made.host == preset.host.format(region="eu-west-1")
    assert made.limits.message_size == parse_size(str(preset.limits["message_size"]))
    assert made.limits.per_day == preset.limits.get("per_day")
    assert secrets_in(made) == [ENVIRON[n] for n in ("SECRET", "REFRESH", "PW", "KEY") if f"${{{n}}}" in LOGINS[login]]
    assert "c4nary" not in repr(made)


def test_every_provider_of_the_language_has_a_preset() -> None:
    assert list(PRESETS) == list(get_args(ProviderMailer.model_fields["provider"].annotation))


def test_what_the_mailer_says_wins_key_by_key(load_text: Load) -> None:
    own = "host: smtp-relay.gmail.com, port: 587, security: starttls, connections: 1, limits: {per_day: 10}"
    made = mailer(load_text, f"provider: gmail, {own}, {LOGINS['password']}")
    assert (made.host, made.port, made.security) == ("smtp-relay.gmail.com", 587, "starttls")
    assert (made.connections, made.limits.per_day, made.limits.message_size) == (1, 10, 25_000_000)


@pytest.mark.parametrize(
    ("oauth2", "grant", "url", "scope"),
    [
        ('refresh_token: "${REFRESH}"', "refresh_token", "common", DELEGATED),
        ('refresh_token: "${REFRESH}", tenant: consumers', "refresh_token", "consumers", DELEGATED),
        ('client_secret: "${SECRET}", tenant: "${ID}"', "client_credentials", "id",
         "https://outlook.office365.com/.default"),
        ('client_secret: "${SECRET}", tenant: t, scope: mine', "client_credentials", "t", "mine"),
    ],
)  # fmt: skip
def test_the_two_ways_of_outlook(load_text: Load, oauth2: str, grant: str, url: str, scope: str) -> None:
    made = mailer(load_text, f'provider: outlook, user: me@example.com, oauth2: {{client_id: "${{ID}}", {oauth2}}}')
    assert made.oauth2 is not None
    assert made.oauth2.grant == grant
    assert made.oauth2.token_url == f"https://login.microsoftonline.com/{url}/oauth2/v2.0/token"
    assert (made.oauth2.client_id, made.oauth2.scope) == ("id", scope)


def test_one_dkim_key_or_several(load_text: Load) -> None:
    one = 'dkim: {domain: example.com, selector: a, key: "${KEY}"}'
    two = 'dkim: [{domain: example.com, selector: a, key: "${KEY}"}, {domain: example.org, selector: b, key: "${KEY}"}]'
    for settings, domains in ((one, ["example.com"]), (two, ["example.com", "example.org"])):
        made = mailer(load_text, f"provider: yahoo, {LOGINS['password']}, {settings}")
        assert [key.domain for key in made.dkim] == domains
        assert secrets_in(made)[0] == "c4nary-key"


def table() -> str:
    lines = [
        "| provider | host | port | security | connections | limits | logs in with |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, preset in PRESETS.items():
        limits = ", ".join(
            f"{key} {format_size(parse_size(value)) if isinstance(value, str) else f'{value:,}'}"
            for key, value in preset.limits.items()
        )
        cells = (name, f"`{preset.host}`", preset.port, preset.security, preset.connections, limits)
        lines.append(f"| {' | '.join(map(str, cells))} | {' or '.join(f'`{login}`' for login in preset.logins)} |")
    return "\n".join(lines) + "\n"


def test_the_page_shows_the_table_in_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8").partition(START)[2].partition(END)[0] == table()


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(before + START + table() + END + rest.partition(END)[2], encoding="utf-8")
