"""What every mail transaction is: a machine without sockets, replies in, commands out, and at its end a verdict for
every recipient.

Two know how to be one: `data.py` (DATA, RFC 5321) and `bdat.py` (BDAT, RFC 3030). The stage decides what a lost
connection means, so it is known exactly: until the last octet of the message can have left this machine, nothing was
delivered; from then on, only the server's answer tells (RFC 5321 §4.1.1.4, RFC 1047).
"""

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from pipeline.delivery.replies import classify, classify_event
from pipeline.delivery.rules import Rule
from pipeline.delivery.smtp.capabilities import Capabilities
from pipeline.delivery.smtp.dsn import mail_parameters, rcpt_parameters
from pipeline.delivery.smtp.reply import Reply
from pipeline.delivery.verdict import Action, Phase, Verdict

_PATH = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")


@dataclass(frozen=True, slots=True)
class Envelope:
    sender: str
    """Reverse-path without angle brackets; empty for the null sender."""
    recipients: tuple[str, ...]
    size: int
    """Octets of the message as this server will get it."""
    eight_bit: bool
    """Whether the message holds octets above 127 where the server takes them."""
    message_id: str = ""
    """With angle brackets; what the server's reports will name it by."""


class Stage(Enum):
    OPENING = auto()
    """Answers that the body waits for are not there yet."""
    READY = auto()
    """The body may be written once its intent is durable."""
    BODY = auto()
    """It is being written."""
    DOT = auto()
    """Its last octet may have left."""
    CLEANING = auto()
    DONE = auto()


class Transaction(ABC):
    """At READY call `send_body`, write what it returns and then the body; `feed` every reply and write what that
    returns."""

    chunked: bool
    """Whether the body goes by BDAT: as it is, its length in front of it."""

    def __init__(
        self,
        envelope: Envelope,
        server: Capabilities,
        *,
        split_before: frozenset[str] = frozenset(),
        rules: Sequence[Rule] = (),
    ) -> None:
        """`split_before`: recipients that "too many recipients" put off in the last transaction; not
        twice running."""
        self.stage = Stage.OPENING
        self.verdicts: dict[str, Verdict] = {}
        self.accepted: list[str] = []
        self.session_over = False
        """True: the session must not be used for more, whatever the verdicts are."""
        self.unwilling = ""
        """Why the server is not to be sent letters by BDAT any more; empty: it may be."""
        self._envelope = envelope
        self._server = server
        self._split_before = split_before
        self._rules = rules
        self._waiting: deque[tuple[Phase, str]] = deque()
        self._replies = 0
        self._mail_refused: Verdict | None = None
        self._check()
        self._asked = tuple(who for who in envelope.recipients if who not in self.verdicts)
        if not self._asked:
            self.stage = Stage.DONE

    # --- what the driver asks -----------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self.stage is Stage.DONE

    @property
    def untouched(self) -> bool:
        """Whether the server has not answered anything yet."""
        return self._replies == 0

    @property
    @abstractmethod
    def phase(self) -> Phase:
        """Where the dialogue stands: whose answer is awaited, or what is being written."""

    @property
    @abstractmethod
    def at_stake(self) -> Sequence[str]:
        """At READY: the recipients who may get the letter once its body is written."""

    @property
    def reports(self) -> bool:
        """Whether reports are asked for: they go to the sender, so the null sender gets none."""
        return self._server.dsn and bool(self._envelope.sender)

    @property
    def split(self) -> tuple[str, ...]:
        """The recipients for the next transaction, at once."""
        return tuple(who for who, verdict in self.verdicts.items() if verdict.action is Action.SPLIT)

    # --- the dialogue -------------------------------------------------------------------------------------

    @abstractmethod
    def start(self) -> bytes:
        """The first write, before READY; empty where there is nothing to be said yet."""

    @abstractmethod
    def send_body(self, *, behind: bool) -> bytes:
        """The body is about to be written, its intent is durable: what goes in front of it. `behind`: something was
        said on this connection before."""

    @abstractmethod
    def feed(self, reply: Reply) -> bytes:
        """The next write, often empty. Raises GarbageError for a reply that nobody asked for."""

    def dot_possible(self) -> None:
        """From now on the whole message may have reached the server."""
        self.stage = Stage.DOT

    def lost(self, event: str, text: str, *, excused: bool, announced: bool = False) -> None:
        """The connection ended: `closed`, `reset`, `timeout` or `garbage`.

        `excused`: if the server has not answered this letter yet, that is not the letter's fault, because
        the connection had been idle for too long or broke over the letter before it. `announced`: the last thing
        that the server said was 421, "closing": it took nothing after that.
        """
        if self._mail_refused is not None:  # the server has said why, and took nothing
            self._conclude(self._mail_refused, over=True)
        else:
            self._lost(event, text, excused=excused, announced=announced)

    @abstractmethod
    def _lost(self, event: str, text: str, *, excused: bool, announced: bool) -> None:
        """See `lost`, where MAIL was not refused."""

    # --- steps that both have -----------------------------------------------------------------------------

    def _check(self) -> None:
        """Refuses here what need not be asked (RFC 1870 §6.1; RFC 6531 is not used)."""
        sender, limit = self._envelope.sender, self._server.size
        for who in self._envelope.recipients:
            if not who.isascii():
                text = f"{who}: a mailbox name with letters beyond ASCII cannot be delivered"
                self.verdicts[who] = classify_event(Phase.LOCAL, "non-ascii", text)
            elif not is_path(who):
                self.verdicts[who] = classify_event(Phase.LOCAL, "address", f"{who!r} is not a mail address")
        if sender and not is_path(sender):
            self._refuse_all(classify_event(Phase.LOCAL, "sender", f"the sender {sender!r} is not a mail address"))
        if limit and self._envelope.size > limit:
            text = f"the message has {self._envelope.size} octets; the server takes {limit}"
            self._refuse_all(classify_event(Phase.LOCAL, "size", text))

    def _envelope_steps(self, recipients: Sequence[str]) -> list[tuple[Phase, str, str]]:
        """MAIL and RCPT: phase, recipient and command of each."""
        steps = [(Phase.MAIL, "", f"MAIL FROM:<{self._envelope.sender}>{self._parameters()}\r\n")]
        return steps + [(Phase.RCPT, who, f"RCPT TO:<{who}>{self._wants(who)}\r\n") for who in recipients]

    def _parameters(self) -> str:
        if not self._server.parameters:
            return ""
        size = f" SIZE={self._envelope.size}" if self._server.size is not None else ""
        body = " BODY=8BITMIME" if self._envelope.eight_bit and self._server.eight_bit else ""
        return size + body + (mail_parameters(self._envelope.message_id) if self.reports else "")

    def _wants(self, who: str) -> str:
        return rcpt_parameters(who) if self.reports else ""

    def _judge_mail(self, reply: Reply) -> Verdict:
        """The verdict on a refused MAIL; `plain`: it may be its parameters that are refused."""
        possible = {Action.PLAIN} if self._parameters() else set()
        return classify(Phase.MAIL, reply.code, reply.enhanced, reply.text, possible=possible, extra=self._rules)

    def _judge_rcpt(self, reply: Reply, who: str) -> Verdict:
        """The verdict on a recipient, kept."""
        possible = {Action.SPLIT} if self.accepted and who not in self._split_before else set()
        if self.reports:
            possible.add(Action.PLAIN)
        verdict = classify(Phase.RCPT, reply.code, reply.enhanced, reply.text, possible=possible, extra=self._rules)
        if verdict.ok:
            self.accepted.append(who)
        else:
            self.verdicts[who] = verdict
        return verdict

    def _refuse_all(self, verdict: Verdict) -> None:
        for who in self._envelope.recipients:
            self.verdicts.setdefault(who, verdict)

    def _conclude(self, verdict: Verdict, *, over: bool) -> bytes:
        """The verdict for everybody who has none yet; the end."""
        self._refuse_all(verdict)
        self._waiting.clear()
        self.session_over = self.session_over or over
        self.stage = Stage.DONE
        return b""


def is_path(address: str) -> bool:
    """Whether it can stand between angle brackets without becoming another command (RFC 5321 §4.1.2,
    §4.5.3.1.3)."""
    return len(address) <= 254 and _PATH.fullmatch(address) is not None
