"""From a claimed letter to what a session needs to send it: its transaction and its body's octets."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.delivery.ports import ReadBase64, Sign, unsigned
from pipeline.delivery.replies import classify_event
from pipeline.delivery.rules import Rule
from pipeline.delivery.smtp.bdat import BdatTransaction
from pipeline.delivery.smtp.capabilities import Capabilities, Modesty
from pipeline.delivery.smtp.data import DataTransaction
from pipeline.delivery.smtp.frame import LineEndsError, frame, whole
from pipeline.delivery.smtp.transaction import Envelope, Transaction
from pipeline.delivery.verdict import Phase, Verdict
from pipeline.ledger.records import Claim, Delivery, Letter
from pipeline.message.wire import assemble


@dataclass(frozen=True, slots=True)
class Load:
    """A letter, or the rest of one, that waits for a session."""

    claim: Claim
    deliveries: tuple[Delivery, ...]
    split_before: frozenset[str] = frozenset()
    modesty: Modesty = Modesty.NONE
    """What the server refused although it had offered it, and is not asked for again."""
    refusal: Verdict | None = None
    """Its words about that."""


@dataclass(slots=True)
class Work:
    """A load on its way over a session."""

    load: Load
    transaction: Transaction
    body: list[bytes]
    size: int
    started: float

    @property
    def at_stake(self) -> Sequence[Delivery]:
        """The deliveries that may be made once the body is written: their intents must be durable before."""
        names = set(self.transaction.at_stake)
        if len(names) == len(self.load.deliveries):  # all of them, as nearly always
            return self.load.deliveries
        return [delivery for delivery in self.load.deliveries if delivery.recipient in names]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a mailer is told about its server."""

    rules: Sequence[Rule] = ()
    """An operator's rules about answers, before ours."""
    largest: int | None = None
    """Octets of the largest message that may be sent, whatever the server says."""
    chunking: bool = True
    """Whether letters go by BDAT where the server offers it."""


def make_work(  # noqa: PLR0917 - handed on as they come
    load: Load,
    server: Capabilities,
    read_base64: ReadBase64,
    now: float,
    sign: Sign = unsigned,
    terms: Terms = Terms(),
    *,
    chunked: bool = False,
) -> Work | Verdict:
    """The work for a session on that server, or the verdict on a letter that cannot be sent at all. `chunked`: by
    BDAT."""
    letter = load.claim.letter
    eight_bit = server.eight_bit and not (letter.text.isascii() and letter.html.isascii())
    try:
        body, size = _body(letter, read_base64, sign, eight_bit=eight_bit, chunked=chunked)
    except LineEndsError as error:
        return classify_event(Phase.LOCAL, "line-ends", str(error))
    except OSError as error:
        text = f"an attachment cannot be read: {error.strerror or error}"
        return classify_event(Phase.LOCAL, "artifact", text)
    if terms.largest and size > terms.largest:
        text = f"the message has {size} octets; the mailer's limits allow {terms.largest}"
        return classify_event(Phase.LOCAL, "size", text)
    recipients = tuple(delivery.recipient for delivery in load.deliveries)
    envelope = Envelope(letter.sender, recipients, size, eight_bit, letter.message_id)
    kind = BdatTransaction if chunked else DataTransaction
    transaction = kind(envelope, server, split_before=load.split_before, rules=terms.rules)
    return Work(load, transaction, body, size, now)


def _body(
    letter: Letter, read_base64: ReadBase64, sign: Sign, *, eight_bit: bool, chunked: bool
) -> tuple[list[bytes], int]:
    """What to write after 354 or BDAT, signed in the form in which this server gets it, and the message's size before
    dots were doubled. Raises LineEndsError, OSError."""
    shared: list[bytes] = []

    def read(sha256: str) -> bytes:
        shared.append(read_base64(sha256))
        return shared[-1]

    chunks = assemble(letter, read, eight_bit=eight_bit)
    if signature := sign(chunks, shared):
        chunks.insert(0, signature)
    return (whole if chunked else frame)(chunks, shared), sum(map(len, chunks))
