"""Excel workbooks, read row by row: what a sheet holds, without what stands far from it, and never more than fits."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zipfile import BadZipFile, ZipFile

from chemspace.errors import TableError
from chemspace.tables.limits import GAP, MAX_BYTES, CellCount, too_large

#: What openpyxl, zipfile and the XML readers raise for a damaged file.
_DAMAGES = (
    ArithmeticError, AssertionError, AttributeError, BadZipFile, EOFError, LookupError, NotImplementedError, OSError,
    RecursionError, RuntimeError, SyntaxError, TypeError, ValueError, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """What a sheet holds. `rows`: number of each filled row, from 1, and its filled cells by their place, from 0;
    `dates`: row, place and text of each cell that Excel keeps as a date; `strays`: cells far below the others, which
    were left out."""

    rows: list[tuple[int, dict[int, str]]]
    dates: list[tuple[int, int, str]]
    strays: int


class Book:
    """An open workbook."""

    def __init__(self, name: str, values: Any, formulas: Any) -> None:
        self._name, self._values, self._formulas = name, values, formulas

    @property
    def titles(self) -> list[str]:
        """Names of its sheets."""
        titles: list[str] = self._values.sheetnames
        return titles

    @property
    def filled(self) -> list[str]:
        """Sheets that hold anything."""
        return [title for title in self.titles if next(_filled_rows(self._values, title), None) is not None]

    def sheet(self, title: str) -> Sheet:
        """What a sheet holds; a formula without a kept value shows itself. Raises TableError if it is too large."""
        count, rows, dates, strays = CellCount(self._name), list[tuple[int, dict[int, str]]](), [], 0
        for line, values in _filled_rows(self._values, title):
            if rows and line - rows[-1][0] > GAP:
                strays += len(values)
                continue
            cells = {at: _cell_text(value) for at, value in values.items()}
            count.add(line, cells.values())
            rows.append((line, cells))
            dates += [(line, at, cells[at]) for at, value in values.items() if isinstance(value, date | time)]
        if self._formulas is not None:
            by_line = dict(rows)
            for line, values in _filled_rows(self._formulas, title):
                asked = {at: value for at, value in values.items() if isinstance(value, str) and value.startswith("=")}
                if line in by_line:
                    by_line[line].update((at, value) for at, value in asked.items() if at not in by_line[line])
                elif asked and rows and line <= rows[-1][0] + GAP:
                    rows.append((line, asked))
            rows.sort(key=lambda row: row[0])
        return Sheet(rows, dates, strays)


@contextmanager
def workbook(name: str, content: bytes) -> Iterator[Book]:
    """The workbook in these bytes. Raises TableError if it is none, damaged, or unpacks to more than is read."""
    from openpyxl import load_workbook  # 0.3 s, and most tables are CSV

    books: list[Any] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of charts and styles that it leaves out
            has_formulas = _check_parts(name, content)
            for values in (True, False) if has_formulas else (True,):
                books.append(load_workbook(io.BytesIO(content), data_only=values, read_only=True))
            yield Book(name, books[0], books[1] if has_formulas else None)
    except TableError:
        raise
    except _DAMAGES as error:
        why = str(error).split("\n", 1)[0][:200] or type(error).__name__
        raise TableError(
            name, f"it is a zip archive or a damaged Excel workbook ({why}); save the table again as .xlsx or CSV"
        ) from None
    finally:
        for book in books:
            book.close()


def width_of(cells: Mapping[int, str]) -> int:
    """Places up to the last cell of a row that is not far from the others."""
    width = 0
    for at in sorted(cells):
        if at - width >= GAP:
            break
        width = at + 1
    return width


def _check_parts(name: str, content: bytes) -> bool:
    """Whether a sheet has formulas. Raises TableError for parts that unpack to too much, or define entities."""
    has_formulas = False
    with ZipFile(io.BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > MAX_BYTES:
            raise too_large(f"{name} unpacked", MAX_BYTES)
        for part in archive.infolist():
            if part.filename.endswith((".xml", ".rels")):
                text = archive.read(part)
                if b"<!ENTITY" in text or b"<!DOCTYPE" in text:
                    raise TableError(name, "it defines entities, which no spreadsheet does; save the table again")
                has_formulas |= part.filename.startswith("xl/worksheets/") and b"<f" in text
    return has_formulas


def _filled_rows(book: Any, title: str) -> Iterator[tuple[int, dict[int, object]]]:
    """Number of each filled row, from 1, and its filled cells by their place."""
    sheet = book[title]
    if not hasattr(sheet, "iter_rows"):  # a sheet that is only a chart
        return
    sheet.reset_dimensions()  # what a file says of them may be wrong
    for line, row in enumerate(sheet.iter_rows(values_only=True), 1):
        filled = {at: value for at, value in enumerate(row) if value is not None and _cell_text(value)}
        if filled:
            yield line, filled


def _cell_text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.15g}"  # 0.1 + 0.2 is 0.3 in a spreadsheet too
        case datetime():
            return value.isoformat(sep=" ").removesuffix(" 00:00:00")
        case date() | time():
            return value.isoformat()
        case _:
            return str(value).strip()
