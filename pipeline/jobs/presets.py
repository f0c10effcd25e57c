"""`provider: gmail` → the settings that it is short for, where the mailer does not say them itself."""

from pipeline.jobs.providers import PRESETS, Preset
from pipeline.jobs.tree import Node, merge


def with_preset(mailer: Node) -> Node:
    """A provider's mailer with host, port, TLS, connections, limits and token endpoint; any other as it is."""
    provider = mailer.get("provider")
    preset = PRESETS.get((provider and provider.text) or "")
    if provider is None or preset is None:
        return mailer
    known = _mapping(
        provider,
        {
            "host": preset.host.format(region=_said(mailer, "region")),
            "port": preset.port,
            "security": preset.security,
            "connections": preset.connections,
            "limits": dict(preset.limits),
        },
    )
    if (oauth2 := mailer.get("oauth2")) is not None and preset.oauth2_url:
        known = known.with_mapping({**known.mapping, "oauth2": _mapping(provider, _token(oauth2, preset))})
    return merge(known, mailer)


def _token(oauth2: Node, preset: Preset) -> dict[str, object]:
    """Where tokens come from and what they are asked for."""
    scope = preset.scope if "refresh_token" in oauth2.mapping else preset.app_scope
    url = preset.oauth2_url.format(tenant=_said(oauth2, "tenant") or preset.tenant)
    return {"token_url": url, **({"scope": scope} if scope else {})}


def _said(node: Node, key: str) -> str:
    child = node.get(key)
    return (child and child.text) or ""


def _mapping(near: Node, values: dict[str, object]) -> Node:
    """Values that nobody wrote, standing where `provider` stands."""
    children = {}
    for key, value in values.items():
        if isinstance(value, dict):
            children[key] = _mapping(near, value)
        elif isinstance(value, str | int):
            children[key] = Node(value, near.place, (*near.path[:-1], key))
    return Node(children, near.place, near.path[:-1], {})
