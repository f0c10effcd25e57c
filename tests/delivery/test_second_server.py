"""A second, independent SMTP server (aiosmtpd) takes the same mails over the same paths as our scripted one."""

import email.policy
import socket
import ssl
from email.parser import BytesParser
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from delivery_bench import make_letter
from scripted_smtp import ScriptedServer

USER, PASSWORD = b"robot", b"p@ss/word"


class Keeper:
    """Refuses one address, keeps the rest."""

    def __init__(self):
        self.mails = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if address.startswith("bad@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append((envelope.mail_from, tuple(envelope.rcpt_tos), envelope.original_content))
        return "250 2.0.0 kept"


def authenticate(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (USER, PASSWORD)
    return AuthResult(success=right, handled=False)


@pytest.fixture
def aiosmtpd_server(server_tls):
    with socket.create_server(("127.0.0.1", 0)) as probe:  # aiosmtpd cannot choose a port itself
        port = probe.getsockname()[1]
    keeper = Keeper()
    controller = Controller(
        keeper,
        hostname="127.0.0.1",
        port=port,
        tls_context=server_tls,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
    )
    controller.start()
    yield SimpleNamespace(host="127.0.0.1", port=port, keeper=keeper)
    controller.stop()


def parsed(data: bytes):
    mail = BytesParser(policy=email.policy.default).parsebytes(data)
    return [(part.get_content_type(), part.get_content()) for part in mail.walk() if not part.is_multipart()]


def test_both_servers_get_the_same_mails(bench, mailer, aiosmtpd_server, server_tls: ssl.SSLContext):
    people = ["ana@example.com", "bad@example.com", "bo@example.com"]
    letters = [make_letter(1, people), make_letter(2, text=".\r\n..\r\nüber\r\n"), make_letter(3)]
    login = f"{USER.decode()}:{PASSWORD.decode().replace('@', '%40').replace('/', '%2F')}@"
    bench.queue(letters)
    bench.deliver_all(mailer(aiosmtpd_server, scheme="smtp", login=login))
    assert bench.states() == {"sent": 4, "failed": 1}
    first = aiosmtpd_server.keeper.mails

    offers = ["PIPELINING", "8BITMIME", "STARTTLS", "AUTH PLAIN"]
    with ScriptedServer(offers=offers, tls=server_tls, credentials=(USER.decode(), PASSWORD.decode())) as server:
        bench.queue(
            [make_letter(n + 10, letter.recipients, text=letter.text.decode()) for n, letter in enumerate(letters)]
        )
        bench.deliver_all(mailer(server, scheme="smtp", login=login))
    second = [
        (mail.sender, tuple(who for who in mail.recipients if not who.startswith("bad@")), mail.data)
        for mail in server.mails
    ]
    assert [(sender, to, parsed(data)) for sender, to, data in first] == [
        (sender, to, parsed(data)) for sender, to, data in second
    ]
