"""What would become of an answer that somebody pastes: which rule decides, and what follows. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.delivery.pauses import alerts_after, opened
from pipeline.delivery.replies import classify
from pipeline.delivery.retry import next_attempt
from pipeline.delivery.rules import Rule
from pipeline.delivery.smtp.reply import GarbageError, Reply, ReplyReader
from pipeline.delivery.verdict import Action, Phase, Verdict
from pipeline.ledger.records import Terms

PHASES = (
    Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT,
)  # fmt: skip
"""Where a server answers."""
_UNCHARGED = frozenset({Action.WAIT, Action.PAUSE, Action.AGAIN, Action.SPLIT})

_MEANING = {
    Action.ACCEPT: "it goes on; after the final dot the delivery is sent, for ever",
    Action.RETRY: "the delivery is deferred, the attempt is charged",
    Action.AGAIN: "the delivery goes back to the outbox as if untried: the connection was at fault",
    Action.WAIT: "the delivery is deferred, nothing is charged: the letter is not at fault",
    Action.PAUSE: "the delivery is deferred, nothing is charged, and the whole mailer pauses",
    Action.FAIL: "the delivery has failed; it is not tried again",
    Action.SPLIT: "these recipients go at once in the next transaction, if one before them was accepted",
    Action.PLAIN: "the same command is sent once more without its ESMTP parameters (HELO in place of EHLO)",
    Action.ASK: "nobody can know whether it arrived: uncertain, and on_uncertain decides",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """One verdict and what follows from it, at one instant."""

    phases: tuple[Phase, ...]
    """Where the same rule decides."""
    verdict: Verdict
    meaning: str
    next_attempt: datetime | None
    """Without the spread; None: there is none, or it is sent at once."""
    pause_until: datetime | None
    """Until when the mailer rests the first time."""
    alerts_at: int
    """At which failure in a row somebody is told; 0: never."""


def read_answer(text: str) -> Reply:
    """One answer as a log or a bounce shows it, on one line or several. Raises GarbageError for what is none."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if not lines:
        raise GarbageError("there is nothing in it")
    code = lines[0][:3]
    if not re.fullmatch("[2-5][0-9]{2}", code):
        raise GarbageError("it does not begin with a code like 550")
    if any(re.match("[2-5][0-9]{2}[ -]", line) and line[:3] != code for line in lines):
        raise GarbageError("there is more than one in it")
    texts = [line[4:] if line[:3] == code else line for line in lines]
    joined = [f"{code}{' ' if number == len(texts) else '-'}{text}" for number, text in enumerate(texts, 1)]
    replies = list(ReplyReader().feed("".join(f"{line}\r\n" for line in joined).encode()))
    if len(replies) != 1:
        raise GarbageError("it is no answer of a mail server")
    return replies[0]


def explain(  # noqa: PLR0917 - all that a verdict depends on
    reply: Reply, phases: Sequence[Phase], own: Sequence[Rule], terms: Terms, mailer: str, now: datetime
) -> list[Explained]:
    """What the answer means in each phase, phases with the same verdict together."""
    groups: dict[str, list[Verdict]] = {}
    for phase in phases:
        verdict = classify(phase, reply.code, reply.enhanced, reply.text, extra=own)
        groups.setdefault(verdict.rule, []).append(verdict)
    return [_follows(verdicts, terms, mailer, now) for verdicts in groups.values()]


def _follows(verdicts: Sequence[Verdict], terms: Terms, mailer: str, now: datetime) -> Explained:
    verdict = verdicts[0]
    pauses = verdict.action is Action.PAUSE
    waits = verdict.action in (Action.RETRY, Action.WAIT, Action.PAUSE, Action.ASK)
    charged = verdict.action not in _UNCHARGED
    return Explained(
        phases=tuple(one.phase for one in verdicts),
        verdict=verdict,
        meaning=_MEANING[verdict.action],
        next_attempt=next_attempt(terms, int(charged), verdict, now, 0.5) if waits else None,
        pause_until=opened(mailer, None, verdict, now).until if pauses else None,
        alerts_at=alerts_after(verdict) if pauses else 0,
    )
