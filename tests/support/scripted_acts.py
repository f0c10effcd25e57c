"""What a scripted server does at each point, and what it has seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Act:
    """What the server does at one point: says `said` in pieces of `pieces` octets, then goes on or ends."""

    said: bytes = b""
    then: str = "go"
    """go, cut (FIN), reset (RST), or stall (silence until the server is stopped)."""
    pieces: int = 0
    taken: bool | None = None
    """At the dot: whether the mail counts as taken over; by default if the answer begins with 2."""


def say(text: str | bytes, *, pieces: int = 0) -> Act:
    data = text.encode() if isinstance(text, str) else text
    return Act(data if data.endswith(b"\n") else data + b"\r\n", pieces=pieces)


def cut(said: str = "", *, taken: bool | None = None) -> Act:
    return Act(f"{said}\r\n".encode() if said else b"", then="cut", taken=taken)


def reset(*, taken: bool | None = None) -> Act:
    return Act(then="reset", taken=taken)


def stall(*, taken: bool | None = None) -> Act:
    return Act(then="stall", taken=taken)


@dataclass(frozen=True)
class Turn:
    verb: str
    argument: str
    session: int
    count: int
    """How often this verb has come on the whole server, this time included."""
    session_count: int
    """The same, in this session."""


Step = Act | Sequence[Act] | Callable[[Turn], Act | None]


def by_recipient(acts: Mapping[str, Act]) -> Callable[[Turn], Act | None]:
    """For `rcpt`: another answer for some addresses."""
    return lambda turn: next((act for who, act in acts.items() if f"<{who}>" in turn.argument), None)


def times(number: int, act: Act) -> Callable[[Turn], Act | None]:
    """The act for the first so many times, the usual answer afterwards."""
    return lambda turn: act if turn.count <= number else None


@dataclass(frozen=True)
class Mail:
    session: int
    sender: str
    recipients: tuple[str, ...]
    data: bytes
    """As received, dots undone, without the final dot."""
    raw: bytes
    acknowledged: bool
    tls: bool


@dataclass
class Command:
    session: int
    line: bytes
    tls: bool


def message_id(data: bytes) -> str:
    """The Message-ID of a mail as received."""
    for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line.lower().startswith(b"message-id:"):
            return line.partition(b":")[2].strip().decode()
    return ""
