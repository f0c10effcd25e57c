"""An operator's rules as rows of the reply table. Pure."""

import re
from collections.abc import Iterable

from pipeline.delivery.rules import Rule
from pipeline.delivery.verdict import Action, Kind, Scope
from pipeline.jobs.replyrules import ReplyRule

_SCOPES = {
    Action.RETRY: Scope.RECIPIENT,
    Action.WAIT: Scope.SENDER,
    Action.PAUSE: Scope.ACCOUNT,
    Action.FAIL: Scope.RECIPIENT,
}


def own_rules(rules: Iterable[ReplyRule], mailer: str | None) -> tuple[Rule, ...]:
    """Those that hold for this mailer, in their order; for none: those that hold for all."""
    return tuple(_row(rule) for rule in rules if not rule.mailers or mailer in rule.mailers)


def _row(rule: ReplyRule) -> Rule:
    action, kind = Action(rule.action), Kind(rule.kind)
    usual = Scope.MESSAGE if kind is Kind.PERM_MSG else _SCOPES[action]
    return Rule(
        id=f"own:{rule.name}",
        phases=frozenset(rule.phase),
        codes=rule.code,
        enhanced=rule.enhanced,
        text=re.compile(rule.text, re.IGNORECASE),
        kind=kind,
        scope=Scope(rule.scope) if rule.scope else usual,
        action=action,
        wait=rule.wait.total_seconds() if rule.wait else 0.0,
    )
