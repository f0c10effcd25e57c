"""An HTTP server on loopback whose answers are scripted, misbehaviour too, and whose questions are kept.

with HttpServer([(200, {"Content-Type": "text/csv"}, b"a\\n1\\n")]) as server:   the last answer repeats
"""

import socket
import ssl
import struct
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

Answer = tuple[int, Mapping[str, str], bytes] | bytes | None
"""Status, headers and body; octets as they are, then the end; None: a reset instead of an answer."""


class HttpServer:
    def __init__(self, answers: Sequence[Answer], context: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Path and headers (names in lower case) of each request."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if context is not None:
            wrap = context.wrap_socket
            self._server.socket = wrap(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler(server: HttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            self.request.settimeout(5)
            super().setup()

        def handle(self) -> None:
            try:
                super().handle()
            except (ssl.SSLError, ConnectionError):  # a client that does not trust us, or has seen enough
                self.close_connection = True

        def do_GET(self) -> None:
            server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            answer = server.answers[min(len(server.asked), len(server.answers)) - 1]
            if answer is None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            elif isinstance(answer, bytes):
                self.wfile.write(answer)
            else:
                status, headers, body = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
