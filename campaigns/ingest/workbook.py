"""The cells of an Excel workbook as text."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from campaigns.errors import IngestError

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

__all__ = ["Sheet", "read_sheet"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: header, then (row of the sheet, cells as text); what was assumed, how to declare it, what is odd."""

    header: list[str]
    rows: tuple[tuple[int, list[str]], ...]
    guesses: tuple[str, ...]
    declare: tuple[str, ...]
    warnings: tuple[str, ...]


def read_sheet(name: str, content: bytes, sheet: str | None) -> Sheet:
    """The table on one sheet, its first filled row the header.

    A formula is read by the value the workbook keeps for it. A cell that Excel made a date comes as text such as
    2026-05-01, so that no number is made of it.

    Raises:
        IngestError: if it is no workbook, the sheet is not there, or it is empty.
    """
    book, formulas = _load(name, content, values=True), _load(name, content, values=False)
    filled = [title for title in book.sheetnames if any(any(row) for _, row in _cells(book, title))]
    if not filled:
        raise IngestError(name, ("the workbook is empty",))
    if sheet is not None and sheet not in book.sheetnames:
        raise IngestError(name, (f"there is no sheet {sheet!r}; it has {', '.join(map(repr, book.sheetnames))}",))
    chosen = filled[0] if sheet is None else sheet
    guesses: tuple[str, ...] = ()
    declare: tuple[str, ...] = ()
    if sheet is None and len(filled) > 1:
        guesses = (f"the table is on the sheet {chosen!r} (others: {', '.join(map(repr, filled[1:]))})",)
        declare = (f"--sheet {chosen!r}",)
    table = [(line, row) for line, row in _cells(book, chosen) if any(row)]
    if not table:
        raise IngestError(name, (f"the sheet {chosen!r} is empty",))
    asked = dict(_cells(formulas, chosen))
    rows = tuple((line, _with_formulas(cells, asked[line])) for line, cells in table[1:])
    return Sheet(table[0][1], rows, guesses, declare, _dates(book, chosen, table[0][1]))


def _load(name: str, content: bytes, *, values: bool) -> Workbook:
    from openpyxl import load_workbook  # 0.3 s, and most tables are CSV
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of charts and styles that it leaves out
            return load_workbook(io.BytesIO(content), data_only=values)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError, EOFError) as error:
        raise IngestError(
            name, (f"it is a zip archive or a damaged Excel workbook ({error}); save the table again as .xlsx or CSV",)
        ) from None


def _cells(book: Workbook, title: str) -> list[tuple[int, list[str]]]:
    sheet = book[title]
    if not hasattr(sheet, "iter_rows"):  # a sheet that is only a chart
        return []
    return [(line, [_text(value) for value in row]) for line, row in enumerate(sheet.iter_rows(values_only=True), 1)]


def _text(value: object) -> str:
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
        f"row {line}, column {column}: Excel keeps a date here ({_text(value)}); if it was a name such as 3-1, format "
        "the column as text and type it again"
        for line, row in enumerate(book[title].iter_rows(values_only=True), 1)
        for column, value in zip(header, row, strict=False)
        if isinstance(value, date | time) and column in ("sample", "source", "technique", "note")
    )
