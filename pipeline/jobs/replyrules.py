"""rules.yaml: an operator's own rules about servers' answers, read before ours; every problem of the file at once."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from pipeline.errors import Problem, ProjectErrors
from pipeline.jobs.base import Strict, Text
from pipeline.jobs.names import did_you_mean, got, listed
from pipeline.jobs.scalars import Span
from pipeline.jobs.tree import Findings, Node, plain
from pipeline.jobs.utf8 import not_utf8
from pipeline.jobs.yamltext import parse_yaml

FILE = "rules.yaml"
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CODE = re.compile("[45][0-9x]{2}")
_ENHANCED = re.compile(r"-|[45]\.([0-9]{1,3}|x)\.([0-9]{1,3}|x)")
_SETUP = frozenset({"greeting", "ehlo", "starttls", "auth"})
"""Before any letter: only a pause makes sense there."""


def _one_or_many(value: object) -> object:
    """A list where one item stands alone; numbers as the text of a code."""
    items = value if isinstance(value, list | tuple) else (value,)
    return tuple(str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in items)


def _short_name(value: object) -> object:
    if isinstance(value, str) and not _NAME.fullmatch(value):
        raise ValueError(f"expected a short name without spaces, {got(value)}")
    return value


def _pattern(text: object) -> object:
    if isinstance(text, str):
        try:
            found = re.compile(text, re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if found.search(""):
            raise ValueError("matches every answer; write words that stand in the answers that are meant")
    return text


def _each(shape: re.Pattern[str], expected: str) -> BeforeValidator:
    def check(value: object) -> object:
        items = _one_or_many(value)
        wrong = [item for item in items if not (isinstance(item, str) and shape.fullmatch(item))]  # type: ignore[attr-defined]
        if wrong:
            raise ValueError(f"expected {expected}, {got(wrong[0])}")
        return items

    return BeforeValidator(check)


Phase = Literal["greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot"]
Class = Literal[
    "TRANSIENT", "RATE", "PERM_RCPT", "PERM_MSG", "PERM_SENDER", "AUTH", "CONNECT", "TLS", "PROTOCOL", "CAPABILITY"
]


class ReplyRule(Strict):
    """One rule; it decides where all that it says fits the answer."""

    name: Annotated[str, BeforeValidator(_short_name)] = Field(description="What logs call it, behind own:.")
    text: Annotated[Text, BeforeValidator(_pattern)] = Field(
        description="A regular expression, found anywhere in the answer, in capitals or not; addresses are left out."
    )
    phase: Annotated[tuple[Phase, ...], BeforeValidator(_one_or_many)] = Field(
        default=("mail", "rcpt", "data", "dot"), description="Where the answer came."
    )
    code: Annotated[tuple[str, ...], _each(_CODE, "a code like 550, 45x or 5xx")] = Field(
        default=("4xx", "5xx"), description="Reply codes, x for any digit; a success is never judged."
    )
    enhanced: Annotated[tuple[str, ...], _each(_ENHANCED, "an enhanced code like 5.7.1 or 5.7.x, or - for none")] = (
        Field(default=(), description="Enhanced codes, x for any number, - for none.")
    )
    kind: Class = Field(alias="class", description="What the answer means.")
    action: Literal["retry", "wait", "pause", "fail"] = Field(description="What is to be done about it.")
    scope: Literal["recipient", "message", "sender", "session", "host", "account"] | None = Field(
        default=None, description="Whom it concerns; default: what goes with the action."
    )
    wait: Span | None = Field(default=None, description="The shortest sensible wait.")
    mailers: Annotated[tuple[Text, ...], BeforeValidator(_one_or_many)] = Field(
        default=(), description="Only answers to these mailers."
    )


class _Rules(Strict):
    rules: tuple[ReplyRule, ...]


def load_reply_rules(root: Path, mailers: Collection[str] | None = None) -> tuple[ReplyRule, ...]:
    """The rules of a project, in the file's order; none where there is no file. Raises ProjectErrors with all problems.

    `mailers`: the names that rules may have; None where they are not known.
    """
    text = _read(root / FILE)
    if not any(line.partition("#")[0].strip() for line in text.splitlines()):
        return ()
    tree = parse_yaml(text, FILE)
    findings = Findings(FILE)
    rules: tuple[ReplyRule, ...] = ()
    try:
        rules = _Rules.model_validate(plain(tree)).rules
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            _explain(detail, tree, findings)
    _check_together(rules, tree, mailers, findings)
    if findings.problems:
        raise ProjectErrors(findings.problems)
    return rules


def _read(file: Path) -> str:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ProjectErrors([Problem(FILE, 1, 1, f"cannot be read: {error.strerror}")]) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProjectErrors([not_utf8(FILE, data, error)]) from None


def _check_together(
    rules: tuple[ReplyRule, ...], tree: Node, mailers: Collection[str] | None, findings: Findings
) -> None:
    seen: set[str] = set()
    for number, rule in enumerate(rules):
        node = tree.get("rules", number) or tree
        if rule.name in seen:
            findings.about(node.get("name") or node, f'there are two rules "{rule.name}"')
        seen.add(rule.name)
        if _SETUP & set(rule.phase) and rule.action != "pause":
            findings.about(
                node.get("action") or node,
                f"before mail is sent ({listed(sorted(_SETUP & set(rule.phase)))}) nothing helps but a pause",
            )
        if rule.action == "fail" and rule.wait is not None:
            findings.about(node.get("wait") or node, "what fails is not tried again; leave the wait out")
        for name in rule.mailers:
            if mailers is not None and name not in mailers:
                hint = did_you_mean(name, mailers) or f"; there are {listed(mailers, 'and')}"
                findings.about(node.get("mailers") or node, f'there is no mailer "{name}"{hint}')


def _explain(detail: Any, tree: Node, findings: Findings) -> None:
    loc: tuple[str | int, ...] = detail["loc"]
    kind, context = detail["type"], detail.get("ctx", {})
    holder = tree.get(*loc[:-1]) or tree
    known = [field.alias or name for name, field in ReplyRule.model_fields.items()] if len(loc) > 2 else ["rules"]
    if kind == "extra_forbidden":
        findings.about_key(holder, str(loc[-1]), f'unknown key "{loc[-1]}"{did_you_mean(str(loc[-1]), known)}')
    elif kind == "missing":
        if not any(did_you_mean(key, [str(loc[-1])]) for key in holder.mapping if key not in known):
            findings.about(holder, f'missing key "{loc[-1]}"')
    else:
        node = tree.get(*loc) or holder
        findings.about(node, _wrong(kind, context, node))


def _wrong(kind: str, context: Any, node: Node) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        allowed = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        near = did_you_mean(node.text, allowed) if node.text is not None else ""
        return f"expected {listed(allowed)}, {got(plain(node))}{near}"
    if kind == "string_too_short":
        return "is empty; write something or leave the key out"
    expected = {"tuple_type": "a list of rules", "string_type": "text"}.get(kind, "a mapping like {name: …, text: …}")
    return f"expected {expected}, {got(plain(node))}"
