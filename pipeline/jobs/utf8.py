"""Files that are not UTF-8: the problem, at the first byte that is wrong."""

from pipeline.errors import Problem


def not_utf8(file: str, data: bytes, error: UnicodeDecodeError) -> Problem:
    """Line and column count characters, as an editor does."""
    before = data[: error.start].decode("utf-8")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Problem(file, line, column, f"not UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8")
