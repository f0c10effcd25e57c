"""OAuth2: tokens are fetched once, renewed once, kept where they were replaced; what is for ever is told from what
will pass."""

import base64
import json
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from delivery_bench import QUICK, make_letter, no_artifacts
from node_peer import node_peer
from pydantic import SecretStr
from scripted_smtp import OFFERS, ScriptedServer, say
from token_endpoint import TokenEndpoint

from pipeline.delivery.mailers.smtp import smtp_mailer
from pipeline.delivery.oauth import SKEW, Grant, TokenError, TokenSource
from pipeline.delivery.smtp.connect import LinkError, open_link, verified_context
from pipeline.delivery.smtp.relay import Relay, xoauth2_response
from pipeline.delivery.token_file import TokenFile
from pipeline.delivery.verdict import Action, Kind, Phase
from pipeline.jobs.identity import OAuth2
from pipeline.jobs.model import ProviderMailer

FIRST, SECRET = "c4nary-refresh-1", "c4nary-client-secret"
USER = "reports@example.com"
WITH_XOAUTH2 = (*OFFERS, "STARTTLS", "AUTH XOAUTH2")
BAD_TOKEN = base64.b64encode(b'{"status":"401","schemes":"bearer","scope":"https://mail.example.com/"}').decode()


def good(token="access-1", **more):
    return (200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer", **more})


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def source(trusting, tmp_path):
    """Makes a source over an endpoint; its refresh tokens are in tmp_path."""

    def make(endpoint, *, first=FIRST, time=None, context=trusting, scope=""):
        grant = Grant(endpoint.url, "client", SECRET, scope)
        kept = TokenFile(tmp_path / "tokens/relay.json", first) if first else None
        return TokenSource(grant, kept, context, time or Time())

    return make


def test_a_token_is_fetched_once_and_used_until_two_minutes_before_its_end(server_tls, source):
    time = Time()
    with TokenEndpoint(server_tls, [good("access-1"), good("access-2")]) as endpoint:
        tokens = source(endpoint, time=time, scope="mail send")
        assert [tokens.current() for _ in range(3)] == ["access-1"] * 3
        time.now += 3600 - SKEW - 1
        assert tokens.current() == "access-1"
        time.now += 1
        assert tokens.current() == "access-2"
    assert endpoint.asked == [
        {"grant_type": "refresh_token", "client_id": "client", "client_secret": SECRET, "refresh_token": FIRST,
         "scope": "mail send"}
    ] * 2  # fmt: skip


def test_an_application_logs_in_by_itself(server_tls, source):
    with TokenEndpoint(server_tls, [good()]) as endpoint:
        assert source(endpoint, first="").current() == "access-1"
    assert endpoint.asked == [{"grant_type": "client_credentials", "client_id": "client", "client_secret": SECRET}]


@pytest.mark.parametrize(("expires_in", "asked"), [(121, 1), (120, 2), ("3600", 1), ("soon", 1), (-5, 2), (None, 1)])
def test_short_and_odd_lifetimes(server_tls, source, expires_in, asked):
    with TokenEndpoint(server_tls, [good(expires_in=expires_in)]) as endpoint:
        tokens = source(endpoint)
        tokens.current()
        tokens.current()
    assert len(endpoint.asked) == asked


def test_many_threads_renew_a_refused_token_once(server_tls, source):
    with TokenEndpoint(server_tls, [good("access-1"), good("access-2")]) as endpoint:
        tokens = source(endpoint)
        refused = tokens.current()
        start = threading.Barrier(8)

        def renew(_):
            start.wait()
            return tokens.renewed(refused)

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(renew, range(8))) == {"access-2"}
    assert len(endpoint.asked) == 2


@pytest.mark.parametrize(
    ("answer", "event", "wait", "said"),
    [
        ((400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
         "consent", 0, "needs re-consent"),
        ((400, {"error": "invalid_grant", "error_description": "AADSTS50173: revoked"}), "consent", 0, "AADSTS50173"),
        ((401, {"error": "invalid_client"}), "token-refused", 0, "check client_id"),
        ((400, {"error": "invalid_scope"}), "token-refused", 0, "invalid_scope"),
        ((404, b"<html>"), "token-refused", 0, "answered 404"),
        ((302, b"", {"Location": "https://127.0.0.1:1/"}), "token-refused", 0, "answered 302"),
        ((429, {"error": "slow_down"}, {"Retry-After": "77"}), "token-later", 77, "answered 429"),
        ((503, b"busy"), "token-later", 0, "answered 503"),
        ((500, {"error": "invalid_grant"}), "token-later", 0, "answered 500"),
        ((400, {"error": "temporarily_unavailable"}), "token-later", 0, "temporarily_unavailable"),
        ((200, b"{"), "token-later", 0, "127.0.0.1"),
        ((200, ["access_token"]), "token-later", 0, "no JSON object"),
        ((200, {"token_type": "Bearer"}), "token-later", 0, "holds no access token"),
        ((200, {"access_token": "a\x01b"}), "token-later", 0, "holds no access token"),
    ],
)  # fmt: skip
def test_what_is_for_ever_is_told_from_what_will_pass(server_tls, source, answer, event, wait, said):
    with TokenEndpoint(server_tls, [answer]) as endpoint, pytest.raises(TokenError, match=said) as caught:
        source(endpoint).current()
    assert (caught.value.event, caught.value.wait) == (event, wait)
    assert "c4nary" not in str(caught.value)


def test_a_token_endpoint_that_is_not_trusted_hears_no_secret(server_tls, source):
    with TokenEndpoint(server_tls, [good()]) as endpoint, pytest.raises(TokenError, match="certificate") as caught:
        source(endpoint, context=verified_context()).current()
    assert caught.value.event == "token-untrusted"
    assert endpoint.asked == []


def test_an_endpoint_that_does_not_answer_will_do_later(server_tls, source):
    with TokenEndpoint(server_tls, [good()]) as endpoint:
        pass
    with pytest.raises(TokenError) as caught:
        source(endpoint).current()
    assert caught.value.event == "token-later"


# --- refresh tokens that are replaced -----------------------------------------------------------------------


def test_a_new_refresh_token_is_kept_for_this_user_alone(server_tls, source, tmp_path):
    with TokenEndpoint(server_tls, [good(refresh_token="second"), good(refresh_token="third"), good()]) as endpoint:
        source(endpoint).current()
        source(endpoint).current()  # another process, later
        source(endpoint, first="new-consent").current()
    assert [form["refresh_token"] for form in endpoint.asked] == [FIRST, "second", "new-consent"]
    file = tmp_path / "tokens/relay.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert json.loads(file.read_text())["refresh_token"] == "third"
    assert FIRST not in file.read_text()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"follows": 1}', b"\xff"])
def test_a_damaged_file_means_the_token_of_the_environment(server_tls, source, tmp_path, damage):
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens/relay.json").write_bytes(damage)
    with TokenEndpoint(server_tls, [good(refresh_token="second")]) as endpoint:
        source(endpoint).current()
    assert endpoint.asked[0]["refresh_token"] == FIRST
    assert json.loads((tmp_path / "tokens/relay.json").read_text())["refresh_token"] == "second"


def test_a_token_that_cannot_be_kept_is_not_lost(server_tls, source, tmp_path):
    blocked = tmp_path / "tokens/relay.new"
    blocked.mkdir(parents=True)
    with TokenEndpoint(server_tls, [good(refresh_token="second"), good()]) as endpoint:
        tokens = source(endpoint)
        with pytest.raises(TokenError, match="file cannot be used") as caught:
            tokens.current()
        blocked.rmdir()
        assert tokens.current() == "access-1"
    assert caught.value.event == "token-later"
    assert [form["refresh_token"] for form in endpoint.asked] == [FIRST, "second"]


RACER = """
import ssl, sys
from pathlib import Path
from pipeline.delivery.oauth import Grant, TokenSource
from pipeline.delivery.token_file import TokenFile
url, ca, path, first = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
for _ in range(5):
    TokenSource(Grant(url, "client"), TokenFile(Path(path), first), context).current()
"""


def test_processes_never_spend_a_refresh_token_twice(server_tls, authority, tmp_path):
    """The endpoint gives a new token for each and would void them all at a second use of one."""
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    answers = [good(refresh_token=f"refresh-{n}") for n in range(2, 20)]
    with TokenEndpoint(server_tls, answers) as endpoint:
        command = [sys.executable, "-c", RACER, endpoint.url, tmp_path / "ca.pem", tmp_path / "t/relay.json", FIRST]
        racers = [subprocess.Popen(command) for _ in range(3)]
        assert [racer.wait(60) for racer in racers] == [0, 0, 0]
    spent = [form["refresh_token"] for form in endpoint.asked]
    assert spent == [FIRST, *(f"refresh-{n}" for n in range(2, 16))]


# --- the login ----------------------------------------------------------------------------------------------


def takes(token):
    """An AUTH that takes one token and tells all others why not, as Google does."""
    right = f"XOAUTH2 {xoauth2_response(USER, token)}"
    return {
        "auth": lambda turn: say("235 2.7.0 welcome" if turn.argument == right else f"334 {BAD_TOKEN}"),
        "": say("535 5.7.8 Username and Password not accepted"),
    }


def link(server, tokens, trusting):
    relay = Relay(server.host, server.port, "starttls", USER, tokens=tokens)
    return open_link(relay, trusting, QUICK)


def test_a_token_logs_in(server_tls, trusting, source):
    with (
        TokenEndpoint(server_tls, [good()]) as endpoint,
        ScriptedServer(offers=WITH_XOAUTH2, tls=server_tls, script=takes("access-1")) as server,
    ):
        link(server, source(endpoint), trusting).socket.close()
    assert [command.tls for command in server.commands if command.line.startswith(b"AUTH")] == [True]


def test_a_token_that_was_revoked_early_is_renewed_once(server_tls, trusting, source):
    with (
        TokenEndpoint(server_tls, [good("access-1"), good("access-2")]) as endpoint,
        ScriptedServer(offers=WITH_XOAUTH2, tls=server_tls, script=takes("access-2")) as server,
    ):
        link(server, source(endpoint), trusting).socket.close()
    assert (len(endpoint.asked), len(server.lines("AUTH"))) == (2, 2)
    assert "" in server.lines()  # the empty line that asks for the answer


def test_a_token_that_is_refused_again_pauses_the_account(server_tls, trusting, source):
    with (
        TokenEndpoint(server_tls, [good("access-1"), good("access-2")]) as endpoint,
        ScriptedServer(offers=WITH_XOAUTH2, tls=server_tls, script=takes("another")) as server,
        pytest.raises(LinkError) as caught,
    ):
        link(server, source(endpoint), trusting)
    verdict = caught.value.verdict
    assert (verdict.kind, verdict.action, verdict.code, verdict.wait) == (Kind.AUTH, Action.PAUSE, 535, 900)
    assert '"scope":"https://mail.example.com/"' in verdict.reply
    assert (len(endpoint.asked), len(server.lines("AUTH"))) == (2, 2)


def test_a_busy_server_costs_no_token(server_tls, trusting, source):
    script = {"auth": say("454 4.7.0 Temporary authentication failure")}
    with (
        TokenEndpoint(server_tls, [good()]) as endpoint,
        ScriptedServer(offers=WITH_XOAUTH2, tls=server_tls, script=script) as server,
        pytest.raises(LinkError) as caught,
    ):
        link(server, source(endpoint), trusting)
    assert caught.value.verdict.kind is Kind.TRANSIENT
    assert len(endpoint.asked) == 1


def test_a_server_without_xoauth2_hears_no_token(server_tls, trusting, source):
    offers = (*OFFERS, "STARTTLS", "AUTH PLAIN LOGIN")
    with (
        TokenEndpoint(server_tls, [good()]) as endpoint,
        ScriptedServer(offers=offers, tls=server_tls) as server,
        pytest.raises(LinkError, match="offers no login by XOAUTH2; it offers LOGIN PLAIN"),
    ):
        link(server, source(endpoint), trusting)
    assert server.lines("AUTH") == []


def test_a_server_that_echoes_the_login_gives_no_token_away(server_tls, trusting, source):
    token = "c4nary-access"
    script = {"auth": lambda turn: say(f"535 5.7.8 cannot do AUTH {turn.argument} {token}")}
    with (
        TokenEndpoint(server_tls, [good(token)]) as endpoint,
        ScriptedServer(offers=WITH_XOAUTH2, tls=server_tls, script=script) as server,
        pytest.raises(LinkError) as caught,
    ):
        link(server, source(endpoint), trusting)
    reply = caught.value.verdict.reply
    assert "***" in reply
    assert token not in reply
    assert xoauth2_response(USER, token) not in reply
    assert base64.b64encode(token.encode()).decode().rstrip("=") not in reply


@pytest.mark.parametrize(
    ("answer", "kind", "wait"),
    [
        ((400, {"error": "invalid_grant"}), Kind.AUTH, 900),
        ((429, b"", {"Retry-After": "300"}), Kind.TRANSIENT, 300),
        ((503, b""), Kind.TRANSIENT, 0),
    ],
)
def test_without_a_token_nothing_connects(server_tls, trusting, source, answer, kind, wait):
    with (
        TokenEndpoint(server_tls, [answer]) as endpoint,
        ScriptedServer(offers=WITH_XOAUTH2, tls=server_tls) as server,
        pytest.raises(LinkError) as caught,
    ):
        link(server, source(endpoint), trusting)
    verdict = caught.value.verdict
    assert (verdict.kind, verdict.phase, verdict.action, verdict.wait) == (kind, Phase.AUTH, Action.PAUSE, wait)
    assert server.sessions == 0


# --- the whole way, against a server that is not ours ---------------------------------------------------------


def deliver(bench, port, endpoint, folder, context):
    settings = ProviderMailer(
        name="relay",
        provider="outlook",
        user=USER,
        oauth2=OAuth2(client_id="client", client_secret=SecretStr(SECRET), refresh_token=SecretStr(FIRST),
                      token_url=endpoint.url),
        host="127.0.0.1",
        port=port,
        security="starttls",
        connections=1,
    )  # fmt: skip
    pool = smtp_mailer(settings, context, no_artifacts, tokens=folder / "tokens")
    bench.queue([make_letter(1)])
    try:
        bench.deliver(pool)
    finally:
        pool.close()


def test_another_implementation_of_xoauth2_takes_our_login_and_our_mail(
    bench, authority, server_tls, trusting, tmp_path
):
    """The first token is refused with the JSON of 334, the second one is taken."""
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    arguments = (str(tmp_path / "key.pem"), str(tmp_path / "cert.pem"), "access-2")
    with (
        TokenEndpoint(server_tls, [good("access-1", refresh_token="second"), good("access-2")]) as endpoint,
        node_peer("smtp-server", "xoauth2_server.mjs", *arguments) as peer,
    ):
        deliver(bench, int(peer.line()), endpoint, tmp_path, trusting)
        logins = [json.loads(peer.line()) for _ in range(2)]
        mail = json.loads(peer.line())
    assert logins == [{"method": "XOAUTH2", "user": USER, "token": token} for token in ("access-1", "access-2")]
    assert mail["user"] == USER
    assert b"Subject: Letter 1\r\n" in base64.b64decode(mail["mail"])
    assert bench.states() == {"sent": 1}
    assert [form["refresh_token"] for form in endpoint.asked] == [FIRST, "second"]


def test_a_consent_that_has_ended_pauses_the_mailer_and_tells_somebody(bench, server_tls, trusting, tmp_path):
    bench.secrets = (FIRST, SECRET)
    with TokenEndpoint(server_tls, [(400, {"error": "invalid_grant"})]) as endpoint:
        deliver(bench, 1, endpoint, tmp_path, trusting)
    assert bench.states() == {"queued": 1}
    (paused,) = bench.named("mailer.paused")
    assert (paused["class"], paused["rule"]) == ("AUTH", "token-consent")
    assert "needs re-consent" in paused["reply"]
    assert len(bench.named("alert.raised")) == 1
    assert "c4nary" not in bench.stream.getvalue()
