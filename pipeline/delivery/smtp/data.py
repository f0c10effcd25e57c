"""A mail transaction by DATA (RFC 5321 §3.3).

    opening ── 354 ──▶ ready ── body written ──▶ body ── dot may have left ──▶ dot ──▶ done
       └── nobody accepted, or DATA refused ──▶ cleaning (RSET) ──▶ done

MAIL, RCPT and DATA go in one write where PIPELINING is offered (RFC 2920), one by one elsewhere.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.delivery.replies import classify, classify_event
from pipeline.delivery.smtp.reply import GarbageError, Reply
from pipeline.delivery.smtp.transaction import Stage, Transaction
from pipeline.delivery.verdict import Action, Kind, Phase, Verdict

LONE_DOT = b".\r\n"
"""Ends a body that must not be sent: DATA was granted although nobody was accepted (RFC 2920 §3.1)."""


class DataTransaction(Transaction):
    """Its body waits for the answers to its opening, which `start` returns."""

    chunked = False
    _later: Sequence[tuple[Phase, str, str]] = ()
    """Where there is no pipelining: the commands behind the one that waits for its answer."""
    _last = Phase.LOCAL
    """What the last reply was about."""
    _unforgotten: Verdict | None = None
    """The refusal of MAIL, where an address was accepted behind it all the same: for an older MAIL that the server has
    not forgotten. A lone dot would then be an empty mail."""

    @property
    def phase(self) -> Phase:
        """See `Transaction`."""
        if self.stage is Stage.READY or self.stage is Stage.BODY:
            return Phase.BODY
        return self._waiting[0][0] if self._waiting else self._last

    @property
    def at_stake(self) -> Sequence[str]:
        """Whom the server has accepted."""
        return self.accepted

    def start(self) -> bytes:
        """See `Transaction`."""
        return b"" if self.done else self._open()

    def send_body(self, *, behind: bool) -> bytes:  # noqa: ARG002 - of no matter here
        """Nothing is to be said in front of it."""
        self.stage = Stage.BODY
        return b""

    def feed(self, reply: Reply) -> bytes:
        """See `Transaction`."""
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

    def dot_possible(self) -> None:
        """See `Transaction`."""
        super().dot_possible()
        self._waiting.append((Phase.DOT, ""))

    def _lost(self, event: str, text: str, *, excused: bool, announced: bool) -> None:
        """See `Transaction`."""
        if self.stage is Stage.CLEANING:
            self._conclude(classify_event(Phase.RSET, event, text), over=True)
            return
        nobodys_fault = excused or announced or not self._waiting
        phase = Phase.IDLE if self.untouched and nobodys_fault else self.phase
        self._conclude(replace(classify_event(phase, event, text), phase=self.phase), over=True)

    # --- its steps ----------------------------------------------------------------------------------------

    def _open(self) -> bytes:
        steps = [*self._envelope_steps(self._asked), (Phase.DATA, "", "DATA\r\n")]
        if self._server.pipelining:
            self._waiting.extend((phase, who) for phase, who, _ in steps)
            return "".join(command for _, _, command in steps).encode("ascii")
        self._later = steps
        return self._next()

    def _next(self) -> bytes:
        """Where there is no pipelining: the next command."""
        if not self._later:
            return b""
        (phase, who, command), *self._later = self._later
        self._waiting.append((phase, who))
        return command.encode("ascii")

    def _on_mail(self, reply: Reply) -> bytes:
        if reply.code == 250:
            return self._next()
        verdict = self._mail_refused = self._judge_mail(reply)
        self._later = ()
        if reply.code == 421:
            return self._conclude(verdict, over=True)
        return b"" if self._waiting else self._after_refusal(verdict)

    def _after_refusal(self, verdict: Verdict) -> bytes:
        """MAIL was refused and the replies behind it are read."""
        return self._conclude(verdict, over=verdict.kind is Kind.PROTOCOL)

    def _on_rcpt(self, reply: Reply, who: str) -> bytes:
        if self._mail_refused is not None:
            if reply.code // 100 == 2:
                self._unforgotten = self._mail_refused
            return b""
        verdict = self._judge_rcpt(reply, who)
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
            if self._unforgotten is not None:
                return self._conclude(self._unforgotten, over=True)
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
        self._later = ()
        self._waiting.append((Phase.RSET, ""))
        return b"RSET\r\n"

    def _on_cleaned(self, reply: Reply, phase: Phase) -> bytes:
        if self._mail_refused is not None:
            return self._after_refusal(self._mail_refused)
        self.stage = Stage.DONE
        # A lone dot is rightly refused; RSET never is (RFC 5321 §4.1.1.5).
        self.session_over = reply.code == 421 or (phase is Phase.RSET and reply.code // 100 != 2)
        return b""

    def _conclude(self, verdict: Verdict, *, over: bool) -> bytes:
        """See `Transaction`."""
        self._later = ()
        return super()._conclude(verdict, over=over)
