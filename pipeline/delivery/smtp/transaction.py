"""One mail transaction as a machine without sockets: replies in, commands out, a verdict for every
recipient at the end.

    opening ── 354 ──▶ ready ── body written ──▶ body ── dot may have left ──▶ dot ──▶ done
       └── nobody accepted, or DATA refused ──▶ cleaning (RSET) ──▶ done

The phase decides what a lost connection means, so it is known exactly: until the last octet of the final
dot's line can have left this machine, nothing was delivered; from then on, only the server's answer tells
(RFC 5321 §4.1.1.4, RFC 1047). MAIL, RCPT and DATA go in one write where PIPELINING is offered (RFC 2920),
one by one elsewhere.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from pipeline.delivery.replies import classify, classify_event
from pipeline.delivery.rules import Rule
from pipeline.delivery.smtp.capabilities import Capabilities
from pipeline.delivery.smtp.dsn import mail_parameters, rcpt_parameters
from pipeline.delivery.smtp.reply import GarbageError, Reply
from pipeline.delivery.verdict import Action, Kind, Phase, Verdict

LONE_DOT = b".\r\n"
"""Ends a body that must not be sent: DATA was granted although nobody was accepted (RFC 2920 §3.1)."""


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
    READY = auto()
    BODY = auto()
    DOT = auto()
    CLEANING = auto()
    DONE = auto()


class Transaction:
    """`start`, then `feed` every reply; write what they return. At READY write the body and say so."""

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
        """True: the session must not be used again, whatever the verdicts are."""
        self.plain = False
        """True once the server refused the ESMTP parameters of MAIL and was asked without them."""
        self._envelope = envelope
        self._server = server
        self._split_before = split_before
        self._rules = rules
        self._later: deque[tuple[Phase, str, str]] = deque()
        self._waiting: deque[tuple[Phase, str]] = deque()
        self._last = Phase.LOCAL
        self._replies = 0
        self._mail_refused: Verdict | None = None
        self._ask_plain = False

    # --- what the driver asks -----------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self.stage is Stage.DONE

    @property
    def untouched(self) -> bool:
        """Whether the server has not answered anything yet."""
        return self._replies == 0

    @property
    def phase(self) -> Phase:
        """Where the dialogue stands: whose answer is awaited, or what is being written."""
        if self.stage in {Stage.READY, Stage.BODY}:
            return Phase.BODY
        return self._waiting[0][0] if self._waiting else self._last

    @property
    def eight_bit(self) -> bool:
        """Whether the body may hold octets above 127: the server said that it takes them."""
        return self._server.eight_bit and not self.plain

    @property
    def split(self) -> tuple[str, ...]:
        """The recipients for the next transaction, at once."""
        return tuple(who for who, verdict in self.verdicts.items() if verdict.action is Action.SPLIT)

    # --- the dialogue -------------------------------------------------------------------------------------

    def start(self) -> bytes:
        """The first write; empty where nothing can be sent, and then it is done."""
        self._check()
        recipients = [who for who in self._envelope.recipients if who not in self.verdicts]
        if not recipients:
            self.stage = Stage.DONE
            return b""
        return self._open(recipients)

    def feed(self, reply: Reply) -> bytes:
        """The next write, often empty. Raises GarbageError for a reply that nobody asked for."""
        if self.stage is Stage.BODY:
            return self._interrupted(reply)
        if not self._waiting:
            raise GarbageError(f"a reply that nobody asked for: {reply}")
        self._replies += 1
        phase, who = self._waiting.popleft()
        self._last = phase
        if phase is Phase.MAIL:
            return self._on_mail(reply)
        if phase is Phase.RCPT:
            return self._on_rcpt(reply, who)
        if phase is Phase.DATA:
            return self._on_data(reply)
        return self._on_dot(reply) if self.stage is Stage.DOT else self._on_cleaned(reply, phase)

    def body_started(self) -> None:
        """The body is about to be written; its intent is durable."""
        self.stage = Stage.BODY

    def dot_possible(self) -> None:
        """From now on the whole message may have reached the server."""
        self.stage = Stage.DOT
        self._waiting.append((Phase.DOT, ""))

    def lost(self, event: str, text: str, *, excused: bool) -> None:
        """The connection ended: `closed`, `reset`, `timeout` or `garbage`.

        `excused`: if the server has not answered this letter yet, that is not the letter's fault, because
        the connection had been idle for too long or broke over the letter before it.
        """
        if self.stage is Stage.CLEANING:
            self._conclude(classify_event(Phase.RSET, event, text), over=True)
            return
        phase = Phase.IDLE if self.untouched and (excused or not self._waiting) else self.phase
        self._conclude(replace(classify_event(phase, event, text), phase=self.phase), over=True)

    # --- its steps ----------------------------------------------------------------------------------------

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

    def _open(self, recipients: Sequence[str]) -> bytes:
        steps = [(Phase.MAIL, "", f"MAIL FROM:<{self._envelope.sender}>{self._parameters()}\r\n")]
        steps += [(Phase.RCPT, who, f"RCPT TO:<{who}>{self._wants(who)}\r\n") for who in recipients]
        steps.append((Phase.DATA, "", "DATA\r\n"))
        self._mail_refused, self._ask_plain = None, False
        if self._server.pipelining:
            self._waiting.extend((phase, who) for phase, who, _ in steps)
            return "".join(command for _, _, command in steps).encode("ascii")
        self._later = deque(steps)
        return self._next()

    def _next(self) -> bytes:
        """Where there is no pipelining: the next command."""
        if not self._later:
            return b""
        phase, who, command = self._later.popleft()
        self._waiting.append((phase, who))
        return command.encode("ascii")

    def _parameters(self) -> str:
        if self.plain:
            return ""
        size = f" SIZE={self._envelope.size}" if self._server.size is not None else ""
        body = " BODY=8BITMIME" if self._envelope.eight_bit and self._server.eight_bit else ""
        return size + body + (mail_parameters(self._envelope.message_id) if self._reports else "")

    @property
    def _reports(self) -> bool:
        """Whether to ask for reports: they go to the sender, so the null sender gets none."""
        return self._server.dsn and not self.plain and bool(self._envelope.sender)

    def _wants(self, who: str) -> str:
        return rcpt_parameters(who) if self._reports else ""

    def _on_mail(self, reply: Reply) -> bytes:
        if reply.code == 250:
            return self._next()
        possible = {Action.PLAIN} if self._parameters() else set()
        verdict = classify(Phase.MAIL, reply.code, reply.enhanced, reply.text, possible=possible, extra=self._rules)
        if verdict.action is Action.PLAIN:
            self._ask_plain = True
        self._mail_refused = verdict
        self._later.clear()
        if reply.code == 421:
            return self._conclude(verdict, over=True)
        return b"" if self._waiting else self._after_refusal(verdict)

    def _after_refusal(self, verdict: Verdict) -> bytes:
        """MAIL was refused and the replies behind it are read."""
        if self._ask_plain:
            self.plain = True
            return self._open([who for who in self._envelope.recipients if who not in self.verdicts])
        return self._conclude(verdict, over=verdict.kind is Kind.PROTOCOL)

    def _on_rcpt(self, reply: Reply, who: str) -> bytes:
        if self._mail_refused is not None:
            return b""
        possible = {Action.SPLIT} if self.accepted and who not in self._split_before else set()
        verdict = classify(Phase.RCPT, reply.code, reply.enhanced, reply.text, possible=possible, extra=self._rules)
        if verdict.ok:
            self.accepted.append(who)
        else:
            self.verdicts[who] = verdict
        if reply.code == 421 or verdict.kind is Kind.PROTOCOL:
            return self._conclude(replace(verdict, action=Action.AGAIN), over=True)
        if self._later and self._later[0][0] is Phase.DATA and not self.accepted:
            return self._clean()
        return self._next()

    def _on_data(self, reply: Reply) -> bytes:
        if reply.code == 354:
            if self.accepted:
                self.stage = Stage.READY
                return b""
            self.stage = Stage.CLEANING
            self._waiting.append((Phase.DOT, ""))
            return LONE_DOT
        if reply.code < 400:
            raise GarbageError(f"not an answer to DATA: {reply}")
        if self._mail_refused is not None:
            return self._after_refusal(self._mail_refused)
        verdict = classify(Phase.DATA, reply.code, reply.enhanced, reply.text, extra=self._rules)
        if reply.code == 421 or (self.accepted and verdict.kind is Kind.PROTOCOL):
            return self._conclude(verdict, over=True)
        for who in self.accepted:
            self.verdicts[who] = verdict
        return self._clean()

    def _interrupted(self, reply: Reply) -> bytes:
        """A reply in the middle of the body. A refusal is as good as one at the dot; anything else is a
        desync."""
        if reply.code < 400:
            raise GarbageError(f"an answer before the message had ended: {reply}")
        return self._conclude(classify(Phase.DOT, reply.code, reply.enhanced, reply.text, extra=self._rules), over=True)

    def _on_dot(self, reply: Reply) -> bytes:
        verdict = classify(Phase.DOT, reply.code, reply.enhanced, reply.text, extra=self._rules)
        return self._conclude(verdict, over=reply.code == 421 or verdict.kind is Kind.AMBIGUOUS)

    def _clean(self) -> bytes:
        """Takes back a MAIL that came to nothing; without it the next one may be "nested"."""
        self.stage = Stage.CLEANING
        self._later.clear()
        self._waiting.append((Phase.RSET, ""))
        return b"RSET\r\n"

    def _on_cleaned(self, reply: Reply, phase: Phase) -> bytes:
        if self._mail_refused is not None:
            return self._after_refusal(self._mail_refused)
        self.stage = Stage.DONE
        # A lone dot is rightly refused; RSET never is (RFC 5321 §4.1.1.5).
        self.session_over = reply.code == 421 or (phase is Phase.RSET and reply.code // 100 != 2)
        return b""

    def _refuse_all(self, verdict: Verdict) -> None:
        for who in self._envelope.recipients:
            self.verdicts.setdefault(who, verdict)

    def _conclude(self, verdict: Verdict, *, over: bool) -> bytes:
        """The verdict for everybody who has none yet; the end."""
        self._refuse_all(verdict)
        self._waiting.clear()
        self._later.clear()
        self.session_over = self.session_over or over
        self.stage = Stage.DONE
        return b""


def is_path(address: str) -> bool:
    """Whether it can stand between angle brackets without becoming another command (RFC 5321 §4.1.2,
    §4.5.3.1.3)."""
    return (
        address.isascii()
        and len(address) <= 254
        and "@" in address[1:-1]
        and not any(c <= " " or c in "<>\x7f" for c in address)
    )
