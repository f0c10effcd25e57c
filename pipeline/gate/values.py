"""What an expression of `jobs/expressions.py` means: walked on its tree, so that nothing is ever compiled or run.

Attributes are columns first; methods are only those on the list, and only of pandas objects, text and times.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.typing import DataFrameGroupBy

from pipeline.errors import GateError
from pipeline.jobs.expressions import METHODS, PROPERTIES, of_last
from pipeline.jobs.names import did_you_mean

Scalar: TypeAlias = str | int | float | bool | datetime | timedelta | None
"""What one run keeps for the next."""


class NotKnownError(Exception):
    """The expression asks for something of the last sent run, which there was none of, or which did not keep it."""


class Values(ast.NodeVisitor):
    """Evaluates expressions over one run. Raises GateError that names the expression and what is wrong."""

    def __init__(self, names: Mapping[str, Any], last: Mapping[str, Scalar] = MappingProxyType({})) -> None:
        self._names = names
        self._last = last

    def of(self, tree: ast.expr) -> Any:
        """The value. Raises NotKnownError where it depends on a last run that did not keep it."""
        try:
            return self.visit(tree)
        except (GateError, NotKnownError):
            raise
        except Exception as error:  # pandas raises whatever it likes, and the author of the expression must see it
            raise GateError(f"{ast.unparse(tree)}: {type(error).__name__}: {error}") from error

    def scalar(self, tree: ast.expr) -> Scalar:
        """The value as it can be kept. Raises GateError for a table, a column or anything else that is not one
        value."""
        return plain(self.of(tree), ast.unparse(tree))

    def truth(self, tree: ast.expr) -> bool:
        """The value, which must be true or false. Raises GateError, NotKnownError."""
        value = self.of(tree)
        if isinstance(value, bool | np.bool_):
            return bool(value)
        if isinstance(value, pd.Series):
            what = f"{ast.unparse(tree)} is {shown(value)}"
            raise GateError(f"{what}, not true or false; end it with .all() or .any()")
        raise GateError(f"{ast.unparse(tree)} is {shown(value)}, not true or false; compare it with something")

    # --- the tree ---------------------------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> Any:
        """The value of one node."""
        if (asked := of_last(node)) is not None:
            if asked not in self._last:
                raise NotKnownError(asked)
            return self._last[asked]
        return super().visit(node)

    def generic_visit(self, node: ast.AST) -> Any:
        raise GateError(f"{ast.unparse(node)} cannot be used in an expression")

    def visit_Constant(self, node: ast.Constant) -> Any:
        return node.value

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id not in self._names:
            raise GateError(f'there is no dataset or param "{node.id}"{did_you_mean(node.id, self._names)}')
        return self._names[node.id]

    def visit_List(self, node: ast.List) -> Any:
        return [self.visit(item) for item in node.elts]

    def visit_Tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.visit(item) for item in node.elts)

    def visit_Slice(self, node: ast.Slice) -> Any:
        return slice(*(None if part is None else self.visit(part) for part in (node.lower, node.upper, node.step)))

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        owner, key = self.visit(node.value), self.visit(node.slice)
        if isinstance(owner, pd.DataFrame) and isinstance(key, str) and key not in owner.columns:
            raise _no_column(node.value, key, owner)
        return owner[key]

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        owner = self.visit(node.value)
        columns = owner.obj if isinstance(owner, DataFrameGroupBy) else owner
        if isinstance(columns, pd.DataFrame) and node.attr in columns.columns:
            return owner[node.attr]
        if isinstance(owner, Mapping | pd.Series) and node.attr in owner:  # of a series: a row's own columns
            return owner[node.attr]
        if node.attr in PROPERTIES and _is_open(owner) and hasattr(owner, node.attr):
            return getattr(owner, node.attr)
        if isinstance(owner, pd.DataFrame):
            raise _no_column(node.value, node.attr, owner)
        near = did_you_mean(node.attr, owner if isinstance(owner, Mapping) else PROPERTIES | METHODS)
        hint = f"; write {node.attr}()" if node.attr in METHODS else near
        raise GateError(f'{ast.unparse(node.value)} has no "{node.attr}"{hint}')

    def visit_Call(self, node: ast.Call) -> Any:
        arguments = [self.visit(argument) for argument in node.args]
        named = {str(keyword.arg): self.visit(keyword.value) for keyword in node.keywords}
        if isinstance(node.func, ast.Name):
            return _FUNCTIONS[node.func.id](*arguments, **named)
        if not isinstance(node.func, ast.Attribute):
            raise GateError(f"{ast.unparse(node)}: only functions and reductions by name can be called")
        owner, name = self.visit(node.func.value), node.func.attr
        if name not in METHODS or not _is_open(owner) or not callable(getattr(owner, name, None)):
            raise GateError(f"{ast.unparse(node.func.value)} is {shown(owner)}, which has no {name}()")
        return getattr(owner, name)(*arguments, **named)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return not self.truth(node.operand)
        return _UNARY[type(node.op)](self.visit(node.operand))

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        return _BINARY[type(node.op)](self.visit(node.left), self.visit(node.right))

    def visit_BoolOp(self, node: ast.BoolOp) -> bool:
        if isinstance(node.op, ast.And):
            return all(self.truth(part) for part in node.values)
        return any(self.truth(part) for part in node.values)

    def visit_Compare(self, node: ast.Compare) -> Any:
        left, result = self.visit(node.left), True
        for kind, following in zip(node.ops, node.comparators, strict=True):
            right = self.visit(following)
            result = _COMPARISONS[type(kind)](left, right)
            if isinstance(result, pd.Series) and len(node.ops) > 1:
                raise GateError(f"{ast.unparse(node)}: compare a column once, like (a < b) & (b < c)")
            if not isinstance(result, pd.Series) and not result:
                return False
            left = right
        return result


def plain(value: Any, what: str) -> Scalar:
    """One value without numpy and pandas in it. Raises GateError for more than one."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        value = value.item()
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, np.timedelta64):
        value = pd.Timedelta(value)
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp | pd.Timedelta):
        return value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value.to_pytimedelta()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a day has no zone
    if isinstance(value, str | int | float | bool | datetime | timedelta):
        return value
    raise GateError(f"{what} is {shown(value)}; only one value can be kept for the next run, like a .max() or len(…)")


def shown(value: Any) -> str:
    """A value as an error says it: `12.34`, `a table of 3 rows`."""
    if isinstance(value, pd.DataFrame):
        return f"a table of {len(value):,} rows"
    if isinstance(value, pd.Series | pd.Index):
        return f"a column of {len(value):,} values"
    if isinstance(value, float | np.floating):
        return "missing" if np.isnan(value) else f"{value:.6g}"
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "missing"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _is_open(value: Any) -> bool:
    """Whether methods of the list may be called on it: nothing but data has them."""
    return isinstance(value, str | date | timedelta) or type(value).__module__.partition(".")[0] in {"pandas", "numpy"}


def _no_column(node: ast.expr, name: str, frame: pd.DataFrame) -> GateError:
    hint = did_you_mean(name, map(str, frame.columns))
    return GateError(f'{ast.unparse(node)} has no column "{name}"{hint}')


def _of_column(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Python's own function, except that of a column it is pandas' reduction, which knows what a gap is."""

    def call(*values: Any, **options: Any) -> Any:
        if len(values) == 1 and isinstance(values[0], pd.Series | pd.Index):
            return getattr(values[0], name)(**options)
        return function(*values, **options)

    return call


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "len": len, "abs": abs, "round": round,
    "min": _of_column("min", min), "max": _of_column("max", max), "sum": _of_column("sum", sum),
}  # fmt: skip
_UNARY: Mapping[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert
}  # fmt: skip
_BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.BitAnd: operator.and_, ast.BitOr: operator.or_,
}  # fmt: skip
_COMPARISONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.In: lambda a, b: a in list(b), ast.NotIn: lambda a, b: a not in list(b),
}  # fmt: skip
