"""What a template may reach on pandas and numpy objects: reading and small sums, nothing that writes, runs or
pastes."""

from collections.abc import Mapping

from jinja2.exceptions import SecurityError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FRAMES = _words(
    """
    columns index values iloc loc at iat shape size empty ndim dtype name T
    head tail nlargest nsmallest sort_values sort_index reset_index set_index round abs clip rank
    sum mean median min max count nunique std var quantile mode idxmax idxmin first last any all prod
    cumsum cummax cummin diff pct_change shift isna isnull notna notnull isin between eq ne lt le gt ge
    fillna ffill bfill dropna drop_duplicates duplicated drop unique value_counts groupby nth items keys
    iterrows itertuples get item tolist to_list to_dict squeeze add sub mul div mod is_unique str dt cat
    """
)
"""DataFrame, Series, Index and groups. Without `to_*` that write, `eval`, `query`, `pipe`, `apply`, `map`,
`agg`, `transform`, `plot`, `style`."""

_ACCESSORS = _words(
    """
    upper lower title capitalize strip lstrip rstrip len contains startswith endswith slice get zfill
    year month day hour minute second quarter dayofweek day_name month_name date time strftime
    isocalendar normalize floor days total_seconds categories codes
    """
)
"""What `.str`, `.dt` and `.cat` offer."""

_TIMES = frozenset({"Timestamp", "Timedelta", "Period", "NaTType", "Interval"})
"""pandas scalars that only hold a value: all their public attributes are harmless."""

_NUMPY = _words("shape size ndim dtype T item tolist sum mean std min max any all real imag is_integer round name")
"""Arrays and scalars: without `tofile`, `dump`, `setflags`, `view`."""


def may_reach(value: object, attribute: str) -> bool | None:
    """True or False for an object of pandas or numpy, None for anything else."""
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    if package == "numpy":
        return attribute in _NUMPY
    if package != "pandas":
        return None
    if kind.__name__ in _TIMES:
        return not attribute.startswith("_")
    if issubclass(kind, tuple):  # a row of itertuples: its values by name
        return attribute in getattr(kind, "_fields", ())
    return attribute in _FRAMES or attribute in _ACCESSORS


def column_of(value: object, attribute: str) -> bool:
    """Whether the attribute names a column of a frame or a label of a row, which then comes before any
    method."""
    kind = type(value)
    if kind.__module__.partition(".")[0] != "pandas":
        return False
    if kind.__name__ == "DataFrame":
        return attribute in value.columns  # type: ignore[attr-defined]
    return kind.__name__ == "Series" and attribute in value.index  # type: ignore[attr-defined]


def refuse_changes(options: Mapping[str, object]) -> None:
    """Raises SecurityError for arguments that have pandas or numpy write into what all letters share."""
    for name in ("inplace", "out"):
        if options.get(name, False) not in (False, None):
            raise SecurityError(f"{name}= changes the data and is unsafe")
