"""The analysts' own Python: `module:function` from the project folder, called with what its parameters ask
for.

Works on `sys.path` and `sys.modules`, so it belongs into the child process that builds one run and ends.
"""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ReportError
from pipeline.report.project import near_miss

Function = Callable[..., Any]


def load(root: Path, reference: str, fail: type[ReportError]) -> Function:
    """The function that `reports.delays:ranking` names. Raises `fail` with the analyst's own file and
    line."""
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise fail(f'"{reference}" names no function; write module:function, like reports.delays:ranking')
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            path = module_name.replace(".", "/") + ".py"
            raise fail(f"{reference}: there is no {path} in {root}") from None
        raise fail(f"{reference}: {_story(error, root)}") from error
    except (Exception, SystemExit) as error:  # anything may happen while somebody's module is imported
        raise fail(f"{reference}: {_story(error, root)}") from error
    origin = Path(module.__file__ or "")
    if not origin.resolve().is_relative_to(root.resolve()):
        raise fail(f'{reference}: "{module_name}" is an installed module ({origin}); name the project\'s otherwise')
    function = getattr(module, name, None)
    if not callable(function):
        close = near_miss(name, (n for n in vars(module) if callable(getattr(module, n))))
        raise fail(f"{reference}: {_relative(origin, root)} has no function {name}{close}")
    return function  # type: ignore[no-any-return]


def wanted(function: Function) -> dict[str, bool]:
    """The names of the parameters it can be given by name → whether it needs them."""
    named = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default is inspect.Parameter.empty for p in parameters if p.kind in named}


def call(function: Function, offer: Mapping[str, Any], *, root: Path, where: str, fail: type[ReportError]) -> Any:
    """Calls it with those of `offer` that it declares.

    Raises `fail` for a parameter that nothing offers, and for whatever goes wrong inside, with the lines of
    the project's files that led there.
    """
    names = wanted(function)
    missing = [name for name, needed in names.items() if needed and name not in offer]
    if missing:
        raise fail(
            f'{where}: there is nothing to pass as "{missing[0]}"{near_miss(missing[0], offer)}; '
            f"it can ask for {', '.join(offer)}"
        )
    try:
        return function(**{name: offer[name] for name in names if name in offer})
    except (Exception, SystemExit) as error:  # anything may happen in somebody's function
        raise fail(f"{where}: {_story(error, root)}") from error


def _story(error: BaseException, root: Path) -> str:
    """What went wrong and where, in the project's own files: `KeyError: 'mean' at reports/delays.py:12 in
    ranking`."""
    what = "".join(traceback.format_exception_only(error)[-1:]).strip()
    if isinstance(error, SyntaxError) and error.filename:
        return f"{what} at {_relative(Path(error.filename), root)}:{error.lineno}"
    home = root.resolve()
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename, home)]
    if not own:
        return what
    lines = [f"{_relative(Path(f.filename), root)}:{f.lineno} in {f.name}: {f.line}" for f in own]
    return "\n    ".join([f"{what} at {lines[-1]}", *(f"called from {line}" for line in reversed(lines[:-1]))])


def _is_own(filename: str, home: Path) -> bool:
    """Whether it is a file of the analyst's: no library's in a .venv of the project, none of this package where the
    project is its checkout, and none that a compiled library names (`pyarrow/error.pxi`), which is not there."""
    path = Path(filename)
    if not path.is_absolute() or "site-packages" in path.parts:
        return False
    path = path.resolve()
    return path.is_relative_to(home) and not path.is_relative_to(Path(__file__).resolve().parents[1])


def _relative(path: Path, root: Path) -> str:
    resolved = path.resolve()
    return resolved.relative_to(root.resolve()).as_posix() if resolved.is_relative_to(root.resolve()) else str(path)
