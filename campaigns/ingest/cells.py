"""Read single cells of a results table; a problem is a sentence that says what would be right."""

from __future__ import annotations

import math
import re

from campaigns.kinetics.table import TIME_UNITS, bad_cell
from screening.dataset import PLAUSIBLE_LIFETIME_PS

#: Every unit by the name it has in options and messages.
UNITS = (*TIME_UNITS, *(f"{time}^-1" for time in TIME_UNITS))

_TIME = "fs|ps|ns|us|µs|μs|s"
_UNIT = rf"1\s*/\s*(?:{_TIME})|per[ _](?:{_TIME})|(?:{_TIME})\s*(?:\^?\s*[-−]\s*1|⁻¹)?"
#: "tau (fs)", "lifetime_ns", "rate / ps^-1", "k in 1/ps": a name, something between, a unit.
_HEADING = re.compile(
    rf"(?P<name>.*?)(?P<between>[\s_]*[(\[/,|][\s]*|\s+in\s+|[\s_]+)(?P<unit>{_UNIT})\s*[)\]]?$", re.I
)


def unit_of(text: str) -> str | None:
    """The unit a text names ("ps", "1/ps", "ps⁻¹", "per_ps"), by its name in `UNITS`; None if it names none."""
    plain = re.sub(r"[\s_]", "", text).lower().replace("µ", "u").replace("μ", "u")
    time = re.sub(r"^(1/|per)|(\^?[-−]1|⁻¹)$", "", plain)
    if time not in TIME_UNITS:
        return None
    return time if time == plain else f"{time}^-1"


def split_heading(heading: str) -> tuple[str, str | None]:
    """Name and unit of a column's heading; a lone "_s" is an index (the spin's), not seconds."""
    found = _HEADING.fullmatch(heading.strip())
    if found is None or not found["name"].strip():
        return heading.strip(), None
    unit = unit_of(found["unit"])
    if unit == "s" and not found["between"].strip(" _"):
        return heading.strip(), None
    return found["name"].strip(" _"), unit


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


_NUMBER_AND_UNIT = re.compile(r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([^\d\s].*)")
_GROUPED = re.compile(r"[-+]?\d{1,3}(\.\d{3})+(,\d+)?")
_YES, _NO = frozenset({"true", "yes", "1", "x", "y"}), frozenset({"", "false", "no", "0", "n"})


class CellError(ValueError):
    """What is wrong with one cell."""


def lifetime(text: str, *, accept_extreme: bool, unit: str | None = "ps") -> float:
    """A lifetime in ps.

    Args:
        text: the cell, a lifetime or a rate.
        accept_extreme: take lifetimes far outside what has been measured so far.
        unit: unit of the column; None where the cell names its own.

    Raises:
        CellError: if the cell is empty, not a number, carries a unit of its own, is not positive or is extreme.
    """
    if unit is None:
        text, unit = _with_own_unit(text)
    what = "a rate" if is_rate(unit) else "a lifetime"
    value = _number(text, f"{what} in {unit}, for example 3.2", unit)
    if value <= 0:
        raise CellError(f"{text} is not {what}; it must be positive (leave the row out if none could be measured)")
    in_ps = lifetime_in_ps(value, unit)
    low, high = PLAUSIBLE_LIFETIME_PS
    if not accept_extreme and not low <= in_ps <= high:
        raise CellError(f"{text} {unit} {_far_outside(value, in_ps, unit)}; if it is right, use --accept-extreme")
    return in_ps


def standard_error(text: str, lifetime_ps: float, unit: str | None = "ps") -> float | None:
    """A standard error in ps, None for an empty cell.

    Args:
        text: the cell.
        lifetime_ps: the lifetime it belongs to, ps.
        unit: unit of the column; None where the cell names its own.

    Raises:
        CellError: if it is not positive or larger than ten times the lifetime.
    """
    if unit is None:
        text, unit = _with_own_unit(text)
    value = optional_number(text)
    if value is None:
        return None
    if value <= 0:
        raise CellError(f"{text} is not a standard error; it must be positive (leave the cell empty if unknown)")
    in_ps = stderr_in_ps(value, unit, lifetime_ps)
    if in_ps > 10 * lifetime_ps:
        raise CellError(f"{text} {unit} is more than ten times the lifetime {lifetime_ps:g} ps; is it in another unit?")
    return in_ps


def split_bound(text: str, unit: str | None) -> tuple[bool, str]:
    """Whether a cell such as "<0.05" (or ">20" for a rate) is an upper bound of the lifetime, and its number.

    Raises:
        CellError: for a lower bound, which no row can be.
    """
    sign, rest = text[:1], text[1:].lstrip("= ")
    if sign not in "<>≤≥" or not text:
        return False, text
    own = _NUMBER_AND_UNIT.fullmatch(rest) if unit is None else None
    rate = is_rate(unit or (unit_of(own[2]) or "ps" if own else "ps"))
    if (sign in "<≤") == rate:
        raise CellError(f"{text!r} says only that the lifetime is longer; such a row teaches nothing yet, leave it out")
    return True, rest


def flag(text: str) -> bool:
    """A cell that is yes or no; empty is no.

    Raises:
        CellError: if it is neither.
    """
    if text.strip().lower() in _YES:
        return True
    if text.strip().lower() in _NO:
        return False
    raise CellError(f"{text!r} is neither yes nor no")


def optional_number(text: str) -> float | None:
    """A number, None for an empty cell.

    Raises:
        CellError: if it is not a finite number.
    """
    return None if not text.strip() else _number(text, "a number or an empty cell", "ps")


def number(text: str) -> float:
    """A finite number, whatever its unit.

    Raises:
        CellError: if the cell is empty or holds anything else.
    """
    return _number(text, "a number", None)


def temperature(text: str) -> float | None:
    """A temperature in K, None for an empty cell.

    Raises:
        CellError: if it is not a positive number.
    """
    value = optional_number(text)
    if value is not None and value <= 0:
        raise CellError(f"{text} is not a temperature in K; it must be positive (K = C + 273.15)")
    return value


def with_point(text: str, *, commas: bool) -> str:
    """A number of a table that may write decimal commas, with a decimal point.

    Args:
        text: the cell.
        commas: whether any number of the table has a decimal comma; "1.250" is then ambiguous.

    Raises:
        CellError: for a number that may be a thousand or one and a quarter.
    """
    if commas and _GROUPED.fullmatch(text) and not text.startswith("0."):
        if "," not in text:
            plain = text.replace(".", "")
            raise CellError(
                f"{text!r} may be {plain} or {float(text):g}, beside decimal commas; write it without the point"
            )
        text = text.replace(".", "")
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def _with_own_unit(text: str) -> tuple[str, str]:
    """The number and the unit of a cell such as "3.1 ns", in a table whose cells name their units."""
    found = _NUMBER_AND_UNIT.fullmatch(text.strip())
    unit = None if found is None else unit_of(found[2])
    if found is None or unit is None:
        if text.strip():
            raise CellError(f"{text!r} names no unit, and the others of its kind do; write it with its unit")
        return text, "ps"
    return found[1], unit


def _far_outside(value: float, in_ps: float, unit: str) -> str:
    low, high = PLAUSIBLE_LIFETIME_PS
    if unit != "ps":
        return f"is {in_ps:g} ps, far outside {low:g} to {high:g} ps; is the unit right"
    hint = f"if it is in fs, write {value / 1e3:g}" if value > high else f"if it is in ns, write {value * 1e3:g}"
    return f"is far outside {low:g} to {high:g} ps; {hint}"


def _number(text: str, wanted: str, unit: str | None) -> float:
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
        raise CellError(_not_a_number(cell, wanted, unit)) from None
    if not math.isfinite(value) or "_" in cell:
        raise CellError(f"{cell!r} is not {wanted}")
    return value


def _not_a_number(cell: str, wanted: str, unit: str | None) -> str:
    problem, right = bad_cell(cell)
    if not problem.endswith("not a number"):
        return f"{problem}; {right[0].lower()}{right[1:].rstrip('.')}"
    if re.fullmatch(r"[-+]?\d+,\d+", cell):
        return f"{cell!r} has a decimal comma; write {cell.replace(',', '.')}"
    match = _NUMBER_AND_UNIT.fullmatch(cell)
    own = unit_of(match[2]) if match is not None else None
    if match is None or own is None or unit is None:
        return f"{cell!r} is not {wanted}"
    try:
        in_ps = lifetime_in_ps(float(match[1]), own)
    except (ValueError, ZeroDivisionError):
        return f"{cell!r} is not {wanted}"
    here = lifetime_in_ps(in_ps, unit) if is_rate(unit) else in_ps / lifetime_in_ps(1.0, unit)
    if is_rate(own) != is_rate(unit):
        column = f"a rate in {unit}" if is_rate(unit) else f"a lifetime in {unit}"
        return f"{cell!r} is a {'rate' if is_rate(own) else 'lifetime'}; this column is {column}, write {here:.4g}"
    return f"{cell!r} carries a unit; this column is in {unit}, write {here:g}"
