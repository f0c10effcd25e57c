"""PDF pages from a rendered template: fonts come with the program, nothing is fetched, the bytes tell no time."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lxml import html as markup

from pipeline.errors import ExportError
from pipeline.report.extras import need

_FAMILY = "Noto Sans"


def write(page: str, path: Path, due: datetime) -> None:
    """A whole HTML page as A4 pages. Its pictures are data: links; `due` (aware) is the creation date.

    Raises ExportError where the page asks for anything outside itself, or no font is in the result: without one
    the renderer draws blanks and says nothing. MissingExtraError where the extra is not installed.
    """
    pluto = need("plutoprint", "writing PDF", "pdf")
    fonts = [*(Path(need("fontpkg_noto_sans", "writing PDF", "pdf").ROOT) / "files").glob("*.ttf")]
    fetcher = _fetcher(pluto, {_url(font) for font in fonts})
    book = pluto.Book(pluto.PAGE_SIZE_A4, pluto.PAGE_MARGINS_NORMAL)
    book.custom_resource_fetcher = fetcher
    book.load_html(_repeating_heads(page), user_style=_faces(fonts), base_url="https://nowhere.invalid/")
    stamp = due.strftime("%Y-%m-%dT%H:%M:%SZ")
    book.set_metadata(pluto.PDF_METADATA_CREATION_DATE, stamp)
    book.set_metadata(pluto.PDF_METADATA_MODIFICATION_DATE, stamp)
    book.write_to_pdf(str(path))
    if fetcher.refused:
        wanted = ", ".join(sorted(fetcher.refused))
        raise ExportError(f"the template asks for {wanted[:200]}; a PDF holds only what is in the report: use chart()")
    if b"/FontFile" not in path.read_bytes():
        raise ExportError("no font is in the PDF, so that its text would be blank; install the pdf extra anew")


def _repeating_heads(page: str) -> str:
    """Header rows in a thead, which a renderer repeats on each page; mails have none, as old clients trip over it."""
    tree: Any = markup.document_fromstring(page)
    for table in tree.iter("table"):
        first = next(iter(table.iterchildren("tr", "tbody", "thead")), None)
        if first is not None and first.tag == "tr" and first.find("th") is not None and first.find("td") is None:
            head = markup.Element("thead")
            first.addprevious(head)
            head.append(first)
    text: str = markup.tostring(tree, encoding="unicode", doctype="<!DOCTYPE html>")
    return text


def _faces(fonts: Iterable[Path]) -> str:
    """The font, and that everything is set in it: a name that a machine does not know would be blank space."""
    faces = (
        f'@font-face{{font-family:"{_FAMILY}";src:url("{_url(font)}");font-weight:100 900;'
        f"font-style:{'italic' if 'Italic' in font.name else 'normal'}}}"
        for font in fonts
    )
    return "".join(faces) + f'*{{font-family:"{_FAMILY}" !important}}'


def _url(font: Path) -> str:
    return "file://" + quote(str(font))  # its brackets, too: the renderer takes them for an address of IPv6


def _fetcher(pluto: Any, fonts: set[str]) -> Any:
    class Fetcher(pluto.ResourceFetcher):  # type: ignore[misc]
        """Hands out the fonts and what stands in the page itself; remembers what else was asked for."""

        def __init__(self) -> None:
            super().__init__()
            self.refused: set[str] = set()

        def fetch_url(self, url: str) -> Any:
            if url.startswith("data:") or url in fonts:
                return pluto.default_resource_fetcher.fetch_url(url)
            self.refused.add(url)
            return pluto.ResourceData(b"", "text/plain", "utf-8")

    return Fetcher()
