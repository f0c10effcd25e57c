"""The one place where things with effects are made: clock, environment, ledger, log, builder, mailers.

Everything is made on first use, so that `pipeline check` opens no database and `pipeline runs` reads no YAML.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO

from pipeline.errors import LedgerError, ProjectErrors, ReportError
from pipeline.jobs.load import Loaded, environ_of
from pipeline.jobs.model import LocalMailer, Project
from pipeline.reading import Edition, found_right, read_edition, read_jobs, secrets_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.delivery.bounces.taking import Round
    from pipeline.delivery.doctor.finding import Finding
    from pipeline.delivery.leaving import Leaving
    from pipeline.delivery.ports import Mailer
    from pipeline.delivery.worker import Worker
    from pipeline.engine.builder import Builder
    from pipeline.engine.process import Children
    from pipeline.jobs.replyrules import ReplyRule
    from pipeline.ledger.bouncing import Bounces
    from pipeline.ledger.memory import Memory
    from pipeline.ledger.operations import Operations
    from pipeline.ledger.outbox import Outbox
    from pipeline.ledger.runs import Runs
    from pipeline.ledger.suppressing import Suppressions
    from pipeline.ledger.ways import Limits
    from pipeline.observe.log import EventLog

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Workspace:
    """One project folder and all that works on it. Close it when done: `with Workspace(...) as workspace`."""

    def __init__(
        self,
        root: Path,
        *,
        clock: Clock = utc_now,
        environ: Mapping[str, str] | None = None,
        log_stream: TextIO | None = None,
    ) -> None:
        self.root = root.resolve()
        self.clock = clock
        self._given_environ = environ
        self._log_stream = log_stream

    # --- what analysts wrote ----------------------------------------------------------------------------------

    @cached_property
    def environ(self) -> Mapping[str, str]:
        """The environment with the project's `.env` under it."""
        return environ_of(self.root, self._outer_environ())

    @cached_property
    def loaded(self) -> Loaded:
        """jobs.yaml with the place of everything in it. Raises ProjectErrors."""
        return read_jobs(self.root, self.environ)

    @property
    def project(self) -> Project:
        return self.loaded.project

    @cached_property
    def reply_rules(self) -> "tuple[ReplyRule, ...]":
        """An operator's rules about servers' answers. Raises ProjectErrors."""
        from pipeline.jobs.replyrules import load_reply_rules  # noqa: PLC0415

        return load_reply_rules(self.root, self.project.mailers)

    def checked(self) -> Loaded:
        """jobs.yaml and all that it names, found right. Raises ProjectErrors with everything that is wrong."""
        self.__dict__["reply_rules"] = found_right(self.root, self.loaded)
        return self.loaded

    def read_anew(self) -> Edition:
        """The project as it is on the disk now, found right, its mailers usable; nothing takes it up. Raises
        ProjectErrors."""
        return read_edition(self.root, self._outer_environ())

    def adopt(self, edition: Edition) -> None:
        """From here on the project is this one. Whatever began with another ends with it."""
        self.__dict__["environ"] = edition.environ
        self.__dict__["loaded"] = edition.loaded
        self.__dict__["reply_rules"] = edition.rules
        self.log.hide(self._secrets())

    def _outer_environ(self) -> Mapping[str, str]:
        return os.environ if self._given_environ is None else self._given_environ

    # --- state ------------------------------------------------------------------------------------------------

    @property
    def var(self) -> Path:
        """The project's state: ledger, artifacts, log, inbox."""
        return self.root / "var"

    @property
    def log_file(self) -> Path:
        return self.var / "log" / "delivery.jsonl"

    @cached_property
    def ledger_url(self) -> str:
        from pipeline.ledger.database import DEFAULT_URL  # noqa: PLC0415

        return self.environ.get("LEDGER_URL", DEFAULT_URL)

    @cached_property
    def engine(self) -> "Engine":
        """The ledger; a new one gets its tables at once, an old one is for `pipeline migrate`. Raises LedgerError."""
        from pipeline.ledger import migrate  # noqa: PLC0415
        from pipeline.ledger.database import open_ledger  # noqa: PLC0415

        engine = open_ledger(self.ledger_url, self.root)
        if migrate.current(engine) is None:
            migrate.upgrade(engine)
        migrate.require_current(engine)
        return engine

    @cached_property
    def runs(self) -> "Runs":
        from pipeline.ledger.runs import Runs  # noqa: PLC0415

        return Runs(self.engine)

    @cached_property
    def memory(self) -> "Memory":
        from pipeline.ledger.memory import Memory  # noqa: PLC0415

        return Memory(self.engine)

    @cached_property
    def outbox(self) -> "Outbox":
        from pipeline.ledger.outbox import Outbox  # noqa: PLC0415

        return Outbox(self.engine)

    @cached_property
    def operations(self) -> "Operations":
        from pipeline.ledger.operations import Operations  # noqa: PLC0415

        return Operations(self.engine)

    @cached_property
    def bounces(self) -> "Bounces":
        from pipeline.ledger.bouncing import Bounces  # noqa: PLC0415

        return Bounces(self.engine)

    @cached_property
    def suppressions(self) -> "Suppressions":
        from pipeline.ledger.suppressing import Suppressions  # noqa: PLC0415

        return Suppressions(self.engine)

    @cached_property
    def log(self) -> "EventLog":
        """The delivery log: to its file, and to the stream that this workspace was given."""
        from pipeline.observe.log import open_log  # noqa: PLC0415

        return open_log(
            self.log_file,
            self._log_stream,
            hash_recipients=self.environ.get("LOG_HASH_RECIPIENTS", "") == "true",
            secrets=self._secrets(),
            clock=self.clock,
            capture=True,
        )

    def _secrets(self) -> list[str]:
        """What may be in a line and must not; where jobs.yaml is wrong, nothing of it was used."""
        try:
            return secrets_of(self.project)
        except ProjectErrors:
            return []  # an operator can hold a run nevertheless

    @property
    def leaving(self) -> "Leaving":
        """Takes in who unsubscribes."""
        from pipeline.delivery.leaving import Leaving  # noqa: PLC0415
        from pipeline.engine.keyfile import UNSUBSCRIBE_KEY, secret_key  # noqa: PLC0415

        def key() -> bytes:
            try:
                return secret_key(self.var / UNSUBSCRIBE_KEY)
            except ReportError as error:
                raise LedgerError(str(error)) from error

        return Leaving(key, self.suppressions, self.log.emit, self.clock)

    def take_in_bounces(self) -> "Round | None":
        """One round through the mailbox for bounces; None where there is none. Raises MailerError, LedgerError."""
        if self.project.bounces is None:
            return None
        from pipeline.delivery.bounces.mailboxes import open_mailbox  # noqa: PLC0415
        from pipeline.delivery.bounces.otherforms import other_forms  # noqa: PLC0415
        from pipeline.delivery.bounces.taking import take_in  # noqa: PLC0415
        from pipeline.delivery.smtp.connect import verified_context  # noqa: PLC0415
        from pipeline.jobs.bounceplace import parse_bounces  # noqa: PLC0415

        place = parse_bounces(self.project.bounces.get_secret_value())
        with open_mailbox(place, self.root, verified_context) as mailbox:
            return take_in(mailbox, self.bounces, other_forms(), self.log.emit, self.clock, leaves=self.leaving.by_mail)

    # --- workers ----------------------------------------------------------------------------------------------

    @property
    def artifacts(self) -> Path:
        """Exports and charts; ARTIFACTS names another folder, which several machines can share."""
        return self.root / self.environ.get("ARTIFACTS", "var/artifacts")

    @property
    def owners(self) -> Path:
        return self.var / "owners"

    @property
    def tokens(self) -> Path:
        """Refresh tokens that a provider gave in place of the environment's, readable by this user alone."""
        return self.var / "tokens"

    @cached_property
    def children(self) -> "Children":
        from pipeline.engine.process import Children  # noqa: PLC0415

        return Children(preload=["pipeline.engine.build"])

    @cached_property
    def builder(self) -> "Builder":
        from pipeline.engine.builder import Builder, Folders  # noqa: PLC0415
        from pipeline.engine.common_folder import sign  # noqa: PLC0415
        from pipeline.ledger.database import place_of  # noqa: PLC0415
        from pipeline.ledger.marks import Marks  # noqa: PLC0415

        sign(self.artifacts, Marks(self.engine), place_of(self.engine))
        return Builder(
            runs=self.runs,
            memory=self.memory,
            ledger_url=self.ledger_url,
            folders=Folders(self.root, self.var, self.artifacts, self.owners),
            children=self.children,
            clock=self.clock,
            emit=self.log.emit,
            masked=self.log.masked,
        )

    @contextmanager
    def worker(self) -> Iterator["Worker"]:
        """A delivery worker over all mailers of the project, closed at the end of the block."""
        from pipeline.delivery.worker import Worker  # noqa: PLC0415
        from pipeline.engine.owner import dead_owners, hold_owner  # noqa: PLC0415

        with hold_owner(self.owners) as owner:
            worker = Worker(
                self.outbox,
                self._mailers(),
                self.log,
                self.clock,
                owner=owner,
                dead_owners=lambda: dead_owners(self.owners),
                limits=self.limits,
                barred=self.suppressions.barred_claims,
            )
            try:
                yield worker
            finally:
                worker.close()

    @property
    def limits(self) -> "dict[str, Limits]":
        """How much each mailer may send."""
        from pipeline.ledger.ways import Limits  # noqa: PLC0415

        return {
            name: Limits(mailer.limits.per_second, mailer.limits.per_hour, mailer.limits.per_day)
            for name, mailer in self.project.mailers.items()
            if not isinstance(mailer, LocalMailer)
        }

    def _mailers(self) -> "dict[str, Mailer]":
        from pipeline.delivery.base64_cache import Base64Cache  # noqa: PLC0415
        from pipeline.delivery.mailers.local import LocalMailbox  # noqa: PLC0415
        from pipeline.delivery.mailers.smtp import smtp_mailer  # noqa: PLC0415
        from pipeline.delivery.ownrules import own_rules  # noqa: PLC0415
        from pipeline.delivery.smtp.connect import verified_context  # noqa: PLC0415
        from pipeline.report.artifacts import ArtifactStore  # noqa: PLC0415

        rules = self.reply_rules
        read_base64 = Base64Cache(ArtifactStore(self.artifacts).path)
        return {
            name: LocalMailbox(name, self.root / mailer.local, read_base64)
            if isinstance(mailer, LocalMailer)
            else smtp_mailer(mailer, verified_context(), read_base64, tokens=self.tokens, rules=own_rules(rules, name))
            for name, mailer in self.project.mailers.items()
        }

    def examine(self, mailer: str, nameserver: str = "", *, with_dns: bool = True) -> "Iterator[Finding]":
        """What `pipeline doctor` finds about a mailer, as it finds it. `nameserver`: empty for the machine's own."""
        from pipeline.delivery.doctor.dns import txt_records  # noqa: PLC0415 - brings dnspython
        from pipeline.delivery.doctor.examine import examine  # noqa: PLC0415
        from pipeline.delivery.smtp.connect import verified_context  # noqa: PLC0415

        look_up = txt_records(nameserver) if with_dns else None
        return examine(
            self.project, mailer, context=verified_context(), tokens=self.tokens, now=self.clock(), look_up=look_up
        )

    def close(self) -> None:
        """Lets go of the ledger and the log, if they were opened."""
        if "log" in self.__dict__:
            self.log.close()
        if "engine" in self.__dict__:
            self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
