"""What providers really say, each with what it means: the provider's own rules first, then the table."""

from pathlib import Path

import pytest
from delivery_bench import QUICK, make_letter, no_artifacts
from projects import json_lines, make_project, pipeline
from pydantic import SecretStr
from scripted_smtp import OFFERS, ScriptedServer, say

from pipeline.delivery.mailers.smtp import smtp_mailer
from pipeline.delivery.provider_rules import PROVIDER_RULES
from pipeline.delivery.replies import classify
from pipeline.delivery.verdict import Phase
from pipeline.jobs.model import ProviderMailer
from pipeline.jobs.providers import PRESETS

SAID = """\
gmail mail 550 5.7.1 Invalid credentials for relay [203.0.113.1]. The IP address is not registered | AUTH account pause
gmail mail 421 4.7.28 Gmail has detected an unusual rate of unsolicited mail | RATE account pause
gmail mail 550 5.4.5 Daily user sending limit exceeded. | RATE account pause
gmail rcpt 450 4.2.1 The user you are trying to contact is receiving mail too quickly. | TRANSIENT recipient retry
gmail dot 552 5.2.3 Your message exceeded Google's message size limits. | PERM_MSG message fail
gmail auth 534 5.7.14 Please log in via your web browser and then try again. | AUTH account pause
outlook mail 432 4.3.2 Concurrent connections limit exceeded. | RATE account pause
outlook dot 554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed | RATE account pause
outlook dot 550 5.1.8 Access denied, bad outbound sender AS(42004) | PERM_SENDER account pause
outlook dot 550 5.7.708 Service unavailable. Access denied, traffic not accepted | PERM_SENDER account pause
outlook dot 554 5.2.122 The recipient has exceeded their limit for messages per hour | TRANSIENT recipient retry
outlook dot 554 5.2.252 SendAsDenied; a not allowed to send as b | PERM_SENDER sender wait
outlook auth 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled | AUTH account pause
outlook auth 550 5.7.30 Basic authentication is not supported for Client Submission. | AUTH account pause
outlook mail 530 5.7.57 Client not authenticated to send mail. | AUTH account pause
yahoo mail 553 5.7.1 [BL21] Connections will not be accepted from 203.0.113.1 | PERM_SENDER account pause
yahoo mail 421 4.7.0 [TSS04] Messages temporarily deferred due to unexpected volume | RATE account pause
sendgrid dot 452 - Too many recipients received this hour | RATE account pause
sendgrid auth 451 - Authentication failed: Maximum credits exceeded | RATE account pause
sendgrid dot 550 - The from address does not match a verified Sender Identity. | PERM_SENDER sender wait
ses dot 554 - Access denied: User x is not authorized to perform it | AUTH account pause
ses mail 454 - Throttling failure: Maximum sending rate exceeded. | RATE account pause
ses mail 454 - Throttling failure: Daily message quota exceeded. | RATE account pause
ses dot 554 - Message rejected: Email address is not verified. | PERM_SENDER sender wait
ses dot 554 - Message rejected: Address blacklisted. | PERM_RCPT recipient fail
postmark rcpt 406 - You tried to send to a recipient that has been marked as inactive. | PERM_RCPT recipient fail
mailgun dot 421 - Domain x is not allowed to send: recipient limit exceeded, try again after Tue | RATE account pause
mailgun dot 421 - Domain x is not allowed to send: Sandbox subdomains are for tests | PERM_SENDER account pause
mailgun mail 550 - Account disabled | PERM_SENDER account pause
postmark dot 550 5.7.1 Recipients have all been marked as inactive. | PERM_RCPT recipient fail
postmark dot 550 5.7.1 The From address is not a Sender Signature on your account. | PERM_SENDER sender wait
postmark dot 550 5.7.1 Your account is pending approval. | PERM_SENDER account pause
mandrill dot 550 - Sender domain is not configured | PERM_SENDER sender wait
mandrill dot 451 - account has exceeded its hourly quota | RATE account pause
"""
CORPUS = [tuple(part.strip() for part in line.split(" | ")) for line in SAID.splitlines()]


@pytest.mark.parametrize(("answer", "meaning"), CORPUS)
def test_what_providers_say(answer: str, meaning: str) -> None:
    provider, phase, code, enhanced, text = answer.split(" ", 4)
    enhanced = enhanced.strip("-")
    verdict = classify(Phase(phase), int(code), enhanced, text, extra=PROVIDER_RULES[provider])
    assert f"{verdict.kind} {verdict.scope} {verdict.action}" == meaning


def test_every_rule_is_needed_and_in_the_corpus() -> None:
    """None repeats the table: without its rules a provider would be misread."""
    deciding = set()
    for answer, _ in CORPUS:
        provider, phase, code, enhanced, text = answer.split(" ", 4)
        asked = (Phase(phase), int(code), enhanced.strip("-"), text)
        verdict, without = classify(*asked, extra=PROVIDER_RULES[provider]), classify(*asked)
        if verdict.rule.startswith(f"{provider}-"):
            deciding.add(verdict.rule)
            assert (verdict.kind, verdict.scope, verdict.action) != (without.kind, without.scope, without.action)
    assert deciding == {row.id for rules in PROVIDER_RULES.values() for row in rules}
    assert list(PROVIDER_RULES) == list(PRESETS)


def test_a_provider_s_mailer_uses_them(bench, server_tls, trusting) -> None:
    login = ("reports", "secret")
    script = {"dot": say("421 Domain x is not allowed to send: recipient limit exceeded")}
    offers = (*OFFERS, "STARTTLS", "AUTH PLAIN")
    with ScriptedServer(script=script, offers=offers, tls=server_tls, credentials=login) as server:
        settings = ProviderMailer(
            name="relay", provider="mailgun", user=login[0], password=SecretStr(login[1]),
            host=server.host, port=server.port, security="starttls", connections=1,
        )  # fmt: skip
        pool = smtp_mailer(settings, trusting, no_artifacts, QUICK)
        bench.queue([make_letter(1)])
        bench.deliver(pool)
        pool.close()
    (paused,) = bench.named("mailer.paused")
    assert (paused["rule"], paused["class"]) == ("mailgun-limit", "RATE")


def test_explain_knows_the_provider_of_a_mailer(tmp_path: Path) -> None:
    jobs = (
        'mailers: {m: {provider: mailgun, user: x, password: "${PW}"}}\n'
        "defaults: {from: a@example.com}\njobs: {j: {data: reports/data/sales.csv, to: b@example.com}}\n"
    )
    project = make_project(tmp_path, jobs)
    asked = pipeline(project, "explain", "550 Account disabled", "--phase", "mail", "--mailer", "m", "--json", PW="x")
    assert [line["rule"] for line in json_lines(asked.stdout)] == ["mailgun-stopped"]
