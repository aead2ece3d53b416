"""Single cells of a table: numbers, missing values, yes and no; a problem says what would be right."""

from __future__ import annotations

import math
import re

from chemspace.errors import CellError

__all__ = ["bad_cell", "flag", "is_missing", "number", "optional_number", "to_number", "with_point"]

_MISSING = frozenset({"", "nan", "-nan", "na", "n/a", "#n/a", "#nv", "null", "none", "-", "--", "1.#qnan", "-1.#ind"})
#: What instruments, Fortran and Windows write in place of a number.
_OVERFLOW = re.compile(r"\*+|-?1\.#\w+|ovld|ovl|overload|overflow", re.IGNORECASE)
_FORTRAN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[dD][-+]?\d+")
_YES, _NO = frozenset({"true", "yes", "1", "x", "y"}), frozenset({"", "false", "no", "0", "n"})
_GROUPED = re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d+)?")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_MONTH = r"(?:jan|feb|m[aä]r|mrz|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])[a-zä]*"
_DATE = re.compile(
    rf"\d{{1,4}}[-./ ]+{_MONTH}|{_MONTH}[-./ ]+\d{{1,4}}"
    r"|\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    re.IGNORECASE,
)


def without_guard(cell: str) -> str:
    """A cell of a table for people without the quote that keeps a spreadsheet from running it; see `tables.write`."""
    return cell[1:] if cell.startswith("'") and _GUARDED.match(cell) else cell


def is_missing(cell: str) -> bool:
    """Whether a cell stands for no value."""
    text = cell.strip()
    return text.lower() in _MISSING or _OVERFLOW.fullmatch(text) is not None


def to_number(cell: str, decimal: str) -> float | None:
    """The number in a cell that an instrument wrote, NaN for a missing one, None where it is no number. `cell`: the
    text of one cell, quotes already removed; `decimal`: the decimal mark of the file, "." or ","."""
    text = cell.strip().replace("\u2212", "-").replace("\u00a0", "")
    if is_missing(text):
        return math.nan
    if decimal == ",":
        if "." in text:  # 1.234,5 is clear; 1.234 may be a thousand or one and a quarter, so it is refused
            if "," not in text or not _GROUPED.fullmatch(text):
                return None
            text = text.replace(".", "")
        text = text.replace(",", ".")
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return float(re.sub("[dD]", "e", text)) if _FORTRAN.fullmatch(text) else None


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


def number(text: str, wanted: str = "a number") -> float:
    """A finite number. `text`: the cell, with a decimal point; `wanted`: what the cell should hold, for messages.
    Raises CellError if the cell is empty or holds anything else."""
    cell = text.strip()
    if not cell:
        raise CellError(f"the cell is empty; it needs {wanted}")
    if cell.startswith("="):
        raise CellError(
            f"{cell!r} is a formula whose value the file does not keep; open it in a spreadsheet and save it"
        )
    try:
        value = float(cell)
    except ValueError:
        raise CellError(_not_a_number(cell, wanted)) from None
    if not math.isfinite(value) or "_" in cell:
        raise CellError(f"{cell!r} is not {wanted}")
    return value


def optional_number(text: str) -> float | None:
    """A finite number, None for an empty cell. Raises CellError if it is anything else."""
    return number(text, "a number or an empty cell") if text.strip() else None


def flag(text: str) -> bool:
    """A cell that is yes or no; empty is no. Raises CellError if it is neither."""
    if text.strip().lower() in _YES:
        return True
    if text.strip().lower() in _NO:
        return False
    raise CellError(f"{text!r} is neither yes nor no")


def with_point(text: str) -> str:
    """A number of a table that writes decimal commas, with a decimal point; other text as it stands. Raises CellError
    for a number that may be a thousand or one and a quarter."""
    if _GROUPED.fullmatch(text) and not text.startswith("0."):
        if "," not in text:
            plain = text.replace(".", "")
            raise CellError(
                f"{text!r} may be {plain} or {float(text):g}, beside decimal commas; write it without the point"
            )
        text = text.replace(".", "")
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def _not_a_number(cell: str, wanted: str) -> str:
    problem, right = bad_cell(cell)
    if not problem.endswith("not a number"):
        return f"{problem}; {right[0].lower()}{right[1:].rstrip('.')}"
    if re.fullmatch(r"[-+]?\d+,\d+", cell):
        return f"{cell!r} has a decimal comma; write {cell.replace(',', '.')}"
    return f"{cell!r} is not {wanted}"
