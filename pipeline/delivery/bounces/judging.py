"""What a fate means, by the table that judges replies (`delivery/rules.py`); which are worth a suppression. Pure."""

import re
from dataclasses import replace

from pipeline.delivery.bounces.report import FAILED, Fate
from pipeline.delivery.replies import classify
from pipeline.delivery.verdict import Phase, Verdict

DEAD = frozenset({"rcpt-unknown", "unknown-recipient"})
"""The rows that say that there is no such mailbox. A full one, a blocked mail, a bad route may be mended."""

_CODE = re.compile(r"\b([45]\d\d)(?=[ -])")


def judge(fate: Fate) -> Verdict:
    """As if the words had been the answer to RCPT: most reports are written because they were."""
    match = _CODE.search(fate.said)
    code = int(match[1]) if match else 450 if fate.status.startswith("4.") or fate.action != FAILED else 550
    if fate.status and fate.status[0] != str(code)[0]:  # the report's own conclusion: "4xx, and I gave up"
        code = int(fate.status[0]) * 100 + code % 100
    verdict = classify(Phase.RCPT, code, fate.status, fate.said, possible=())
    return verdict if match else replace(verdict, code=None)


def is_dead(fate: Fate, verdict: Verdict) -> bool:
    """Whether the address is to be suppressed: it failed for good, and because nobody is there."""
    return fate.action == FAILED and verdict.rule in DEAD
