"""Single cells of a table: numbers and their units, missing values, yes and no; a problem says what would be right. And
text that can be kept: valid Unicode without control characters; what is kept already is shown with U+FFFD."""

from __future__ import annotations

import math
import re
from typing import Any

from chemspace.errors import CellError

__all__ = [
    "LENGTH_UNITS",
    "TIME_UNITS",
    "UNITS",
    "bad_cell",
    "flag",
    "is_missing",
    "is_rate",
    "length_of",
    "lifetime_in_ps",
    "number",
    "one_line",
    "optional_number",
    "printable",
    "split_heading",
    "stderr_in_ps",
    "text_problem",
    "to_number",
    "unit_of",
    "unit_text",
]

#: Picoseconds in one of each unit of time.
TIME_UNITS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6, "s": 1e12}
#: Every unit by the name it has in options and messages.
UNITS = (*TIME_UNITS, *(f"{time}^-1" for time in TIME_UNITS))

#: Units of length that a position of a delay stage is given in, in mm.
LENGTH_UNITS = {"um": 1e-3, "mm": 1.0}
_LENGTH = {"mm": r"mm|milli-?met(?:er|re)s?", "um": r"[u\u00b5\u03bc]m|microns?|mi[ck]romet(?:er|re)s?"}
_EXPONENT = {"15": "fs", "12": "ps", "9": "ns", "6": "us"}
_SECOND = r"(?:secs?|seconds?|sek|sekunden?|secondes?|segundos?|secondi|s)"
_POWER = r"(?:10\s*\^?|1e)\s*[-\u2212](?:15|12|9|6)\s*s"
_TIME = rf"(?:{_POWER}|(?:femto|pi[ck]o|nano|mi[ck]ro|[fpnu\u00b5\u03bc])?{_SECOND})"
_UNIT = rf"1\s*/\s*{_TIME}|per[ _]{_TIME}|{_TIME}\s*(?:\^?\s*[-\u2212]\s*1|\u207b\u00b9)?"
#: "tau (fs)", "lifetime_ns", "rate / ps^-1", "k in 1/ps": a name, something between, a unit.
_HEADING = re.compile(
    rf"(?P<name>.*?)(?P<between>[\s_]*[(\uff08\[/,|][\s]*|\s+in\s+|[\s_]+)(?P<unit>{_UNIT})\s*[)\uff09\]]?",
    re.IGNORECASE,
)
#: Units that are none of a time or a rate, as last words of headings.
_OTHER = (
    rf"{_LENGTH['mm']}|{_LENGTH['um']}|nm|cm|m|in(?:ch)?|met(?:er|re)s?|ms|msec|min|h|as|milliseconds?|steps?|counts?|"
    r"points?|pulses?|deg|degrees?|rad|[kmu\u00b5]?v|volts?|hz|[kmgt]hz|cm-1|cm\^-1|ev|mev|pixels?"
)
#: Symbols whose "_s" is an index (the spin's), not seconds.
_INDEXED = re.compile(r"(?:^|[\W_])(?:tau|\u03c4|k|gamma|\u03b3|sigma|\u03c3)$", re.IGNORECASE)


def unit_of(text: str) -> str | None:
    """The unit a text names ("ps", "1/ps", "ps^-1", "per_ps", "picoseconds"), by its name in `UNITS`; None if none."""
    plain = re.sub(r"[\s_]", "", text).lower()
    time = re.sub(r"^(?:1/|per)|(?:(?<!10)\^?[-\u2212]1|\u207b\u00b9)$", "", plain)
    if not re.fullmatch(_TIME, time):
        return None
    if power := re.fullmatch(r"1.*[-\u2212](\d+)s", time):
        name = _EXPONENT[power[1]]
    else:
        prefix = re.sub(rf"{_SECOND}$", "", time)[:1]
        name = f"{prefix if prefix in 'fpn' else 'u'}s"  # micro has four spellings
    return name if time == plain else f"{name}^-1"


def split_heading(heading: str) -> tuple[str, str | None]:
    """Name and unit of a column's heading: ("tau", "fs") for "tau (fs)", ("ps", "ps") where it is only a unit.

    A lone "_s" behind the symbol of a lifetime or a rate (tau_s, k_s) is an index, not seconds.
    """
    text = heading.strip()
    if alone := unit_of(text.strip("()[] ")):
        return text, alone
    found = _HEADING.fullmatch(text)
    if found is None or not found["name"].strip():
        return text, None
    unit = unit_of(found["unit"])
    if unit == "s" and not found["between"].strip(" _") and _INDEXED.search(found["name"].rstrip(" _")):
        return text, None
    return found["name"].strip(" _"), unit


def length_of(text: str) -> str | None:
    """The unit of length a text names ("mm", "micron"), by its name in `LENGTH_UNITS`; None if it names none."""
    return next((name for name, words in _LENGTH.items() if re.fullmatch(words, text.strip().lower())), None)


def unit_text(heading: str) -> str | None:
    """What stands in a heading where a unit stands: in brackets at its end, behind "/" or ",", or as a last word that
    is a unit elsewhere; None where nothing does."""
    text = heading.strip()
    if found := re.search(r"[(\[]\s*([^()\[\]]*?)\s*[)\]]$", text):
        return found[1] or None
    if found := re.search(r"[^\s/,]\s*[/,]\s*([^\s/,][^/,]*)$", text):
        return found[1]
    found = re.search(rf"(?:^|[\s_])({_OTHER})$", text, re.IGNORECASE)
    return found[1] if found else None


def is_rate(unit: str) -> bool:
    """Whether a unit is one over a time."""
    return unit.endswith("^-1")


def lifetime_in_ps(value: float, unit: str) -> float:
    """A lifetime in ps from a positive lifetime or rate in `unit`."""
    scale = TIME_UNITS[unit.removesuffix("^-1")]
    return scale / value if is_rate(unit) else scale * value


def stderr_in_ps(value: float, unit: str, lifetime_ps: float) -> float:
    """Standard error of the lifetime, ps; that of a rate, to first order, is sigma_tau = tau^2 sigma_k."""
    scale = TIME_UNITS[unit.removesuffix("^-1")]
    return lifetime_ps**2 * value / scale if is_rate(unit) else scale * value


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
    if text == "Na":  # the element
        return False
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
    if shown.startswith("="):
        return (
            f"{shown!r} is a formula whose value the file does not keep",
            "Open it in a spreadsheet and save it.",
        )
    if shown.startswith("#"):
        return f"{shown!r} is a spreadsheet error", "Repair the formula, or leave the cell empty."
    return f"{shown!r} is not a number", "Write a number, or leave the cell empty for a missing value."


def number(text: str, wanted: str = "a number") -> float:
    """A finite number. `text`: the cell, with a decimal point; `wanted`: what the cell should hold, for messages.
    Raises CellError if the cell is empty or holds anything else."""
    cell = text.strip()
    if not cell:
        raise CellError(f"the cell is empty; it needs {wanted}")
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
    if re.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}", cell):
        return f"{cell!r} may be {cell.replace(',', '')} or {cell.replace(',', '.')}; write it without the comma"
    if re.fullmatch(r"[-+]?\d+,\d+", cell):
        return f"{cell!r} has a decimal comma; write {cell.replace(',', '.')}"
    return f"{cell!r} is not {wanted}"


#: Halves of characters, and control characters but for tabs and line feeds: no file can hold the former, and a terminal
#: obeys the latter. Among them are those that turn the direction of what follows (U+202A to U+202E, U+2066 to U+2069).
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def text_problem(text: str) -> str:
    """Why a text cannot be recorded, as the end of a sentence about it; "" where it can."""
    if (found := _UNFIT.search(text)) is None:
        return ""
    code = ord(found[0])
    if code >= 0xD800:
        return f"holds half a character (U+{code:04X}), which is no valid text; write it anew"
    return f"holds the control character U+{code:04X}; delete it"


def one_line(text: str) -> str:
    """`text` with a blank for every line end and tab, as a spreadsheet's cell may hold them."""
    return re.sub("[\t\r\n]+", " ", text)


def printable(value: Any) -> Any:
    """`value` (text, or lists and dictionaries of it) with U+FFFD for every character that cannot be recorded."""
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {printable(name): printable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [printable(part) for part in value]
    return value
