"""What an answer means: the words for the phase it came in, its class, whom it concerns, and what is to
be done."""

from dataclasses import dataclass

from pipeline.ledger.states import Word


class Phase(Word):
    """Where in the dialogue something happened. `local`: before anything was written."""

    LOCAL = "local"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    TLS = "tls"
    AUTH = "auth"
    IDLE = "idle"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"
    RSET = "rset"


class Kind(Word):
    """The class of an answer: the `class` of the delivery log."""

    OK = "OK"
    TRANSIENT = "TRANSIENT"
    RATE = "RATE"
    PERM_RCPT = "PERM_RCPT"
    PERM_MSG = "PERM_MSG"
    PERM_SENDER = "PERM_SENDER"
    AUTH = "AUTH"
    CONNECT = "CONNECT"
    TLS = "TLS"
    PROTOCOL = "PROTOCOL"
    CAPABILITY = "CAPABILITY"
    AMBIGUOUS = "AMBIGUOUS"
    LOCAL = "LOCAL"


class Scope(Word):
    """Whom it concerns."""

    RECIPIENT = "recipient"
    MESSAGE = "message"
    SENDER = "sender"
    SESSION = "session"
    HOST = "host"
    ACCOUNT = "account"


class Action(Word):
    """What is to be done about it."""

    ACCEPT = "accept"
    """Go on; after the final 2xx: sent, for ever."""
    RETRY = "retry"
    """Deferred by the retry plan; the attempt is charged."""
    AGAIN = "again"
    """Back to the outbox as if it had not been tried: the session was at fault, and another will do."""
    WAIT = "wait"
    """Deferred without a charge: nothing is wrong with this letter."""
    PAUSE = "pause"
    """As `wait`, and the whole mailer pauses."""
    FAIL = "fail"
    """It will never work: failed."""
    SPLIT = "split"
    """Too many recipients at once: these go in the next transaction."""
    PLAIN = "plain"
    """The same command once more without its ESMTP parameters."""
    ASK = "ask"
    """Nobody can know whether it was delivered: uncertain."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on one answer, or on its absence, for the deliveries that it concerns."""

    kind: Kind
    scope: Scope
    action: Action
    rule: str
    """The row of `delivery/rules.py` that decided."""
    phase: Phase
    code: int | None = None
    enhanced: str = ""
    """`5.1.1`, only where the server sent one that agrees with its code."""
    reply: str = ""
    """What the server said, or what happened instead; one line, control characters visible."""
    wait: float = 0.0
    """The shortest sensible wait in seconds, by the rule or by the server's own words."""

    @property
    def ok(self) -> bool:
        return self.action is Action.ACCEPT
