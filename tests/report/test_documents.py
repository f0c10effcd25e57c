"""PDF and HTML exports and encrypted archives: read back by programs that did not write them."""

import base64
import io
import json
import zipfile
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import pypdfium2
import pypdfium2.raw as raw
import pytest
import pyzipper
from projects import inbox, make_project, pipeline

from pipeline.errors import ExportError
from pipeline.report.exports import as_pdf, zipped

DUE = datetime(2026, 3, 2, 7, tzinfo=UTC)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JOBS = """\
defaults: {from: Reports <reports@example.com>}
jobs:
  weekly:
    title: 'Sales & "returns" <all>'
    data: {sales: reports/data/sales.csv}
    charts: {units: {bar: sales, x: shop, y: units, title: Units by shop}}
    exports:
      - {pdf: printed}
      - {html: printed, name: page}
      - {csv: sales, zip: true, password: "${ZIP_PASSWORD}"}
    message: {template: printed}
    to: team@example.com
"""
PRINTED = "<p>Żółć, Ελλάδα, Привет</p>{{ chart(units) }}{{ table(sales, limit=500) }}"
ROWS = "".join(f"<tr><td>Shop {number}</td><td>{number}</td></tr>" for number in range(200))
HEAD = "<tr><th>Shop</th><th>Units</th></tr>"
PAGE = f"<html><head><title>Sales</title></head><body><table>{HEAD}{ROWS}</table></body></html>"


def pages(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def embedded(pdf: bytes) -> set[int]:
    """For the font of every text: 1 where it is inside the file, else 0."""
    with pypdfium2.PdfDocument(pdf) as document:
        texts = [text for page in document for text in page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT])]
        return {raw.FPDFFont_GetIsEmbedded(raw.FPDFTextObj_GetFont(text)) for text in texts}


def written(page: str, folder: Path) -> bytes:
    as_pdf.write(page, folder / "a.pdf", DUE)
    return (folder / "a.pdf").read_bytes()


def test_heads_are_repeated_fonts_are_inside_and_the_bytes_tell_no_time(tmp_path: Path) -> None:
    pdf = written(PAGE, tmp_path)
    texts = pages(pdf)
    assert len(texts) > 3
    assert all("Shop" in text and "Units" in text for text in texts)
    assert embedded(pdf) == {1}
    assert written(PAGE, tmp_path) == pdf


@pytest.mark.parametrize("family", ["Arial", "'Nobody has this'", "monospace"])
def test_a_font_that_is_not_here_is_no_blank(tmp_path: Path, family: str) -> None:
    pdf = written(f'<p style="font-family:{family}">Readable</p>', tmp_path)
    assert "Readable" in pages(pdf)[0]
    assert embedded(pdf) == {1}


def test_each_word_has_its_own_weight(tmp_path: Path) -> None:
    """The ink of two lines is that of each alone: a renderer that knows one weight draws both alike."""

    def ink(*weights: int) -> int:
        body = "".join(f'<p style="font-weight:{weight}">Hamburgefonts</p>' for weight in weights)
        with pypdfium2.PdfDocument(written(f"<body>{body}</body>", tmp_path)) as document:
            return int((255 - document[0].render(scale=2).to_numpy().astype(int)).sum())

    regular, bold = ink(400), ink(700)
    assert bold > 1.3 * regular
    assert ink(700, 400) == pytest.approx(regular + bold, rel=0.05)


@pytest.mark.parametrize("source", ["file:///etc/hostname", "http://127.0.0.1:9/a.png", "picture.png"])
def test_nothing_is_fetched(tmp_path: Path, source: str) -> None:
    with pytest.raises(ExportError, match="a PDF holds only what is in the report"):
        written(f'<p>x</p><img src="{source}">', tmp_path)


def test_pictures_of_the_page_are_drawn(tmp_path: Path) -> None:
    data = base64.b64encode(PIXEL).decode()
    assert b"/Image" in written(f'<p>x</p><img width="90" src="data:image/png;base64,{data}">', tmp_path)


def test_an_archive_opens_with_its_password_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"shop\r\nBerlin\r\n" * 500)
    zipped.write_encrypted(tmp_path / "a.csv", tmp_path / "a.zip", "sales.csv", "pässword")
    assert b"Berlin" not in (tmp_path / "a.zip").read_bytes()
    with pyzipper.AESZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["sales.csv"]
        with pytest.raises(RuntimeError, match="password"):
            archive.read("sales.csv", pwd=b"other")
        assert archive.read("sales.csv", pwd="pässword".encode()) == (tmp_path / "a.csv").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as plain, pytest.raises((RuntimeError, NotImplementedError)):
        plain.read("sales.csv", pwd="pässword".encode())


def test_a_job_sends_them(tmp_path: Path) -> None:
    make_project(tmp_path, JOBS, templates__printed_dot_html=PRINTED)
    done = pipeline(tmp_path, "run", "weekly", "--at", "2026-03-02 07:00", ZIP_PASSWORD="s3cret-of-zip")
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = inbox(tmp_path)
    mail = BytesParser(policy=default).parsebytes(path.read_bytes())
    files = {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}  # type: ignore[attr-defined]
    assert list(files) == ["printed.pdf", "page.html", "sales.csv.zip"]
    text = pages(files["printed.pdf"])[0]
    assert "Żółć, Ελλάδα, Привет" in text
    assert "Sales & ”returns” ‹all>" in text
    assert "Page 1 of 1" in text
    page = files["page.html"].decode()
    assert "data:image/png;base64," in page
    assert "cid:" not in page
    with pyzipper.AESZipFile(io.BytesIO(files["sales.csv.zip"])) as archive:
        assert b"Berlin" in archive.read("sales.csv", pwd=b"s3cret-of-zip")
    told = done.stdout + (tmp_path / "var/log/delivery.jsonl").read_text(encoding="utf-8")
    assert "s3cret-of-zip" not in told
    shown = pipeline(tmp_path, "jobs", "weekly", "--json", ZIP_PASSWORD="s3cret-of-zip")
    assert shown.returncode == 0, shown.stderr
    assert "s3cret-of-zip" not in shown.stdout
    assert json.loads(shown.stdout)


def test_a_template_that_is_not_there_is_found_before_the_run(tmp_path: Path) -> None:
    make_project(tmp_path, JOBS.replace("pdf: printed", "pdf: printd"), templates__printed_dot_html=PRINTED)
    done = pipeline(tmp_path, "check", ZIP_PASSWORD="x")
    assert done.returncode == 2
    assert 'jobs.yaml:8:15: there is no template "printd.html"' in done.stderr
