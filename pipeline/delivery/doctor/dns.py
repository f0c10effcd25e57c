"""TXT records by dnspython, from the machine's name servers or from one that is named."""

from collections.abc import Callable

import dns.exception
import dns.resolver

LookUp = Callable[[str], list[str]]
"""A name → the texts of its TXT records; none where there are none. Raises DnsError where nobody can know."""
PATIENCE = 5.0
"""Seconds for one name, all name servers together."""


class DnsError(Exception):
    """No answer, or one that says nothing."""


def txt_records(nameserver: str = "") -> LookUp:
    """Looks TXT records up. `nameserver`: an address, `192.0.2.1` or `127.0.0.1:5353`; empty: the machine's own.

    Raises DnsError where the machine has no name server.
    """
    try:
        resolver = dns.resolver.Resolver(configure=not nameserver)
    except dns.exception.DNSException as error:
        raise DnsError(f"this machine has no name server: {error}") from None
    if nameserver:
        host, _, port = nameserver.partition(":")
        resolver.nameservers, resolver.port = [host], int(port or 53)
    resolver.lifetime = PATIENCE

    def look_up(name: str) -> list[str]:
        try:
            answer = resolver.resolve(name, "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise DnsError(f"{name} cannot be looked up: {type(error).__name__}") from None
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    return look_up
