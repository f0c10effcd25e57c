"""Whether Excel would open a workbook without offering to repair it, as far as its published rules say."""

import io
import re
import warnings
import zipfile
from typing import Any
from xml.etree import ElementTree

import openpyxl
from openpyxl.utils.cell import column_index_from_string, coordinate_from_string, range_boundaries

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_TYPES = "{http://schemas.openxmlformats.org/package/2006/content-types}"


class Package:
    """The parts of a workbook as trees."""

    def __init__(self, data: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            self.names = archive.namelist()
            self.parts = {name: archive.read(name) for name in self.names}
        assert len(set(self.names)) == len(self.names)

    def tree(self, name: str) -> ElementTree.Element:
        return ElementTree.fromstring(self.parts[name])

    def text(self, name: str) -> str:
        return self.parts[name].decode()

    def sheets(self) -> list[str]:
        return sorted((n for n in self.names if n.startswith("xl/worksheets/sheet")), key=lambda n: int(_digits(n)))

    def related(self, name: str, kind: str) -> list[str]:
        """The parts of a kind that a part refers to."""
        folder, _, file = name.rpartition("/")
        rels = f"{folder}/_rels/{file}.rels"
        if rels not in self.parts:
            return []
        found = [e.get("Target", "") for e in self.tree(rels).iter(f"{_RELS}Relationship") if kind in e.get("Type", "")]
        return [target.replace("..", "xl") for target in found]


def check(data: bytes) -> Package:
    """Fails where a rule is broken."""
    package = Package(data)
    types = package.tree("[Content_Types].xml")
    said = {e.get("PartName", "").lstrip("/") for e in types.iter(f"{_TYPES}Override")}
    endings = {e.get("Extension") for e in types.iter(f"{_TYPES}Default")}
    for name in package.names:
        assert name in said or name.rpartition(".")[2] in endings, f"{name} has no content type"
    assert said <= set(package.names)
    formats = len(package.tree("xl/styles.xml").find(f"{MAIN}cellXfs") or ())
    strings = [_text(item) for item in package.tree("xl/sharedStrings.xml")] if _has_strings(package) else []
    seen: list[tuple[str, str]] = []
    for name in package.sheets():
        cells = _check_cells(package.tree(name), formats)
        seen += [_check_table(package.tree(table), cells, strings) for table in package.related(name, "/table")]
    for position in (0, 1):
        assert len({one[position].casefold() for one in seen}) == len(seen), "ids and names of tables are unique"
    return package


def _has_strings(package: Package) -> bool:
    return "xl/sharedStrings.xml" in package.names


def _check_cells(sheet: ElementTree.Element, formats: int) -> dict[str, ElementTree.Element]:
    """Rows and cells in order, each address once and inside the dimension, formats that are there."""
    cells: dict[str, ElementTree.Element] = {}
    before, right, bottom = 0, 0, 0
    for row in sheet.iter(f"{MAIN}row"):
        number, column_before = int(row.get("r", "")), 0
        assert number > before
        before = number
        for cell in row:
            letters, line = coordinate_from_string(cell.get("r", ""))
            column = column_index_from_string(letters)
            assert (line, column > column_before) == (number, True)
            column_before = column
            assert int(cell.get("s", "0")) < formats
            cells[cell.get("r", "")] = cell
            right, bottom = max(right, column), max(bottom, number)
    dimension = range_boundaries(sheet.find(f"{MAIN}dimension").get("ref"))  # type: ignore[union-attr]
    if cells:
        assert dimension[2:][0] >= right
        assert dimension[2:][1] >= bottom
    return cells


def _check_table(
    table: ElementTree.Element, cells: dict[str, ElementTree.Element], strings: list[str]
) -> tuple[str, str]:
    left, top, right, bottom = range_boundaries(table.get("ref"))
    columns = list(table.iter(f"{MAIN}tableColumn"))
    totals = int(table.get("totalsRowCount", "0"))
    assert (left, top) == (1, 1)
    assert bottom - totals > top, "a table has a row of data"
    assert len(columns) == right == int(table.find(f"{MAIN}tableColumns").get("count"))  # type: ignore[union-attr, arg-type]
    assert [int(c.get("id", "")) for c in columns] == list(range(1, right + 1))
    names = [c.get("name", "") for c in columns]
    assert len({name.casefold() for name in names}) == len(names)
    assert all(0 < len(name) <= 255 for name in names)
    filtered = range_boundaries(table.find(f"{MAIN}autoFilter").get("ref"))  # type: ignore[union-attr]
    assert filtered == (left, top, right, bottom - totals)
    at = {range_boundaries(address)[:2]: cell for address, cell in cells.items()}
    for number, (column, name) in enumerate(zip(columns, names, strict=True), 1):
        header = at[number, top]
        assert header.get("t") == "s", "a header is text"
        assert strings[int(header[0].text or "")] == name
        if totals and column.get("totalsRowFunction"):
            formula = at[number, bottom].find(f"{MAIN}f")
            assert formula is not None
            assert re.fullmatch(rf"SUBTOTAL\(1\d\d,{table.get('name')}\[.*\]\)", formula.text or "", re.DOTALL)
        elif totals and column.get("totalsRowLabel"):
            assert strings[int(at[number, bottom][0].text or "")] == column.get("totalsRowLabel")
    assert re.fullmatch(r"[^\W\d]\w*", table.get("displayName", ""))
    return table.get("id", ""), table.get("displayName", "")


def said(text: str) -> str:
    """What an escape of ECMA-376 stands for; not every reader knows."""
    return re.sub("_x([0-9A-F]{4})_", lambda code: chr(int(code[1], 16)), text)


def _text(item: ElementTree.Element) -> str:
    return said("".join(piece.text or "" for piece in item.iter(f"{MAIN}t")))


def _digits(name: str) -> str:
    return re.sub(r"\D", "", name)


def cells_of(data: bytes, number: int = 0) -> list[list[Any]]:
    """A sheet's cells as openpyxl reads them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* extension is not supported")  # it knows no data bars as of Excel 2010
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    rows = book.worksheets[number].iter_rows(values_only=True)
    return [[said(value) if isinstance(value, str) else value for value in row] for row in rows]
