"""The pages behind the links at the end of mails: who opens one sees a question, who answers it, or whose mail program
does so with one click (RFC 8058), gets no more of that job.

Looking changes nothing, because mail scanners follow every link. There is nothing else here, and no way to learn who
else gets mail.
"""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pipeline.delivery.leaving import Leaving
from pipeline.errors import LedgerError
from pipeline.web.rendering import closed_headers, page_templates

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = closed_headers(_POLICY) | {"X-Robots-Tag": "noindex"}


def unsubscribe_app(leaving: Leaving, title_of: Callable[[str], str]) -> Starlette:
    """The application. `title_of`: what the report of a job is called."""
    pages = page_templates()

    def said(what: str, title: str = "", address: str = "", status: int = 200) -> Response:
        html = pages.get_template("unsubscribe.html").render(what=what, title=title, address=address)
        return HTMLResponse(html, status, _HEADERS)

    def answer(request: Request) -> Response:
        try:
            return act(request.method == "POST", **request.path_params)
        except LedgerError:
            return said("later", status=503)

    def act(does: bool, job: str, token: str, prefix: str) -> Response:  # noqa: ARG001, FBT001 - of one caller
        address = leaving.whose(job, token)
        if address is None:
            return said("unknown", status=404)
        if does:
            leaving.leave(job, token, "by a click")
        return said("done" if does else "question", title_of(job), _masked(address))

    def nothing(_request: Request, _error: Exception) -> Response:
        return said("unknown", status=404)

    routes = [Route("/{prefix:path}unsubscribe/{job}/{token}", answer, methods=["GET", "POST"])]
    app = Starlette(routes=routes, exception_handlers={404: nothing})
    app.router.redirect_slashes = False  # a redirect would lead wherever the request's Host says
    return app


def _masked(address: str) -> str:
    """Enough for its owner, no use to anybody else: `a…@example.com`."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"
