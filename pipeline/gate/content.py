"""Whether two datasets say the same: a hash over column names, dtypes and values, in the order of the rows."""

import hashlib

import pandas as pd


def content_hash(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of the dataset's content. Equal for equal content; a change of pandas' own hashing makes
    everything look changed once, which sends a report too many and never one too few."""
    digest = hashlib.sha256()
    for name, column in frame.items():
        values = column.map(repr).astype("str") if column.dtype == object else column
        if isinstance(column.dtype, pd.CategoricalDtype):
            values = column.astype(column.cat.categories.dtype)  # which codes it has is no matter of content
        digest.update(f"{name!r}:{column.dtype.name}:{len(column)}\n".encode())
        digest.update(pd.util.hash_pandas_object(values, index=False, categorize=False).to_numpy().tobytes())
    return digest.hexdigest()
