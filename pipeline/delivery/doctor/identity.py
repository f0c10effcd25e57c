"""What DNS says of the sender's domain: SPF (RFC 7208), DKIM keys (RFC 6376), DMARC (RFC 7489). Pure but for the
look-ups passed in."""

import re
from collections.abc import Iterator, Mapping, Sequence

from pipeline.delivery.dkim.signer import Signer
from pipeline.delivery.doctor.dns import DnsError, LookUp
from pipeline.delivery.doctor.finding import Finding

MOST_LOOKUPS = 10
"""RFC 7208 §4.6.4: a receiver that needs more gives up, and SPF fails for good."""
_COUNTED = re.compile(r"^[+?~-]?(include:|a(?:[:/]|$)|mx(?:[:/]|$)|ptr(?::|$)|exists:)|^redirect=", re.IGNORECASE)


def examine_domain(domain: str, signers: Sequence[Signer], look_up: LookUp) -> Iterator[Finding]:
    """SPF, DKIM and DMARC of a domain that mails come from. `signers`: the mailer's keys that cover it."""
    for check, examine in (("spf", _spf), ("dmarc", _dmarc)):
        try:
            yield examine(domain, look_up)
        except DnsError as error:
            yield Finding(check, "warn", str(error), "try again, or name a server with --resolver")
    if not signers:
        advice = "have the relay sign, or give the mailer a dkim key: Gmail and Yahoo want SPF and DKIM"
        yield Finding("dkim", "warn", f"mails from {domain} are not signed here", advice)
    for signer in signers:
        try:
            yield _dkim(signer, look_up)
        except DnsError as error:
            yield Finding("dkim", "warn", str(error), "try again, or name a server with --resolver")


# --- SPF ------------------------------------------------------------------------------------------------------


def _spf(domain: str, look_up: LookUp) -> Finding:
    records = _beginning("v=spf1", look_up(domain))
    if not records:
        advice = f'publish TXT at {domain}: "v=spf1 include:… ~all", with what the relay\'s operator names'
        return Finding("spf", "wrong", f"{domain} has no SPF record", advice)
    if len(records) > 1:
        text = f"{domain} has {len(records)} SPF records: receivers take none"
        return Finding("spf", "wrong", text, "join them in one")
    terms = records[0].split()[1:]
    lookups = _lookups(domain, terms, look_up, frozenset())
    said = f"{records[0]} ({lookups} look-ups)"
    if lookups > MOST_LOOKUPS:
        return Finding("spf", "wrong", said, f"more than {MOST_LOOKUPS} look-ups: receivers give up; drop an include")
    ending = next((term.lower() for term in terms if term.lower().lstrip("+?~-") == "all"), "")
    if ending in {"all", "+all"}:
        return Finding("spf", "wrong", said, "+all lets everybody send as you; write ~all or -all")
    if ending == "?all" or (not ending and not any(term.lower().startswith("redirect=") for term in terms)):
        return Finding("spf", "warn", said, "it forbids nobody anything; end it with ~all or -all")
    return Finding("spf", "ok", said)


def _lookups(domain: str, terms: Sequence[str], look_up: LookUp, above: frozenset[str]) -> int:
    """How many look-ups a receiver may need, includes of includes too; stops where it is too many anyhow."""
    count = 0
    for term in terms:
        if not _COUNTED.match(term):
            continue
        count += 1
        target = re.split(r"include:|redirect=", term, maxsplit=1, flags=re.IGNORECASE)[1:]
        if target and "%" not in target[0] and target[0] not in above and count <= MOST_LOOKUPS:
            inner = _beginning("v=spf1", look_up(target[0]))
            count += _lookups(target[0], inner[0].split()[1:], look_up, above | {domain, target[0]}) if inner else 0
    return count


# --- DKIM -----------------------------------------------------------------------------------------------------


def _dkim(signer: Signer, look_up: LookUp) -> Finding:
    name = f"{signer.selector}._domainkey.{signer.domain}"
    records = [record for record in look_up(name) if "p=" in record]
    publish = f'publish TXT at {name}: "{signer.key.record}"'
    if not records:
        return Finding("dkim", "wrong", f"{name} has no key", publish)
    tags = _tags(records[0])
    if not tags.get("p"):
        return Finding("dkim", "wrong", f"the key at {name} is revoked (p= is empty)", publish)
    if re.sub(r"\s", "", tags["p"]) != signer.key.public or len(records) > 1:
        return Finding("dkim", "wrong", f"the key at {name} is not the one that signs", publish)
    if "y" in tags.get("t", "").split(":"):
        return Finding("dkim", "warn", f"the key at {name} is in test mode (t=y)", "take t=y out of the record")
    return Finding("dkim", "ok", f"the key at {name} is the one that signs ({signer.key.algorithm})")


# --- DMARC ----------------------------------------------------------------------------------------------------


def _dmarc(domain: str, look_up: LookUp) -> Finding:
    at, records = _dmarc_records(domain, look_up)
    if not records:
        advice = f'publish TXT at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:…": bulk senders need one'
        return Finding("dmarc", "wrong", f"{domain} has no DMARC record", advice)
    if len(records) > 1:
        return Finding(
            "dmarc", "wrong", f"_dmarc.{at} has {len(records)} DMARC records: receivers take none", "keep one"
        )
    tags = _tags(records[0])
    policy = tags.get("p", "") if at == domain else tags.get("sp", tags.get("p", ""))
    said = f"_dmarc.{at}: {records[0]}"
    if policy.lower() not in {"none", "quarantine", "reject"}:
        return Finding("dmarc", "wrong", said, "it needs p=none, p=quarantine or p=reject")
    if "rua" not in tags:
        return Finding("dmarc", "warn", said, "add rua=mailto:…, so that somebody hears what receivers see")
    return Finding("dmarc", "ok", said)


def _dmarc_records(domain: str, look_up: LookUp) -> tuple[str, list[str]]:
    """Of the domain, else of the nearest one above it (never a top-level domain)."""
    labels = domain.split(".")
    for start in range(max(len(labels) - 1, 1)):
        at = ".".join(labels[start:])
        if records := _beginning("v=DMARC1", look_up(f"_dmarc.{at}")):
            return at, records
    return domain, []


def _beginning(version: str, records: Sequence[str]) -> list[str]:
    return [r for r in records if re.match(rf"{re.escape(version)}(?:[\s;]|$)", r, re.IGNORECASE)]


def _tags(record: str) -> Mapping[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
