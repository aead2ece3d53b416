"""Text to a table of numbers: finds the separator, the decimal mark, the headings and where the numbers end."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaigns.errors import NotTextError
from campaigns.kinetics.errors import TraceFileError, UnitError
from campaigns.text import decode_text

__all__ = ["TIME_UNITS", "bad_cell"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A raw file a trace was read from; `sha256` is the hash of its bytes, so it can be kept beside the fit."""

    path: str
    sha256: str


_MISSING = frozenset({"", "nan", "-nan", "na", "n/a", "#n/a", "#nv", "null", "none", "-", "--", "1.#qnan", "-1.#ind"})
_GROUPED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+$")
_MONTH = r"(?:jan|feb|m[aä]r|mrz|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zä]*"
_DATE = re.compile(
    rf"\d{{1,4}}[-./ ]+{_MONTH}|{_MONTH}[-./ ]+\d{{1,4}}"
    r"|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    re.IGNORECASE,
)


def is_missing(cell: str) -> bool:
    """Whether a cell stands for no value."""
    return cell.strip().lower() in _MISSING


def to_number(cell: str, decimal: str) -> float | None:
    """The number in a cell, NaN for a missing one, None where it is no number.

    Args:
        cell: the text of one cell, quotes already removed.
        decimal: the decimal mark of the file, "." or ",".
    """
    text = cell.strip().replace("\u2212", "-").replace("\u00a0", "")
    if text.lower() in _MISSING:
        return nan
    if decimal == ",":
        if "." in text:  # 1.234,5 is clear; 1.234 may be a thousand or one and a quarter, so it is refused
            if not _GROUPED.match(text):
                return None
            text = text.replace(".", "")
        text = text.replace(",", ".")
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def bad_cell(cell: str) -> tuple[str, str]:
    """What is wrong with a cell that is no number, and what would be right."""
    shown = cell.strip()[:40]
    if _DATE.search(cell):
        return (
            f"{shown!r} is a date",
            "A spreadsheet turned a number such as 1.05 into a date: export again from the spectrometer, or format the "
            "column as numbers before typing them.",
        )
    if cell.strip().startswith("#"):
        return f"{shown!r} is a spreadsheet error", "Repair the formula, or leave the cell empty."
    return f"{shown!r} is not a number", "Write a number, or leave the cell empty for a missing value."


_ADVICE = {"is empty": "Export the trace again; a fit needs at least 12 delays."}
_AS_CSV = "Export the data as CSV text (UTF-8): a delay column and signal columns, or a wavelength x delay map."


def read_text(path: str | Path) -> tuple[str, SourceFile]:
    """The text of a file with line ends made uniform, and the file's identity.

    Raises:
        TraceFileError: if the file cannot be read, is empty, or is no text.
    """
    name = str(path)
    try:
        raw = Path(path).read_bytes()
    except OSError as problem:
        raise TraceFileError(
            name, f"cannot be read ({problem.strerror})", "Check the path and its permissions."
        ) from None
    try:
        text = decode_text(raw)
    except NotTextError as problem:
        raise TraceFileError(name, problem.what, _ADVICE.get(problem.what, _AS_CSV)) from None
    return text, SourceFile(name, sha256(raw).hexdigest())


#: Picoseconds in one of each unit of time.
TIME_UNITS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6, "s": 1e12}
_UNIT = re.compile(r"(?:[\s_(\[/,]|\bin\s)\s*(fs|ps|ns|us|µs|μs|s|sec|seconds?)\s*[)\]]?\s*$", re.IGNORECASE)

#: Light passes a delay stage there and back: 20 ns is 3 m of stage, longer than any. Less than 0.1 ps in all, about the
#: length of a pulse, holds no rise and no decay.
LONGEST_PS, SHORTEST_PS = 20_000.0, 0.1


def delay_unit_in(heading: str) -> str | None:
    """The unit a heading names ("delay_fs", "Time (ps)", "t / ns"), or None."""
    found = _UNIT.search(heading)
    if found is None:
        return None
    unit = found[1].lower().replace("µ", "u").replace("μ", "u")
    return "s" if unit.startswith("s") else unit


def to_ps(
    delay: NDArray[np.float64], name: str, heading_unit: str | None, given_unit: str | None
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Delays in ps, and notes on how.

    Args:
        delay: as the file has them, shape (t,).
        name: the file, for messages.
        heading_unit: what the heading says, or None (then ps).
        given_unit: what the user says; it overrules the heading and is believed.

    Raises:
        UnitError: for an unknown unit, or a span no delay line has, where the user did not say so.
    """
    if given_unit is not None and given_unit not in TIME_UNITS:
        raise UnitError(f"no delay unit {given_unit!r}: use one of {', '.join(TIME_UNITS)}")
    unit = given_unit or heading_unit or "ps"
    in_ps = delay * TIME_UNITS[unit]
    finite = in_ps[np.isfinite(in_ps)]
    span = float(np.ptp(finite)) if finite.size else 0.0
    if given_unit is None and finite.size > 1 and not SHORTEST_PS <= span <= LONGEST_PS:
        raise UnitError(_implausible(name, unit, finite, span))
    notes = () if unit == "ps" else (f"Delays of {name} were converted from {unit} to ps.",)
    return in_ps, notes


def _implausible(name: str, unit: str, in_ps: NDArray[np.float64], span: float) -> str:
    fitting = [
        f"{other} ({span / TIME_UNITS[unit] * factor:.4g} ps)"
        for other, factor in TIME_UNITS.items()
        if SHORTEST_PS <= span / TIME_UNITS[unit] * factor <= LONGEST_PS
    ]
    why = "longer than any delay line" if span > LONGEST_PS else "shorter than a rise and a decay"
    return (
        f"{name}: delays in {unit} span {span:.4g} ps ({in_ps.min():.4g} to {in_ps.max():.4g} ps), {why}. "
        f"If they are in another unit, say so (delay_unit, --delay-unit): {' or '.join(fitting) or 'none fits'}; "
        f"to keep {unit}, say that"
    )


_SAMPLE = 200
_COMMENT = ("#", "%", "//", "!")
#: Separator and decimal mark, tried in this order.
_CANDIDATES = (("\t", "."), ("\t", ","), (";", "."), (";", ","), (",", "."), (" ", "."), (" ", ","))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text table is written: its separator (a blank stands for any run of blanks) and its decimal mark."""

    separator: str
    decimal: str


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The numbers of one file.

    Attributes:
        headings: one per column, or None where the file has none.
        values: shape (rows, columns); missing cells are NaN.
        lines: one-based line of the file of each row, shape (rows,).
    """

    headings: tuple[str, ...] | None
    values: NDArray[np.float64]
    lines: NDArray[np.int64]


def parse_table(name: str, text: str) -> Table:
    """The one block of numbers of a file, with the line above it as headings. Lines of text may follow the block.

    Args:
        name: the file, for messages.
        text: its text.

    Raises:
        TraceFileError: naming the row, if there are no numbers, a cell is no number, or a row has too many cells.
    """
    lines = text.split("\n")
    dialect = sniff(name, lines)
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    first = next(
        at
        for at, (_, line) in enumerate(filled)
        if not _skipped(line) and is_numeric(split_line(line, dialect), dialect)
    )
    above, body = filled[:first], [row for row in filled[first:] if not _skipped(row[1])]
    stop = _end_of_numbers(body, dialect)
    width = len(split_line(body[0][1], dialect))
    headings = _headings(name, above, dialect, width)
    columns = width if headings is None else max(width, len(headings))
    values = _fast(body[:stop], dialect, columns)
    if values is None:
        rows = [_row(name, number, split_line(line, dialect), dialect, columns) for number, line in body[:stop]]
        values = np.array(rows, dtype=np.float64)
    numbers = np.array([number for number, _ in body[:stop]], dtype=np.int64)
    return _without_empty_columns(Table(headings, values, numbers))


def sniff(name: str, lines: list[str]) -> Dialect:
    """The dialect under which most lines are rows of at least two numbers.

    Raises:
        TraceFileError: if no dialect makes any line a row of numbers.
    """
    declared = re.match(r"\ufeff?sep=(.)", lines[0].strip(), re.IGNORECASE) if lines else None
    candidates = [c for c in _CANDIDATES if declared is None or c[0] == declared[1]] or list(_CANDIDATES)
    filled = [line for line in lines if line.strip() and not _skipped(line)]
    stride = max(len(filled) // _SAMPLE, 1)
    sample = filled[:20] + filled[20::stride]
    counts = [sum(is_numeric(split_line(line, Dialect(*c)), Dialect(*c)) for line in sample) for c in candidates]
    if not any(counts):
        raise TraceFileError(
            name,
            "holds no row of two or more numbers",
            "Give a text table: delays in the first column and the signal beside them, or a wavelength x delay map.",
        )
    return Dialect(*candidates[int(np.argmax(counts))])


def split_line(line: str, dialect: Dialect) -> list[str]:
    """The cells of one line."""
    if dialect.separator == " ":
        return line.split()
    if '"' in line:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=dialect.separator))]
    return [cell.strip() for cell in line.split(dialect.separator)]


def _skipped(line: str) -> bool:
    start = line.lstrip("\ufeff \t")
    return start[:4].lower() == "sep=" or (start.startswith(_COMMENT) and not start.lower().startswith(("#n/a", "#nv")))


def is_numeric(cells: list[str], dialect: Dialect) -> bool:
    """At least two cells, all numbers or missing, at least one a number (in the first two, so that no text line of
    lone numbers counts)."""
    if len(cells) < 2:
        return False
    numbers = [to_number(cell, dialect.decimal) for cell in cells]
    return all(n is not None for n in numbers) and any(n is not None and not isnan(n) for n in numbers[:2])


def _end_of_numbers(body: list[tuple[int, str]], dialect: Dialect) -> int:
    """One past the last row of numbers; what follows is the text that software appends."""
    stop = len(body)
    while not is_numeric(split_line(body[stop - 1][1], dialect), dialect):
        stop -= 1
    return stop


def _headings(name: str, above: list[tuple[int, str]], dialect: Dialect, width: int) -> tuple[str, ...] | None:
    """The line above the numbers, where it has a cell per column; two such lines (names, units) are joined."""
    found: list[list[str]] = []
    for _, line in above[:-3:-1]:
        cells = _heading_cells(line, dialect)
        while len(cells) > width and is_missing(cells[-1]):
            cells.pop()
        if len(cells) != width and (found or dialect.separator == " " or len(cells) < 2):
            break
        found.insert(0, cells)
        if len(cells) != width:
            break
    if not found:
        return None
    if dialect.separator == "," and width == 2 * len(found[-1]):
        raise TraceFileError(
            name,
            f"{len(found[-1])} headings but {width} cells a row: the comma seems to be both separator and decimal mark",
            "Export with semicolons between columns, or with decimal points.",
            row=above[-1][0] + 1,
        )
    return tuple(" ".join(parts).strip() for parts in zip(*found, strict=True))


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
        raise TraceFileError(
            name, f"{len(cells)} cells where the rows above have {columns}", "Write one row per delay.", row=number
        )
    values = []
    for column, cell in enumerate(cells, 1):
        value = to_number(cell, dialect.decimal)
        if value is None:
            problem, right = bad_cell(cell)
            raise TraceFileError(name, f"{problem} (column {column})", right, row=number)
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


def _without_empty_columns(table: Table) -> Table:
    """Spreadsheets append empty columns: those without a number and without a heading go."""
    named = [bool(heading.strip()) for heading in table.headings or [""] * table.values.shape[1]]
    named += [False] * (table.values.shape[1] - len(named))
    keep = np.isfinite(table.values).any(axis=0) | np.array(named)
    headings = None
    if table.headings is not None:
        padded = table.headings + ("",) * (len(keep) - len(table.headings))
        headings = tuple(heading for heading, kept in zip(padded, keep, strict=True) if kept)
    return Table(headings, table.values[:, keep], table.lines)
