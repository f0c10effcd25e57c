"""What a fault matrix is made of: the misbehaviours of each stage, and the invariants that hold whatever a server does.

a  nobody gets two copies unless the ledger says possible_duplicate
b  nobody is silently lost: what the server acknowledged is sent, what it never took is not
c  every delivery ends in one state
d  as many log lines as attempts
e  no secret in any output
f  nothing but EHLO, STARTTLS and QUIT before TLS
"""

import base64
from collections.abc import Callable, Collection
from dataclasses import replace
from urllib.parse import quote

from delivery_bench import QUICK, Bench
from scripted_smtp import OFFERS, Act, ScriptedServer, Turn, cut, reset, say, stall

from pipeline.delivery.ports import Mailer
from pipeline.ledger.states import ENDED

HASTY = replace(QUICK, greeting=0.15, command=0.15, data=0.15, block=0.15, dot=0.15)
USER, CANARY = "robot", "c4nary:p@ss/word"
CREDENTIALS = (USER, CANARY)
TLS_OFFERS = (*OFFERS, "STARTTLS", "AUTH PLAIN")

USUAL = {
    "connect": "220 scripted",
    "ehlo": "\r\n".join(["250-scripted", *(f"250-{offer}" for offer in TLS_OFFERS[:-1]), f"250 {TLS_OFFERS[-1]}"]),
    "mail": "250 2.1.0 ok",
    "rcpt": "250 2.1.5 ok",
    "data": "354 go",
    "body": "250 what",
    "dot": "250 2.0.0 queued",
    "rset": "250 2.0.0 ok",
}


def deliver(bench: Bench, mailer: Callable[..., Mailer], server: ScriptedServer, *, secure: bool) -> None:
    """All that is queued, in haste. `secure`: by STARTTLS, with a login."""
    login = f"{USER}:{quote(CANARY, safe='')}@" if secure else ""
    scheme = "smtp" if secure else "smtp+plain"
    bench.deliver_all(mailer(server, scheme=scheme, login=login, timeouts=HASTY))


def misbehaviours(stage: str) -> dict[str, Act]:
    usual = USUAL[stage].encode()
    code = usual[:3]
    acts = {
        "421": cut("421 4.3.2 closing"),
        "4xx": say("450 4.3.0 later"),
        "5xx": say("550 5.0.0 never"),
        "cut": cut(),
        "stall": stall(),
        "reset": reset(),
        "garbage": say(b"\x00\x01 \xff garbage"),
        "extra line": say(usual + b"\r\n250 2.0.0 surprise"),
        "in pieces": say(usual, pieces=2),
        "a thousand lines": say((code + b"-line\r\n") * 1000 + usual),
        "not UTF-8": say(code + b"-gr\xfc\xdfe\r\n" + usual),
    }
    if stage == "body":  # who refuses there hangs up; a server that then takes the mail after all would be lying
        acts |= {"4xx": cut("450 4.3.0 later"), "5xx": cut("550 5.0.0 never")}
    if stage == "dot":
        acts |= {
            "cut after taking": cut(taken=True),
            "reset after taking": reset(taken=True),
            "stall after taking": stall(taken=True),
            "garbage after taking": Act(b"\x00 garbage\r\n", taken=True),
        }
    return acts


VARIANTS = [
    (1, "none"),
    (1, "all"),
    *((n, which) for n in (2, 5) for which in ("none", "first", "last", "all")),
    (50, "none"),
    (50, "last"),
]


def refused(recipients: list[str], which: str) -> set[str]:
    return {"none": set(), "first": {recipients[0]}, "last": {recipients[-1]}, "all": set(recipients)}[which]


def script_for(stage: str, act: Act, bad: set[str], when: int = 1) -> dict[str, Callable[[Turn], Act | None]]:
    """Misbehaves the first time that the stage is reached, or later, and refuses the bad recipients always."""

    def once(turn: Turn) -> Act | None:
        return act if turn.count == when else None

    def rcpt(turn: Turn) -> Act | None:
        if any(f"<{who}>" in turn.argument for who in bad):
            return say("550 5.1.1 no such user")
        return once(turn) if stage == "rcpt" else None

    return {stage: once} | {"rcpt": rcpt}


def check_deliveries(
    bench: Bench, server: ScriptedServer, people: Collection[str], bad: Collection[str], where: str
) -> None:
    """a to c."""
    received = server.received()
    acknowledged = {who for mail in server.mails if mail.acknowledged for who in mail.recipients}
    for delivery in bench.deliveries():
        if delivery.recipient not in people:
            continue
        copies = sum(count for (who, _), count in received.items() if who == delivery.recipient)
        told = f"{where}: {delivery}"
        assert delivery.state in ENDED, told  # c
        assert copies <= 1 or delivery.possible_duplicate, told  # a
        if delivery.state == "sent":
            assert delivery.recipient in acknowledged, told  # b
        elif delivery.recipient in acknowledged:
            assert delivery.state == "uncertain", told
        assert delivery.state != "sent" or delivery.recipient not in bad, told
        if delivery.recipient not in bad and delivery.state == "failed":
            assert delivery.code is not None, told  # nobody fails for anything but an answer
            assert delivery.code >= 500, told


def check_log(bench: Bench) -> None:
    """d and e."""
    attempts = sum(len(bench.outbox.attempts(delivery.id)) for delivery in bench.deliveries())
    lines = [line for line in bench.events if line["event"].startswith("delivery.")]
    assert len(lines) == attempts  # d
    text = bench.stream.getvalue()
    for form in (CANARY, quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode()):
        assert form not in text  # e
    assert base64.b64encode(f"\0{USER}\0{CANARY}".encode()).decode() not in text


def check_nothing_before_tls(server: ScriptedServer, where: str) -> None:
    """f."""
    plain = {command.line.split()[0].upper() for command in server.commands if not command.tls}
    assert plain <= {b"EHLO", b"STARTTLS", b"QUIT"}, where
