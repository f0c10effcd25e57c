"""The gate's judgement of one run: fresh, as expected, worth sending, changed. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from pipeline.errors import GateError
from pipeline.gate.content import content_hash
from pipeline.gate.freshness import fresh_until, stale
from pipeline.gate.telling import facts, why_not
from pipeline.gate.values import NotKnownError, Scalar, Values
from pipeline.jobs.expressions import parse, remembered
from pipeline.jobs.gating import Gate, SendWhen
from pipeline.jobs.scalars import format_duration
from pipeline.ledger.kept_records import Before


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is judged."""

    datasets: Mapping[str, pd.DataFrame]
    params: Mapping[str, Any]
    period: Mapping[str, Any]
    due: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition that does not hold."""

    rule: str
    """As jobs.yaml says it, without any of the report's values: for the log."""
    told: str
    """With the values: for the owner."""
    wait: timedelta = timedelta(0)
    """How long, counted from the run's beginning, it is worth looking again."""
    until: datetime | None = None
    """Where numbers are old: the latest due time for which they would be fresh."""


@dataclass(frozen=True, slots=True)
class Judgement:
    failures: tuple[Finding, ...] = ()
    """What is wrong: the numbers may not leave."""
    uneventful: Finding | None = None
    """Why the report is not worth sending, though nothing is wrong with it."""
    values: Mapping[str, Scalar] = field(default_factory=dict)
    """What later runs may ask of this one."""
    armed: bool = True
    """Whether `send_when` with `once` sends when it next becomes true."""


def judge(gate: Gate, numbers: Numbers, before: Before) -> Judgement:
    """Everything the gate has to say. Where an expression asks for the last sent run and there was none, it
    holds: the first report is sent.

    Raises GateError for an expression that cannot be evaluated, with its values.
    """
    around = {"params": numbers.params, "period": numbers.period, "due": numbers.due}
    values = Values({**numbers.params, **numbers.datasets, **around}, before.values)
    failures = tuple(_failures(gate, numbers, values))
    if failures:
        return Judgement(failures, armed=before.armed)
    kept = {text: values.scalar(parse(text)) for text in _asked_of_last(gate)}
    if gate.only_changes is not None:
        kept[_content(gate.only_changes)] = content_hash(numbers.datasets[gate.only_changes])
    uneventful, armed = _crossing(gate.send_when, numbers.due, values, before)
    return Judgement((), uneventful or _unchanged(gate, kept, before), kept, armed)


def _failures(gate: Gate, numbers: Numbers, values: Values) -> Iterator[Finding]:
    for fresh in gate.fresh:
        frame = numbers.datasets[fresh.data]
        told = stale(fresh, frame, numbers.due, numbers.zone)
        if told:
            rule = f"fresh: {fresh.data}.{fresh.column} within {format_duration(fresh.within)}"
            yield Finding(rule, told, fresh.wait, fresh_until(fresh, frame, numbers.zone))
    for text in gate.expect:
        try:
            if not values.truth(parse(text)):
                yield Finding(f"expect: {text}", why_not(parse(text), values))
        except NotKnownError:
            continue
        except GateError as error:
            raise GateError(f'gate.expect "{text}": {error}') from error


def _crossing(rule: SendWhen | None, due: datetime, values: Values, before: Before) -> tuple[Finding | None, bool]:
    """Why `send_when` does not send, if it does not, and whether it is armed for the next run."""
    if rule is None:
        return None, True
    tree = parse(rule.when)
    try:
        if not values.truth(tree):
            return Finding(f"send_when: {rule.when}", f"{rule.when} is not so: {facts(tree, values)}"), True
    except NotKnownError:
        return None, True
    except GateError as error:
        raise GateError(f'gate.send_when "{rule.when}": {error}') from error
    if rule.once and not before.armed:
        told = f"{rule.when} has been so since it was sent last, and send_when says once"
        return Finding(f"send_when: {rule.when} (once)", told), False
    if before.sent_due is not None and due < before.sent_due + rule.quiet:
        told = f"send_when is quiet until {before.sent_due + rule.quiet:%Y-%m-%d %H:%M} UTC"
        return Finding(told, told), True
    return None, False


def _unchanged(gate: Gate, kept: Mapping[str, Scalar], before: Before) -> Finding | None:
    name = gate.only_changes
    if name is None or before.sent_due is None or before.values.get(_content(name)) != kept[_content(name)]:
        return None
    told = f"{name} has not changed: it equals the one sent for {before.sent_due:%Y-%m-%d %H:%M} UTC"
    return Finding(told, told)


def _content(dataset: str) -> str:
    return f"content of {dataset}"


def _asked_of_last(gate: Gate) -> list[str]:
    texts = [*gate.expect, *([gate.send_when.when] if gate.send_when else [])]
    return list(dict.fromkeys(asked for text in texts for asked in remembered(parse(text))))
