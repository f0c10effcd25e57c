"""`${NAME}`: secrets come from the environment, never from YAML, and never leave through an error."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from dotenv.parser import parse_stream
from pydantic import BaseModel, SecretStr

from pipeline.errors import Problem, ProjectErrors
from pipeline.jobs.tree import Findings, Node, walk

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NO_PLACE = "${…} stands for secrets only: under mailers.* and sources.*, at bounces, in query and headers of http"
_ASKED = frozenset({"query", "headers"})
"""What data by HTTP is asked with."""
_HIDDEN = frozenset({"password", "api_key", "client_secret", "refresh_token", "key"})
"""What is secret in a mailer."""
_OPEN = frozenset({"user", "client_id", "tenant"})
"""What is none, but differs from place to place as secrets do."""
_WRITTEN = frozenset({
    "provider", "local", "host", "port", "security", "region", "connections", "chunking", "limits", "per_second",
    "per_hour", "per_day", "message_size", "domain", "selector", "scope", "token_url",
})  # fmt: skip
"""What a reader of jobs.yaml should see: the rest of a mailer."""


class Referred(SecretStr):
    """A secret that knows how jobs.yaml refers to it: `Bearer ${TOKEN}`, which anybody may read."""

    def __init__(self, secret: str, written: str) -> None:
        super().__init__(secret)
        self.written = written


def environ_of(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the project's `.env` under it: a variable that is set wins.

    Values are taken as they stand, `$` and all. Raises ProjectErrors for lines of `.env` that set nothing.
    """
    path = root / ".env"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return dict(environ)
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectErrors([Problem(".env", 1, 1, f"cannot be read: {_reason(error)}")]) from None
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            problems.append(Problem(".env", binding.original.line, 1, "sets nothing; write NAME=value"))
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    if problems:
        raise ProjectErrors(problems)
    return {**values, **environ}


def lookup(environ: Mapping[str, str], name: str) -> str:
    """The value of NAME, or the text of the file that NAME_FILE names (one last line end is no part of it).

    Raises ValueError with what to do, never with a value.
    """
    if name in environ:
        return environ[name]
    path = environ.get(f"{name}_FILE")
    if path is None:
        raise ValueError(f"{name} is not set; set it in the environment or in .env")
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}_FILE names a file that cannot be read: {_reason(error)}") from None


def secrets_in(value: object) -> list[str]:
    """Every secret that a model holds, at any depth."""
    if isinstance(value, SecretStr):
        return [value.get_secret_value()]
    if isinstance(value, BaseModel):
        return [secret for name in type(value).model_fields for secret in secrets_in(getattr(value, name))]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
    return [secret for item in items for secret in secrets_in(item)]


def references(text: str) -> list[str]:
    """The names in a text's `${NAME}`s."""
    return _REFERENCE.findall(text)


def resolve_secrets(root: Node, environ: Mapping[str, str], findings: Findings) -> Node:
    """The file with SecretStr values where a secret may stand; `${` anywhere else is a problem."""
    for node in walk(root):
        if node.text is not None and "${" in node.text and not _may_hold(node.path):
            findings.settle(node, _NO_PLACE)
    top = dict(root.mapping)
    if "mailers" in top:
        mailers = {name: _resolve_mailer(mailer, environ, findings) for name, mailer in top["mailers"].mapping.items()}
        top["mailers"] = top["mailers"].with_mapping(mailers) if mailers else top["mailers"]
    if "sources" in top:
        sources = {name: _resolve(source, environ, findings) for name, source in top["sources"].mapping.items()}
        top["sources"] = top["sources"].with_mapping(sources) if sources else top["sources"]
    if "bounces" in top:
        top["bounces"] = _resolve(top["bounces"], environ, findings)
    if "jobs" in top:
        jobs = {name: _resolve_job(job, environ, findings) for name, job in top["jobs"].mapping.items()}
        top["jobs"] = top["jobs"].with_mapping(jobs) if jobs else top["jobs"]
    return root.with_mapping(top)


def _resolve_job(job: Node, environ: Mapping[str, str], findings: Findings) -> Node:
    """The passwords of its ZIP archives, and what its data by HTTP is asked with."""
    job = _resolve_exports(job, environ, findings)
    data = job.get("data")
    if data is None or not data.mapping:
        return job
    asked = {name: _resolve_asked(dataset, environ, findings) for name, dataset in data.mapping.items()}
    return job.with_mapping({**job.mapping, "data": data.with_mapping(asked)})


def _resolve_asked(dataset: Node, environ: Mapping[str, str], findings: Findings) -> Node:
    for key in _ASKED & dataset.mapping.keys():
        held = dataset.mapping[key]
        said = {
            name: _resolve(value, environ, findings, encoded=False) if value.text and "${" in value.text else value
            for name, value in held.mapping.items()
        }
        dataset = dataset.with_mapping({**dataset.mapping, key: held.with_mapping(said) if said else held})
    return dataset


def _resolve_exports(job: Node, environ: Mapping[str, str], findings: Findings) -> Node:
    """The passwords of ZIP archives."""
    exports = job.get("exports")
    if exports is None or exports.value is None or exports.text is not None:
        return job

    def resolved(export: Node) -> Node:
        password = export.mapping.get("password")
        if password is None:
            return export
        return export.with_mapping({**export.mapping, "password": _resolve_hidden(password, environ, findings)})

    one = isinstance(exports.value, dict)
    changed = resolved(exports) if one else exports._replace(value=[resolved(item) for item in exports.items])
    return job.with_mapping({**job.mapping, "exports": changed})


def _may_hold(path: tuple[str, ...]) -> bool:
    """A mailer's login and keys, a source, the password of an archive, what data by HTTP is asked with."""
    if path[:1] == ("jobs",) and path[2:3] == ("data",):
        return len(path) == 6 and path[4] in _ASKED
    if path[:1] == ("jobs",):
        return path[2:3] == ("exports",) and path[-1] == "password"
    if path[:1] == ("mailers",):
        return path[-1] not in _WRITTEN
    return path == ("bounces",) or (len(path) == 2 and path[0] == "sources")


def _resolve_mailer(mailer: Node, environ: Mapping[str, str], findings: Findings) -> Node:
    """Its secrets, and the names that may come from the environment too."""
    changed = dict(mailer.mapping)
    if "smtp" in changed:
        changed["smtp"] = _resolve(changed["smtp"], environ, findings)
    for key in _HIDDEN & changed.keys():
        changed[key] = _resolve_hidden(changed[key], environ, findings)
    for key in _OPEN & changed.keys():
        changed[key] = _shown(changed[key], _resolve(changed[key], environ, findings))
    if "oauth2" in changed:
        changed["oauth2"] = _resolve_mailer(changed["oauth2"], environ, findings)
    if "dkim" in changed:
        keys = [_resolve_mailer(key, environ, findings) for key in changed["dkim"].items]
        one = changed["dkim"]
        changed["dkim"] = one._replace(value=keys) if keys else _resolve_mailer(one, environ, findings)
    return mailer.with_mapping(changed) if changed else mailer


def _resolve_hidden(node: Node, environ: Mapping[str, str], findings: Findings) -> Node:
    """A value that is a secret as a whole: written as `${NAME}` and in no other way."""
    if node.text and not _REFERENCE.fullmatch(node.text):
        findings.about(node, "a secret in jobs.yaml; write ${NAME} and set NAME in the environment or .env")
        return node._replace(value=SecretStr(""))
    if node.text is not None and not node.text:
        findings.about(node, "is empty; write ${NAME} and set NAME in the environment or .env")
        return node._replace(value=SecretStr(""))
    return _resolve(node, environ, findings)


def _shown(written: Node, resolved: Node) -> Node:
    """As plain text; what could not be resolved stays as it was written, for that was said already."""
    value = resolved.value.get_secret_value() if isinstance(resolved.value, SecretStr) else resolved.value
    return resolved._replace(value=value or written.value)


def _resolve(node: Node, environ: Mapping[str, str], findings: Findings, *, encoded: bool = True) -> Node:
    """Inside a longer text, a URL, a value is percent-encoded (RFC 3986 §2.1): a password may hold any character."""
    if node.text is None or not node.text:
        return node
    text = node.text
    if "${" in _REFERENCE.sub("", text):
        findings.about(node, "${ begins a name; write ${NAME}, with letters, digits and _")
        return node._replace(value=SecretStr(""))
    values: dict[str, str] = {}
    for name in dict.fromkeys(references(text)):
        try:
            values[name] = lookup(environ, name)
        except ValueError as error:
            findings.about(node, str(error))
    if len(values) < len(set(references(text))):
        return node._replace(value=SecretStr(""))
    whole = not encoded or _REFERENCE.fullmatch(text) is not None
    resolved = _REFERENCE.sub(lambda match: values[match[1]] if whole else quote(values[match[1]], safe=""), text)
    if not resolved:
        findings.about(node, f"{references(text)[0]} is empty")
    return node._replace(value=Referred(resolved, text))


def _reason(error: Exception) -> str:
    return (error.strerror or "not readable") if isinstance(error, OSError) else "not UTF-8"
