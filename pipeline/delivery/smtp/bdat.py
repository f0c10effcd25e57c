"""A mail transaction by BDAT (RFC 3030): nothing to wait for, so all of it goes in one write, and others behind it.

    ready ── RSET, MAIL, RCPT…, BDAT n LAST and n octets written ──▶ body ── last octet may have left ──▶ dot ──▶ done

The answers come afterwards, and in order. RSET stands in front of every letter but a connection's first: it ends what a
refused one left behind (its successor would be a "nested MAIL" under its sender), and it keeps the count, because a
server that reads a chunk as commands cannot have a 2xx in its place.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.delivery.replies import classify, classify_event
from pipeline.delivery.smtp.reply import GarbageError, Reply
from pipeline.delivery.smtp.transaction import Stage, Transaction
from pipeline.delivery.verdict import Action, Kind, Phase, Scope, Verdict

NOT_KNOWN = frozenset({500, 501, 502, 504})
"""Answers to BDAT of a server that does not know it, or not as it is written: this is about the command, not about the
letter. Of 501 the letter is no cause either: it is not in the command."""


class BdatTransaction(Transaction):
    """READY at once. A letter whose MAIL was refused, or every recipient of it, was not taken (RFC 3030 §2), whatever
    happens then."""

    chunked = True

    @property
    def phase(self) -> Phase:
        """See `Transaction`. Once the last octet may have left, the patience is that with a final dot, because who
        hangs up too early sends twice."""
        return Phase.DOT if self.stage is Stage.DOT else Phase.BODY

    @property
    def at_stake(self) -> Sequence[str]:
        """Everybody who will be asked for, since nobody waits for the answers."""
        return self._asked

    def start(self) -> bytes:
        """Nothing is said before the body."""
        if not self.done:
            self.stage = Stage.READY
        return b""

    def send_body(self, *, behind: bool) -> bytes:
        """Everything up to the chunk."""
        steps = [(Phase.RSET, "", "RSET\r\n")] if behind else []
        steps += self._envelope_steps(self._asked)
        steps.append((Phase.DOT, "", f"BDAT {self._envelope.size} LAST\r\n"))
        self._waiting.extend((phase, who) for phase, who, _ in steps)
        self.stage = Stage.BODY
        return "".join(command for _, _, command in steps).encode("ascii")

    def feed(self, reply: Reply) -> bytes:
        """See `Transaction`; there is never anything to write."""
        if not self._waiting:
            raise GarbageError(f"a reply that nobody asked for: {reply}")
        if reply.code // 100 == 3:
            raise GarbageError(f"an answer that asks for more: {reply}")
        self._replies += 1
        phase, who = self._waiting.popleft()
        if phase is Phase.RSET:
            self._on_rset(reply)
        elif phase is Phase.MAIL:
            self._on_mail(reply)
        elif phase is Phase.RCPT:
            self._on_rcpt(reply, who)
        else:
            self._on_chunk(reply)
        return b""

    def _lost(self, event: str, text: str, *, excused: bool, announced: bool) -> None:
        """See `Transaction`."""
        not_taken = announced or (excused and self.untouched and self.stage is not Stage.DOT)
        phase = Phase.IDLE if not_taken else self.phase
        self._conclude(replace(classify_event(phase, event, text), phase=self.phase), over=True)

    # --- its steps ----------------------------------------------------------------------------------------

    def _on_rset(self, reply: Reply) -> None:
        if reply.code // 100 != 2 and reply.code != 421:
            raise GarbageError(f"not an answer to RSET: {reply}")

    def _on_mail(self, reply: Reply) -> None:
        if reply.code == 250:
            return
        if reply.code < 400:
            raise GarbageError(f"not an answer to MAIL: {reply}")
        self._mail_refused = self._judge_mail(reply)

    def _on_rcpt(self, reply: Reply, who: str) -> None:
        if self._mail_refused is not None:
            self._hold_to_refusal(reply)
            return
        if reply.code < 400 and reply.code not in {250, 251, 252}:
            raise GarbageError(f"not an answer to RCPT: {reply}")
        verdict = self._judge_rcpt(reply, who)
        self.session_over = self.session_over or verdict.kind is Kind.PROTOCOL

    def _on_chunk(self, reply: Reply) -> None:
        """The answer to BDAT. A refusal before the whole chunk was written is one; the rest of it is not sent."""
        early = self.stage is Stage.BODY
        if reply.code < 400 and early:
            raise GarbageError(f"an answer before the message had ended: {reply}")
        if self._mail_refused is not None:
            self._hold_to_refusal(reply)
        if reply.code in NOT_KNOWN:  # and what it does with the chunk, nobody knows
            self.unwilling, self.session_over = "the server offers CHUNKING and does not know BDAT", True
        if self._is_for_an_address(reply):
            self.unwilling = "the server answers more often than it is asked"
            raise GarbageError(f"the answer to an address in place of that to the message: {reply}")
        verdict = self._mail_refused or self._judge_chunk(reply)
        nonsense = verdict.kind is Kind.PROTOCOL and bool(self.accepted or self._mail_refused)
        self._conclude(verdict, over=early or nonsense)

    def _is_for_an_address(self, reply: Reply) -> bool:
        """Whether the answer says 2.1.x, "address valid" (RFC 3463 §3.2), as those to RCPT do: then something was said
        before that nobody asked for, and the answers have lost their places."""
        return reply.code // 100 == 2 and reply.enhanced.startswith("2.1.")

    def _judge_chunk(self, reply: Reply) -> Verdict:
        if reply.code in NOT_KNOWN:
            verdict = classify(Phase.DOT, reply.code, reply.enhanced, reply.text)
            return replace(verdict, kind=Kind.CAPABILITY, scope=Scope.HOST, action=Action.AGAIN)
        phase = Phase.DATA if reply.code == 503 else Phase.DOT  # commands out of order are no judgement on the letter
        return classify(phase, reply.code, reply.enhanced, reply.text, extra=self._rules)

    def _hold_to_refusal(self, reply: Reply) -> None:
        """A server that refused MAIL and then goes on as if it had not: nothing that it said can be relied on."""
        if reply.code < 400:
            self._mail_refused = None
            raise GarbageError(f"granted after MAIL was refused: {reply}")
