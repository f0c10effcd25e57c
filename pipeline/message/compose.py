"""Makes letters: one Composer a run compiles the templates once; each letter is rendered, addressed and
final."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.errors import ComposeError
from pipeline.jobs.model import Job, LocalMailer, Project
from pipeline.ledger.records import Letter, Part
from pipeline.message import headers
from pipeline.message.body import Body, Templates
from pipeline.message.datasets import Dataset, is_frame
from pipeline.message.facts import ChartLike, FileLike, Recipients, ReportLike, RunFacts
from pipeline.message.ladder import TooLargeError
from pipeline.message.manner import Manner, Manners
from pipeline.message.notes import Note
from pipeline.message.runwords import run_context
from pipeline.message.theming import named
from pipeline.message.unsubscribing import Links, Unsubscribing, word_in
from pipeline.message.wire import encoded_size, largest_size

_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(; charset=utf-8)?"
)
_LABEL = re.compile(r"[^A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class _Voice:
    """What is the same for all who read in one locale and zone."""

    templates: Templates
    base: Mapping[str, Any]


class Composer:
    """The messages of one run of one job. Nothing here comes from the clock, so a run made again is the same.

    Raises TemplateError for a template that cannot be compiled, ComposeError for a theme or locale that is
    not there.
    """

    def __init__(
        self,
        job: Job,
        project: Project,
        run: RunFacts,
        *,
        unsubscribing: Unsubscribing | None = None,
        logo: ChartLike | None = None,
    ) -> None:
        """`logo`: the picture of the job's theme, where it has one."""
        self._job = job
        self._unsubscribing = unsubscribing
        self._logo = logo
        self._domain = job.sender.address.rpartition("@")[2]
        try:
            self._theme = named(job.message.theme, project.themes)
        except ComposeError as error:
            raise ComposeError(f"jobs.{job.name}.message.theme: {error}") from None
        self._run = run
        self._limit, self._limit_of = _limit(job, project)
        self._root = project.root
        self.manners = Manners(job)
        self._voices: dict[tuple[str, str], _Voice] = {}
        self._own = self._voice(self.manners.of_all)
        self._run_name = str(run.key)
        self._common = self._common_headers()
        each = job.audience.each
        self._hidden = each.data if each is not None and each.data not in each.slice else None
        self._warnings: tuple[str, ...] = ()
        self._whole: dict[str, Dataset] = {}

    def template_files(self) -> set[str]:
        """The template files that were read so far, the package's own among them."""
        return self._own.templates.files()

    def warn(self, warnings: Iterable[str]) -> None:
        """All messages composed from now on begin with these, in a banner."""
        self._warnings = tuple(warnings)

    def render_line(
        self, template: str, *, where: str, datasets: Mapping[str, Any], row: Mapping[str, Any] | None = None
    ) -> str:
        """A one-line template, like an export's name, with this run's values. `where` is its path in
        jobs.yaml.

        Raises TemplateError or ComposeError that names it.
        """
        datasets = self._visible(datasets)
        templates, base = self._for(row)
        context = {**datasets, **base, "datasets": datasets, **_recipient_context(Recipients(), row)}
        return templates.lines.render(template, where, context)

    def letter(
        self, report: ReportLike, to: Recipients, row: Mapping[str, Any] | None = None, notes: Sequence[Note] = ()
    ) -> Letter:
        """The finished message for these people. `row` is the audience's row in a message to one person
        each; `notes` stand above everything.

        Raises TemplateError where a template fails, ComposeError where a value cannot stand in a header,
        TooLargeError where the message is over the job's attach_limit or the mailer's message_size.
        """
        envelope = to.envelope
        if not envelope:
            raise ComposeError(f"jobs.{self._job.name}: a message needs at least one recipient")
        charts = {name: self._chart_context(chart) for name, chart in report.charts.items()}
        datasets = self._visible(report.views)
        templates, base = self._for(row)
        context = {
            **datasets,
            **charts,
            **base,
            "datasets": datasets,
            "charts": charts,
            "files": report.files,
            "attachments": self._attachments(report.files),
            **_recipient_context(to, row),
        }
        links = None
        if self._unsubscribing is not None and to.to:
            links = self._unsubscribing.links(to.to[0].address)
            context["unsubscribe"] = {"href": links.href, "word": word_in(context["locale"])}
        body = templates.body(context, self._warnings, notes=notes)
        message_id = self._message_id(envelope)
        letter = Letter(
            message_id=message_id,
            sender=self._job.sender.address,
            recipients=envelope,
            headers=self._headers(to, body.subject, message_id, links),
            text=body.text,
            html=body.html,
            parts=self._parts(report, body),
            subject=body.subject,
        )
        self._check_size(letter)
        return letter

    def document(
        self, number: int, report: ReportLike, row: Mapping[str, Any] | None, read: Callable[[str], bytes]
    ) -> str:
        """The page of the job's export `number` as HTML that needs nothing beside it. `read` gives an artifact's
        bytes by its SHA-256. Raises TemplateError where the template fails."""
        charts = {name: self._chart_context(chart, read) for name, chart in report.charts.items()}
        datasets = self._visible(report.views)
        templates, base = self._for(row)
        context = {
            **datasets,
            **charts,
            **base,
            "datasets": datasets,
            "charts": charts,
            "files": (),
            "attachments": {},
            **_recipient_context(Recipients(), row),
        }
        if self._logo is not None:
            context["logo"] = self._chart_context(self._logo, read)
        return templates.document(number, context)

    # --- what templates see ---

    def _for(self, row: Mapping[str, Any] | None) -> tuple[Templates, Mapping[str, Any]]:
        """The templates, and the run's values, as they read for the person of a row."""
        if row is None or not self.manners.differ:
            return self._own.templates, self._own.base
        manner = self.manners.of(row)
        voice = self._voice(manner)
        return voice.templates, {**voice.base, "params": manner.params}

    def _voice(self, manner: Manner) -> "_Voice":
        """One for all people of a locale and zone: templates are compiled with the locale's way to write."""
        key = (manner.locale, manner.timezone)
        if key not in self._voices:
            zone = ZoneInfo(manner.timezone) if self.manners.zoned else None
            job = self._job.model_copy(update={"locale": manner.locale})
            templates = Templates(job, self._root, self._theme, zone)
            base = run_context(job, self._run, templates, zone)
            self._voices[key] = _Voice(templates, {**base, "logo": self._logo and self._chart_context(self._logo)})
        return self._voices[key]

    def _visible(self, views: Mapping[str, Any]) -> dict[str, Dataset]:
        """All datasets but the audience itself: the other people's rows are nobody's business, least of all
        where a template shows every dataset. A sliced audience holds own rows only, so it stays."""
        return {name: self._dataset(name, view) for name, view in views.items() if name != self._hidden}

    def _dataset(self, name: str, view: Any) -> Dataset:
        """One for all letters where they see the whole of it: its rows are made once."""
        known = self._whole.get(name)
        if known is not None and known.is_of(view):
            return known
        made = Dataset(view)
        if is_frame(view):
            self._whole[name] = made
        return made

    def _chart_context(self, chart: ChartLike, read: Callable[[str], bytes] | None = None) -> dict[str, Any]:
        """A chart that stands in a part of its own, or, where its bytes can be `read`, in the page itself."""
        data = "" if read is None else base64.b64encode(read(chart.artifact.sha256)).decode()
        return {
            "name": chart.name,
            "src": f"data:{chart.artifact.media_type};base64,{data}" if read else f"cid:{self._cid(chart)}",
            "title": chart.title,
            "alt": chart.alt,
            "width": chart.width,
            "height": chart.height,
        }

    def _attachments(self, files: Any) -> dict[str, str]:
        """Dataset → the file that has the whole of it; exports make one file each, in order."""
        found: dict[str, str] = {}
        if len(files) == len(self._job.exports):
            for export, file in zip(self._job.exports, files, strict=True):
                for name in export.data:
                    found.setdefault(name, file.filename)
        return found

    # --- headers ---

    def _common_headers(self) -> str:
        """What is the same in all messages of the run."""
        job, run = self._job, self._run
        listed = f"<{_LABEL.sub('-', job.name).strip('-') or 'job'}.{self._domain}>"
        reply_to = [headers.mailboxes("Reply-To", [job.reply_to])] if job.reply_to else []
        return "".join(
            [
                headers.mailboxes("From", [job.sender]),
                *reply_to,
                f"Date: {format_datetime(run.date)}\r\n",
                headers.folded("List-Id", [*headers.phrase(headers.one_line(job.title, "title")), listed]),
                "Auto-Submitted: auto-generated\r\n",  # RFC 3834: no out-of-office reply, please
                headers.unstructured("X-Report-Run", str(run.key)),
            ]
        )

    def _headers(self, to: Recipients, subject: str, message_id: str, links: Links | None) -> bytes:
        fields = [self._common]
        # RFC 5322 §3.6.3: where all are blind copies, a To with an empty group keeps relays from adding
        # addresses.
        fields.append(headers.mailboxes("To", to.to) if to.to else "To: undisclosed-recipients:;\r\n")
        if to.cc:
            fields.append(headers.mailboxes("Cc", to.cc))
        fields += (headers.unstructured("Subject", subject), f"Message-ID: {message_id}\r\n")
        if links is not None:
            fields.append(links.headers())
        return "".join(fields).encode("ascii")

    def _message_id(self, envelope: Iterable[str]) -> str:
        """The same for the same run and people, whatever the report says, on every attempt and in every
        rebuild."""
        key = "\n".join([self._run_name, *sorted(envelope)])
        return f"<{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}@{self._domain}>"

    # --- parts ---

    def _cid(self, chart: ChartLike) -> str:
        return f"{chart.artifact.sha256[:24]}@{self._domain}"

    def _parts(self, report: ReportLike, body: Body) -> tuple[Part, ...]:
        """The charts that the HTML shows, each once, and all files."""
        images = {
            cid: _part(chart, f"{_LABEL.sub('-', chart.name)}.{chart.artifact.media_type.partition('/')[2]}", cid)
            for chart in (*report.charts.values(), *([self._logo] if self._logo else []))
            if (cid := self._cid(chart)).encode() in body.html
        }
        return (*images.values(), *(_part(file, file.filename, "") for file in report.files))

    def _check_size(self, letter: Letter) -> None:
        limit = self._limit
        if largest_size(letter) <= limit or (size := encoded_size(letter)) <= limit:
            return
        files = ", ".join(
            f"{part.filename} {megabytes(part.artifact.size)}"
            for part in sorted(letter.parts, key=lambda part: -part.artifact.size)
        )
        raise TooLargeError(
            f"jobs.{self._job.name}: the message to {letter.recipients[0]} takes {megabytes(size)} on the "
            f"wire, more than {self._limit_of} ({megabytes(limit)}): {files or 'its text alone'}. Encoding makes "
            "files a third longer. Zip the file (zip: true), export fewer rows or columns, or raise "
            "attach_limit if the mailer allows it"
        )


def _recipient_context(to: Recipients, row: Mapping[str, Any] | None) -> dict[str, Any]:
    """`recipient` is there only where the message is one person's; else using it is an error that says so."""
    if row is None:
        return {}
    own = {str(name): value for name, value in row.items()}
    person = to.to[0] if to.to else None
    if person is None:
        return {"recipient": own}
    # A column `name` is the row's own word; the mailbox has a name only where the address was written with
    # one.
    return {"recipient": {"name": person.name, **own, "address": person.address}}


def _part(source: ChartLike | FileLike, filename: str, cid: str) -> Part:
    artifact = source.artifact
    if not _MEDIA_TYPE.fullmatch(artifact.media_type):
        raise ComposeError(f'{filename}: "{ascii(artifact.media_type)[1:-1]}" is not a media type')
    headers.one_line(filename, "a file name")
    return Part(artifact, filename, "inline" if cid else "attachment", cid)


def _limit(job: Job, project: Project) -> tuple[int, str]:
    """Octets of the largest encoded message, and who says so."""
    mailer = project.mailers.get(job.delivery.mailer)
    most = None if mailer is None or isinstance(mailer, LocalMailer) else mailer.limits.message_size
    if most is not None and most < job.attach_limit:
        return most, f"mailer {job.delivery.mailer} takes"
    return job.attach_limit, "attach_limit"


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
