"""What a server's answers say about how much to dare: how many connections, how many letters in flight on one, and
whether the way out works at all."""

from collections.abc import Iterable
from dataclasses import replace

from pipeline.delivery.ports import Note, unnoted
from pipeline.delivery.smtp.concurrency import Concurrency
from pipeline.delivery.verdict import Action, Kind, Phase, Verdict

WINDOW = 8
"""Letters of one connection that may be unanswered where they go by BDAT: as many a round trip. It is also what a crash
or a cut leaves uncertain on each connection, so no more than helps (docs/decisions.md)."""


class Pace:
    """One mailer's; owned by its pool."""

    def __init__(self, connections: int, *, chunking: bool = True, note: Note = unnoted) -> None:
        self.connections = Concurrency(connections)
        self.letters = Concurrency(WINDOW, first=WINDOW, least=0)
        """In flight on a connection by BDAT; at none they go by DATA. Halved each time that some were lost."""
        self.trouble: Verdict | None = None
        """Why the mailer is to pause."""
        self._note = note
        if not chunking:
            self.letters.end()

    def judged(self, verdict: Verdict, *, carried: bool) -> Verdict:
        """What the verdict on a letter means for the connections; a 421 on one that has carried mail only ends that
        one."""
        if verdict.ok:
            self.connections.good()
            self.letters.good()
        elif verdict.code == 421 and verdict.phase in {Phase.MAIL, Phase.RCPT} and carried:
            self.connections.complaint()
            return replace(verdict, action=Action.AGAIN)
        elif verdict.action is Action.PAUSE:
            self.trouble = verdict
        elif verdict.kind is Kind.RATE and verdict.action is not Action.SPLIT:
            self.connections.complaint()
        return verdict

    def no_chunks(self, why: str, verdict: Verdict) -> None:
        """Letters go by DATA for good."""
        if self.letters.most:
            self._note(f"{why}: mails go by DATA until the service is started again", verdict)
        self.letters.end()

    def lost_chunks(self, verdict: Verdict) -> None:
        """Letters by BDAT were lost: however many connections one restart of a server cuts, it is one complaint."""
        dared = self.letters.target
        self.letters.complaint()
        if dared and not self.letters.target:
            self._note("connections break over mails by BDAT: they go by DATA until 100 were taken", verdict)

    def not_opened(self, verdict: Verdict, *, others_work: bool) -> None:
        """A connection came to nothing."""
        self.connections.complaint()
        self.came_to_nothing([verdict], others_work=others_work)

    def came_to_nothing(self, verdicts: Iterable[Verdict], *, others_work: bool) -> None:
        """A connection failed before it carried anything; that is the mailer's trouble unless another one works."""
        for verdict in verdicts:
            if self.trouble is None and not others_work:
                self.trouble = verdict

    def take_trouble(self) -> Verdict | None:
        """The trouble, once; afterwards one connection is dared."""
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            self.connections.restart()
        return trouble
