"""The small values of jobs.yaml: durations, sizes, zones, addresses, retry plans, dates."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from itertools import groupby
from typing import Annotated
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from pipeline.jobs.names import did_you_mean, got

_UNITS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip
_SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_QUANTITY = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z]+)\s*")
_LONGEST = timedelta(days=36_500)
_MOST_WAITS = 1000
_SHORT = 200
_PLAIN_LOCAL = re.compile(r"(?!.{65})[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_PLAIN_DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,150}")
"""Addresses that differ only in what stands before the @, which needs no more than a look."""


def parse_duration(text: str) -> timedelta:
    """`90s`, `15 minutes`, `1.5 h` → timedelta. Raises ValueError with what is expected."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f'"{text}" is not a duration; write a number and a unit, like 30 seconds, 15m, 6 hours')
    microseconds = Decimal(match[1]) * _UNITS[match[2].lower()] * 10**6
    if microseconds > _LONGEST // timedelta(microseconds=1):
        raise ValueError(f'"{text}" is longer than a century')
    return timedelta(microseconds=round(microseconds))


def format_duration(value: timedelta) -> str:
    """The text that `parse_duration` reads back to the same value, in the largest unit that leaves no
    fraction."""
    microseconds = value // timedelta(microseconds=1)
    for unit in ("days", "hours", "minutes", "seconds"):
        if microseconds and microseconds % (_UNITS[unit] * 10**6) == 0:
            count = microseconds // (_UNITS[unit] * 10**6)
            return f"{count} {unit if count != 1 else unit[:-1]}"
    return f"{Decimal(microseconds).scaleb(-6).normalize():f} seconds"


def parse_size(text: str) -> int:
    """`20MB`, `1 GiB` → bytes. Raises ValueError with what is expected."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2].upper() not in _SIZES:
        raise ValueError(f'"{text}" is not a size; write a number and a unit, like 20MB or 2GiB')
    return int(Decimal(match[1]) * _SIZES[match[2].upper()])


def format_size(value: int) -> str:
    """The text that `parse_size` reads back to the same value."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if value and value % size == 0:
            return f"{value // size}{unit}"
    return f"{value}B"


@cache
def _zones() -> frozenset[str]:
    """The list is read from disk on every call of the standard library's function: 4 ms."""
    return frozenset(available_timezones())


def parse_zone(text: str) -> str:
    """An IANA zone name that this machine knows. Raises ValueError otherwise."""
    if text not in _zones():
        near = did_you_mean(text, _zones()) or "; write a name of the IANA list, like Europe/Berlin"
        raise ValueError(f'"{text}" is not a time zone{near}')
    return text


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """`1m, 5m*2, 1h`: the waits before the 2nd, 3rd, … attempt; the last one repeats until the message
    expires."""

    waits: tuple[timedelta, ...]

    def wait(self, attempts: int) -> timedelta:
        """The nominal wait after this many attempts (from 1), before jitter."""
        return self.waits[min(attempts, len(self.waits)) - 1]

    def __str__(self) -> str:
        """`1 minute, 5 minutes*2, 1 hour`: what `parse_retry` reads back."""
        runs = [(wait, len(list(group))) for wait, group in groupby(self.waits)]
        return ", ".join(format_duration(wait) + (f"*{times}" if times > 1 else "") for wait, times in runs)


def parse_retry(text: str) -> RetryPlan:
    """Reads the schedule syntax of Haraka's `temp_fail_intervals`. Raises ValueError with what is
    expected."""
    waits: list[timedelta] = []
    for part in text.split(","):
        wait, star, times = (piece.strip() for piece in part.partition("*"))
        if star and not re.fullmatch("[1-9][0-9]{0,3}", times):
            raise ValueError(f'"{text}" is not a retry plan; write waits like 1m, 5m*2, 1h')
        waits += [parse_duration(wait)] * int(times or 1)
    if min(waits) <= timedelta(0):
        raise ValueError(f'"{text}" is not a retry plan; every wait must be longer than nothing')
    if len(waits) > _MOST_WAITS:
        raise ValueError(f'"{text}" is not a retry plan; more than {_MOST_WAITS} waits')
    return RetryPlan(tuple(waits))


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address with an optional display name: `Ana Ruiz <ana@example.com>`."""

    address: str
    """Normalised: domain lower-case and IDNA-encoded (RFC 5891), so that it can stand in an SMTP envelope."""
    name: str = ""

    def __str__(self) -> str:
        """As `parse_mailbox` reads it back; a name with anything but words is quoted (RFC 5322 §3.2.4)."""
        if not self.name:
            return self.address
        if re.fullmatch(r"[\w ]+", self.name):
            return f"{self.name} <{self.address}>"
        quoted = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{self.address}>'


@lru_cache(maxsize=4096)
def parse_mailbox(text: str) -> Mailbox:
    """Exactly one address; no line breaks, no lists, no groups. Raises ValueError with what is wrong."""
    local, _, domain = text.partition("@")
    if len(text) <= _SHORT and _PLAIN_LOCAL.fullmatch(local) and (known := _plain_domain(domain)):
        return Mailbox(f"{local}@{known}")
    return _any_mailbox(text)


@lru_cache(maxsize=4096)
def _plain_domain(domain: str) -> str:
    """The domain as it stands in an envelope, asked for once however many people it has; empty where an address
    of it needs the long way."""
    if not _PLAIN_DOMAIN.fullmatch(domain):
        return ""
    try:
        return _any_mailbox(f"a@{domain}").address.removeprefix("a@")
    except ValueError:
        return ""


_PLAIN_NAME = re.compile(r"\s*(?P<name>[^\"\\<>@,;:()\[\]]+)<(?P<address>[^<>]*)>\s*")
"""An address with a name that nobody quoted."""


def _any_mailbox(text: str) -> Mailbox:
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("an address must not hold control characters")
    if text.count("@") > 1 and re.search(r"@[^,;<>\"]+[,;]", text):
        raise ValueError(f'"{text}" is more than one address; write a list, like [a@example.com, b@example.com]')
    asked = text
    if not text.isascii() and (named := _PLAIN_NAME.fullmatch(text)):  # RFC 5322 wants quotes there; people do not
        asked = f'"{named["name"].strip()}" <{named["address"]}>'
    try:
        found = validate_email(asked, check_deliverability=False, allow_display_name=True, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f'"{text}" is not a mail address: {error}') from None
    if found.ascii_email is None:
        raise ValueError(f'"{text}" has a non-ASCII part before the @, which many mail servers cannot deliver')
    return Mailbox(found.ascii_email, found.display_name or "")


def parse_day(text: str) -> date:
    """`2027-12-31` → date. Raises ValueError with what is expected."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f'"{text}" is not a date; write it like 2027-12-31')
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f'"{text}" is not a date: {error}') from None


def parse_local_time(text: str) -> datetime:
    """`2026-12-01 09:00` → naive datetime, wall-clock time of a zone named elsewhere. Raises ValueError
    otherwise."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?", text):
        raise ValueError(f'"{text}" is not a local time; write it like 2026-12-01 09:00, the zone under "timezone"')
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f'"{text}" is not a time: {error}') from None


def _longer_than_nothing(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return value


def from_text(parse: Callable[[str], object], kind: type, expected: str) -> BeforeValidator:
    """Reads text; lets through what is read already; says what is expected of anything else."""

    def read(value: object) -> object:
        if isinstance(value, str):
            return parse(value)
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        raise ValueError(f"expected {expected}, {got(value)}")

    return BeforeValidator(read)


def _schema(pattern: str | None, *examples: str) -> WithJsonSchema:
    schema: dict[str, object] = {"type": "string", "examples": list(examples)}
    return WithJsonSchema(schema if pattern is None else {**schema, "pattern": pattern})


_DURATION_TEXT = "a duration like 30 seconds, 15m or 6 hours"
_DURATION_PATTERN = rf"^\s*\d+(\.\d+)?\s*(?:{'|'.join(sorted(_UNITS, key=len, reverse=True))})\s*$"
_SIZE_PATTERN = r"^\s*\d+(\.\d+)?\s*(?:[Bb]|[KkMmGg][Ii]?[Bb])\s*$"
_DAY_PATTERN = r"^\d{4}-\d{2}-\d{2}$"
_TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?$"

Duration = Annotated[
    timedelta,
    from_text(parse_duration, timedelta, _DURATION_TEXT),
    _schema(_DURATION_PATTERN, "15 minutes", "6h"),
]
Span = Annotated[Duration, AfterValidator(_longer_than_nothing)]
"""A duration longer than nothing."""
ByteSize = Annotated[int, from_text(parse_size, int, "a size like 20MB"), _schema(_SIZE_PATTERN, "20MB", "2GiB")]
Zone = Annotated[
    str,
    from_text(parse_zone, str, "a time zone like Europe/Berlin"),
    _schema(None, "Europe/Berlin", "America/New_York"),
]
Address = Annotated[
    Mailbox,
    from_text(parse_mailbox, Mailbox, "a mail address like Ana Ruiz <ana@example.com>"),
    _schema("@", "ana@example.com", "Flight Desk <reports@example.com>"),
]
Retry = Annotated[
    RetryPlan,
    from_text(parse_retry, RetryPlan, "a retry plan like 1m, 5m*2, 1h"),
    _schema(None, "1m, 5m*2, 15m*4, 1h"),
]
Day = Annotated[date, from_text(parse_day, date, "a date like 2027-12-31"), _schema(_DAY_PATTERN, "2027-12-31")]
LocalTime = Annotated[
    datetime,
    from_text(parse_local_time, datetime, "a local time like 2026-12-01 09:00"),
    _schema(_TIME_PATTERN, "2026-12-01 09:00"),
]
