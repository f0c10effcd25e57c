"""Names of calendars: put in their place before the models see them, and what must hold around them."""

from pipeline.jobs.names import did_you_mean, got
from pipeline.jobs.tree import Findings, Node, plain


def name_calendars(node: Node, findings: Findings) -> Node:
    """`calendars` in long form: each knows its name, and lists stand where one item may."""
    if not isinstance(node.value, dict):
        return node
    named = {}
    for name, calendar in node.mapping.items():
        if not isinstance(calendar.value, dict):
            named[name] = calendar
            continue
        if "name" in calendar.value:
            findings.about_key(calendar, "name", 'unknown key "name"; the calendar is called what stands before it')
        inside = {
            key: Node([child], child.place, child.path) if child.text is not None else child
            for key, child in calendar.value.items()
        }
        name_node = Node(name, calendar.place, (*calendar.path, "name"))
        named[name] = calendar._replace(value={**inside, "name": name_node})
    return node._replace(value=named)


def place_calendars(job: Node, calendars: Node | None, findings: Findings) -> Node:
    """`calendar: us` → the calendar itself, in the job and its rules: rules without one take the job's own, and a
    job without one has that of its first rule with one."""
    job = _found(job, calendars, findings)
    own = job.mapping.get("calendar")
    schedule = job.mapping.get("schedule")
    if schedule is None or not schedule.items:
        return job
    rules = [_found(rule, calendars, findings) for rule in schedule.items]
    first = next((rule.mapping["calendar"] for rule in rules if rule.get("calendar", "name")), None)
    if own is not None:
        rules = [_with(rule, own) if isinstance(rule.value, dict) and not _says(rule) else rule for rule in rules]
    elif first is not None and not _says(job):
        job = _with(job, first)
    return Node({**job.mapping, "schedule": schedule._replace(value=rules)}, job.place, job.path, job.keys)


def _found(holder: Node, calendars: Node | None, findings: Findings) -> Node:
    """With its calendar in the place of the name; a name that is none is said and taken out."""
    said = holder.mapping.get("calendar")
    if said is None or said.value is None:
        return holder
    rest = {key: child for key, child in holder.mapping.items() if key != "calendar"}
    known = calendars.mapping if calendars else {}
    if said.text is None:
        findings.about(said, f'expected the name of a calendar, which stands under "calendars", {got(plain(said))}')
    elif said.text not in known:
        hint = did_you_mean(said.text, known) or ('; write it under "calendars"' if not known else "")
        findings.about(said, f'unknown calendar "{said.text}"{hint}')
    elif isinstance(known[said.text].value, dict):
        rest["calendar"] = known[said.text]
    return holder._replace(value=rest)


def _says(holder: Node) -> bool:
    """Whether somebody wrote a calendar there, be it null or a wrong one."""
    return "calendar" in holder.mapping or "calendar" in (holder.keys or {})


def _with(holder: Node, calendar: Node) -> Node:
    return holder._replace(value={**holder.mapping, "calendar": calendar})


def check_rule_calendar(rule: Node, findings: Findings) -> None:
    """`on_holiday` needs a calendar, and goes with no `only`, whose days are never holidays."""
    if "on_holiday" not in rule.mapping:
        return
    if "only" in rule.mapping:
        findings.about_key(rule, "on_holiday", '"on_holiday" does not go with "only": its days are business days')
    elif not _says(rule):
        findings.about_key(rule, "on_holiday", '"on_holiday" needs a "calendar", which says what a holiday is')
