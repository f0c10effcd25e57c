"""Rules of the audience: somebody gets it, nobody twice, and nobody who must not."""

from fnmatch import fnmatchcase

from pipeline.jobs.names import did_you_mean
from pipeline.jobs.rules_data import check_column, check_dataset
from pipeline.jobs.scalars import parse_mailbox
from pipeline.jobs.tree import Findings, Node


def check_patterns(root: Node, findings: Findings) -> list[str]:
    """The patterns of `allow_recipients`; those that could match no address are problems."""
    allowed = root.get("allow_recipients")
    patterns = [node for node in (allowed.items if allowed else ()) if node.text]
    for node in patterns:
        text = str(node.text)
        if text.count("@") != 1 or any(c.isspace() for c in text) or text.startswith("@") or text.endswith("@"):
            findings.about(node, f'"{text}" matches no address; write a pattern like *@example.com')
    return [str(node.text) for node in patterns]


def check_audience(job: Node, root: Node, patterns: list[str], findings: Findings) -> None:
    """One shared message or one a row; every literal address once and allowed; who leaves is heard."""
    audience = job.get("audience")
    if audience is None or not isinstance(audience.value, dict):
        return
    shared = [key for key in ("to", "cc", "bcc") if (node := audience.get(key)) and (node.items or node.text)]
    each = audience.get("each")
    if each is not None and each.value is not None:
        if shared:
            key = shared[0]
            findings.about_key(audience, key, f'"{key}" and "each"; a job sends one shared message or one a row')
        _check_each(each, job, findings)
    elif not shared:
        _check_somebody(audience, findings)
    _check_unsubscribe(audience, root, findings)
    _check_addresses(audience, patterns, findings)


def check_reviewer(job: Node, patterns: list[str], findings: Findings) -> None:
    """Whoever must release the report can be asked by mail."""
    review = job.get("review")
    if review is not None and review.text is not None:
        _check_allowed(review, review.text, patterns, findings)


def _check_allowed(node: Node, text: str, patterns: list[str], findings: Findings) -> None:
    try:
        address = parse_mailbox(text).address
    except ValueError:
        return  # the model says what is wrong with it
    if patterns and not any(fnmatchcase(address.lower(), pattern.lower()) for pattern in patterns):
        findings.about(node, f'"{address}" is not in allow_recipients')


def _check_somebody(audience: Node, findings: Findings) -> None:
    if all(isinstance(node.value, list) for key, node in audience.mapping.items() if key in {"to", "cc", "bcc"}):
        message = 'nobody gets it; write "to" (one shared message) or "each" (one message a row)'
        findings.at(audience.place, message, audience.path)


def _check_unsubscribe(audience: Node, root: Node, findings: Findings) -> None:
    asked = audience.get("unsubscribe")
    if asked is None or asked.value is not True:
        return
    if "each" not in audience.mapping:
        message = '"unsubscribe" goes with "each"; a link in a shared message would be that of all'
        findings.about_key(audience, "unsubscribe", message)
    elif root.get("bounces") is None and root.get("pages") is None:
        message = 'nobody would hear of it; name the mailbox of the sender at the top, as "bounces", or "pages"'
        findings.about_key(audience, "unsubscribe", message)


def _check_each(each: Node, job: Node, findings: Findings) -> None:
    data, email, slices = each.get("data"), each.get("email"), each.get("slice")
    if data is not None:
        check_dataset(data, job, findings)
        if email is not None:
            check_column(email, data.text, job, findings)
    _check_own(each, job, findings)
    for name, column in (slices.mapping if slices else {}).items():
        if slices is not None:
            check_dataset(Node(name, slices.key_place(name), (*slices.path, name)), job, findings)
        check_column(column, name, job, findings)
        if data is not None:
            check_column(column, data.text, job, findings)


def _check_own(each: Node, job: Node, findings: Findings) -> None:
    """Columns that say how each one's message reads; params are those that the job has."""
    data, params = each.get("data"), job.get("params")
    known = params.mapping if params else {}
    for node in (each.get("params") or each).items:
        if node.text is not None and node.text not in known:
            hint = did_you_mean(node.text, known) or '; give it a value for all under "params"'
            findings.about(node, f'unknown param "{node.text}"{hint}')
    if data is not None:
        said = [each.mapping[key] for key in ("locale", "timezone") if key in each.mapping]
        for column in (*said, *(each.get("params") or each).items):
            check_column(column, data.text, job, findings)


def _check_addresses(audience: Node, patterns: list[str], findings: Findings) -> None:
    seen: dict[str, str] = {}
    for key in ("to", "cc", "bcc"):
        for node in (audience.get(key) or audience).items:
            try:
                address = parse_mailbox(node.text or "").address.lower()
            except ValueError:
                continue  # the model says what is wrong with it
            if address in seen:
                findings.about(node, f'"{address}" is in "{seen[address]}" already')
            seen.setdefault(address, key)
            _check_allowed(node, address, patterns, findings)
