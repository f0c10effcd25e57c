"""`module:function` looked up in the project's source, without importing anything."""

import ast
from pathlib import Path
from typing import NamedTuple

from pipeline.jobs.names import did_you_mean


class Parameter(NamedTuple):
    """One parameter of an analyst's function."""

    name: str
    required: bool
    by_name: bool
    """False for positional-only: it cannot be given by name."""


class Function(NamedTuple):
    """What a reference names."""

    file: Path
    line: int
    parameters: tuple[Parameter, ...] | None
    """None where the source does not say: imported from elsewhere, decorated, assigned."""


class SourceFault(ValueError):  # noqa: N818 - not everything raised is an error of ours
    """The module's source is wrong at a line and column (from 1)."""

    def __init__(self, file: Path, line: int, column: int, message: str) -> None:
        self.file, self.line, self.column = file, line, column
        super().__init__(message)


def find_function(root: Path, reference: str) -> Function:
    """The function that `module:function` names inside a project's folder.

    Raises SourceFault where the module cannot be parsed, and ValueError where module or function are not
    there.
    """
    module, _, name = reference.partition(":")
    file = _module_file(root, module)
    tree = _parse(file)
    found: dict[str, ast.stmt] = {}
    for statement in tree.body:
        for defined in _defined(statement):
            found[defined] = statement
    if name not in found:
        place = file.relative_to(root)
        raise ValueError(f'{place} has no function "{name}"{did_you_mean(name, found)}')
    statement = found[name]
    if isinstance(statement, ast.AsyncFunctionDef):
        raise ValueError(f'"{name}" is async; write a plain function')  # noqa: TRY004 - an input, no argument
    if isinstance(statement, ast.ClassDef):
        raise ValueError(f'"{name}" is a class; write a function')  # noqa: TRY004 - as above
    if isinstance(statement, ast.FunctionDef) and not statement.decorator_list:
        return Function(file, statement.lineno, _parameters(statement.args))
    return Function(file, statement.lineno, None)


def _module_file(root: Path, module: str) -> Path:
    stem = root.joinpath(*module.split("."))
    for file in (stem.with_suffix(".py"), stem / "__init__.py"):
        if file.is_file():
            return file
    wanted = stem.with_suffix(".py").relative_to(root)
    near = did_you_mean(stem.name, sorted(path.stem for path in stem.parent.glob("*.py")))
    raise ValueError(f'no module "{module}" in the project: {wanted} does not exist{near}')


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except SyntaxError as error:
        message = f"not Python: {error.msg}"
        raise SourceFault(file, error.lineno or 1, error.offset or 1, message) from None
    except ValueError as error:
        raise SourceFault(file, 1, 1, f"not Python: {error}") from None


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    if isinstance(statement, ast.If | ast.Try):
        return [
            name for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt) for name in _defined(child)
        ]
    return []


def _parameters(arguments: ast.arguments) -> tuple[Parameter, ...]:
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    plain = [
        Parameter(each.arg, index < first_default, index >= len(arguments.posonlyargs))
        for index, each in enumerate(positional)
    ]
    keyword = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return (*plain, *(Parameter(each.arg, default is None, by_name=True) for each, default in keyword))
