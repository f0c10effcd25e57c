"""The small values of jobs.yaml: durations, sizes, zones, addresses, retry plans."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator

_UNITS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip
_SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def parse_duration(text: str) -> timedelta:
    """`90s`, `15 minutes`, `1.5 h` → timedelta. Raises ValueError with what is expected."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f'"{text}" is not a duration; write a number and a unit, like 30 seconds, 15m, 6 hours')
    return timedelta(seconds=float(match[1]) * _UNITS[match[2].lower()])


def parse_size(text: str) -> int:
    """`20MB`, `1 GiB` → bytes. Raises ValueError with what is expected."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2].upper() not in _SIZES:
        raise ValueError(f'"{text}" is not a size; write a number and a unit, like 20MB or 2GiB')
    return int(float(match[1]) * _SIZES[match[2].upper()])


def parse_zone(text: str) -> str:
    """An IANA zone name that this machine knows. Raises ValueError otherwise."""
    if text not in available_timezones():
        raise ValueError(f'"{text}" is not a time zone; write a name of the IANA list, like Europe/Berlin')
    return text


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """`1m, 5m*2, 1h`: the waits before the 2nd, 3rd, … attempt; the last one repeats until the message expires."""

    waits: tuple[timedelta, ...]

    def wait(self, attempts: int) -> timedelta:
        """The nominal wait after this many attempts (from 1), before jitter."""
        return self.waits[min(attempts, len(self.waits)) - 1]


def parse_retry(text: str) -> RetryPlan:
    """Reads the schedule syntax of Haraka's `temp_fail_intervals`. Raises ValueError with what is expected."""
    waits: list[timedelta] = []
    for part in text.split(","):
        wait, _, times = part.partition("*")
        if times and not times.strip().isdigit():
            raise ValueError(f'"{text}" is not a retry plan; write waits like 1m, 5m*2, 1h')
        waits += [parse_duration(wait)] * int(times or 1)
    if not waits or min(waits) <= timedelta(0):
        raise ValueError(f'"{text}" is not a retry plan; every wait must be longer than nothing')
    return RetryPlan(tuple(waits))


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address with an optional display name: `Ana Ruiz <ana@example.com>`."""

    address: str
    """Normalised: domain lower-case and IDNA-encoded (RFC 5891), so that it can stand in an SMTP envelope."""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


def parse_mailbox(text: str) -> Mailbox:
    """Exactly one address; no line breaks, no lists, no groups. Raises ValueError with what is wrong."""
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("an address must not hold control characters")
    try:
        found = validate_email(
            text, check_deliverability=False, allow_display_name=True, test_environment=True
        )
    except EmailNotValidError as error:
        raise ValueError(f'"{text}" is not a mail address: {error}') from None
    if found.ascii_email is None:
        raise ValueError(f'"{text}" has a non-ASCII part before the @, which many mail servers cannot deliver')
    return Mailbox(found.ascii_email, found.display_name or "")


def _from_text(parse: Callable[[str], object]) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


Duration = Annotated[timedelta, _from_text(parse_duration)]
ByteSize = Annotated[int, _from_text(parse_size)]
Zone = Annotated[str, AfterValidator(parse_zone)]
Address = Annotated[Mailbox, _from_text(parse_mailbox)]
Retry = Annotated[RetryPlan, _from_text(parse_retry)]
