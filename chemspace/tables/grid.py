"""The table in a file: text, an Excel workbook, JSON lines or Parquet. Its content says which, not its name."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import PurePath
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from chemspace.errors import NotTextError, TableError
from chemspace.tables.decode import decode_text

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

__all__ = ["Grid", "GridRow", "delimiter_of", "read_grid", "sheet_text"]

_WANTED = "it needs a table (CSV, .xlsx or JSON lines) with one row of headings"


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row: its line in the file (row of the sheet), from 1; cells as text by column; whether it has too many."""

    line: int
    cells: dict[str, str]
    surplus: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text.

    Attributes:
        columns: headings, in order.
        rows: rows that are not empty.
        decimal_commas: whether numbers may be written with a decimal comma.
        guesses: what was assumed to find the table, as sentences.
        declare: options that say the same.
        warnings: what looks odd.
    """

    columns: tuple[str, ...]
    rows: tuple[GridRow, ...]
    decimal_commas: bool = False
    guesses: tuple[str, ...] = ()
    declare: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def only_sheet(self, name: str) -> Grid:
        """This table, where nobody can say which sheet of the file called `name` is meant.

        Raises:
            TableError: if several sheets hold something.
        """
        if self.guesses:  # only ever which of several sheets is meant
            raise TableError(name, f"{self.guesses[0]}: keep one sheet in the file, or save the one you mean as CSV")
        return self

    def has_decimal_commas(self, columns: Iterable[str]) -> bool:
        """Whether a number in one of `columns` is written with a decimal comma."""
        names = list(columns)
        return self.decimal_commas and any(
            re.search(r"\d,\d", row.cells.get(name, "")) for row in self.rows for name in names
        )


def read_grid(name: str, content: bytes, sheet: str | None = None) -> Grid:
    """The table in a file, its first filled row the headings.

    Of a workbook a formula is read by the value that the file keeps for it, and a cell that Excel made a date comes as
    text such as 2026-05-01, so that no number is made of it.

    Args:
        name: the file's name, for messages.
        content: its bytes.
        sheet: which sheet of a workbook; None takes the only one that holds anything.

    Raises:
        TableError: if there is no table in it.
    """
    if content.startswith(b"PK\x03\x04"):
        return _from_workbook(name, content, sheet)
    if sheet is not None:
        raise TableError(name, "it is no workbook, so it has no sheets: leave --sheet out")
    if content.startswith(b"PAR1"):
        return _from_records(name, _parquet_records(name, content))
    try:
        text = decode_text(content)
    except NotTextError as error:
        raise TableError(name, f"it {error.what}; {_WANTED}") from None
    if text.lstrip()[:1] in ("{", "["):
        return _from_records(name, _json_records(name, text))
    return _from_text(name, text)


def sheet_text(name: str, content: bytes) -> str:
    """The rows of a workbook's only filled sheet as text, cells between tabs, each row on its own line.

    Raises:
        TableError: if it is no workbook, empty, or has several filled sheets.
    """
    book = _load(name, content, values=True)
    read = {title: _cells(book, title) for title in book.sheetnames}
    sheets = {title: rows for title, rows in read.items() if any(any(row) for _, row in rows)}
    if len(sheets) != 1:
        found = f"several sheets hold something ({', '.join(map(repr, sheets))}): keep one" if sheets else "it is empty"
        raise TableError(name, found)
    (rows,) = sheets.values()
    return "\n".join("\t".join(" ".join(cell.split()) for cell in row) for _, row in rows)


def delimiter_of(text: str) -> tuple[str, int]:
    """Delimiter of a text table and the number of its first line, from 1: as the line `sep=;` says, or by the header,
    which has no numbers."""
    first, _, rest = text.partition("\n")
    declared = first.strip().lower().removeprefix("\ufeff")
    if declared.startswith("sep=") and len(declared) == 5:  # Excel's own way of saying it
        return declared[4], 2
    header = first if first.strip() else next((line for line in rest.split("\n") if line.strip()), "")
    return max(",;\t", key=header.count), 1


def _from_text(name: str, text: str) -> Grid:
    delimiter, first = delimiter_of(text)
    reader = csv.reader(io.StringIO(text if first == 1 else text.split("\n", 1)[1]), delimiter=delimiter)
    try:
        table = [(reader.line_num + first - 1, cells) for cells in reader]
    except csv.Error as error:
        raise TableError(name, f"row {reader.line_num + first - 1} cannot be read ({error})") from None
    filled = [(line, cells) for line, cells in table if any(cell.strip() for cell in cells)]
    if not filled:
        raise TableError(name, f"it is empty; {_WANTED}")
    columns = _columns(name, filled[0][1])
    return Grid(columns, tuple(_rows(columns, filled[1:])), decimal_commas=delimiter != ",")


def _from_workbook(name: str, content: bytes, sheet: str | None) -> Grid:
    book, formulas = _load(name, content, values=True), _load(name, content, values=False)
    filled = [title for title in book.sheetnames if any(any(row) for _, row in _cells(book, title))]
    if not filled:
        raise TableError(name, "the workbook is empty")
    if sheet is not None and sheet not in book.sheetnames:
        raise TableError(name, f"there is no sheet {sheet!r}; it has {', '.join(map(repr, book.sheetnames))}")
    chosen = filled[0] if sheet is None else sheet
    table = [(line, row) for line, row in _cells(book, chosen) if any(row)]
    if not table:
        raise TableError(name, f"the sheet {chosen!r} is empty")
    asked = dict(_cells(formulas, chosen))
    columns = _columns(name, table[0][1])
    rows = tuple(_rows(columns, ((line, _with_formulas(cells, asked[line])) for line, cells in table[1:])))
    guesses: tuple[str, ...] = ()
    if sheet is None and len(filled) > 1:
        guesses = (f"the table is on the sheet {chosen!r} (others: {', '.join(map(repr, filled[1:]))})",)
    misnamed = PurePath(name).suffix.lower() not in (".xlsx", ".xlsm")
    told = (f"{name} is an Excel workbook by its content and was read as one",) if misnamed else ()
    return Grid(
        columns,
        rows,
        guesses=guesses,
        declare=(f"--sheet {chosen!r}",) if guesses else (),
        warnings=(*told, *_dates(book, chosen, table[0][1])),
    )


#: What openpyxl, zipfile and the XML readers raise for a damaged file.
_DAMAGES = (
    ArithmeticError, AttributeError, BadZipFile, EOFError, LookupError, NotImplementedError, OSError, RecursionError,
    SyntaxError, TypeError, ValueError, zlib.error,
)  # fmt: skip


def _load(name: str, content: bytes, *, values: bool) -> Workbook:
    from openpyxl import load_workbook  # 0.3 s, and most tables are CSV

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of charts and styles that it leaves out
            return load_workbook(io.BytesIO(content), data_only=values)
    except _DAMAGES as error:
        raise TableError(
            name, f"it is a zip archive or a damaged Excel workbook ({error}); save the table again as .xlsx or CSV"
        ) from None


def _cells(book: Workbook, title: str) -> list[tuple[int, list[str]]]:
    sheet = book[title]
    if not hasattr(sheet, "iter_rows"):  # a sheet that is only a chart
        return []
    return [
        (line, [_cell_text(value) for value in row]) for line, row in enumerate(sheet.iter_rows(values_only=True), 1)
    ]


def _cell_text(value: object) -> str:
    match value:
        case None:
            return ""
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


def _with_formulas(cells: list[str], asked: list[str]) -> list[str]:
    """Cells whose formula has no kept value show the formula, so that the reader can say what is missing."""
    return [
        formula if not cell and formula.startswith("=") else cell for cell, formula in zip(cells, asked, strict=True)
    ]


def _dates(book: Workbook, title: str, header: list[str]) -> tuple[str, ...]:
    """A warning for each date outside the columns of numbers, where it may have been a name such as 3-1."""
    return tuple(
        f"row {line}, column {column}: Excel keeps a date here ({_cell_text(value)}); if it was a name such as 3-1, "
        "format the column as text and type it again"
        for line, row in enumerate(book[title].iter_rows(values_only=True), 1)
        for column, value in zip(header, row, strict=False)
        if isinstance(value, date | time) and column in ("sample", "source", "technique", "note")
    )


#: Line of a record in its file, and what it holds; None where it is no record.
_Record = tuple[int, dict[str, object] | None]


def _from_records(name: str, records: Iterable[_Record]) -> Grid:
    rows, problems = [], []
    for line, record in records:
        wrong = [key for key, value in record.items() if isinstance(value, dict | list)] if record is not None else []
        if record is None:
            problems.append(f"row {line}: it is not one JSON object")
        elif wrong:
            problems.append(f"row {line}: {wrong[0]!r} holds a list or an object; a cell is a number or a text")
        else:
            rows.append((line, {str(key).strip(): _record_cell(value) for key, value in record.items()}))
    if problems:
        raise TableError(name, *problems)
    columns = tuple(dict.fromkeys(key for _, cells in rows for key in cells))
    full = (GridRow(line, {column: cells.get(column, "") for column in columns}) for line, cells in rows)
    return Grid(columns, tuple(row for row in full if any(row.cells.values())))


def _json_records(name: str, text: str) -> Iterator[_Record]:
    """Objects of a file of JSON lines, or of one JSON list, with their line (place in the list)."""
    if text.lstrip().startswith("["):
        try:
            listed = json.loads(text)
        except ValueError as error:
            raise TableError(name, f"it is no JSON ({error})") from None
        except RecursionError:
            raise TableError(name, "it is lists within lists; a table is one list of objects") from None
        for place, record in enumerate(listed, 1):
            yield place, record if isinstance(record, dict) else None
        return
    for line, record_text in enumerate(text.split("\n"), 1):
        if not record_text.strip():
            continue
        try:
            record = json.loads(record_text)
        except (ValueError, RecursionError):
            record = None
        yield line, record if isinstance(record, dict) else None


def _parquet_records(name: str, content: bytes) -> Iterator[_Record]:
    import pyarrow as pa  # heavy, and only Parquet needs it
    import pyarrow.parquet as pq

    try:
        records = pq.read_table(io.BytesIO(content)).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise TableError(name, f"it is no readable Parquet file ({str(error).splitlines()[0]})") from None
    yield from enumerate(records, 1)


def _record_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value).strip()


def _columns(name: str, header: Iterable[str]) -> tuple[str, ...]:
    columns = [cell.strip().removeprefix("\ufeff") for cell in header]
    while columns and not columns[-1]:
        columns.pop()
    twice = next((column for column in columns if column and columns.count(column) > 1), None)
    if twice is not None:
        raise TableError(name, f"column {twice!r} stands twice in the header; give each its own name")
    return tuple(columns)


def _rows(columns: tuple[str, ...], table: Iterable[tuple[int, Sequence[str]]]) -> Iterator[GridRow]:
    for line, cells in table:
        padded = [cell.strip() for cell in cells] + [""] * (len(columns) - len(cells))
        if any(padded):
            by_column = {column: cell for column, cell in zip(columns, padded, strict=False) if column}
            yield GridRow(line, by_column, surplus=any(padded[len(columns) :]))
