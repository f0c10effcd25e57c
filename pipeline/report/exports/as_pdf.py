"""PDF pages from a rendered template: fonts come with the program, nothing is fetched, the bytes tell no time."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import html as markup

from pipeline.errors import ExportError
from pipeline.report.extras import need

_FAMILY = "Noto Sans"
_WEIGHTS = (400, 500, 600, 700)
_NOWHERE = "https://nowhere.invalid/"
"""Where relative addresses lead: to the fetcher, which refuses all but the fonts."""


def write(page: str, path: Path, due: datetime) -> None:
    """A whole HTML page as A4 pages. Its pictures are data: links; `due` (aware) is the creation date.

    Raises ExportError where the page asks for anything outside itself, or no font is in the result: without one
    the renderer draws blanks and says nothing. MissingExtraError where the extra is not installed.
    """
    pluto = need("plutoprint", "writing PDF", "pdf")
    fonts = _fonts(Path(need("fontpkg_noto_sans", "writing PDF", "pdf").ROOT) / "files")
    fetcher = _fetcher(pluto, fonts)
    book = pluto.Book(pluto.PAGE_SIZE_A4, pluto.PAGE_MARGINS_NORMAL)
    book.custom_resource_fetcher = fetcher
    book.load_html(_repeating_heads(page), user_style=_faces(fonts), base_url=_NOWHERE)
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


def _fonts(folder: Path) -> dict[tuple[str, int], bytes]:
    """Style and weight → the font file, each time anew: instances of one file are taken for one font, so that all of
    a page would have the weight of its first word."""
    files = {"italic" if "Italic" in file.name else "normal": file for file in sorted(folder.glob("*.ttf"))}
    return {(style, weight): file.read_bytes() for style, file in files.items() for weight in _WEIGHTS}


def _faces(fonts: Iterable[tuple[str, int]]) -> str:
    """The font, and that everything is set in it: a name that a machine does not know would be blank space."""
    faces = (
        f'@font-face{{font-family:"{_FAMILY}";font-style:{style};font-weight:{weight};'
        f'src:url("{_url(style, weight)}")}}'
        for style, weight in fonts
    )
    return "".join(faces) + f'*{{font-family:"{_FAMILY}" !important}}'


def _url(style: str, weight: int) -> str:
    return f"{_NOWHERE}fonts/{style}-{weight}.ttf"


def _fetcher(pluto: Any, fonts: dict[tuple[str, int], bytes]) -> Any:
    files = {_url(*face): data for face, data in fonts.items()}

    class Fetcher(pluto.ResourceFetcher):  # type: ignore[misc]
        """Hands out the fonts and what stands in the page itself; remembers what else was asked for."""

        def __init__(self) -> None:
            super().__init__()
            self.refused: set[str] = set()

        def fetch_url(self, url: str) -> Any:
            if url in files:
                return pluto.ResourceData(files[url], "font/ttf", "")
            if url.startswith("data:"):
                return pluto.default_resource_fetcher.fetch_url(url)
            self.refused.add(url)
            return pluto.ResourceData(b"", "text/plain", "utf-8")

    return Fetcher()
