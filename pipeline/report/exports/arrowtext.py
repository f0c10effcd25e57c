"""Text joined by Arrow instead of value by value, and where its digits are those that Python writes."""

from typing import Any, Final

import numpy as np

_SMALLEST, _LARGEST = 1e-4, 1e10
"""Between them Python and Arrow write the same digits, none with an exponent."""


class ArrowText:
    """Arrow's kernels for columns of text; `pa` and `pc` are pyarrow and pyarrow.compute, which an extra brings."""

    def __init__(self, pa: Any, pc: Any) -> None:
        self.pa: Final = pa
        self.pc: Final = pc
        self.kind: Final = pa.large_string()

    def whole(self, values: Any) -> Any:
        """A column as one array, missing values as nulls."""
        found = self.pa.array(values, from_pandas=True)
        return found.combine_chunks() if isinstance(found, self.pa.ChunkedArray) else found

    def text(self, values: Any) -> Any:
        """As Arrow writes them."""
        return self.pc.cast(values, self.kind)

    def joined(self, between: str, *texts: Any) -> Any:
        """Texts row by row; a plain one is the same in every row. Null where one of them is."""
        ready = [self.pa.scalar(text, self.kind) if isinstance(text, str) else text for text in texts]
        found = self.pc.binary_join_element_wise(*ready, self.pa.scalar(between, self.kind))
        return found.combine_chunks() if isinstance(found, self.pa.ChunkedArray) else found

    def filled(self, texts: Any) -> Any:
        """Nothing in place of nulls."""
        return self.pc.fill_null(texts, "") if texts.null_count else texts

    def octets(self, texts: Any) -> memoryview:
        """All rows, one behind the other, as UTF-8: the array's own memory, no copy."""
        offsets, data = texts.buffers()[1:]
        ends = np.frombuffer(offsets, np.int64, len(texts) + 1, texts.offset * 8)
        return memoryview(data)[ends[0] : ends[-1]]


def has_same_digits(values: "np.ndarray[Any, Any]") -> bool:
    """Whether Arrow writes each of these floats with Python's digits (NaN aside), but for a `.0` at the end."""
    size = np.abs(values)
    zero = size == 0
    plain = np.isnan(values) | (zero & ~np.signbit(values)) | ((size >= _SMALLEST) & (size < _LARGEST))
    return bool(plain.all())
