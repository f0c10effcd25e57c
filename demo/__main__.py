"""`make demo`: the example's daily report, from jobs.yaml to a mail that you can look at.

Everything is the real thing but the time: the clock stands at half past six of 1 February 2013 in New York, less a
few seconds, so that the example's data is yesterday's. The mail leaves by SMTP for a catcher on this machine.
"""

import io
import shutil
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo.catcher import catching
from demo.show import read_mail, write_attachments, write_page, write_picture
from pipeline.errors import PipelineError
from pipeline.ledger.records import RunKey
from pipeline.observe.people import format_line
from pipeline.observe.reader import parse_line
from pipeline.service import Service
from pipeline.wiring import Workspace

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "var/demo"
NEW_YORK = ZoneInfo("America/New_York")
RUN = RunKey("daily-delays", datetime(2013, 2, 1, 6, 30, tzinfo=NEW_YORK).astimezone(UTC))
LEAD = timedelta(seconds=4)
PATIENCE = timedelta(minutes=3)
ENDS = {"run.delivered", "run.partly_delivered", "run.undelivered", "run.failed", "run.skipped", "run.missed"}


def clock_striking(due: datetime, lead: timedelta) -> Callable[[], datetime]:
    """A clock that runs as this machine's does and reads `due` after `lead`, to the second."""
    ahead = timedelta(seconds=round((due - lead - datetime.now(UTC)).total_seconds()))
    return lambda: datetime.now(UTC) + ahead


class Watcher(io.StringIO):
    """Takes the delivery log: shows each line as people read it, and says stop when a run has ended."""

    def __init__(self, stop: threading.Event, show: Callable[[str], None]) -> None:
        super().__init__()
        self._stop = stop
        self._show = show

    def write(self, text: str) -> int:
        for line in text.splitlines():
            record = parse_line(line)
            if record is not None:
                self._show(format_line(record, colour=sys.stdout.isatty(), zone=NEW_YORK))
                if record["event"] in ENDS:
                    self._stop.set()
        return len(text)


def make_project(folder: Path, smtp: str) -> None:
    """A fresh copy of the example whose mailer is the catcher."""
    for name in ("reports", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    project = yaml.safe_load((ROOT / "jobs.yaml").read_text(encoding="utf-8"))
    project["mailers"] = {"inbox": {"smtp": smtp}}
    (folder / "jobs.yaml").write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")


def deliver(console: Console, smtp: str) -> bool:
    """Checks, schedules, builds and delivers; whether everybody got it."""
    make_project(FOLDER, smtp)
    stop = threading.Event()
    clock = clock_striking(RUN.due, LEAD)
    watcher = Watcher(stop, lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
    with Workspace(FOLDER, clock=clock, environ={}, log_stream=watcher) as workspace:
        jobs = workspace.checked().project.jobs
        console.print(f"[bold]1[/]  jobs.yaml is right: {', '.join(jobs)}", soft_wrap=True)
        now = clock().astimezone(NEW_YORK)
        console.print(
            f"[bold]2[/]  It is {now:%A %-d %B %Y, %H:%M:%S} in New York; {RUN.job} is due at 06:30:00\n",
            soft_wrap=True,
        )
        guard = threading.Timer(PATIENCE.total_seconds(), stop.set)
        guard.daemon = True
        guard.start()
        Service(workspace).run(stop)
        guard.cancel()
        table = Table("To", "State", "The server said", title_justify="left")
        deliveries = list(workspace.outbox.deliveries(run=RUN))
        for delivery in deliveries:
            table.add_row(delivery.recipient, str(delivery.state), f"{delivery.code} {delivery.reply}")
        console.print("\n[bold]3[/]  Delivered")
        console.print(table)
    return bool(deliveries) and all(delivery.state == "sent" for delivery in deliveries)


def show(console: Console, mail: Path) -> None:
    """Where to look."""
    message = read_mail(mail)
    page = write_page(message, FOLDER / "mail.html")
    picture = write_picture(page, FOLDER / "mail.png")
    files = write_attachments(message, FOLDER / "files")
    console.print(f"\n[bold]4[/]  {escape(message['Subject'])}", soft_wrap=True)
    for what, path in [("mail", mail), ("page", page), ("picture", picture), *(("file", path) for path in files)]:
        if path is not None:
            console.print(f"   {what:<8} [link={path.as_uri()}]{path.relative_to(ROOT)}[/link]", soft_wrap=True)


def main() -> int:
    """Exit status 0 when every recipient was sent the mail."""
    console = Console()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        with catching(FOLDER / "inbox") as catcher:
            sent = deliver(console, catcher.url)
        mails = sorted((FOLDER / "inbox/new").iterdir())
        if not sent or not mails:
            console.print(f"The demo did not get through; the log is {FOLDER / 'var/log/delivery.jsonl'}")
            return 1
        show(console, mails[0])
    except PipelineError as error:
        console.print(str(error), markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
