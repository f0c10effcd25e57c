"""How long each step of an SMTP dialogue may take, in seconds (RFC 5321 §4.5.3.2; docs/delivery.md says
why these)."""

from dataclasses import dataclass

from pipeline.delivery.verdict import Phase


@dataclass(frozen=True, slots=True)
class Timeouts:
    connect: float = 15.0
    greeting: float = 60.0
    command: float = 60.0
    """EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET."""
    data: float = 120.0
    block: float = 60.0
    """Between two steps forward while the body is written."""
    dot: float = 600.0
    """RFC 5321 asks for ten minutes here, because a shorter wait delivers mails twice."""
    quit: float = 1.0
    idle: float = 30.0
    """How long an unused connection is kept."""

    def of(self, phase: Phase) -> float:
        """The patience with the server's next answer in that phase."""
        if phase is Phase.DATA:
            return self.data
        if phase is Phase.BODY:
            return self.block
        return self.dot if phase is Phase.DOT else self.command
