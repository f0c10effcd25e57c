"""What every page for a browser has: templates that escape what they show, and headers that keep it to itself."""

from pathlib import Path

import jinja2

HERE = Path(__file__).parent


def page_templates() -> jinja2.Environment:
    """The environment of web/templates; an undefined name raises jinja2.UndefinedError."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def closed_headers(policy: str) -> dict[str, str]:
    """Kept by no cache, guessed at by no browser, named to no other site. `policy`: what the page may load (Content
    Security Policy, level 3)."""
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
