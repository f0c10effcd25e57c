"""The reply table as data, in the order in which it is tried: text, then enhanced code, then code, then
first digit.

Each row can be held against RFC 5321, 3463, 4954 and the table in docs/delivery.md. Columns:

    id · phases · code · enhanced · text · class · scope · action · wait

- phases: words, or `*`. `code`: three-digit patterns with `x` for any digit, or the word of an event (an
  answer that did not come). `enhanced`: patterns with `x` for any number; `-` where the server sent none
  (or one whose first digit contradicts its code, which counts as none: Postfix's rule); empty: whatever.
- text: a regular expression, case-insensitive, found anywhere in the reply (addresses taken out). Text
  rules stand first because codes lie: 550 for a connection rate, 5.2.2 for the sender's quota, 454 for
  throttling.
- wait: the shortest sensible wait, in seconds.

Rows with `split` or `plain` apply only where the transaction can do that (not for its only recipient, not
twice).
"""

import re
from dataclasses import dataclass, field

from pipeline.delivery.verdict import Action, Kind, Scope

HOUR = 3600.0
GREYLIST = 300.0
"""The least that a greylisting server makes one wait, as most are configured (postgrey, milter-greylist)."""
SLOW = 900.0
"""Between looks at something that a person must put right."""


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    phases: frozenset[str]
    codes: tuple[str, ...]
    enhanced: tuple[str, ...]
    text: re.Pattern[str] | None
    kind: Kind
    scope: Scope
    action: Action
    wait: float = 0.0
    _code: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _enhanced: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        code = "|".join(each.replace("x", r"\d") for each in self.codes)
        enhanced = "|".join(re.escape(each).replace("x", r"\d+") for each in self.enhanced if each != "-")
        object.__setattr__(self, "_code", re.compile(code))
        object.__setattr__(self, "_enhanced", re.compile(enhanced))

    def matches(self, phase: str, code: str, enhanced: str, text: str) -> bool:
        """Whether this row decides about that answer."""
        return (
            (phase in self.phases or "*" in self.phases)
            and self._code.fullmatch(code) is not None
            and self._fits(enhanced)
            and (self.text is None or self.text.search(text) is not None)
        )

    def _fits(self, enhanced: str) -> bool:
        if not self.enhanced:
            return True
        return "-" in self.enhanced if not enhanced else self._enhanced.fullmatch(enhanced) is not None


def rule(  # noqa: PLR0917 - the columns of a table
    name: str,
    phases: str,
    codes: str,
    enhanced: str,
    text: str,
    kind: Kind,
    scope: Scope,
    action: Action,
    wait: float = 0.0,
) -> Rule:
    """One row, its columns written as words."""
    pattern = re.compile(text, re.IGNORECASE) if text else None
    return Rule(
        name,
        frozenset(phases.split()),
        tuple(codes.split()),
        tuple(enhanced.split()),
        pattern,
        kind,
        scope,
        action,
        wait,
    )


K, S, A = Kind, Scope, Action
_FULL = (
    r"(mailbox|inbox|account|user)[^.]{0,30}"
    r"(full|over ?quota|quota exceeded|exceeded[^.]{0,20}(quota|storage))"
    r"|over ?quota|out of storage|exceeded storage allocation"
)

TEXT_RULES: tuple[Rule, ...] = (
    rule("recipient-too-fast", "rcpt dot", "4xx 5xx", "",
         r"(user|recipient|account|inbox) .{0,40}"
         r"(receiving|getting) (mail|messages?) (too quickly|at a rate)",
         K.TRANSIENT, S.RECIPIENT, A.RETRY, GREYLIST),
    rule("recipient-busy", "rcpt dot", "4xx", "4.2.1", r"too (fast|quickly|many)|\brate\b|busy",
         K.TRANSIENT, S.RECIPIENT, A.RETRY, GREYLIST),
    rule("greylisted", "mail rcpt data dot", "4xx", "", r"gr[ae]y-?list",
         K.TRANSIENT, S.RECIPIENT, A.RETRY, GREYLIST),
    rule("daily-quota", "greeting auth mail rcpt data dot", "4xx 5xx", "",
         r"daily[^.]{0,40}(limit|quota)|(limit|quota)[^.]{0,40}(per day|daily)"
         r"|24[- ]hour[^.]{0,30}(limit|quota)"
         r"|maximum credits exceeded|submission quota|sender'?s?[^.]{0,30}quota|quota[^.]{0,30}\bsender",
         K.RATE, S.ACCOUNT, A.PAUSE, HOUR),
    rule("too-many-recipients", "rcpt", "45x 55x", "", r"too many recipients",
         K.RATE, S.SESSION, A.SPLIT),
    rule("too-many-connections", "greeting ehlo auth mail rcpt data dot", "4xx 5xx", "",
         r"too many[^.]{0,30}(connections|sessions)"
         r"|concurrent[^.]{0,30}(connections?|sessions?)|connection frequency"
         r"|connections? (rate|limit)|max(imum)?[^.]{0,20}connections",
         K.RATE, S.ACCOUNT, A.PAUSE),
    rule("rate-limited", "greeting ehlo auth mail rcpt data dot", "4xx 5xx", "",
         r"throttl|rate[- ]?limit|rate (was |is |has been )?exceeded"
         r"|(sending|message|mail|maximum)\W(send\W)?rate\b"
         r"|submission rate|send(ing)? limit|unexpected volume|user complaints"
         r"|exceeded[^.]{0,40}\brate\b|exceeded[^.]{0,30}number of (messages|e?-?mails)"
         r"|too many (messages|e?-?mails|requests|commands)"
         r"|too (fast|quickly)|slow down"
         r"|(hourly|per hour|per minute|per second)[^.]{0,30}(limit|quota)"
         r"|limit[^.]{0,20}(hourly|per hour|per minute)"
         r"|unusual rate|exceeded the max e?mails per",
         K.RATE, S.ACCOUNT, A.PAUSE),
    rule("account-busy", "mail", "4xx", "", r"\bquota\b|\brates?\b|too many|concurrent|thread limit",
         K.RATE, S.ACCOUNT, A.PAUSE),
    rule("account-stopped", "mail rcpt data dot", "5xx", "",
         r"sending (is )?(paused|suspended) for this account|unusual sending activity"
         r"|your (sending )?account (is|has been) (\w+ )?(suspended|disabled|blocked|locked)",
         K.PERM_SENDER, S.ACCOUNT, A.PAUSE, SLOW),
    rule("policy-not-login", "rcpt data dot", "5xx", "5.7.9", r"\bpolicy\b",
         K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("recipient-restricted", "rcpt dot", "5xx", "", r"RESOLVER\.RST\.",  # whom a group takes mail from
         K.PERM_RCPT, S.RECIPIENT, A.FAIL),
    rule("login-required", "mail rcpt data dot", "5xx", "",
         r"authentication (is )?required|must (be )?authenticat|please authenticate|turn on SMTP authentication"
         r"|unauthenticated (senders?|users?|clients?) not"
         r"|not authenticated|log ?in first|must issue a STARTTLS",
         K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    rule("sender-not-owned", "mail rcpt data dot", "55x", "",
         r"sender address rejected|sender verif(y|ication) failed|send ?as ?denied|not allowed to send (as|from)"
         r"|not authorized to send (on behalf|as|from)"
         r"|(email address|sender|from address|domain) (is )?not verified"
         r"|does not have permissions to send as|from address.{0,40}not match",
         K.PERM_SENDER, S.SENDER, A.WAIT, SLOW),
    rule("client-rejected", "mail rcpt data", "5xx", "", r"client host rejected|helo command rejected",
         K.PERM_SENDER, S.ACCOUNT, A.PAUSE, SLOW),
    rule("relay-denied", "rcpt dot", "4xx 5xx", "",
         r"relay(ing)?[^.]{0,20}(denied|not (permitted|allowed)|prohibited|disallowed)"
         r"|(unable|not permitted|not allowed) to relay"
         r"|we do not relay|not a(n open)? relay|allowed rcpthosts",
         K.PERM_SENDER, S.ACCOUNT, A.WAIT, SLOW),
    rule("no-valid-recipients", "data", "5xx", "", r"no valid recipients|no recipients|need RCPT|rcpt first",
         K.PROTOCOL, S.SESSION, A.RETRY),
    rule("mailbox-full", "rcpt dot", "4xx", "",
         _FULL + r"|quota exceeded",
         K.TRANSIENT, S.RECIPIENT, A.RETRY, HOUR),
    rule("mailbox-full-for-good", "rcpt dot", "5xx", "- 5.0.0 5.2.2 5.2.0",
         _FULL,
         K.PERM_RCPT, S.RECIPIENT, A.FAIL),
    rule("too-large", "mail rcpt data dot", "5xx", "- 5.0.0 5.7.0 5.3.0",
         r"(message|mail|size)[^.]{0,30}(too (large|big)|exceed)"
         r"|exceeds?[^.]{0,30}(size|length) limit|too large",
         K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("unknown-recipient", "rcpt dot", "5xx", "- 5.0.0 5.1.x 5.5.0 5.7.1",
         r"(user|recipient|mailbox|account|address)[^.]{0,25}"
         r"(unknown|not found|does ?n.t exist|does not exist|no longer|disabled|inactive)"
         r"|does ?n.t have an? [\w.-]+ account|no such (user|recipient|mailbox|person|address)"
         r"|unknown (user|recipient|mailbox|local)|no mailbox here"
         r"|invalid (recipient|mailbox)|undeliverable address",
         K.PERM_RCPT, S.RECIPIENT, A.FAIL),
    rule("policy-words", "rcpt data dot", "5xx", "- 5.0.0",
         r"\bspam\b|black-?list|block-?list|\bblocked\b|\bSPF\b"
         r"|\bDKIM\b|\bDMARC\b|\bpolicy\b|reputation|virus|malware|phish"
         r"|content rejected|rejected due to",
         K.PERM_MSG, S.MESSAGE, A.FAIL),
)  # fmt: skip

ENHANCED_RULES: tuple[Rule, ...] = (
    # the account, wherever it is told
    rule("auth-expired", "auth mail rcpt data dot", "5xx",
         "5.7.57 5.7.30 5.7.3 5.7.8 5.7.9 5.7.11 5.7.14", "",
         K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    rule("account-blocked", "mail rcpt data dot", "5xx", "5.7.705 5.7.708 5.7.750", "",
         K.PERM_SENDER, S.ACCOUNT, A.PAUSE, SLOW),
    rule("address-throttled", "mail rcpt data dot", "451", "4.7.5x 4.7.6x", "", K.RATE, S.ACCOUNT, A.PAUSE),
    rule("daily-limit", "mail rcpt data dot", "5xx", "5.4.5", "", K.RATE, S.ACCOUNT, A.PAUSE, HOUR),
    # MAIL
    rule("mail-auth", "mail", "530", "5.5.1 5.7.0", "", K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    rule("mail-size", "mail", "5xx", "5.3.4 5.2.3", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("mail-parameter", "mail", "501 504 555", "5.5.4 5.5.2", "", K.CAPABILITY, S.HOST, A.PLAIN),
    rule("mail-smtputf8", "mail", "5xx", "5.6.7", "", K.CAPABILITY, S.MESSAGE, A.FAIL),
    rule("mail-sender", "mail", "5xx", "5.1.7 5.1.8 5.7.60 5.7.x 5.1.x", "",
         K.PERM_SENDER, S.SENDER, A.WAIT, SLOW),
    # RCPT
    rule("rcpt-too-many", "rcpt", "45x", "4.5.3", "", K.RATE, S.SESSION, A.SPLIT),
    rule("rcpt-too-many-for-good", "rcpt", "5xx", "5.5.3", "", K.RATE, S.SESSION, A.SPLIT),
    rule("rcpt-parameter", "rcpt", "501 504 555", "5.5.4 5.5.2", "", K.CAPABILITY, S.HOST, A.PLAIN),
    rule("rcpt-full", "rcpt dot", "4xx", "4.2.2", "", K.TRANSIENT, S.RECIPIENT, A.RETRY, HOUR),
    rule("rcpt-greylist", "rcpt", "450 451", "4.7.x", "", K.TRANSIENT, S.RECIPIENT, A.RETRY, GREYLIST),
    rule("rcpt-unknown", "rcpt dot", "5xx", "5.1.1 5.1.2 5.1.3 5.1.4 5.1.6 5.1.9 5.1.10 5.2.1", "",
         K.PERM_RCPT, S.RECIPIENT, A.FAIL),
    rule("rcpt-full-for-good", "rcpt dot", "5xx", "5.2.2", "", K.PERM_RCPT, S.RECIPIENT, A.FAIL),
    rule("rcpt-restricted", "rcpt dot", "5xx", "5.7.12 5.7.124 5.7.129 5.7.133 5.7.134 5.7.135 5.7.136", "",
         K.PERM_RCPT, S.RECIPIENT, A.FAIL),
    rule("rcpt-sender", "rcpt", "5xx", "5.1.7 5.1.8 5.7.60", "", K.PERM_SENDER, S.SENDER, A.WAIT, SLOW),
    rule("rcpt-route", "rcpt", "5xx", "5.4.x", "", K.PERM_RCPT, S.RECIPIENT, A.FAIL),
    rule("rcpt-size", "rcpt", "5xx", "5.3.4 5.2.3", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("rcpt-smtputf8", "rcpt", "5xx", "5.6.7", "", K.CAPABILITY, S.RECIPIENT, A.FAIL),
    rule("rcpt-auth", "rcpt", "530", "5.5.1 5.7.0", "", K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    rule("rcpt-policy", "rcpt", "5xx", "5.7.x", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
    # DATA and the final dot
    rule("data-no-recipients", "data", "503 554", "5.5.1", "", K.PROTOCOL, S.SESSION, A.RETRY),
    rule("dot-size", "data dot", "5xx", "5.3.4 5.2.3", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("dot-sender", "data dot", "5xx", "5.1.7 5.1.8 5.7.60", "", K.PERM_SENDER, S.SENDER, A.WAIT, SLOW),
    rule("dot-policy", "data dot", "5xx", "5.7.x", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("dot-content", "data dot", "5xx", "5.6.x", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
)  # fmt: skip

CODE_RULES: tuple[Rule, ...] = (
    # what goes well
    rule("greeting-ok", "greeting", "220", "", "", K.OK, S.SESSION, A.ACCEPT),
    rule("ehlo-ok", "ehlo", "250", "", "", K.OK, S.SESSION, A.ACCEPT),
    rule("starttls-ok", "starttls", "220", "", "", K.OK, S.SESSION, A.ACCEPT),
    rule("auth-ok", "auth", "235", "", "", K.OK, S.ACCOUNT, A.ACCEPT),
    rule("mail-ok", "mail", "250", "", "", K.OK, S.MESSAGE, A.ACCEPT),
    rule("rcpt-ok", "rcpt", "250 251 252", "", "", K.OK, S.RECIPIENT, A.ACCEPT),
    rule("data-ok", "data", "354", "", "", K.OK, S.MESSAGE, A.ACCEPT),
    rule("dot-ok", "dot", "2xx", "", "", K.OK, S.MESSAGE, A.ACCEPT),
    rule("rset-ok", "rset", "2xx", "", "", K.OK, S.SESSION, A.ACCEPT),
    # the way in
    rule("greeting-busy", "greeting", "421", "", "", K.RATE, S.ACCOUNT, A.PAUSE),
    rule("ehlo-busy", "ehlo", "421", "", "", K.TRANSIENT, S.HOST, A.PAUSE),
    rule("ehlo-unknown", "ehlo", "500 502", "", "", K.CAPABILITY, S.HOST, A.PLAIN),
    rule("auth-busy", "auth", "421 432 454", "", "", K.TRANSIENT, S.ACCOUNT, A.PAUSE),
    rule("auth-mechanism", "auth", "502 504", "", "", K.CAPABILITY, S.ACCOUNT, A.PAUSE, SLOW),
    # MAIL
    rule("mail-busy", "mail", "421", "", "", K.RATE, S.ACCOUNT, A.PAUSE),
    rule("mail-login", "mail rcpt data dot", "530 534 535 538", "", "", K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    rule("mail-parameter-code", "mail", "501 504 555", "", "", K.CAPABILITY, S.HOST, A.PLAIN),
    rule("mail-size-code", "mail", "552", "", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("mail-order", "mail", "503", "", "", K.PROTOCOL, S.SESSION, A.RETRY),
    # RCPT
    rule("rcpt-cut", "rcpt", "421", "", "", K.RATE, S.SESSION, A.WAIT),
    rule("rcpt-parameter-code", "rcpt", "501 504 555", "", "", K.CAPABILITY, S.HOST, A.PLAIN),
    rule("rcpt-too-many-code", "rcpt", "452 552", "-", "", K.RATE, S.SESSION, A.SPLIT),
    rule("rcpt-order", "rcpt", "503", "", "", K.PROTOCOL, S.SESSION, A.RETRY),
    # DATA and the final dot
    rule("data-order", "data", "503", "", "", K.PROTOCOL, S.SESSION, A.RETRY),
    rule("data-none", "data", "554", "-", "", K.PROTOCOL, S.SESSION, A.RETRY),
    rule("dot-size-code", "data dot", "552 523", "", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
)  # fmt: skip

DIGIT_RULES: tuple[Rule, ...] = (
    rule("greeting-later", "greeting", "4xx 5xx", "", "", K.CONNECT, S.HOST, A.PAUSE),
    rule("ehlo-later", "ehlo", "4xx", "", "", K.TRANSIENT, S.HOST, A.PAUSE),
    rule("ehlo-refused", "ehlo", "5xx", "", "", K.PERM_SENDER, S.HOST, A.PAUSE, SLOW),
    rule("starttls-later", "starttls", "4xx", "", "", K.TLS, S.HOST, A.PAUSE),
    rule("starttls-refused", "starttls", "5xx", "", "", K.TLS, S.ACCOUNT, A.PAUSE, SLOW),
    rule("auth-later", "auth", "4xx", "", "", K.TRANSIENT, S.ACCOUNT, A.PAUSE),
    rule("auth-refused", "auth", "5xx", "", "", K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    rule("mail-later", "mail", "4xx", "", "", K.TRANSIENT, S.ACCOUNT, A.RETRY),
    rule("mail-refused", "mail", "5xx", "", "", K.PERM_SENDER, S.SENDER, A.WAIT, SLOW),
    rule("rcpt-later", "rcpt", "4xx", "", "", K.TRANSIENT, S.RECIPIENT, A.RETRY),
    rule("rcpt-refused", "rcpt", "5xx", "", "", K.PERM_RCPT, S.RECIPIENT, A.FAIL),
    rule("data-later", "data", "4xx", "", "", K.TRANSIENT, S.MESSAGE, A.RETRY),
    rule("data-refused", "data", "5xx", "", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("dot-later", "dot", "4xx", "", "", K.TRANSIENT, S.MESSAGE, A.RETRY),
    rule("dot-refused", "dot", "5xx", "", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("dot-nonsense", "dot", "xxx", "", "", K.AMBIGUOUS, S.MESSAGE, A.ASK),
    rule("setup-nonsense", "greeting ehlo starttls auth", "xxx", "", "", K.PROTOCOL, S.HOST, A.PAUSE),
    rule("nonsense", "mail rcpt data rset idle", "xxx", "", "", K.PROTOCOL, S.SESSION, A.RETRY),
)  # fmt: skip

EVENT_RULES: tuple[Rule, ...] = (
    # the way in: the mailer pauses, no letter is charged
    rule("dns-unknown", "connect", "nxdomain", "", "", K.PERM_SENDER, S.ACCOUNT, A.PAUSE, SLOW),
    rule("no-way", "connect", "dns refused unreachable timeout reset closed", "", "",
         K.CONNECT, S.HOST, A.PAUSE),
    rule("setup-cut", "greeting ehlo starttls tls auth", "timeout reset closed", "", "",
         K.CONNECT, S.HOST, A.PAUSE),
    rule("setup-garbage", "greeting ehlo starttls auth", "garbage", "", "", K.PROTOCOL, S.HOST, A.PAUSE),
    rule("starttls-missing", "starttls", "missing", "", "", K.TLS, S.ACCOUNT, A.PAUSE, SLOW),
    rule("starttls-injected", "starttls", "injected", "", "", K.TLS, S.ACCOUNT, A.PAUSE, SLOW),
    rule("tls-untrusted", "tls", "untrusted", "", "", K.TLS, S.ACCOUNT, A.PAUSE, SLOW),
    rule("auth-missing", "auth", "missing", "", "", K.CAPABILITY, S.ACCOUNT, A.PAUSE, SLOW),
    # the token endpoint, for a login by OAuth2
    rule("token-later", "auth", "token-later", "", "", K.TRANSIENT, S.ACCOUNT, A.PAUSE),
    rule("token-consent", "auth", "consent", "", "", K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    rule("token-refused", "auth", "token-refused", "", "", K.AUTH, S.ACCOUNT, A.PAUSE, SLOW),
    rule("token-untrusted", "auth", "token-untrusted", "", "", K.TLS, S.ACCOUNT, A.PAUSE, SLOW),
    # a letter on its way: before the final dot nothing was delivered, after it nobody can know
    rule("session-ended", "idle", "timeout reset closed garbage", "", "", K.CONNECT, S.SESSION, A.AGAIN),
    rule("cut-before-dot", "mail rcpt data body", "timeout reset closed", "", "", K.CONNECT, S.HOST, A.RETRY),
    rule("garbage-before-dot", "mail rcpt data body", "garbage", "", "", K.PROTOCOL, S.SESSION, A.RETRY),
    rule("cut-after-dot", "dot", "timeout reset closed", "", "", K.AMBIGUOUS, S.MESSAGE, A.ASK),
    rule("garbage-after-dot", "dot", "garbage", "", "", K.AMBIGUOUS, S.MESSAGE, A.ASK),
    rule("rset-cut", "rset", "timeout reset closed garbage", "", "", K.PROTOCOL, S.SESSION, A.AGAIN),
    # what we find before anything is written
    rule("local-size", "local", "size", "5.3.4", "", K.PERM_MSG, S.MESSAGE, A.FAIL),
    rule("local-non-ascii", "local", "non-ascii", "5.6.7", "", K.CAPABILITY, S.RECIPIENT, A.FAIL),
    rule("local-address", "local", "address", "5.1.3", "", K.LOCAL, S.RECIPIENT, A.FAIL),
    rule("local-sender", "local", "sender", "5.1.7", "", K.LOCAL, S.MESSAGE, A.FAIL),
    rule("local-line-ends", "local", "line-ends", "5.6.0", "", K.LOCAL, S.MESSAGE, A.FAIL),
    rule("local-artifact", "local", "artifact", "", "", K.LOCAL, S.MESSAGE, A.RETRY),
    rule("local-disk", "local", "disk", "", "", K.LOCAL, S.HOST, A.PAUSE),
)  # fmt: skip

RULES: tuple[Rule, ...] = (*TEXT_RULES, *ENHANCED_RULES, *CODE_RULES, *DIGIT_RULES)
