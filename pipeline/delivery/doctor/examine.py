"""One mailer from end to end: its way, then the domains that its jobs send from."""

import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pipeline.delivery.dkim.signer import signing_of
from pipeline.delivery.doctor.dns import LookUp
from pipeline.delivery.doctor.finding import Finding
from pipeline.delivery.doctor.identity import examine_domain
from pipeline.delivery.doctor.link import examine_link
from pipeline.delivery.mailers.smtp import token_source
from pipeline.delivery.smtp.relay import relay_of
from pipeline.delivery.smtp.timeouts import Timeouts
from pipeline.errors import PipelineError
from pipeline.jobs.model import Job, LocalMailer, Mailer, Project

PATIENT = Timeouts(connect=10, greeting=30, command=30)
"""Somebody waits for the answer."""


def examine(
    project: Project, name: str, *, context: ssl.SSLContext, tokens: Path, now: datetime, look_up: LookUp | None
) -> Iterator[Finding]:
    """Everything about a mailer, as it is found. `look_up`: None to leave DNS out. Sends nothing."""
    mailer = project.mailers[name]
    jobs = [job for job in project.jobs.values() if job.delivery.mailer == name]
    if isinstance(mailer, LocalMailer):
        yield Finding("local", "ok", f"a Maildir at {mailer.local}: mails stay on this machine")
        return
    if not jobs:
        yield Finding("jobs", "warn", "no job uses this mailer", "name it under delivery.mailer or in the defaults")
    try:
        relay = relay_of(mailer, token_source(mailer, context, tokens))
        signing = signing_of(name, mailer.dkim)
    except PipelineError as error:
        yield Finding("settings", "wrong", str(error), "put it right in jobs.yaml or in the environment")
        return
    yield from examine_link(relay, context, PATIENT, now, largest(mailer, jobs), chunking=mailer.chunking)
    if look_up is None:
        return
    for domain in dict.fromkeys(job.sender.address.rpartition("@")[2].lower() for job in jobs):
        covering = [signer for signer in signing.signers if signer.covers(domain)] if signing else []
        yield from examine_domain(domain, covering, look_up)


def largest(mailer: Mailer, jobs: list[Job]) -> int:
    """Octets of the largest message that those jobs may send through it; 0 where there are none."""
    limit = None if isinstance(mailer, LocalMailer) else mailer.limits.message_size
    return min(max((job.attach_limit for job in jobs), default=0), limit or 10**12)
