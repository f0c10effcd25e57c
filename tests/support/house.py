"""A project whose runs are built for real, with a clock that only the test moves, and the mails that came of it."""

import email
import email.policy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from projects import inbox, json_lines

from pipeline.ledger.records import Run, RunKey
from pipeline.single_run import Followed, follow
from pipeline.wiring import Workspace

DUE = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


@dataclass
class House:
    """The job is called `daily`, its data is sales.csv."""

    root: Path
    now: datetime = DUE
    workspace: Workspace = field(init=False)

    def __post_init__(self) -> None:
        self.workspace = Workspace(self.root, clock=lambda: self.now, environ={})

    def sales(self, *rows: str) -> None:
        (self.root / "sales.csv").write_text("day,shop,units\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")

    def follow(self, day: int = 0, variant: str = "") -> Followed:
        return follow(self.workspace, RunKey("daily", DUE + timedelta(days=day), variant))

    def run(self, day: int = 0) -> Run:
        return self.follow(day).run

    def build(self) -> Run:
        run = self.workspace.builder.build(self.workspace.project, RunKey("daily", DUE))
        assert run is not None
        return run

    def all_mails(self) -> list[EmailMessage]:
        """In the order in which they came."""
        paths = sorted(inbox(self.root), key=lambda path: path.stat().st_mtime_ns)
        return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]

    def mails(self) -> dict[str, EmailMessage]:
        """Recipient → the last mail that came."""
        return {mail["To"]: mail for mail in self.all_mails()}

    def events(self, event: str) -> list[dict[str, object]]:
        lines = json_lines(self.workspace.log_file.read_text(encoding="utf-8"))
        return [line for line in lines if line["event"] == event]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """The words of a body on one line."""
    body = mail.get_body((kind,))
    assert body is not None
    return " ".join(str(body.get_content()).split())
