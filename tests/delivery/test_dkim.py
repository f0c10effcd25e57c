"""DKIM: two verifiers that share no code with ours take our signatures over the octets as a server received them."""

import base64
import hashlib
import json
import re
import ssl
import subprocess

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from delivery_bench import QUICK, make_letter
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st
from node_peer import BINARY, NODE
from pydantic import SecretStr
from scripted_smtp import CHUNKING, OFFERS, ScriptedServer, say

from pipeline.delivery.dkim.canonical import body_hash, fields
from pipeline.delivery.dkim.keys import load_key
from pipeline.delivery.dkim.signer import Signing, signing_of
from pipeline.delivery.mailers.smtp import smtp_mailer
from pipeline.errors import MailerError
from pipeline.jobs.identity import Dkim
from pipeline.jobs.model import SmtpMailer
from pipeline.ledger.records import Artifact, Part
from pipeline.message.wire import base64_lines

WITHOUT_8BIT = tuple(offer for offer in OFFERS if offer != "8BITMIME")
BLOB = bytes(range(256)) * 300
PART = Part(Artifact("0" * 64, len(BLOB), "application/octet-stream"), "Verspätungen Januar.bin", "attachment")
BODIES = {
    "dots": (".\r\n..\r\n.dot\r\n", "<p>.</p>\r\n.\r\n"),
    "blanks": ("a  b\t c \t\r\n\t indented\r\n \r\n\r\n\r\n", "<p>x</p> \r\n\t\r\n\r\n"),
    "long line": ("x" * 998 + "\r\n" + "long " * 400 + "\r\n", "<p>" + "ü" * 3000 + "</p>\r\n"),
    "8-bit": ("Grüße aus München  \r\n", "<p>日本語 Ελλάδα</p>\r\n"),
    "text alone": ("only text\r\n \r\n\r\n", ""),
    "html alone": ("", "<p>only html</p>\r\n"),
    "nothing": ("", ""),
}
LISTED = b"List-Unsubscribe: <https://example.com/u/abc>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def pem(key) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


@pytest.fixture(scope="module")
def keys():
    """One key of each kind for example.com."""
    made = {"rsa": rsa.generate_private_key(65537, 2048), "ed": ed25519.Ed25519PrivateKey.generate()}
    return [Dkim(domain="example.com", selector=name, key=SecretStr(pem(key))) for name, key in made.items()]


@pytest.fixture(scope="module")
def records(keys):
    return {f"{key.selector}._domainkey.example.com": load_key("", key.key.get_secret_value()).record for key in keys}


@pytest.fixture
def received(bench):
    """What a server got of a letter, sent by a real pool that signs."""

    def send(letter, keys, *, offers=OFFERS, script=None):
        with ScriptedServer(offers=offers, script=script or {}) as server:
            url = SecretStr(f"smtp+plain://{server.host}:{server.port}")
            settings = SmtpMailer(name="relay", smtp=url, connections=1, dkim=tuple(keys))
            pool = smtp_mailer(settings, _no_tls(), lambda _: base64_lines(BLOB), QUICK)
            bench.queue([letter])
            bench.deliver(pool)
            pool.close()
        assert set(bench.states()) == {"sent"}
        (mail,) = server.mails
        return mail.data

    return send


def _no_tls():
    return ssl.create_default_context()


def by_dkimpy(mail, records, count=2):
    def txt(name, timeout=5):
        record = records.get(name.decode().rstrip("."))
        return record and record.encode()

    def verify(index):
        try:
            return dkim.DKIM(mail).verify(idx=index, dnsfunc=txt)
        except dkim.ValidationError:
            return False

    return [verify(index) for index in range(count)]


def by_mailauth(mails, records):
    if not (NODE / "node_modules/mailauth").is_dir():
        pytest.skip("npm's mailauth IS MISSING: `make setup` installs it (tests/node)")
    lines = b"".join(base64.b64encode(mail) + b"\n" for mail in mails)
    command = [BINARY, "verify_dkim.mjs", json.dumps(records)]
    done = subprocess.run(command, cwd=NODE, input=lines, capture_output=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def verified(found):
    return {(one["algorithm"], one["result"], one["aligned"]) for one in found}


BOTH = {("rsa-sha256", "pass", "example.com"), ("ed25519-sha256", "pass", "example.com")}


@pytest.mark.parametrize("offers", [OFFERS, WITHOUT_8BIT, CHUNKING], ids=["8BITMIME", "7-bit", "BDAT"])
def test_two_other_implementations_verify_what_the_server_received(received, keys, records, offers):
    mails = []
    for number, (text, html) in enumerate(BODIES.values()):
        for parts in ((), (PART,)):
            letter = make_letter(
                2 * number + len(parts), [f"p{number}-{len(parts)}@example.com"], text=text, html=html, parts=parts
            )
            mails.append(received(letter, keys, offers=offers))
    assert len(mails) == 2 * len(BODIES)
    assert [by_dkimpy(mail, records) for mail in mails] == [[True, True]] * len(mails)
    assert [verified(found) for found in by_mailauth(mails, records)] == [BOTH] * len(mails)
    assert any(max(mail) > 127 for mail in mails) is (offers is not WITHOUT_8BIT)


def test_a_server_that_takes_8_bit_back_gets_a_signature_of_the_7_bit_form(received, keys, records):
    script = {"mail": lambda turn: say("555 5.5.4 BODY?") if "BODY=" in turn.argument else None}
    mail = received(make_letter(1, text=BODIES["8-bit"][0]), keys, script=script)
    assert max(mail) <= 127
    assert by_dkimpy(mail, records) == [True, True]


def test_whoever_changes_or_adds_what_people_see_breaks_it(received, keys, records):
    letter = make_letter(1)
    letter = type(letter)(**{f: getattr(letter, f) for f in letter.__slots__} | {"headers": letter.headers + LISTED})
    mail = received(letter, keys)
    assert by_dkimpy(mail, records) == [True, True]
    for name in (
        "From",
        "To",
        "Subject",
        "Cc",
        "Reply-To",
        "Content-Type",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
    ):
        assert by_dkimpy(f"{name}: another\r\n".encode() + mail, records) == [False, False], name
    assert by_dkimpy(mail.replace(b"One-Click", b"Two-Click"), records) == [False, False]
    assert by_dkimpy(mail.replace(b"Hello", b"Hallo"), records) == [False, False]
    assert by_dkimpy(b"Received: from relay\r\nX-Added: by a relay\r\n" + mail, records) == [True, True]


def test_a_mail_has_the_same_octets_on_every_attempt(received, keys):
    letter = make_letter(1)
    first = received(letter, keys)
    assert first.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=rsa;\r\n")
    assert not re.search(rb"\b[tx]=\d", first.partition(b"\r\n\r\n")[0])
    sign = signing_of("relay", keys)
    assert sign is not None
    head = first.partition(b"From: ")
    assert sign([head[1] + head[2]], ()) == head[0]
    assert all(len(line) <= 998 for line in first.split(b"\r\n"))
    assert max(len(line) for line in head[0].split(b"\r\n")) <= 78


@pytest.mark.parametrize(
    ("sender", "signs"),
    [
        ("Reports <r@example.com>", True),
        ("r@mail.example.com", True),
        ('"x@example.com" <r@other.org>', False),
        ("r@notexample.com", False),
        ("r@EXAMPLE.com", True),
        ("r@com", False),
    ],
)
def test_the_domain_of_from_decides(keys, sender, signs):
    sign = signing_of("relay", keys)
    assert sign is not None
    message = f"From: {sender}\r\nTo: a@example.com\r\nSubject: x\r\n\r\nhello\r\n".encode()
    assert sign([message], ()).count(b"DKIM-Signature:") == (2 if signs else 0)


def test_what_a_provider_writes_anew_is_not_signed(keys):
    sign = signing_of("bulk", keys[:1], frozenset({"message-id", "date"}))
    assert isinstance(sign, Signing)
    header = sign([b"From: a@example.com\r\nDate: x\r\nMessage-ID: <x>\r\nSubject: s\r\n\r\nx\r\n"], ())
    signed = re.sub(rb"\s", b"", header.partition(b"h=")[2].partition(b";")[0]).split(b":")
    assert b"subject" in signed
    assert not {b"date", b"message-id"} & set(signed)


LINES = st.lists(st.text(alphabet=" \t.ab=ü", max_size=12).map(lambda line: f"{line}\r\n".encode()), max_size=8)


@given(st.lists(LINES, max_size=5))
def test_the_body_hash_is_that_of_another_implementation_however_it_is_cut(pieces):
    chunks = [b"".join(lines) for lines in pieces]
    expected = hashlib.sha256(Relaxed.canonicalize_body(b"".join(chunks))).digest()
    assert body_hash(chunks, ()) == expected


@given(st.binary(max_size=400), st.lists(LINES, min_size=1, max_size=3))
def test_shared_base64_is_hashed_unread(data, pieces):
    shared = base64_lines(data)
    chunks = [b"head\r\n", shared, *(b"".join(lines) for lines in pieces)]
    expected = hashlib.sha256(Relaxed.canonicalize_body(b"".join(chunks))).digest()
    assert body_hash(chunks, (shared,)) == expected


@given(st.lists(st.tuples(st.sampled_from(["Subject", "X-A", "tO"]), st.text(" \tab:ü", max_size=20)), min_size=1))
def test_headers_are_relaxed_as_another_implementation_does(pairs):
    raw = [(name.encode(), f" {value}x\r\n\t folded \r\n".encode()) for name, value in pairs]
    ours = fields(b"".join(name + b":" + value for name, value in raw))
    theirs = Relaxed.canonicalize_headers(raw)
    assert [line + b"\r\n" for _, line in ours] == [name + b":" + value for name, value in theirs]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hunter2", "it cannot be read"),
        (lambda: pem(rsa.generate_private_key(65537, 1024)), "an RSA key of 1024 bits; make one of 2048"),
        (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "DKIM knows RSA and Ed25519"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_and_never_quoted(text, said):
    key = text if isinstance(text, str) else text()
    setting = Dkim(domain="example.com", selector="reports", key=SecretStr(key))
    with pytest.raises(MailerError, match=said) as caught:
        signing_of("relay", [setting])
    assert 'mailer "relay", DKIM key reports of example.com' in str(caught.value)
    assert key.splitlines()[-1] not in str(caught.value)


def test_an_encrypted_key_is_refused():
    key = ed25519.Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x"))
    with pytest.raises(MailerError, match="it is encrypted"):
        load_key("k", key.private_bytes(*form).decode())


def test_no_key_no_signature(received):
    assert not received(make_letter(1), []).startswith(b"DKIM-Signature")
