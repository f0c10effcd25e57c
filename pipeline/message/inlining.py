"""Moves a template's own `<style>` rules into style attributes: once per template, with its Jinja tags in
place.

Most clients honour rules only as style attributes. The rules are inlined into the template's source, so that
nothing is parsed per recipient: Jinja tags become comments (between elements) or words (inside attributes),
css-inline does its work, and the tags go back. What Jinja decides while rendering cannot be known here; where
that matters for the rules, the template is refused with its line, never inlined wrongly.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import jinja2

from pipeline.errors import TemplateError

_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[A-Za-z/!]")
_RAW = re.compile(r"<(title|textarea|script)\b", re.IGNORECASE)
_MARK = re.compile(r"<!--jinja(\d+)-->|xjinja(\d+)x|&lt;!--jinja(\d+)--&gt;")
_SELECTED_BY = re.compile(r"\b(class|id)\s*=\s*[\"']?[^\"'>]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Inlined:
    """A template's source with its rules inlined; `head` is a `<style>` element for what must stay one
    (@media)."""

    source: str
    head: str


@dataclass
class _Guarded:
    """The source with marks for its Jinja tags."""

    html: str = ""
    tags: list[tuple[str, int]] = field(default_factory=list)
    """Each tag and its line."""


def inline_styles(environment: jinja2.Environment, source: str, shown: str) -> Inlined:
    """Inlines the `<style>` elements of a template's source; a source without any comes back unchanged.

    `shown` is the template's path for errors. Raises TemplateError where a Jinja tag stands so that the rules
    cannot be applied without rendering, and where the HTML does not close what it opens. Lines keep their
    numbers.
    """
    if not _STYLE.search(source):
        return Inlined(source, "")
    guarded = _guard(environment, source, shown)
    styles = "\n".join(found[1] for found in _STYLE.finditer(guarded.html))
    body = _STYLE.sub(lambda found: "\n" * found[0].count("\n"), guarded.html)
    whole_page = re.search(r"<html\b", body, re.IGNORECASE) is not None
    page = body if whole_page else f"<!DOCTYPE html><html><head></head><body>{body}</body></html>"
    inlined = _css_inline(page, styles)
    before, after = _outline(page), _outline(inlined)
    if before != after:
        raise TemplateError(f"{shown}: {_unbalanced(before, after)}")
    head = "".join(found[0] for found in _STYLE.finditer(inlined))
    if whole_page:
        return Inlined(_restore(inlined, guarded.tags, shown), "")
    content = inlined[inlined.index("<body>") + len("<body>") : inlined.rindex("</body>")]
    return Inlined(_restore(_STYLE.sub("", content), guarded.tags, shown), " ".join(head.split()))


def _css_inline(page: str, styles: str) -> str:
    import css_inline  # noqa: PLC0415 - a template without <style> does not need it

    head_end = page.lower().index("</head>") if "</head>" in page.lower() else page.lower().index("<body")
    with_styles = f"{page[:head_end]}<style>{styles}</style>{page[head_end:]}"
    # Templates are the analysts': nothing they link to is fetched, from the network or from the disk.
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_link_tags=True, keep_at_rules=True)
    return inliner.inline(with_styles)


# --- marks --------------------------------------------------------------------------------------------------


def _guard(environment: jinja2.Environment, source: str, shown: str) -> _Guarded:
    guarded = _Guarded()
    for is_tag, text, line in _split(environment, source):
        if not is_tag:
            guarded.html += text
            continue
        place = _place(guarded.html)
        problem = _REFUSED.get(place)
        if problem:
            raise TemplateError(f"{shown}:{line}: {problem}")
        number = len(guarded.tags)
        guarded.html += f"<!--jinja{number}-->" if place == "content" else f"xjinja{number}x"
        guarded.tags.append((text, line))
    return guarded


_REFUSED = {
    "style": "a <style> with a Jinja tag in it cannot be inlined; write the value into a style attribute",
    "selector": "a class or id with a Jinja tag cannot be matched by the rules of <style>; "
    "put {% if %} around the whole element, or use a style attribute",
    "tag": "a Jinja tag inside an HTML tag is kept only in a quoted value while <style> is inlined; "
    "quote it, or put {% if %} around the whole element",
}


def _place(html: str) -> str:
    """Where the end of this HTML stands: content, attribute, selector (class or id), tag, style, or raw text."""
    if html.rfind("<!--") > html.rfind("-->"):
        return "raw"
    lowered = html.lower()
    if lowered.rfind("<style") > lowered.rfind("</style"):
        return "style"
    raw = list(_RAW.finditer(html))
    if raw and lowered.rfind(f"</{raw[-1][1].lower()}") < raw[-1].start() and ">" in html[raw[-1].start() :]:
        return "raw"
    tags = list(_TAG.finditer(html))
    tag = html[tags[-1].start() :] if tags else ""
    state = _tag_state(tag)
    return "selector" if state == "attribute" and _SELECTED_BY.search(tag) else state


def _tag_state(tag: str) -> str:
    """Where a text that begins with an HTML tag ends: in an attribute's value, in the tag, or in content after it."""
    quote = ""
    for character in tag:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == ">":
            return "content"
    if quote:
        return "attribute"
    return "tag" if tag else "content"


def _split(environment: jinja2.Environment, source: str) -> list[tuple[bool, str, int]]:
    """The source as HTML and Jinja tags in turn: (is a tag, text, line)."""
    parts: list[tuple[bool, str, int]] = []
    inside: list[str] = []
    started = 0
    depth = 0
    for line, token, value in environment.lex(source):
        if token.endswith("_begin") and depth == 0:
            inside, started, depth = [value], line, 1
        elif token.endswith("_end") and depth:
            parts.append((True, "".join([*inside, value]), started))
            depth = 0
        elif depth:
            inside.append(value)
        else:
            parts.append((False, value, line))
    return parts


def _restore(html: str, tags: list[tuple[str, int]], shown: str) -> str:
    """Puts the tags back, each on the line where it was: css-inline joins the lines of a long HTML tag."""
    out: list[str] = []
    at, line = 0, 1
    seen: list[int] = []
    for mark in _MARK.finditer(html):
        number = int(next(filter(None, mark.groups())))
        seen.append(number)
        between = html[at : mark.start()]
        line += between.count("\n")
        tag, wanted = tags[number]
        missing = "\n" * max(0, wanted - line)
        opening = re.match(r"\{[{%#][+-]?", tag)
        cut = opening.end() if opening else 0
        out += [between, tag[:cut] + missing + tag[cut:] if cut else tag]
        line += len(missing) + tag.count("\n")
        at = mark.end()
    if seen != list(range(len(tags))):
        raise TemplateError(f"{shown}: <style> cannot be inlined around its Jinja tags; use style attributes instead")
    return "".join(out) + html[at:]


# --- the check ----------------------------------------------------------------------------------------------


class _Outline(HTMLParser):
    """The sequence of elements and marks. `tbody` is left out: parsers add it, and it carries no rule of its
    own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.steps: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in {"tbody", "style"}:
            self.steps.append(f"<{tag}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"tbody", "style"}:
            self.steps.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        if data.startswith("jinja"):
            self.steps.append(data)


def _outline(html: str) -> list[str]:
    outline = _Outline()
    outline.feed(html)
    outline.close()
    return outline.steps


def _unbalanced(before: list[str], after: list[str]) -> str:
    pairs = zip([*before, "the end"], [*after, "the end"], strict=False)
    written = next((mine for mine, theirs in pairs if mine != theirs), "the end")
    if written in {"</body>", "</html>"}:  # ours, around a template that is no whole page
        written = "the end"
    return (
        f"its <style> cannot be inlined, because without the Jinja tags its HTML is not closed properly near "
        f"{written}: close every element you open, the same in every branch of an if, or use style attributes"
    )
