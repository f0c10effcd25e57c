"""Private keys, read once: RSA (RFC 6376 §3.3.1) and Ed25519 (RFC 8463), by the package `cryptography`."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.errors import MailerError, MissingExtraError

SHORTEST_RSA = 2048
"""Bits. Receivers take 1024 (RFC 8301 §3.2); a new key has no reason to be that short."""


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, ready to sign."""

    algorithm: str
    """`rsa-sha256` or `ed25519-sha256`."""
    sign: Callable[[bytes], bytes] = field(repr=False)
    public: str
    """The `p=` of its DNS record, in base64."""

    @property
    def record(self) -> str:
        """The TXT record that belongs at SELECTOR._domainkey.DOMAIN."""
        return f"v=DKIM1; k={self.algorithm.partition('-')[0]}; p={self.public}"


def load_key(what: str, pem: str) -> Key:
    """The key in a PEM text. `what` names it in errors, which hold nothing of it.

    Raises MailerError for a text that is no usable key, MissingExtraError without `cryptography`.
    """
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("DKIM signing", "dkim") from None
    try:
        key = serialization.load_pem_private_key(pem.strip().encode() + b"\n", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        why = "it is encrypted" if isinstance(error, TypeError) else "it cannot be read"
        raise MailerError(f"{what}: {why}; a private key in PEM form, without a password, is wanted") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        edwards = key
        # RFC 8463 §3: PureEdDSA over the SHA-256 of what is signed.
        return Key("ed25519-sha256", lambda data: edwards.sign(hashlib.sha256(data).digest()), _base64(raw))
    if not isinstance(key, rsa.RSAPrivateKey):
        raise MailerError(f"{what}: DKIM knows RSA and Ed25519 keys, and this is another kind")
    if key.key_size < SHORTEST_RSA:
        raise MailerError(f"{what}: an RSA key of {key.key_size} bits; make one of {SHORTEST_RSA} bits or more")
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    signing, scheme, digest = key, padding.PKCS1v15(), hashes.SHA256()
    return Key("rsa-sha256", lambda data: signing.sign(data, scheme, digest), _base64(der))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
