"""Makes support.json from caniemail's data: `python -m pipeline.message.lint.derive caniemail.json > support.json`.

The data is in the npm package `caniemail` (data/caniemail.json) and on caniemail.com; both are MIT-licensed.
Only what some client lacks is kept, of the clients that most readers have.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

CLIENTS = {
    ("gmail", "desktop-webmail"): "Gmail",
    ("gmail", "ios"): "Gmail (iOS)",
    ("gmail", "android"): "Gmail (Android)",
    ("outlook", "windows"): "Outlook (Windows)",
    ("outlook", "outlook-com"): "Outlook.com",
    ("outlook", "macos"): "Outlook (macOS)",
    ("apple-mail", "macos"): "Apple Mail",
    ("apple-mail", "ios"): "Apple Mail (iOS)",
    ("yahoo", "desktop-webmail"): "Yahoo",
    ("samsung-email", "android"): "Samsung Email",
    ("thunderbird", "macos"): "Thunderbird",
}
_VALUES = {
    "css-display-flex": "display:flex",
    "css-display-grid": "display:grid",
    "css-flex-direction": "flex-direction:column",
    "css-flex-wrap": "flex-wrap:wrap",
}
_LISTS = {
    "css-left-right-top-bottom": "left right top bottom",
    "css-gap": "gap column-gap row-gap",
    "css-grid-template": "grid-template grid-template-areas grid-template-columns grid-template-rows",
    "css-block-inline-size": "block-size inline-size",
    "css-margin-block-start-end": "margin-block-start margin-block-end",
    "css-margin-inline-block": "margin-inline margin-block",
    "css-margin-inline-start-end": "margin-inline-start margin-inline-end",
    "css-padding-block-start-end": "padding-block-start padding-block-end",
    "css-padding-inline-block": "padding-inline padding-block",
    "css-padding-inline-start-end": "padding-inline-start padding-inline-end",
}
_FUNCTIONS = {
    "css-variables": "var",
    "css-unit-calc": "calc",
    "css-modern-color": "lch oklch lab oklab",
    "css-linear-gradient": "linear-gradient",
    "css-radial-gradient": "radial-gradient",
    "css-conic-gradient": "conic-gradient",
}
_TAGS = {"html-semantics": "article aside details figcaption figure footer header main mark nav section summary time"}
_TAG_WORDS = (
    "abbr|acronym|audio|bdi|base|dialog|form|link|marquee|meter|object|picture|progress|"
    "ruby|select|svg|textarea|video|wbr"
)


def derived(data: dict[str, Any]) -> dict[str, Any]:
    """The table: feature → title, what to look for (`property`, `value`, `function`, `unit`, `at`, `pseudo`,
    `tag`, `image`), and the clients that lack it in their newest tested version."""
    features = {}
    for feature in data["data"]:
        lacking = [name for client, name in CLIENTS.items() if _lacks(feature["stats"], client)]
        found = _looked_for(feature["slug"])
        if lacking and found:
            features[feature["slug"]] = {"title": feature["title"].strip(), **found, "not": lacking}
    return {
        "source": "caniemail.com; npm package caniemail, MIT licence, © Avi Goldman, © Andrew Powell",
        "updated": data["last_update_date"][:10],
        "features": features,
    }


def _lacks(stats: dict[str, Any], client: tuple[str, str]) -> bool:
    versions = list(stats.get(client[0], {}).get(client[1], {}).values())
    return bool(versions) and versions[-1].startswith("n")


def _looked_for(slug: str) -> dict[str, list[str]] | None:
    if slug in _VALUES:
        return {"value": [_VALUES[slug]]}
    for table, kind in ((_LISTS, "property"), (_FUNCTIONS, "function"), (_TAGS, "tag")):
        if slug in table:
            return {kind: table[slug].split()}
    for pattern, kind in (
        (r"css-function-(.+)", "function"),
        (r"css-unit-(ch|rem|vh|vw|vmin|vmax)", "unit"),
        (r"css-at-(font-face|import|keyframes|supports)", "at"),
        (r"css-pseudo-(?:class|element)-(.+)", "pseudo"),
        (r"css-((?!selector-|at-|unit-|pseudo-|comments|nesting|important|display|rgb)[a-z-]+)", "property"),
        (rf"html-({_TAG_WORDS})", "tag"),
        (r"image-(apng|avif|bmp|heif|ico|svg|tiff|webp|base64)", "image"),
    ):
        if match := re.fullmatch(pattern, slug):
            return {kind: [match[1]]}
    return None


if __name__ == "__main__":
    table = derived(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    lines = [f'    "{slug}": {json.dumps(entry, ensure_ascii=False)}' for slug, entry in table["features"].items()]
    sys.stdout.write(
        f'{{\n  "source": "{table["source"]}",\n  "updated": "{table["updated"]}",\n  "features": {{\n'
        + ",\n".join(lines)
        + "\n  }\n}\n"
    )
