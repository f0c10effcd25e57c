"""An HTTP server on loopback whose answers are scripted, misbehaviour too, and whose questions are kept.

with HttpServer([(200, {"Content-Type": "text/csv"}, b"a\\n1\\n")]) as server:   the last answer repeats
"""

import socket
import ssl
import struct
from collections.abc import Mapping, Sequence
from http.server import ThreadingHTTPServer

from loopback import Loopback, QuietHandler

Answer = tuple[int, Mapping[str, str], bytes] | bytes | None
"""Status, headers and body; octets as they are, then the end; None: a reset instead of an answer."""


class HttpServer(Loopback):
    def __init__(self, answers: Sequence[Answer], context: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Path and headers (names in lower case) of each request."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        super().__init__(server)


def _handler(server: HttpServer) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the library asks for it by this name
            server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            answer = server.answers[min(len(server.asked), len(server.answers)) - 1]
            if answer is None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            elif isinstance(answer, bytes):
                self.wfile.write(answer)
            else:
                self.say(*answer)

    return Handler
