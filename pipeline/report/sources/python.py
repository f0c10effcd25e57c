"""Datasets that the analysts' own functions return."""

from collections.abc import Mapping

import pandas as pd

from pipeline.errors import SourceError
from pipeline.jobs.model import PythonData
from pipeline.report import functions, project
from pipeline.report.model import Datasets, Facts
from pipeline.report.sources.loaded import Loaded


def load(source: PythonData, facts: Facts, earlier: Datasets, _urls: Mapping[str, str]) -> Loaded:
    """Calls the function with the datasets, `period`, `params` and `due` that it declares; it returns a
    DataFrame."""
    function = functions.load(facts.root, source.python, SourceError)
    offer = {**earlier, "period": facts.period, "params": dict(facts.params), "due": facts.due}
    found = functions.call(function, offer, root=facts.root, where=source.python, fail=SourceError)
    if not isinstance(found, pd.DataFrame):
        hint = "; call .to_frame() on it" if isinstance(found, pd.Series) else ""
        raise SourceError(f"{source.python}: must return a DataFrame, returned {type(found).__name__}{hint}")
    path = facts.root / (source.python.partition(":")[0].replace(".", "/") + ".py")
    return Loaded(found, (project.fingerprint(facts.root, path),) if path.is_file() else ())
