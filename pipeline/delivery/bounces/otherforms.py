"""Reports of servers that write no RFC 3464: recognised by flufl.bounce (Mailman's), an extra."""

import logging
from email.message import Message

from pipeline.delivery.bounces.reading import Addresses, nothing_more


def other_forms() -> Addresses:
    """What finds the failed addresses in such reports; nothing, where the extra "bounces" is not installed."""
    try:
        from flufl.bounce import scan_message  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return nothing_more

    # It tells of mails that it stumbled over with their tracebacks; in a mailbox of strangers that is no news.
    logging.getLogger("flufl.bounce").disabled = True

    def failed(mail: Message) -> list[str]:
        try:
            found = scan_message(mail)
        except Exception:  # noqa: BLE001 - its detectors take much for granted, and strangers write mails
            return []
        return [address.decode("ascii", "replace") for address in found]

    return failed
