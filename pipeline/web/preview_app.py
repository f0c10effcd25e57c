"""The live preview as a web application: one letter in several views, reloaded when it changes.

Only for the person at this machine: requests that name another host are refused, so that a page elsewhere cannot
read a report by pointing its own name at this address (DNS rebinding). All is read-only.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from email.parser import BytesHeaderParser
from email.policy import default
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.ledger.records import Letter
from pipeline.message.compose import megabytes
from pipeline.message.lint.size import GMAIL_CLIP
from pipeline.message.preview import ReadArtifact, standalone_html
from pipeline.message.wire import encoded_size, html_bytes
from pipeline.web.live import Live, Shown
from pipeline.web.rendering import HERE, closed_headers, page_templates

VIEWS = {
    "desktop": "Desktop",
    "phone": "Phone",
    "dark": "Dark",
    "plain": "No pictures",
    "text": "Text",
    "headers": "Headers",
    "files": "Files",
    "checks": "Checks",
}
_FRAMES = {"desktop": (660, "light"), "phone": (360, "light"), "dark": (660, "dark"), "plain": (660, "light")}
"""View → width of the frame in px (600 and the mail's margins) and its colours."""
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = closed_headers(_POLICY)


def preview_app(live: Live, read: ReadArtifact, *, job: str, due: str) -> Starlette:
    """The application. `job` and `due` are shown as they are; `read` gives an artifact's bytes by its SHA-256."""
    pages = page_templates()

    async def page(request: Request) -> Response:
        shown = await live.of(request.query_params.get("for", ""))
        view = request.query_params.get("view", "desktop")
        if view not in VIEWS:
            return PlainTextResponse(f"there are {', '.join(VIEWS)}", 404, _HEADERS)
        context = _context(shown, read, view) if shown.letter else {"frame": None, "letter": None}
        html = pages.get_template("preview.html").render(
            job=job, due=due, shown=shown, view=view, views=VIEWS, link=_link(shown), **context
        )
        return HTMLResponse(html, headers=_HEADERS)

    async def file(request: Request) -> Response:
        letter = (await live.of(request.query_params.get("for", ""))).letter
        number = int(request.path_params["number"])
        if letter is None or number >= len(letter.parts):
            return PlainTextResponse("there is no such file", 404, _HEADERS)
        part = letter.parts[number]
        disposition = f"attachment; filename*=UTF-8''{quote(part.filename, safe='')}"
        headers = _HEADERS | {"Content-Disposition": disposition}
        return Response(read(part.artifact.sha256), headers=headers, media_type=part.artifact.media_type)

    async def events(request: Request) -> Response:
        version = int(request.query_params.get("after", "0"))
        return StreamingResponse(_changes(live, version), headers=_HEADERS, media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/", page),
            Route("/files/{number:int}", file),
            Route("/events", events),
            Route("/preview.css", _static("preview.css")),
            Route("/preview.js", _static("preview.js")),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False)],
    )


async def _changes(live: Live, version: int) -> AsyncIterator[str]:
    """Server-sent events: one for each new state after `version`."""
    yield ": open\n\n"
    while True:
        version = await live.after(version)
        yield f"data: {version}\n\n"


def _static(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return FileResponse(HERE / "static" / name, headers=_HEADERS)

    return answer


def _link(shown: Shown) -> Callable[[str], str]:
    """View → its address for the recipient on show."""
    return lambda view: "/?" + urlencode({"view": view, **({"for": shown.address} if shown.address else {})})


def _context(shown: Shown, read: ReadArtifact, view: str) -> dict[str, object]:
    letter = shown.letter
    assert letter is not None  # noqa: S101 - the caller has looked
    frame = _FRAMES.get(view)
    headers = BytesHeaderParser(policy=default).parsebytes(letter.headers)
    return {
        "letter": letter,
        "frame": frame
        and {"width": frame[0], "scheme": frame[1], "html": _html(letter, read, pictures=view != "plain")},
        "text": letter.text.decode(),
        "headers": [(name, str(value)) for name, value in headers.items()],
        "files": [
            (number, part.filename, megabytes(part.artifact.size))
            for number, part in enumerate(letter.parts)
            if part.disposition == "attachment"
        ],
        "size": megabytes(encoded_size(letter)),
        "html_size": megabytes(html_bytes(letter)),
        "clip": round(100 * html_bytes(letter) / GMAIL_CLIP),
        "faults": [finding for finding in shown.findings if finding.level != "note"],
    }


def _html(letter: Letter, read: ReadArtifact, *, pictures: bool) -> str:
    if pictures:
        return standalone_html(letter, read)
    return re.sub(r'(<img\b[^>]*?\bsrc=)"[^"]*"', r'\1""', letter.html.decode())
