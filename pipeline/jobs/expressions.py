"""The small language of a gate: Python's expressions over datasets, cut down to reading, sums and comparisons.

What is not on these lists cannot be written: no names but datasets, params, `period`, `due` and `last`, no
attribute with an underscore, no call but of the functions and reductions below. `gate/values.py` gives it its
meaning.
"""

import ast
from collections.abc import Collection, Iterator

from pipeline.jobs.names import did_you_mean, listed


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS = frozenset({"len", "abs", "min", "max", "sum", "round"})
METHODS = _words(
    """
    all any sum mean median min max count nunique std var quantile mode idxmax idxmin prod size first last
    isna notna isnull notnull duplicated isin between abs round diff pct_change shift rank cumsum clip
    fillna dropna drop_duplicates unique head tail nlargest nsmallest sort_values groupby value_counts
    upper lower strip len contains startswith endswith total_seconds date normalize
    """
)
"""What may be called on a dataset, a column, or what a call gave."""
PROPERTIES = _words(
    """
    empty size shape columns index iloc loc str dt year month day hour minute weekday dayofweek days seconds
    start end label last_day is_monotonic_increasing is_unique
    """
)
"""What may be read where it is no column."""
AROUND = frozenset({"params", "period", "due", "last"})
_LONGEST = 1000
_OPERATORS = (
    ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.Invert, ast.Add, ast.Sub, ast.Mult, ast.Div,
    ast.FloorDiv, ast.Mod, ast.BitAnd, ast.BitOr,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn,
)  # fmt: skip
_SHAPES = (
    ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Call, ast.Attribute, ast.Subscript, ast.Slice,
    ast.Name, ast.Constant, ast.List, ast.Tuple, ast.keyword, ast.expr_context, *_OPERATORS,
)  # fmt: skip


def parse(text: str) -> ast.expr:
    """The expression's tree, nothing in it but what this language has. Raises ValueError."""
    if len(text) > _LONGEST:
        raise ValueError(f"an expression has at most {_LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = error.msg if isinstance(error, SyntaxError) else "it cannot be read"
        raise ValueError(f'"{text}" is not an expression: {said}; write one like len(delays) > 0') from None
    for node in ast.walk(tree):
        _check(node, text)
    return tree


def check_names(text: str, datasets: Collection[str], params: Collection[str]) -> None:
    """Raises ValueError for an expression that cannot be read, or for a name that is nothing of the job."""
    tree = parse(text)
    known = {*datasets, *params, *AROUND}
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called and node.id not in known:
            raise ValueError(f'"{text}": there is no dataset or param "{node.id}"{did_you_mean(node.id, known)}')
        if isinstance(node, ast.Name) and node.id == "last":
            _check_last(tree, node, text)
    for asked in remembered(tree):
        check_names(asked, datasets, params)


def remembered(tree: ast.expr) -> Iterator[str]:
    """What the expression asks of the last sent run, as expressions of this run: for
    `len(delays) > 0.5 * last.len(delays)` or `len(last.delays)` it is `len(delays)`."""
    if (asked := of_last(tree)) is not None:
        yield asked
        return
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.expr | ast.keyword):
            yield from remembered(child)  # type: ignore[arg-type]


def of_last(node: ast.AST) -> str | None:
    """The expression that `last.…` stands for, where the node is one whole such chain; None for any other."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return f"{node.func.id}({inner})" if (inner := _chain(node.args[0])) else None
    return _chain(node)


def _chain(node: ast.AST) -> str | None:
    """`last.delays.mean_delay.max()` → `delays.mean_delay.max()`."""
    root = node
    while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
        root = root.func if isinstance(root, ast.Call) else root.value
    if not isinstance(root, ast.Name) or root.id != "last" or root is node:
        return None
    return ast.unparse(node).removeprefix("last.")


def _check_last(tree: ast.expr, name: ast.Name, text: str) -> None:
    followed = any(isinstance(node, ast.Attribute) and node.value is name for node in ast.walk(tree))
    if not followed:
        raise ValueError(f'"{text}": "last" is followed by what to look up, like last.delays.mean_delay.max()')


def _check(node: ast.AST, text: str) -> None:
    if not isinstance(node, _SHAPES) or (isinstance(node, ast.keyword) and node.arg in {None, "inplace"}):
        what, hint = _WORDS.get(type(node).__name__, "this"), _INSTEAD.get(type(node).__name__, "")
        raise ValueError(f'"{text}": {what} cannot be used in an expression{hint}')
    if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
        raise ValueError(f'"{text}": "{node.attr}" cannot be used: names do not begin with "_"')
    if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | bool | None):  # b"", 1j, …
        raise ValueError(f'"{text}": {ast.unparse(node)} cannot be used in an expression')  # noqa: TRY004
    if isinstance(node, ast.Call):
        _check_call(node, text)


def _check_call(node: ast.Call, text: str) -> None:
    if isinstance(node.func, ast.Name):
        known, name = FUNCTIONS, node.func.id
    elif isinstance(node.func, ast.Attribute):
        known, name = METHODS, node.func.attr
    else:
        raise ValueError(f'"{text}": only functions and reductions by name can be called')  # noqa: TRY004
    if name not in known:
        hint = did_you_mean(name, known) or (f"; there is {listed(sorted(known))}" if known is FUNCTIONS else "")
        raise ValueError(f'"{text}": {name}() cannot be called in an expression{hint}')


_WORDS = {
    "Pow": "**", "Lambda": "lambda", "IfExp": "if … else", "JoinedStr": "an f-string", "Await": "await",
    "ListComp": "a comprehension", "SetComp": "a comprehension", "DictComp": "a comprehension",
    "GeneratorExp": "a comprehension", "Starred": "*", "keyword": "inplace", "NamedExpr": ":=", "Dict": "a dict",
    "Set": "a set", "Is": '"is"', "IsNot": '"is not"', "LShift": "<<", "RShift": ">>",
    "BitXor": "^", "MatMult": "@", "Yield": "yield",
}  # fmt: skip
_INSTEAD = {"Is": "; write ==", "IsNot": "; write !="}
