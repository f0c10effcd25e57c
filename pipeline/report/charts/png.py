"""The size of a PNG picture."""

import struct

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the IHDR chunk (PNG specification, 11.2.1). Raises ValueError for
    anything that is no PNG."""
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 24:
        raise ValueError("not a PNG picture")
    width, height = struct.unpack(">II", data[16:24])
    return width, height
