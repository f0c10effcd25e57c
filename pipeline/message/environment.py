"""The Jinja environments of a job: sandboxed, strict, looking into the project's templates and then the
package's."""

from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import jinja2
from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import UndefinedError
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup, escape

from pipeline.message import sandbox
from pipeline.message.compiler import LOOP_OVER, MARKER, Escaped, RowsFirst, marker, markers_apart, over_rows
from pipeline.message.datasets import Dataset, frame_or_value, loop_over
from pipeline.message.formats import Formats

PACKAGE_TEMPLATES = Path(__file__).parent / "templates"

_LOOP = frozenset({"first", "last", "index", "index0", "length"})
"""Of `loop`: numbers and truths, which need no permission."""

Kind = Literal["html", "text"]


class UndefinedName(UndefinedError):  # noqa: N818 - named like the jinja2 error that it refines
    """An undefined name that was used; knows what was looked for (`name`) and in what (`owner`)."""

    def __init__(self, message: str, *, name: str, owner: Any) -> None:
        super().__init__(message)
        self.name = name
        self.owner = owner


class StrictName(StrictUndefined):
    """Every use but `is defined` and `default` raises `UndefinedName` (jinja2 would raise a bare text)."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = UndefinedError
    ) -> None:
        if hint is None:
            exc = partial(UndefinedName, name=str(name), owner=obj)
        super().__init__(hint, obj, name, exc)


class Environment(ImmutableSandboxedEnvironment):
    """`r.name` looks into a dict's keys and a dataset's columns first; pandas objects show what `sandbox`
    allows."""

    intercepted_binops = frozenset({"**"})  # 9**9**9 would hold the builder until its time is up
    code_generator_class = RowsFirst

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.escaped = Escaped()
        self.filters[LOOP_OVER] = loop_over
        self.filters[MARKER] = marker

    def getattr(self, obj: Any, attribute: str) -> Any:
        # Half of a template's rendering time was jinja2's failing getattr on dict rows, before it tried the
        # key.
        if type(obj) is dict:
            try:
                return obj[attribute]
            except KeyError:
                return super().getattr(obj, attribute)
        if type(obj) is LoopContext and attribute in _LOOP:
            return getattr(obj, attribute)
        if type(obj) is Dataset:
            quick = None if attribute in obj else obj.quick(attribute)
            if quick is not None:
                return quick
            obj = obj.frame
        if sandbox.column_of(obj, attribute):
            return obj[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if type(obj) is Dataset and type(argument) is not int:
            obj, argument = obj.frame, frame_or_value(argument)
        return super().getitem(obj, argument)

    def call(self, context: Any, obj: Any, /, *args: Any, **options: Any) -> Any:
        """Python's and pandas' functions get frames; macros and components know datasets."""
        if not isinstance(obj, Macro) and not hasattr(obj, "takes_datasets"):
            sandbox.refuse_changes(options)
            args = tuple(map(frame_or_value, args))
            options = {name: frame_or_value(value) for name, value in options.items()}
        return super().call(context, obj, *args, **options)

    def shown_html(self, value: Any) -> str:
        """What is printed of a value that is not plain text, escaped."""
        kind = type(value)
        if kind is Markup:  # most of a component's pieces: escaped when they were made
            return value  # type: ignore[no-any-return]
        return str(value) if kind is int else str(escape(self.finalize(value)))  # type: ignore[misc]

    def shown_text(self, value: Any) -> str:
        """The same where nothing is escaped."""
        return str(value if type(value) is int else self.finalize(value))  # type: ignore[misc]

    def make_globals(self, d: MutableMapping[str, Any] | None) -> dict[str, Any]:
        """A plain dict: jinja2's chain of maps takes longer to read than a small mail to render. So globals must
        be there before a template is compiled."""
        return {**self.globals, **(d or {})}

    def pieces(self, template: jinja2.Template, values: Mapping[str, Any]) -> list[str]:
        """What a template of this environment renders, in the pieces in which it comes. Raises as `render` does,
        whose ways copy all values three times."""
        context = self.context_class(self, {**template.globals, **values}, template.name, template.blocks)
        try:
            return list(template.root_render_func(context))
        except Exception:  # noqa: BLE001 - raised again, with the template's own lines in its traceback
            self.handle_exception()

    def _generate(self, source: nodes.Template, *args: Any, **options: Any) -> str:
        return super()._generate(markers_apart(over_rows(source)), *args, **options)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        allowed = sandbox.may_reach(obj, attr)
        return super().is_safe_attribute(obj, attr, value) if allowed is None else allowed

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(right, int | float) and abs(right) <= 64:
            return super().call_binop(context, operator, left, right)
        raise ValueError("** in a template takes exponents up to 64")


def make_environment(root: Path, formats: Formats, kind: Kind) -> Environment:
    """An environment for `.html` templates (autoescaped) or for `.txt` and one-line ones (not).

    `root` is the project's folder. A file in its `templates/` takes the place of the package's file of the
    same name; the package's own stays reachable as `package/NAME`, so that a replacement can extend what it
    replaces.
    """
    package = ConfinedLoader(PACKAGE_TEMPLATES)
    loader = jinja2.ChoiceLoader(
        [ConfinedLoader(root / "templates"), package, jinja2.PrefixLoader({"package": package})]
    )
    environment = Environment(
        loader=loader,
        autoescape=kind == "html",
        undefined=StrictName,
        finalize=_finalizer(formats),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    del environment.globals["lipsum"]
    environment.filters.update(formats.filters())
    for name in ("xmlattr", "pprint"):  # of no use in a mail, and both write what autoescaping does not see
        del environment.filters[name]
    return environment


def source_of(environment: jinja2.Environment, name: str) -> tuple[str, str]:
    """A template's text and file. Raises jinja2.TemplateNotFound."""
    if environment.loader is None:
        raise jinja2.TemplateNotFound(name)
    source, filename, _ = environment.loader.get_source(environment, name)
    return source, filename or name


class ConfinedLoader(jinja2.FileSystemLoader):
    """Reads templates from one folder and from nowhere else, whatever its symbolic links say."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._root = folder.resolve()

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            source, filename, fresh = super().get_source(environment, template)
        except UnicodeDecodeError as error:
            message = f"is not UTF-8: byte {error.start} cannot be read; save it as UTF-8"
            raise jinja2.TemplateSyntaxError(message, 1, template, template) from None
        if not Path(filename).resolve().is_relative_to(self._root):
            message = "is a link that leaves templates/; copy the file itself there"
            raise jinja2.TemplateSyntaxError(message, 1, template, template)
        return source, filename, fresh


def _finalizer(formats: Formats) -> Callable[[Any], Any]:
    """What is printed without a filter: a missing number or date becomes an en dash, never `nan` or
    `None`."""
    dash = formats.missing
    plain = (str, Markup, int)

    def finalize(value: Any) -> Any:
        if type(value) in plain:
            return value
        return dash if formats.is_missing(value) else value

    return finalize


def known_names(environment: Environment, context: Mapping[str, Any]) -> set[str]:
    """Every name that a template of this environment can use at its top level."""
    return {*environment.globals, *context}
