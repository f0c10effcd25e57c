"""The local mailer: a Maildir on this machine (cr.yp.to/proto/maildir.html). A mail that stands there is on
the disk.

Each recipient gets a file of its own, with a Delivered-To header. Its name follows from Message-ID and
recipient, so that a delivery that is repeated after a crash finds its mail and does not double it.
"""

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.delivery.ports import Desk, ReadBase64, Result
from pipeline.delivery.replies import classify_event
from pipeline.delivery.verdict import Action, Kind, Phase, Scope, Verdict
from pipeline.ledger.records import Claim, Delivery
from pipeline.message.wire import assemble

BATCH = 50


class LocalMailbox:
    """One Maildir; see `ports.Mailer`. Lines end in LF, as in the mailboxes of Unix."""

    def __init__(self, name: str, folder: Path, read_base64: ReadBase64) -> None:
        self._name = name
        self._folder = folder
        self._read_base64 = read_base64

    @property
    def name(self) -> str:
        return self._name

    def run(self, desk: Desk) -> None:
        """See `ports.Mailer.run`: letters are taken, journaled and written in batches."""
        while claims := desk.take(BATCH):
            pairs = [(claim, delivery) for claim in claims for delivery in claim.deliveries]
            intended = desk.journal([delivery for _, delivery in pairs], [])
            results = self._deliver([pair for pair in pairs if pair[1].id in intended])
            troubles = [result.verdict for result in results if result.verdict.action is Action.PAUSE]
            desk.journal([], results)
            if troubles:
                desk.pause(troubles[0])

    def tend(self) -> None:
        """Nothing is kept open."""

    def close(self) -> None:
        """Nothing is kept open."""

    def _deliver(self, pairs: Sequence[tuple[Claim, Delivery]]) -> list[Result]:
        started = time.monotonic()
        try:
            self._make_folders()
            known = self._known()
            done = [(claim, delivery, *self._place(claim, delivery, known)) for claim, delivery in pairs]
            _sync_folder(self._folder / "new")
        except OSError as error:
            verdict = self._trouble(error)
            return [Result(claim, delivery, verdict, 0, 0) for claim, delivery in pairs]
        duration = round((time.monotonic() - started) * 1000)
        return [Result(claim, delivery, verdict, duration, size) for claim, delivery, verdict, size in done]

    def _place(self, claim: Claim, delivery: Delivery, known: set[str]) -> tuple[Verdict, int]:
        """Writes one mail, unless it is there: complete in tmp and on the disk before it appears in new."""
        unique = unique_name(claim.letter.message_id, delivery.recipient)
        if unique in known:
            return _delivered(f"was there already: new/{unique}"), 0
        try:
            chunks = assemble(claim.letter, self._read_base64, eight_bit=True)
        except OSError as error:
            text = f"an attachment cannot be read: {error.strerror or error}"
            return classify_event(Phase.LOCAL, "artifact", text), 0
        content = f"Delivered-To: {delivery.recipient}\n".encode() + b"".join(chunks).replace(b"\r\n", b"\n")
        temporary = self._folder / "tmp" / unique
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._folder / "new" / unique)
        return _delivered(f"new/{unique}"), len(content)

    def _make_folders(self) -> None:
        for part in ("tmp", "new", "cur"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)

    def _known(self) -> set[str]:
        """The unique names of all mails here, read ones (`cur/NAME:2,S`) too."""
        return {entry.name.partition(":")[0] for part in ("new", "cur") for entry in os.scandir(self._folder / part)}

    def _trouble(self, error: OSError) -> Verdict:
        where = Path(error.filename).name if error.filename else self._folder.name
        return classify_event(Phase.LOCAL, "disk", f"{where}: {error.strerror or error}")


def unique_name(message_id: str, recipient: str) -> str:
    """The Maildir name of one mail to one person: the same on every attempt."""
    digest = hashlib.sha256(f"{message_id}\0{recipient}".encode()).hexdigest()[:32]
    return f"{digest}.pipeline"


def _delivered(text: str) -> Verdict:
    return Verdict(Kind.OK, Scope.RECIPIENT, Action.ACCEPT, "local-delivered", Phase.LOCAL, reply=text)


def _sync_folder(folder: Path) -> None:
    """Makes the new names in it durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
