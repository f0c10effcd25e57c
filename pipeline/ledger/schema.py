"""The tables: one definition for SQLite and PostgreSQL. Migrations bring a database here; a test compares the
two.

Columns that every claim reads stand before the large ones, so that SQLite finds them on a row's first page.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(time: datetime) -> int:
    """An instant as the ledger stores it, for statements that go past SQLAlchemy's types."""
    return (time - EPOCH) // _MICROSECOND


def instant(stored: int) -> datetime:
    """What `micros` was given."""
    return EPOCH + timedelta(microseconds=stored)


class UtcTime(TypeDecorator[datetime]):
    """An instant, stored as whole microseconds since 1970 UTC: it compares, sorts and indexes alike on both
    databases, and needs no text parsing."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Raises ValueError for a time without a zone: nobody could know which instant it is."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; the ledger keeps instants")
        return micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else instant(value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Id = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER PRIMARY KEY is SQLite's row number


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def _required(name: str, kind: Any, *rest: Any) -> Column[Any]:
    return Column(name, kind, *rest, nullable=False)


runs = Table(
    "runs",
    metadata,
    Column("id", _Id, primary_key=True),
    _required("key", Text),
    _required("job", Text),
    _required("due", UtcTime),
    _required("variant", Text),
    _required("state", Text),
    _required("reason", Text),
    Column("period_start", UtcTime),
    Column("period_end", UtcTime),
    _required("messages", Integer),
    _required("deliveries", Integer),
    _required("builds", Integer),
    Column("owner", Text),
    Column("lease_until", UtcTime),
    Column("mailer", Text),
    Column("priority", Integer),
    Column("expires_at", UtcTime),
    Column("retry_seconds", JSON),
    Column("on_uncertain", Text),
    _required("created_at", UtcTime),
    Column("started_at", UtcTime),
    Column("queued_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("not_before", UtcTime),
    UniqueConstraint("key"),
    UniqueConstraint("job", "due", "variant"),
    CheckConstraint(
        "state <> 'queued' OR (mailer IS NOT NULL AND priority IS NOT NULL AND expires_at IS NOT NULL"
        " AND retry_seconds IS NOT NULL AND on_uncertain IS NOT NULL)",
        name="queued_has_terms",
    ),
    Index(None, "due"),
    Index(None, "state", "mailer", "priority", "job", "due"),
    sqlite_autoincrement=True,  # a number that logs have named is never given again, as on PostgreSQL
)

origins = Table(
    "origins",
    metadata,
    Column("run_id", _Id, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _required("armed", Boolean),
    _required("passed", Boolean),
    _required("kept", JSON),
    _required("ingredients", JSON),
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("job", Text, primary_key=True),
    _required("handled_until", UtcTime),
    _required("schedule", Text),
    _required("in_force_since", UtcTime),
)

histories = Table(
    "histories",
    metadata,
    Column("job", Text, primary_key=True),
    _required("begins_at", UtcTime),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("sha256", Text, primary_key=True),
    _required("size", BigInteger),
    _required("media_type", Text),
)

enclosures = Table(
    "enclosures",
    metadata,
    Column("id", _Id, primary_key=True),
    _required("digest", Text),
    UniqueConstraint("digest"),
)

parts = Table(
    "parts",
    metadata,
    Column("enclosure_id", _Id, ForeignKey("enclosures.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _required("sha256", Text, ForeignKey("artifacts.sha256")),
    _required("filename", Text),
    _required("disposition", Text),
    _required("cid", Text),
    Index(None, "sha256"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", _Id, primary_key=True),
    _required("run_id", _Id, ForeignKey("runs.id", ondelete="CASCADE")),
    _required("message_id", Text),
    _required("sender", Text),
    Column("enclosure_id", _Id, ForeignKey("enclosures.id")),
    _required("subject", Text),
    _required("headers", LargeBinary),
    _required("text", LargeBinary),
    _required("html", LargeBinary),
    UniqueConstraint("message_id"),
    Index(None, "run_id", "id", "enclosure_id"),  # the last, so that whose files a run has is not asked of its mails
    Index(None, "enclosure_id"),
    sqlite_autoincrement=True,
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _Id, primary_key=True),
    _required("run_id", _Id, ForeignKey("runs.id", ondelete="CASCADE")),
    _required("message_id", _Id, ForeignKey("messages.id", ondelete="CASCADE")),
    _required("recipient", Text),
    _required("state", Text),
    _required("attempts", Integer),
    Column("next_attempt_at", UtcTime),
    Column("owner", Text),
    Column("lease_until", UtcTime),
    Column("code", Integer),
    _required("enhanced", Text),
    _required("verdict", Text),
    _required("reply", Text),
    _required("possible_duplicate", Boolean),
    _required("updated_at", UtcTime),
    # Recipient first: the same index finds a person's mails in all runs.
    UniqueConstraint("recipient", "run_id"),
    # A waiting delivery without a time would wait for ever, and one that has ended must not leave again.
    CheckConstraint(
        "(state IN ('queued', 'deferred')) = (next_attempt_at IS NOT NULL)", name="waiting_has_time"
    ),
    CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="owner_has_lease"),
    CheckConstraint("state <> 'sending' OR owner IS NOT NULL", name="sending_has_owner"),
    Index(None, "message_id"),
    # With the number, so that the latest in a state are found without sorting a million; SQLite would have it anyway.
    Index(None, "run_id", "state", "id"),
    # What a claim looks for, and nothing else: it stays as small as the work that is open.
    _partial(
        "ix_deliveries_waiting",
        "run_id", "next_attempt_at", "id",
        where="owner IS NULL AND next_attempt_at IS NOT NULL",
    ),
    _partial("ix_deliveries_owned", "owner", "lease_until", where="owner IS NOT NULL"),
    sqlite_autoincrement=True,
)  # fmt: skip

attempts = Table(
    "attempts",
    metadata,
    Column("id", _Id, primary_key=True),
    _required("delivery_id", _Id, ForeignKey("deliveries.id", ondelete="CASCADE")),
    _required("at", UtcTime),
    _required("state", Text),
    _required("phase", Text),
    Column("code", Integer),
    _required("enhanced", Text),
    _required("verdict", Text),
    _required("reply", Text),
    _required("duration_ms", Integer),
    _required("counts", Boolean),
    Index(None, "delivery_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Id, primary_key=True),
    _required("at", UtcTime),
    _required("who", Text),
    _required("action", Text),
    Column("run_id", _Id, ForeignKey("runs.id", ondelete="CASCADE")),
    Column("delivery_id", _Id, ForeignKey("deliveries.id", ondelete="CASCADE")),
    _required("subject", Text),
    _required("why", Text),
    _required("changed", Integer),
    Index(None, "run_id"),
    Index(None, "delivery_id"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    _required("at", UtcTime),
    _required("who", Text),
    _required("why", Text),
)

bounces = Table(
    "bounces",
    metadata,
    Column("id", _Id, primary_key=True),
    _required("report", Text),
    _required("recipient", Text),
    Column("run_id", _Id, ForeignKey("runs.id", ondelete="CASCADE")),
    Column("delivery_id", _Id, ForeignKey("deliveries.id", ondelete="CASCADE")),
    _required("at", UtcTime),
    _required("kind", Text),
    Column("code", Integer),
    _required("enhanced", Text),
    _required("reply", Text),
    # A report is taken in once, however often it is read.
    UniqueConstraint("report", "recipient"),
    Index(None, "run_id"),
    Index(None, "delivery_id"),
)

# A row stays when its circuit closes (no `until`): two that open it at once meet in it.
circuits = Table(
    "circuits",
    metadata,
    Column("mailer", Text, primary_key=True),
    Column("since", UtcTime),
    Column("until", UtcTime),
    _required("failures", Integer),
    _required("told", Boolean),
    _required("kind", Text),
    _required("phase", Text),
    Column("code", Integer),
    _required("enhanced", Text),
    _required("rule", Text),
    _required("reply", Text),
    Column("probe", Text),
    Column("probe_until", UtcTime),
    CheckConstraint("(until IS NULL) = (since IS NULL)", name="open_has_times"),
)

paces = Table(
    "paces",
    metadata,
    Column("mailer", Text, primary_key=True),
    Column("next_at", UtcTime),
    _required("recent", JSON),
)

usage = Table(
    "usage",
    metadata,
    Column("mailer", Text, primary_key=True),
    Column("minute", UtcTime, primary_key=True),
    _required("recipients", Integer),
)

marks = Table(
    "marks",
    metadata,
    Column("name", Text, primary_key=True),
    _required("value", Text),
)
