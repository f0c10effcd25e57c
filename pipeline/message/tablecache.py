"""Tables already made: the text shares them with the HTML, and people with the same slice with each other."""

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.jobs.columnspec import Columns, params_of
from pipeline.message.formats import Formats
from pipeline.message.tables import Table, make_table

if TYPE_CHECKING:
    from pandas import DataFrame


class MadeTables:
    """Remembers the tables of a frame as long as the frame lives. Templates cannot change frames, so they stay true."""

    def __init__(self, formats: Formats, described: Mapping[str, Columns] | None = None) -> None:
        self._formats = formats
        self.described: Mapping[str, Columns] = described or {}
        """What the job says of columns, by dataset."""
        self._params = {name: params_of(columns) for name, columns in self.described.items()}
        self._tables: dict[int, dict[object, Table]] = {}
        self._frames: dict[int, weakref.ref[DataFrame]] = {}

    def table(
        self, frame: "DataFrame", dataset: str = "", params: Mapping[str, Any] | None = None, **options: Any
    ) -> Table:
        """`make_table(formats, frame, **options)` with the description of a dataset, made once; `params` may differ
        from person to person."""
        known, params = self._tables_of(frame), params or {}
        own = tuple(params.get(name) for name in self._params.get(dataset, ()))
        key = (dataset, own, *((name, _hashable(value)) for name, value in options.items()))
        if key not in known:
            specs = self.described.get(dataset, {})
            known[key] = make_table(self._formats, frame, specs=specs, params=params, **options)
        return known[key]

    def _tables_of(self, frame: "DataFrame") -> dict[object, Table]:
        identity = id(frame)
        if identity not in self._frames:

            def forget(_frame: object) -> None:  # before another frame can have the same id
                self._frames.pop(identity, None)
                self._tables.pop(identity, None)

            self._frames[identity] = weakref.ref(frame, forget)
            self._tables[identity] = {}
        return self._tables[identity]


def _hashable(value: Any) -> object:
    if isinstance(value, Mapping):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value
