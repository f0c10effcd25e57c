"""django-post_office at its best settings. `python -m bench.post_office_peer WORKLOAD PORT MAILS FOLDER`.

As durable as ours: SQLite in WAL mode with synchronous=FULL; mails are stored in batches, attachments once, and sent by
two processes of a few threads without logging. In the peers' venv.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.meter import Meter
from bench.smtplib_peer import CID, XLSX, renderer
from bench.workload import SENDER, WORKLOADS, read_people


def configure(folder: str, port: int, threads: int) -> None:
    """Django without a project."""
    import django  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415
    from django.conf import settings  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

    pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    settings.configure(
        SECRET_KEY="bench",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": f"{folder}/db.sqlite3",
                "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE", "init_command": pragmas},
            }
        },
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        MEDIA_ROOT=f"{folder}/media",
        POST_OFFICE={
            "LOG_LEVEL": 0, "BATCH_SIZE": 1000, "THREADS_PER_PROCESS": threads, "BATCH_DELIVERY_TIMEOUT": 600,
        },
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    )  # fmt: skip
    django.setup()


def store(mails: list[dict[str, Any]], folder: Path, *, files: bool) -> None:
    """All mails into its outbox: in one call where it can, else in transactions of a hundred."""
    from django.core.files.base import ContentFile  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415
    from django.db import transaction  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415
    from post_office import mail  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415
    from post_office.utils import create_attachments  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

    if not files:
        mail.send_many(mails)
        return
    picture = ContentFile((folder / "picture.png").read_bytes())
    headers = {"Content-ID": f"<{CID}>", "Content-Disposition": "inline", "Content-Transfer-Encoding": "base64"}
    shared = create_attachments(
        {
            "report.xlsx": {"file": ContentFile((folder / "report.xlsx").read_bytes()), "mimetype": "/".join(XLSX)},
            "picture.png": {"file": picture, "mimetype": "image/png", "headers": headers},
        }
    )
    for start in range(0, len(mails), 100):
        with transaction.atomic():
            for one in mails[start : start + 100]:
                mail.send(**one).attachments.add(*shared)


def main(workload: str, port: int, mails: int, folder: Path) -> None:
    """Stores all, then sends all; fails unless all are marked as sent."""
    readers, render = read_people(folder, mails), renderer(workload)
    kind = WORKLOADS[workload]
    with tempfile.TemporaryDirectory() as place:
        configure(place, port, 5 if kind.round_trip else 2)
        from django.core.management import call_command  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415
        from django.db import connection  # noqa: PLC0415
        from post_office.models import STATUS, Email  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        with Meter(mails):
            made = []
            for reader in readers:
                subject, text, rich = render(reader)
                made.append(
                    {
                        "recipients": [reader["email"]], "sender": SENDER, "subject": subject,
                        "message": text, "html_message": rich,
                    }
                )  # fmt: skip
            store(made, folder, files=kind.files)
            connection.close()
            call_command("send_queued_mail", processes=2, verbosity=0)
        sent = Email.objects.filter(status=STATUS.sent).count()
        if sent != mails:
            raise SystemExit(f"only {sent} of {mails} were sent")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
