"""The block of numbers in a text file that an instrument wrote: separator, decimal mark, headings, where it ends."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from chemspace.errors import TableError
from chemspace.tables.cells import bad_cell, is_missing, to_number, unit_of
from chemspace.tables.grid import read_grid

__all__ = ["Dialect", "NumberTable", "is_numeric", "parse_numbers", "sniff", "split_line"]

_SAMPLE = 200
_NUMBER_BEGINS = frozenset("0123456789+-.")
_COMMENT = ("#", "%", "//", "!")
#: So many rows of numbers may follow the words below a table.
_FEW = 2
#: A line that names the scan below it.
_SCAN = re.compile(r"\W*(?:scan|run|sweep|repeat|measurement|messung|mesure)\b", re.IGNORECASE)
#: Separator and decimal mark, tried in this order.
_CANDIDATES = (("\t", "."), ("\t", ","), (";", "."), (";", ","), (",", "."), (",", ","), (" ", "."), (" ", ","))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text table is written: its separator (a blank stands for any run of blanks) and its decimal mark."""

    separator: str
    decimal: str


@dataclass(frozen=True, slots=True, eq=False)
class NumberTable:
    """The numbers of one file."""

    headings: tuple[str, ...] | None  #: one per column, or None where the file has none
    values: NDArray[np.float64]  #: shape (rows, columns); missing cells are NaN
    lines: NDArray[np.int64]  #: one-based line of the file of each row, shape (rows,)
    around: tuple[str, ...] = ()  #: the lines of text above and below the numbers


def parse_numbers(name: str, text: str) -> NumberTable:
    """The one block of numbers of a file, with the lines above it as headings; lines of text may stand around it. Scans
    below each other, each with the headings again, are one block. Raises TableError naming the row, if there are no
    numbers, a cell is no number, or a row has too many cells; `name` is for messages."""
    lines = text.split("\n")
    try:
        dialect = sniff(name, lines)
    except TableError:
        if (found := _beside_text(name, text)) is None:
            raise
        return found
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    width = _width([line for _, line in filled], dialect)
    first = next(at for at, (_, line) in enumerate(filled) if _numbers_in(line, dialect) >= width)
    above, body = filled[:first], filled[first:]
    headings = _headings(name, above, dialect, width)
    stop = _end_of_numbers(body, dialect, width)
    repeated = {line.strip() for _, line in above}
    rows = [row for row in body[:stop] if not (_skipped(row[1]) or row[1].strip() in repeated or _SCAN.match(row[1]))]
    columns = width if headings is None else max(width, len(headings))
    values = _fast(rows, dialect, columns)
    if values is None:
        cells = [_row(name, number, split_line(line, dialect), dialect, columns) for number, line in rows]
        values = np.array(cells, dtype=np.float64)
    numbers = np.array([number for number, _ in rows], dtype=np.int64)
    around = tuple(line for _, line in (*above, *body[stop:]))
    return _without_empty_columns(NumberTable(headings, values, numbers, around))


def _width(lines: list[str], dialect: Dialect) -> int:
    """Cells of a row of numbers: the most that a fifth of those rows or more have; others are text around the table."""
    stride = max(len(lines) // _SAMPLE, 1)
    counts = list(filter(None, (_numbers_in(line, dialect) for line in (*lines[:_SAMPLE], *lines[_SAMPLE::stride]))))
    counts = counts or list(filter(None, (_numbers_in(line, dialect) for line in lines)))
    return max(count for count in set(counts) if 5 * counts.count(count) >= len(counts))


def _numbers_in(line: str, dialect: Dialect) -> int:
    """Cells of a row of numbers, 0 for any other line."""
    cells = split_line(line, dialect)
    return len(cells) if not _skipped(line) and is_numeric(cells, dialect) else 0


def _beside_text(name: str, text: str) -> NumberTable | None:
    """The columns of numbers of a table that has columns of text too, such as times of day; None if there are none."""
    try:
        grid = read_grid(name, text.encode())
    except TableError:
        return None
    decimal = "," if grid.has_decimal_commas(grid.columns) else "."
    columns = {}
    for column in filter(None, grid.columns):
        numbers = [to_number(row.cells.get(column, ""), decimal) for row in grid.rows]
        known = [number for number in numbers if number is not None]
        if known and len(known) == len(numbers) and not all(map(isnan, known)):
            columns[column] = known
    if len(columns) < 2:
        return None
    values = np.array(list(columns.values()), dtype=np.float64).T
    return NumberTable(tuple(columns), values, np.array([row.line for row in grid.rows], dtype=np.int64))


def sniff(name: str, lines: list[str]) -> Dialect:
    """The dialect under which most lines are rows of two or more numbers. TableError if none makes any line one."""
    declared = re.match(r"\ufeff?sep=(.)", lines[0].strip(), re.IGNORECASE) if lines else None
    candidates = [c for c in _CANDIDATES if declared is None or c[0] == declared[1]] or list(_CANDIDATES)
    filled = [line for line in lines if line.strip() and not _skipped(line)]
    stride = max(len(filled) // _SAMPLE, 1)
    sample = filled[:20] + filled[20::stride]
    counts = [sum(is_numeric(split_line(line, Dialect(*c)), Dialect(*c)) for line in sample) for c in candidates]
    if not any(counts):
        raise TableError(
            name,
            "holds no row of two or more numbers",
            right="Give a text table: delays in the first column, the signal beside them, or a wavelength x delay map.",
        )
    return Dialect(*candidates[int(np.argmax(counts))])


def split_line(line: str, dialect: Dialect) -> list[str]:
    """The cells of one line."""
    if dialect.separator == " ":
        return line.split()
    if '"' in line:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=dialect.separator, skipinitialspace=True))]
    return [cell.strip() for cell in line.split(dialect.separator)]


def _skipped(line: str) -> bool:
    if line[:1] in _NUMBER_BEGINS:  # most lines, and files are long
        return False
    start = line.lstrip("\ufeff \t")
    return start[:4].lower() == "sep=" or (start.startswith(_COMMENT) and not start.lower().startswith(("#n/a", "#nv")))


def is_numeric(cells: list[str], dialect: Dialect) -> bool:
    """At least two cells, all numbers or missing, one a number (in the first two: no text line of lone numbers)."""
    if len(cells) < 2:
        return False
    numbers = [to_number(cell, dialect.decimal) for cell in cells]
    return all(n is not None for n in numbers) and any(n is not None and not isnan(n) for n in numbers[:2])


def _end_of_numbers(body: list[tuple[int, str]], dialect: Dialect, width: int) -> int:
    """One past the last row of numbers; what follows is the text that software appends, numbers in it included."""
    stop = len(body)
    begin = max(stop - _SAMPLE, 0)
    whole = [at for at in range(begin, stop) if _numbers_in(body[at][1], dialect) >= width]
    for at in range(begin, stop):  # few rows of numbers belong to what is said below a table
        after = sum(other > at for other in whole)
        if 0 < after <= _FEW < len(whole) - after and _starts_with_a_word(body[at][1], dialect):
            stop = at
            break
    while _numbers_in(body[stop - 1][1], dialect) < width:
        stop -= 1
    while stop < len(body) and _numbers_in(body[stop][1], dialect):  # a scan that ended in the middle of a row
        stop += 1
    return stop


def _starts_with_a_word(line: str, dialect: Dialect) -> bool:
    first = split_line(line, dialect)[0] if line.strip() else ""
    return not _skipped(line) and not _SCAN.match(line) and to_number(first, dialect.decimal) is None


def _headings(name: str, above: list[tuple[int, str]], dialect: Dialect, width: int) -> tuple[str, ...] | None:
    """The up to three lines (names, units, comments) above the numbers with a cell per column, joined, units last."""
    found: list[list[str]] = []
    if len(above) > 1 and width > 2:  # a row of numbers with a remark is no heading
        cells, before = (split_line(line, dialect) for _, line in (above[-1], above[-2]))
        bad = [at for at, cell in enumerate(cells) if to_number(cell, dialect.decimal) is None]
        begins = is_numeric(cells[:2], dialect) and not is_numeric(before[:2], dialect)
        if bad and begins and len(cells) >= len(before) >= width:
            problem, right = bad_cell(cells[bad[0]])
            raise TableError(name, f"{problem} (column {bad[0] + 1})", right=right, row=above[-1][0])
    for _, line in above[:-4:-1]:
        cells = _with_units(_heading_cells(line, dialect), width)
        while len(cells) > width and is_missing(cells[-1]):
            cells.pop()
        if cells and len(cells) < width and all(map(unit_of, cells)):  # a spreadsheet leaves out what is empty
            cells += [""] * (width - len(cells))
        if len(cells) != width and (found or dialect.separator == " " or len(cells) < 2):
            break
        if found and _numbers_in(line, dialect):
            break
        found.insert(0, cells)
        if len(cells) != width:
            break
    if not found:
        return None
    if dialect.separator == "," and width == 2 * len(found[-1]):
        raise TableError(
            name,
            f"{len(found[-1])} headings but {width} cells a row: the comma seems to be both separator and decimal mark",
            right="Export with semicolons between columns, or with decimal points.",
            row=above[-1][0] + 1,
        )
    found.sort(key=lambda cells: any(unit_of(cell.strip("()[] ")) for cell in cells))
    return tuple(" ".join(parts).strip() for parts in zip(*found, strict=True))


def _with_units(cells: list[str], width: int) -> list[str]:
    """Headings such as "Time, ps" in a table of commas that are not quoted: the unit belongs to the name before it."""
    if len(cells) <= width:
        return cells
    joined: list[str] = []
    for cell in cells:
        if joined and unit_of(cell):
            joined[-1] = f"{joined[-1]} ({cell})"
        else:
            joined.append(cell)
    return joined if len(joined) == width else cells


def _heading_cells(line: str, dialect: Dialect) -> list[str]:
    """Cells of a heading line, which may be a comment; among blanks a unit belongs to the name before it."""
    text = line.lstrip("\ufeff \t")
    if text[:4].lower() == "sep=":
        return []
    text = text.lstrip("#%/! ") if text.startswith(_COMMENT) else line.replace("\ufeff", "")
    return split_line(re.sub(r"\s+([(\[/])", r"\1", text) if dialect.separator == " " else text, dialect)


def _row(name: str, number: int, cells: list[str], dialect: Dialect, columns: int) -> list[float]:
    while len(cells) > columns and is_missing(cells[-1]):
        cells.pop()
    if len(cells) > columns:
        raise TableError(
            name,
            f"{len(cells)} cells where the rows above have {columns}",
            right="Write one row per delay.",
            row=number,
        )
    values = []
    for column, cell in enumerate(cells, 1):
        value = to_number(cell, dialect.decimal)
        if value is None:
            problem, right = bad_cell(cell)
            raise TableError(name, f"{problem} (column {column})", right=right, row=number)
        values.append(value)
    return values + [float("nan")] * (columns - len(values))


def _fast(body: list[tuple[int, str]], dialect: Dialect, columns: int) -> NDArray[np.float64] | None:
    """A long clean file by numpy's reader; None where it has to be read cell by cell."""
    if len(body) < 5000 or dialect.decimal == ",":
        return None
    lines: Iterable[str] = (line for _, line in body)
    try:
        values = np.loadtxt(lines, delimiter=None if dialect.separator == " " else dialect.separator, ndmin=2)
    except ValueError:
        return None
    return values if values.shape[1] == columns else None


def _without_empty_columns(table: NumberTable) -> NumberTable:
    """Spreadsheets append empty columns: those without a number and without a heading go."""
    named = [bool(heading.strip()) for heading in table.headings or [""] * table.values.shape[1]]
    named += [False] * (table.values.shape[1] - len(named))
    keep = np.isfinite(table.values).any(axis=0) | np.array(named)
    headings = None
    if table.headings is not None:
        padded = table.headings + ("",) * (len(keep) - len(table.headings))
        headings = tuple(heading for heading, kept in zip(padded, keep, strict=True) if kept)
    return NumberTable(headings, table.values[:, keep], table.lines, table.around)
