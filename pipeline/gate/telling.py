"""Why an expression does not hold, with its values: `expected len(delays) > 0, but len(delays) is 0`."""

import ast

import pandas as pd

from pipeline.errors import GateError
from pipeline.gate.values import NotKnownError, Values, shown


def why_not(tree: ast.expr, values: Values) -> str:
    """What keeps a false expression from being true: of several conditions the first that fails."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        for part in tree.values:
            if not values.truth(part):
                return why_not(part, values)
    return f"expected {ast.unparse(tree)}, but {facts(tree, values)}"


def facts(tree: ast.expr, values: Values) -> str:
    """The values that an expression compares: `ranking.delay.max() is 12.3 and threshold is 15`."""
    counted = _counted(tree, values)
    if counted:
        return counted
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return f"{ast.unparse(tree.operand)} is true"
    asked = dict.fromkeys(ast.unparse(part) for part in _parts(tree))
    told = [f"{text} is {_value(text, values)}" for text in asked]
    return " and ".join(told) or "it is false"


def _parts(tree: ast.expr) -> list[ast.expr]:
    """The sides of the comparisons, without what is written out."""
    if isinstance(tree, ast.BoolOp):
        return [part for value in tree.values for part in _parts(value)]
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return _parts(tree.operand)
    sides = [tree.left, *tree.comparators] if isinstance(tree, ast.Compare) else [tree]
    return [side for side in sides if not _is_written_out(side)]


def _is_written_out(node: ast.expr) -> bool:
    return not any(isinstance(part, ast.Name) for part in ast.walk(node))


def _value(text: str, values: Values) -> str:
    try:
        return shown(values.of(ast.parse(text, mode="eval").body))
    except (GateError, NotKnownError):
        return "not known"


def _counted(tree: ast.expr, values: Values) -> str:
    """For `….all()` of a column of truths: in how many rows it is false."""
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr == "all"):
        return ""
    column = values.of(tree.func.value)
    if not isinstance(column, pd.Series) or column.dtype != bool:
        return ""
    return f"it is false in {int((~column).sum()):,} of {len(column):,} rows"
