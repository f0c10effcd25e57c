"""A token endpoint (RFC 6749 §3.2) on loopback with TLS, whose answers are scripted and whose questions are kept.

with TokenEndpoint(context, [(200, {"access_token": "a"}), …]) as endpoint:   the last answer repeats
"""

import json
import ssl
from collections.abc import Sequence
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from loopback import Loopback, QuietHandler

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]
"""Status, what is sent as JSON (bytes: as they are), and headers."""


class TokenEndpoint(Loopback):
    def __init__(self, context: ssl.SSLContext, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []
        """The forms that were posted."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{server.server_address[1]}/token"
        super().__init__(server)


def _handler(endpoint: TokenEndpoint) -> type[QuietHandler]:
    class Handler(QuietHandler):
        wbufsize = 65536

        def do_POST(self) -> None:  # noqa: N802 - the library asks for it by this name
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            endpoint.asked.append(dict(parse_qsl(form, strict_parsing=True)))
            status, content, *headers = endpoint.answers[min(len(endpoint.asked), len(endpoint.answers)) - 1]
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.say(status, headers[0] if headers else {}, body)

    return Handler
