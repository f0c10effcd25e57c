"""How templates become Python: jinja2's own code generator, with the two steps that a table repeats made short.

`{{ r.name }}` looks into a dict right where it stands, and asks the environment only where there is none or the
key is not there: what a dict holds under a name is data, and data needs no permission. A text that is printed
is escaped without a detour, and one of nothing but letters and digits is not even looked up: it has been read a
moment ago, while what is remembered of it lies somewhere else in memory. Everything else takes jinja2's ways, with
the sandbox's checks.
"""

import re
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame, optimizeconst
from jinja2.runtime import Context
from markupsafe import Markup, escape

_MOST = 4096
_LONGEST = 64


class Escaped(dict[str, str]):
    """Texts escaped for HTML: a table says the same names and numbers again and again."""

    def __missing__(self, text: str) -> str:
        found = str(escape(text))
        if len(text) <= _LONGEST:
            if len(self) >= _MOST:
                self.clear()
            self[text] = found
        return found


class RowsFirst(CodeGenerator):
    """Generates what the module says; uses `escaped`, `shown_html` and `shown_text` of the environment."""

    @optimizeconst
    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        self._look_up(node.node, node.attr, frame, f"environment.getattr(%s, {node.attr!r})")

    @optimizeconst
    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            key = node.arg.value
            self._look_up(node.node, key, frame, f"environment.getitem(%s, {key!r})")
        else:
            super().visit_Getitem(node, frame)

    def _look_up(self, owner: nodes.Expr, key: str, frame: Frame, otherwise: str) -> None:
        found = self.temporary_identifier()
        self.write(f"({found}[{key!r}] if ({found} := ")
        self.visit(owner, frame)
        self.write(f").__class__ is dict and {key!r} in {found} else {otherwise % found})")

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 - jinja2's name
        """As jinja2's, but what stands in a row is joined and handed on once, not piece by piece."""
        if frame.buffer is not None or frame.require_output_check or len(node.nodes) == 1:
            super().visit_Output(node, frame)
            return
        self.writeline("yield ''.join((")
        self.indent()
        finalize = self._make_finalize()
        for child in node.nodes:
            constant = self._constant(child, frame, finalize)
            if constant is not None:
                self.writeline(f"{constant!r},")
                continue
            self.newline(child)
            self._output_child_pre(child, frame, finalize)
            self.visit(child, frame)
            self._output_child_post(child, frame, finalize)
            self.write(",")
        self.outdent()
        self.writeline("))")

    def _constant(self, child: nodes.Expr, frame: Frame, finalize: Any) -> str | None:
        """What can be printed now; None for what has to wait, also where it fails: that is for rendering to say."""
        if finalize.const is None and not isinstance(child, nodes.TemplateData):
            return None
        try:
            return self._output_child_to_const(child, frame, finalize)
        except Exception:  # noqa: BLE001 - as jinja2 does
            return None

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile:
            super()._output_child_pre(node, frame, finalize)
            return
        found = self._printed = self.temporary_identifier()
        text = f"{found} if {found}.isalnum() else environment.escaped[{found}]" if frame.eval_ctx.autoescape else found
        self.write(f"(({text}) if ({found} := ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile:
            super()._output_child_post(node, frame, finalize)
            return
        shown = "shown_html" if frame.eval_ctx.autoescape else "shown_text"
        self.write(f").__class__ is str else environment.{shown}({self._printed}))")


LOOP_OVER = "rows to loop over"
"""A filter around what every `for` goes over; no template can write this name."""


def over_rows(tree: nodes.Template) -> nodes.Template:
    """The same template, whose loops go over the rows of a dataset."""
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, LOOP_OVER, [], [], None, None, lineno=loop.iter.lineno)
    return tree


MARKERS = ("<!--content-->", "<!--/content-->")
"""Comments before and behind a page's content, for the derived text and for banners."""

MARKER = "a marker, where it is asked for"
"""A filter around every marker, and the name of the value that asks; no template can write it."""

_MARKER = re.compile("(<!--/?content-->)")


def markers_apart(tree: nodes.Template) -> nodes.Template:
    """The same template, whose markers are printed only where somebody looks for them: to take them out of every
    letter again would be two searches through all of it."""
    for output in tree.find_all(nodes.Output):
        output.nodes = [piece for node in output.nodes for piece in _apart(node)]
    return tree


def _apart(node: nodes.Expr) -> list[nodes.Expr]:
    if not isinstance(node, nodes.TemplateData):
        return [node]
    at = {"lineno": node.lineno}
    return [
        nodes.Filter(nodes.Const(text, **at), MARKER, [], [], None, None, **at)
        if text in MARKERS
        else nodes.TemplateData(text, **at)
        for text in _MARKER.split(node.data)
        if text
    ]


@pass_context
def marker(context: Context, text: str) -> str:
    """What the filter `MARKER` gives."""
    return Markup(text) if MARKER in context.parent else ""  # noqa: S704 - one of two constants
