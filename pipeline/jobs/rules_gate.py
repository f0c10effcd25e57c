"""Rules of the gate: what it looks at is there, and its expressions can be read."""

from pipeline.jobs.expressions import check_names
from pipeline.jobs.gating import CONDITIONS
from pipeline.jobs.rules_data import check_column, check_dataset
from pipeline.jobs.tree import Findings, Node


def check_gate(job: Node, findings: Findings) -> None:
    """Datasets and columns known, expressions in the gate's language, one condition at least."""
    gate = job.get("gate")
    if gate is None or not isinstance(gate.value, dict):
        return
    if not any(key in gate.mapping for key in CONDITIONS):
        findings.about(gate, "a gate without a condition; write fresh, expect, send_when or only_changes")
    for fresh in (gate.get("fresh") or gate).items:
        if data := fresh.get("data"):
            check_dataset(data, job, findings)
            if column := fresh.get("column"):
                check_column(column, data.text, job, findings)
    if only_changes := gate.get("only_changes"):
        check_dataset(only_changes, job, findings)
    datasets, params = (list((job.get(key) or job).mapping) for key in ("data", "params"))
    expressions = [*(gate.get("expect") or gate).items, gate.get("send_when", "when")]
    for expression in expressions:
        if expression is not None and expression.text:
            findings.check(expression, lambda text: check_names(text, datasets, params))
