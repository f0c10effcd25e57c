"""A token endpoint (RFC 6749 §3.2) on loopback with TLS, whose answers are scripted and whose questions are kept.

with TokenEndpoint(context, [(200, {"access_token": "a"}), …]) as endpoint:   the last answer repeats
"""

import json
import ssl
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]
"""Status, what is sent as JSON (bytes: as they are), and headers."""


class TokenEndpoint:
    def __init__(self, context: ssl.SSLContext, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []
        """The forms that were posted."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler(endpoint: TokenEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        wbufsize = 65536

        def setup(self) -> None:
            self.request.settimeout(5)
            super().setup()

        def handle(self) -> None:
            try:
                super().handle()
            except (ssl.SSLError, ConnectionError):  # a client that does not trust us
                self.close_connection = True

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            endpoint.asked.append(dict(parse_qsl(form, strict_parsing=True)))
            status, content, *headers = endpoint.answers[min(len(endpoint.asked), len(endpoint.answers)) - 1]
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers[0] if headers else {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
