"""What must hold inside one mailer: how it logs in, where its tokens come from, what it signs with."""

import re
from urllib.parse import urlsplit

from pipeline.jobs.names import listed, nearest
from pipeline.jobs.providers import PRESETS, Preset
from pipeline.jobs.tree import Findings, Node

_LOGINS = ("password", "api_key", "oauth2")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+")
_DOMAIN = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)
_SELECTOR = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,61}[a-z0-9])?", re.IGNORECASE)


def check_mailer(mailer: Node, findings: Findings) -> None:
    """Everything wrong with one mailer that its model does not see."""
    provider = mailer.get("provider")
    preset = PRESETS.get((provider and provider.text) or "")
    if provider is not None and preset is not None:
        _check_login(mailer, provider, preset, findings)
        _check_region(mailer, provider, findings)
        if (oauth2 := mailer.get("oauth2")) is not None and "oauth2" in preset.logins:
            _check_oauth2(oauth2, provider, preset, findings)
    for key in (mailer.get("dkim") or mailer).items:
        _check_dkim(key, findings)
    size = mailer.get("limits", "message_size")
    if size is not None and type(size.value) is int:
        findings.about(size, f"a size needs its unit, like 25MB, got the number {size.value}")


def _check_login(mailer: Node, provider: Node, preset: Preset, findings: Findings) -> None:
    said = [key for key in _LOGINS if key in mailer.mapping]
    fitting = [key for key in said if key in preset.logins]
    for key in said:
        if key not in preset.logins:
            findings.about_key(mailer, key, f'"{key}" is not how {provider.text} logs in; write {_ways(preset)}')
    for key in fitting[1:]:
        findings.about_key(mailer, key, f'"{fitting[0]}" and "{key}": a mailer logs in by one of them')
    if not said:
        findings.about(provider, f"how does it log in? {provider.text} takes {_ways(preset)}")
    if preset.user and "user" in mailer.mapping:
        findings.about_key(mailer, "user", f'"user" does not go with {provider.text}, whose user name is known')
    elif not preset.user and "user" not in mailer.mapping:
        findings.about(provider, f'who logs in? {provider.text} needs "user"')


def _check_region(mailer: Node, provider: Node, findings: Findings) -> None:
    region = mailer.get("region")
    if provider.text != "ses":
        if region is not None:
            findings.about_key(mailer, "region", f'"region" goes with ses, not with {provider.text}')
    elif region is None:
        findings.about(provider, 'ses is in a region; write "region", like eu-west-1')
    elif region.text is not None and not _REGION.fullmatch(region.text):
        findings.about(region, f'"{region.text}" is not an AWS region; write one like eu-west-1')


def _check_oauth2(oauth2: Node, provider: Node, preset: Preset, findings: Findings) -> None:
    if not isinstance(oauth2.value, dict):
        return
    tenant, url = oauth2.get("tenant"), oauth2.get("token_url")
    if tenant is not None and not preset.tenant:
        findings.about_key(oauth2, "tenant", f'"tenant" goes with outlook, not with {provider.text}')
    if not any(nearest(key, ("refresh_token",)) for key in oauth2.mapping):
        if not preset.app_scope:
            findings.about(oauth2, f'{provider.text} needs a "refresh_token"')
        for key in ("client_secret", "tenant"):
            if preset.app_scope and key not in oauth2.mapping:
                findings.about(oauth2, f'without "refresh_token" the application logs in by itself: it needs "{key}"')
    if url is not None and url.text is not None and not url.text.startswith("https://"):
        findings.about(url, "a token endpoint begins with https://: secrets are sent there")


def _check_dkim(key: Node, findings: Findings) -> None:
    if (domain := key.get("domain")) is not None and domain.text and not _DOMAIN.fullmatch(domain.text):
        findings.about(domain, f'"{domain.text}" is not a domain; write one like example.com')
    if (selector := key.get("selector")) is not None and selector.text and not _SELECTOR.fullmatch(selector.text):
        findings.about(selector, f'"{selector.text}" is not a selector; write a word like reports2026')


def _ways(preset: Preset) -> str:
    return listed(preset.logins)


def check_store_url(text: str) -> None:
    """Raises ValueError unless links of a mail can begin with it."""
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or not text.isprintable():
        raise ValueError(f'"{text}" is not where files are served; write an address like https://files.example.com/')
