"""A server that speaks BDAT as RFC 3030 has it, as a function of octets: what it was given, what it says, what it took.

Whatever is left to it is drawn: whether it refuses, whether it hangs up. One that does not know BDAT reads chunks as
commands, and a sloppy one does so with those that it refuses.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

REFUSALS = ("451 4.3.0 later", "550 5.7.1 no", "452 4.5.3 too many", "503 5.5.1 order", "555 5.5.4 parameter")


@dataclass
class ChunkingModel:
    """`decide(verb)` draws what becomes of one command: "ok", a refusal of `REFUSALS`, "421" (it says so and hangs up),
    or "cut"."""

    decide: Callable[[str], str]
    knows: str = "well"
    """well, sloppily, not."""
    taken: set[tuple[bytes, str, str]] = field(default_factory=set)
    """(letter, what stood in RCPT, what stood in MAIL): the letter is its first line."""
    over: bool = False
    said: bytes = b""
    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    _given: bytes = b""

    def give(self, data: bytes) -> None:
        """More octets from the client; answers are appended to `said`."""
        self._given += data
        while not self.over and self._step():
            pass

    def _step(self) -> bool:
        line, end, rest = self._given.partition(b"\r\n")
        if not end:
            return False
        verb, _, argument = line.decode("latin-1").partition(" ")
        chunk = b""
        if verb == "BDAT" and self.knows != "not":
            size = int(argument.partition(" ")[0])
            if len(rest) < size:
                return False
            chunk, rest = rest[:size], rest[size:]
        self._given = rest
        reads_on = self._answer(verb, argument, chunk)
        if reads_on and self.knows == "sloppily":
            self._given = chunk + rest
        return True

    def _answer(self, verb: str, argument: str, chunk: bytes) -> bool:
        """Whether it has refused a chunk."""
        fate = self.decide(verb)
        if fate in {"421", "cut"}:
            self.said += b"421 4.3.2 closing\r\n" if fate == "421" else b""
            self.over = True
            return False
        if verb == "RSET":  # never refused (RFC 5321 §4.1.1.5)
            fate = "ok"
        reply = self._usual(verb, argument) if fate == "ok" else fate
        self.said += reply.encode() + b"\r\n"
        granted = reply[:1] == "2"
        if verb == "MAIL" and granted:
            self.sender = argument
        elif verb == "RCPT" and granted:
            self.recipients.append(argument)
        elif verb == "BDAT" and self.recipients and chunk:  # read, and its transaction ended; not so without recipients
            if granted:
                self.taken |= {(chunk.partition(b"\r\n")[0], who, self.sender) for who in self.recipients}
            self.sender, self.recipients = "", []
        elif verb == "RSET":
            self.sender, self.recipients = "", []
        return bool(chunk) and not granted

    def _usual(self, verb: str, argument: str) -> str:
        if verb == "RSET":
            return "250 2.0.0 ok"
        if verb == "MAIL":
            return "503 5.5.1 nested MAIL" if self.sender else "250 2.1.0 ok"
        if verb == "RCPT":
            return "250 2.1.5 ok" if self.sender else "503 5.5.1 MAIL first"
        if verb == "BDAT" and self.knows != "not":
            return "250 2.0.0 taken" if self.recipients else "503 5.5.1 RCPT first"
        return "500 5.5.2 what"
