"""A small IMAP server for tests: one folder of mails with flags, over TLS or in the clear (RFC 3501, what a reader of
bounces needs)."""

import contextlib
import re
import socketserver
import ssl
from dataclasses import dataclass, field

from loopback import Loopback

_LITERAL_LIMIT = re.compile(r"BODY\.PEEK\[\]<0\.(\d+)>")


@dataclass
class Stored:
    data: bytes
    flags: set[str] = field(default_factory=set)


class ImapServer(Loopback):
    """`with ImapServer(mails) as server:` `tls`: from the first byte, or after STARTTLS with `starttls`."""

    def __init__(
        self,
        mails: list[bytes],
        *,
        password: str = "secret",
        tls: ssl.SSLContext | None = None,
        starttls: bool = False,
        cut_after_fetches: int = 1_000,
    ) -> None:
        self.mails = [Stored(mail) for mail in mails]
        self.password, self.tls, self.starttls = password, tls, starttls
        self.cut_after_fetches = cut_after_fetches
        self.commands: list[str] = []
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    _Session(outer, self.request).run()

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port: int = server.server_address[1]
        super().__init__(server)

    def flags(self) -> list[str]:
        return [" ".join(sorted(mail.flags)) for mail in self.mails]


class _Session:
    def __init__(self, server: ImapServer, plain) -> None:
        self.server = server
        self.socket = server.tls.wrap_socket(plain, server_side=True) if server.tls and not server.starttls else plain
        self.secure = server.tls is None or not server.starttls
        self.fetches = 0

    def run(self) -> None:
        self.say("* OK ready")
        self.file = self.socket.makefile("rb")
        while line := self.file.readline().decode().rstrip("\r\n"):
            tag, _, command = line.partition(" ")
            verb, _, rest = command.partition(" ")
            self.server.commands.append("LOGIN …" if verb == "LOGIN" else command)
            if not self.answer(tag, verb.upper(), rest):
                break
        # The file keeps the socket open; both end here.
        self.file.close()
        self.socket.close()

    def answer(self, tag: str, verb: str, rest: str) -> bool:
        if verb == "CAPABILITY":
            offered = " STARTTLS" if self.server.starttls and not self.secure else ""
            self.say(f"* CAPABILITY IMAP4rev1{offered}")
        elif verb == "STARTTLS" and self.server.tls:
            self.say(f"{tag} OK go")
            self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
            self.file, self.secure = self.socket.makefile("rb"), True
            return True
        elif verb == "LOGIN" and f'"{self.server.password}"' not in rest:
            self.say(f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials")
            return True
        elif verb == "SELECT" and rest != '"INBOX"':
            self.say(f"{tag} NO [NONEXISTENT] Unknown Mailbox: {rest}")
            return True
        elif verb == "SELECT":
            self.say(f"* {len(self.server.mails)} EXISTS")
        elif verb == "UID":
            return self.uid(tag, *rest.split(" ", 2))
        self.say(f"{tag} OK done")
        return verb != "LOGOUT"

    def uid(self, tag: str, verb: str, what: str, rest: str = "") -> bool:
        if verb == "SEARCH":
            found = [str(n) for n, mail in enumerate(self.server.mails, start=1) if "\\Seen" not in mail.flags]
            self.say("* SEARCH " + " ".join(found))
        else:
            mail = self.server.mails[int(what) - 1]
            if verb == "FETCH":
                self.fetches += 1
                if self.fetches > self.server.cut_after_fetches:
                    return False
                match = _LITERAL_LIMIT.search(rest)
                assert match is not None, rest
                data = mail.data[: int(match[1])]
                self.say(f"* {what} FETCH (UID {what} BODY[]<0> {{{len(data)}}}")
                self.socket.sendall(data + b")\r\n")
            else:
                mail.flags |= set(re.findall(r"\\\w+", rest))
        self.say(f"{tag} OK done")
        return True

    def say(self, text: str) -> None:
        self.socket.sendall(text.encode() + b"\r\n")
