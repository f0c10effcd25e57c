"""SQL files and Python functions that jobs.yaml names: there, and asking only for what they will get."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.errors import Problem
from pipeline.jobs.check_files import check_exists, read_text
from pipeline.jobs.names import did_you_mean, listed
from pipeline.jobs.pythonref import SourceFault, find_function
from pipeline.jobs.reserved import BOUND
from pipeline.jobs.sqltext import is_blank, placeholders

_GIVEN = ("period", "params", "due")


def check_sql(root: Path, path: str, params: Mapping[str, object]) -> Iterator[Problem | str]:
    """The file is there and says something; every `:name` is start, end, due or a param."""
    missing = check_exists(root, path)
    if missing:
        yield missing
        return
    text = read_text(root, path)
    if isinstance(text, Problem):
        yield text
    elif is_blank(text):
        yield Problem(path, 1, 1, "holds no SQL")
    else:
        bound = sorted({*BOUND, *params})
        for found in placeholders(text):
            if found.name not in bound:
                hint = did_you_mean(found.name, bound) or f"; bound are {listed((f':{name}' for name in bound), 'and')}"
                yield Problem(path, found.line, found.column, f"nothing is bound to :{found.name}{hint}")


def check_function_of(
    root: Path, reference: str, earlier: Sequence[str], all_names: Sequence[str]
) -> Iterator[Problem | str]:
    """The function is there, and its parameters are earlier datasets, period, params and due."""
    try:
        function = find_function(root, reference)
    except SourceFault as fault:
        yield Problem(fault.file.relative_to(root).as_posix(), fault.line, fault.column, str(fault))
        return
    except ValueError as error:
        yield str(error)
        return
    given = {*earlier, *_GIVEN}
    file = function.file.relative_to(root).as_posix()
    for parameter in function.parameters or ():
        if parameter.name not in given:
            if parameter.required:
                yield Problem(file, function.line, 1, _unknown(reference, parameter.name, given, all_names))
        elif not parameter.by_name:
            message = f'parameter "{parameter.name}" is given by name; take the "/" out'
            yield Problem(file, function.line, 1, message)


def _unknown(reference: str, name: str, given: set[str], all_names: Sequence[str]) -> str:
    function = reference.partition(":")[2]
    if name in all_names:
        return f'{function}: dataset "{name}" comes later or is this one; put it before'
    hint = did_you_mean(name, sorted(given)) or f"; there are {listed(sorted(given), 'and')}"
    return f'{function}: unknown parameter "{name}"{hint}'
