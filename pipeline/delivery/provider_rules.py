"""Answers that one provider means otherwise than the reply table says: tried before it, for that provider's mailers
alone. Columns as in `delivery/rules.py`."""

from pipeline.delivery.rules import HOUR, SLOW, Rule, rule
from pipeline.delivery.verdict import Action, Kind, Scope
from pipeline.jobs.model import Mailer, ProviderMailer

K, S, A = Kind, Scope, Action

PROVIDER_RULES: dict[str, tuple[Rule, ...]] = {
    "gmail": (
        rule("gmail-relay-login", "mail rcpt", "5xx", "5.7.1", r"invalid credentials for relay",
             K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    ),
    "outlook": (
        rule("outlook-quota", "mail rcpt dot", "5xx", "", r"SubmissionQuotaExceeded",
             K.RATE, S.ACCOUNT, A.PAUSE, HOUR),
        rule("outlook-stopped", "mail rcpt dot", "5xx", "5.1.8", "",
             K.PERM_SENDER, S.ACCOUNT, A.PAUSE, SLOW),
        rule("outlook-recipient-busy", "rcpt dot", "5xx", "5.2.121 5.2.122", "",
             K.TRANSIENT, S.RECIPIENT, A.RETRY, HOUR),
    ),
    "yahoo": (
        rule("yahoo-address-blocked", "greeting mail", "5xx", "", r"\[BL[0-9]+\]",
             K.PERM_SENDER, S.ACCOUNT, A.PAUSE, SLOW),
    ),
    "sendgrid": (
        rule("sendgrid-hourly", "mail rcpt dot", "4xx", "", r"recipients received this hour",
             K.RATE, S.ACCOUNT, A.PAUSE, HOUR),
    ),
    "ses": (
        rule("ses-suppressed", "rcpt dot", "5xx", "", r"address (is )?(black-?listed|on the suppression list)",
             K.PERM_RCPT, S.RECIPIENT, A.FAIL),
        rule("ses-not-authorized", "mail rcpt dot", "5xx", "", r"is not authorized to perform",
             K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    ),
    "mailgun": (
        rule("mailgun-limit", "mail rcpt dot", "4xx", "", r"not allowed to send:.*(limit|try again after)",
             K.RATE, S.ACCOUNT, A.PAUSE, HOUR),
        rule("mailgun-stopped", "mail rcpt dot", "4xx 5xx", "", r"not allowed to send|account disabled",
             K.PERM_SENDER, S.ACCOUNT, A.PAUSE, SLOW),
    ),
    "postmark": (
        rule("postmark-inactive", "rcpt dot", "4xx 5xx", "", r"marked as inactive",
             K.PERM_RCPT, S.RECIPIENT, A.FAIL),
        rule("postmark-sender", "mail rcpt dot", "5xx", "", r"not a sender signature",
             K.PERM_SENDER, S.SENDER, A.WAIT, SLOW),
        rule("postmark-pending", "mail rcpt dot", "5xx", "", r"pending approval",
             K.PERM_SENDER, S.ACCOUNT, A.PAUSE, SLOW),
    ),
    "mandrill": (
        rule("mandrill-sender", "mail rcpt dot", "5xx", "", r"sender domain is not configured",
             K.PERM_SENDER, S.SENDER, A.WAIT, SLOW),
    ),
}  # fmt: skip


def provider_rules(mailer: Mailer) -> tuple[Rule, ...]:
    """The rules of a mailer's provider; none for a relay by URL or the local mailbox."""
    return PROVIDER_RULES.get(mailer.provider, ()) if isinstance(mailer, ProviderMailer) else ()
