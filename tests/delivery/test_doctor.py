"""`pipeline doctor`: each thing that can be wrong on the way is found, with what to do; nothing is sent."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from delivery_bench import QUICK
from dns_zone import DnsZone
from projects import json_lines, make_project, pipeline
from scripted_smtp import OFFERS, ScriptedServer, cut, say

from pipeline.delivery.dkim.keys import load_key
from pipeline.delivery.dkim.signer import Signer
from pipeline.delivery.doctor.dns import txt_records
from pipeline.delivery.doctor.identity import examine_domain
from pipeline.delivery.doctor.link import examine_link
from pipeline.delivery.smtp.relay import Relay

NOW = datetime.now(UTC)  # certificates are made now
WITH_TLS = (*OFFERS, "STARTTLS", "AUTH PLAIN")
LOGIN = ("reports", "c4nary-password")


def look(server, context, *, security="starttls", login=LOGIN, size=20_000_000, chunking=True):
    relay = Relay(server.host, server.port, security, *login)
    found = list(examine_link(relay, context, QUICK, NOW, size, chunking=chunking))
    assert "c4nary" not in repr(found)
    assert not [verb for verb in ("MAIL", "RCPT", "DATA") if server.lines(verb)]
    return {finding.check: finding for finding in found}


def test_a_good_relay(server_tls, trusting):
    with ScriptedServer(offers=WITH_TLS, tls=server_tls, credentials=LOGIN) as server:
        found = look(server, trusting)
    assert {check: finding.level for check, finding in found.items()} == dict.fromkeys(
        ["resolve", "connect", "tls", "certificate", "ehlo", "chunking", "auth", "size", "noop"], "ok"
    )
    assert found["tls"].text.startswith("TLSv1.")
    assert found["auth"].text == "logged in as reports"
    assert found["size"].text == "the server takes messages of 35.9 MB"
    assert "offers PIPELINING, 8BITMIME, SIZE" in found["ehlo"].text
    assert server.lines("NOOP") == ["NOOP"]
    assert server.lines()[-1] == "QUIT"


@pytest.mark.parametrize(
    ("offers", "wanted", "text"),
    [
        (("PIPELINING", "CHUNKING"), True, "used: up to 8 mails a round trip on each connection, by BDAT"),
        (("PIPELINING", "CHUNKING"), False, "not used: jobs.yaml says chunking: false"),
        (("CHUNKING",), True, "not used: the server offers no PIPELINING with it"),
        (("PIPELINING",), True, "not used: the server does not offer it; one mail a round trip"),
    ],
)
def test_it_says_whether_mails_will_share_a_round_trip(trusting, offers, wanted, text):
    with ScriptedServer(offers=offers) as server:
        found = look(server, trusting, security="plain", login=(), chunking=wanted)
    assert (found["chunking"].level, found["chunking"].text) == ("ok", text)
    assert ("CHUNKING" in found["ehlo"].text) == ("CHUNKING" in offers)


def context_until(authority, days) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=NOW + timedelta(days=days, hours=1)).configure_cert(context)
    return context


@pytest.mark.parametrize(("days", "level"), [(20, "warn"), (21, "ok"), (90, "ok")])
def test_a_certificate_that_nobody_renews_is_noticed_in_time(authority, trusting, days, level):
    with ScriptedServer(offers=WITH_TLS, tls=context_until(authority, days), credentials=LOGIN) as server:
        found = look(server, trusting)["certificate"]
    assert (found.level, f"{days} days" in found.text) == (level, True)


@pytest.mark.parametrize(
    ("change", "check", "advice"),
    [
        ({"offers": OFFERS}, "starttls", "never send without TLS"),
        ({"credentials": ("reports", "other")}, "auth", "check user and secret"),
        ({"script": {"connect": say("554 5.7.1 not you")}}, "greeting", "not as a mail server should"),
        ({"script": {"auth": say("454 4.7.0 later")}}, "auth", "try again"),
        ({"script": {"noop": say("500 what")}}, "noop", "operator"),
        ({"script": {"noop": cut()}}, "noop", "operator"),
        ({"offers": (*WITH_TLS[:1], "SIZE 1000000", "STARTTLS", "AUTH PLAIN")}, "size", "attach_limit: 1MB"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(server_tls, trusting, change, check, advice):
    options = {"offers": WITH_TLS, "tls": server_tls, "credentials": LOGIN, **change}
    with ScriptedServer(**options) as server:
        found = look(server, trusting)
    wrong = [finding for finding in found.values() if finding.level == "wrong"]
    assert [finding.check for finding in wrong] == [check]
    assert advice in wrong[0].advice


def test_an_untrusted_certificate_and_a_port_where_nobody_listens(server_tls):
    with ScriptedServer(offers=WITH_TLS, tls=server_tls, tolerant=True) as server:
        assert look(server, ssl.create_default_context())["tls"].level == "wrong"
    assert look(server, ssl.create_default_context())["connect"].level == "wrong"


def test_a_relay_without_pipelining_is_slow_not_wrong(trusting):
    with ScriptedServer(offers=("SIZE 0",)) as server:
        found = look(server, trusting, security="plain", login=())
    assert found["ehlo"].level == "warn"
    assert found["size"].text == "the server names no limit"
    assert found["tls"].text == "none: it is on this machine"


# --- DNS ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key():
    made = rsa.generate_private_key(65537, 2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.private_bytes(*form).decode()


@pytest.fixture(scope="module")
def signer(key):
    return Signer("example.com", "reports", load_key("k", key))


GOOD_SPF = {"example.com": ["google-site-verification=x", "v=spf1 include:relay.example ~all"],
            "relay.example": ["v=spf1 ip4:192.0.2.0/24 -all"]}  # fmt: skip
GOOD_DMARC = {"_dmarc.example.com": ["v=DMARC1; p=reject; rua=mailto:d@example.com"]}


def names(records, signers=(), domain="example.com"):
    with DnsZone({**GOOD_SPF, **GOOD_DMARC, **records}) as zone:
        found = list(examine_domain(domain, signers, txt_records(zone.address)))
    return {finding.check: finding for finding in found}


def test_a_domain_in_order(signer):
    found = names({"reports._domainkey.example.com": [signer.key.record]}, [signer])
    assert {check: finding.level for check, finding in found.items()} == dict.fromkeys(["spf", "dmarc", "dkim"], "ok")
    assert found["spf"].text.endswith("(1 look-ups)")


CHAIN = {f"r{n}.example": [f"v=spf1 include:r{n + 1}.example -all"] for n in range(12)}


@pytest.mark.parametrize(
    ("records", "level", "said"),
    [
        ({"example.com": []}, "wrong", "has no SPF record"),
        ({"example.com": ["v=spf10 -all"]}, "wrong", "has no SPF record"),
        ({"example.com": ["v=spf1 -all", "V=SPF1 mx -all"]}, "wrong", "has 2 SPF records"),
        ({"example.com": ["v=spf1 +all"]}, "wrong", "+all"),
        ({"example.com": ["v=spf1 all"]}, "wrong", "v=spf1 all"),
        ({"example.com": ["v=spf1 mx ?all"]}, "warn", "(1 look-ups)"),
        ({"example.com": ["v=spf1 ip4:192.0.2.1"]}, "warn", "(0 look-ups)"),
        ({"example.com": ["v=spf1 redirect=relay.example"]}, "ok", "(1 look-ups)"),
        ({"example.com": ["v=spf1 a mx:x.example exists:%{i}.x.example -all"]}, "ok", "(3 look-ups)"),
        ({"example.com": ["v=spf1 include:r0.example -all"], **CHAIN}, "wrong", "(13 look-ups)"),
        ({"example.com": ["v=spf1 include:example.com -all"]}, "ok", "look-ups"),
        ({"example.com": None}, "warn", "cannot be looked up"),
    ],
)
def test_spf(records, level, said):
    found = names(records)["spf"]
    assert (found.level, said in found.text) == (level, True), found
    assert bool(found.advice) is (level != "ok")


@pytest.mark.parametrize(
    ("records", "level", "said"),
    [
        ({"_dmarc.example.com": []}, "wrong", "has no DMARC record"),
        ({"_dmarc.example.com": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "wrong", "has 2 DMARC records"),
        ({"_dmarc.example.com": ["v=DMARC1; rua=mailto:a@b"]}, "wrong", "v=DMARC1"),
        ({"_dmarc.example.com": ["v=DMARC1; p=none"]}, "warn", "p=none"),
        ({"_dmarc.example.com": None}, "warn", "cannot be looked up"),
    ],
)
def test_dmarc(records, level, said):
    found = names(records)["dmarc"]
    assert (found.level, said in found.text, bool(found.advice)) == (level, True, True), found


def test_dmarc_of_a_subdomain_is_that_of_the_domain_above():
    found = names(
        {"_dmarc.example.com": ["v=DMARC1; p=bogus; sp=quarantine; rua=mailto:a@b"]}, domain="mail.example.com"
    )
    assert found["dmarc"].level == "ok"


@pytest.mark.parametrize(
    ("record", "level", "said"),
    [
        ([], "wrong", "has no key"),
        (["v=DKIM1; p="], "wrong", "revoked"),
        (["v=DKIM1; k=rsa; p=AAAA"], "wrong", "is not the one that signs"),
        (["{} ; t=y"], "warn", "test mode"),
    ],
)
def test_dkim(signer, record, level, said):
    texts = [text.format(signer.key.record) for text in record]
    found = names({"reports._domainkey.example.com": texts}, [signer])["dkim"]
    assert (found.level, said in found.text) == (level, True), found
    assert level != "wrong" or signer.key.record in found.advice


def test_no_key_at_all_is_a_warning():
    assert names({})["dkim"].level == "warn"


# --- the command ------------------------------------------------------------------------------------------------

JOBS = """\
mailers:
  relay:
    smtp: "smtp://reports:${{PW}}@localhost:{port}"
    dkim: {{domain: example.com, selector: reports, key: "${{KEY}}"}}
  inbox: {{local: var/inbox}}
defaults: {{from: Reports <reports@example.com>, mailer: relay}}
jobs:
  weekly: {{data: reports/data/sales.csv, to: team@example.com}}
"""


@pytest.mark.parametrize("right", [True, False])
def test_the_command(tmp_path: Path, authority, server_tls, key, signer, right):
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    records = {**GOOD_SPF, **GOOD_DMARC, "reports._domainkey.example.com": [signer.key.record if right else "p=AAAA"]}
    environ = {"PW": LOGIN[1], "KEY": key, "SSL_CERT_FILE": str(tmp_path / "ca.pem")}
    with (
        ScriptedServer(offers=WITH_TLS, tls=server_tls, credentials=LOGIN) as server,
        DnsZone(records) as zone,
    ):
        project = make_project(tmp_path / "p", JOBS.format(port=server.port))
        told = pipeline(project, "doctor", "relay", "--resolver", zone.address, "--json", **environ)
        # A process costs a second: for people it is told once with DNS and once without.
        shown = pipeline(project, "doctor", *(["--no-dns"] if right else ["--resolver", zone.address]), **environ)
    assert (told.returncode, shown.returncode) == (0 if right else 1, 0 if right else 1)
    lines = json_lines(told.stdout)
    assert {line["check"]: line["result"] for line in lines} == {
        **dict.fromkeys(["resolve", "connect", "tls", "certificate", "ehlo", "chunking", "auth", "size", "noop"], "ok"),
        **dict.fromkeys(["spf", "dmarc"], "ok"),
        "dkim": "ok" if right else "wrong",
    }
    assert ("→ publish TXT at reports._domainkey.example.com" in shown.stdout) is not right
    assert "inbox\n  ok     local" in shown.stdout
    assert server.mails == []
    everything = f"{told}{shown}"
    assert not [secret for secret in (LOGIN[1], key.splitlines()[1]) if secret in everything]
    assert not (project / "var/ledger.sqlite3").exists()


def test_a_mailer_that_is_not_there(tmp_path: Path):
    project = make_project(tmp_path, JOBS.format(port=25).replace("dkim:", "# "))
    asked = pipeline(project, "doctor", "realy", PW="x")
    assert (asked.returncode, asked.stderr) == (2, 'there is no mailer "realy"; did you mean "relay"?\n')
