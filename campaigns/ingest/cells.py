"""Cells of a table of lifetimes: a problem is a sentence that says what would be right."""

from __future__ import annotations

import re

from chemspace.errors import CellError
from chemspace.tables.cells import number, optional_number
from chemspace.tables.units import is_rate, lifetime_in_ps, stderr_in_ps, unit_of
from screening.dataset import PLAUSIBLE_LIFETIME_PS

_NUMBER_AND_UNIT = re.compile(r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([^\d\s].*)")


def lifetime(text: str, *, accept_extreme: bool, unit: str | None = "ps") -> float:
    """A lifetime in ps. Raises CellError if it is empty, no number, not positive, extreme or has its own unit."""
    if unit is None:
        text, unit = _with_own_unit(text)
    what = "a rate" if is_rate(unit) else "a lifetime"
    _refuse_own_unit(text, unit)
    value = number(text, f"{what} in {unit}, for example 3.2")
    if value <= 0:
        raise CellError(f"{text} is not {what}; it must be positive (leave the row out if none could be measured)")
    in_ps = lifetime_in_ps(value, unit)
    low, high = PLAUSIBLE_LIFETIME_PS
    if not accept_extreme and not low <= in_ps <= high:
        raise CellError(f"{text} {unit} {far_outside(value, in_ps, unit)}; if it is right, use --accept-extreme")
    return in_ps


def standard_error(text: str, lifetime_ps: float, unit: str | None = "ps") -> float | None:
    """A standard error in ps, None if empty. CellError if it is not positive or above ten times the lifetime."""
    if unit is None:
        text, unit = _with_own_unit(text)
    _refuse_own_unit(text, unit)
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
    """Whether a cell as "<0.05" (">20" for a rate) is an upper bound, and its number. CellError for a lower bound."""
    sign, rest = text[:1], text[1:].lstrip("= ")
    if sign not in "<>≤≥" or not text:
        return False, text
    own = _NUMBER_AND_UNIT.fullmatch(rest) if unit is None else None
    rate = is_rate(unit or (unit_of(own[2]) or "ps" if own else "ps"))
    if (sign in "<≤") == rate:
        raise CellError(f"{text!r} says only that the lifetime is longer; such a row teaches nothing yet, leave it out")
    return True, rest


def temperature(text: str) -> float | None:
    """A temperature in K, None for an empty cell. Raises CellError if it is not a positive number."""
    value = optional_number(text)
    if value is not None and value <= 0:
        raise CellError(f"{text} is not a temperature in K; it must be positive (K = C + 273.15)")
    return value


def density(text: str) -> float | None:
    """A density per cubic centimetre, None for an empty cell. Raises CellError if it is none."""
    value = optional_number(re.sub(r"\s*(?:/ ?cm3|cm\^?-3|cm⁻³)$", "", text.strip()))
    if value is not None and not 1e10 <= value <= 1e24:
        raise CellError(f"{text} is not a density; write how many there are in a cubic centimetre, such as 3e18")
    return value


#: Microjoules a square centimetre in one of each unit.
_FLUENCES = {"nj": 1e-3, "uj": 1.0, "µj": 1.0, "μj": 1.0, "mj": 1e3}
FLUENCE_UNIT = re.compile(r"([a-zµμ]*j) ?(?:/|per|_per_|_)? ?cm(?:2|²|\^2|\*\*2|-2|⁻²)", re.IGNORECASE)


def fluence(text: str, heading: str) -> float | None:
    """A fluence in microjoules a square centimetre, in the unit of the cell, else of its heading, else in these; None
    for an empty cell. Raises CellError if it is not a positive number in a unit of `_FLUENCES` a square centimetre."""
    found = FLUENCE_UNIT.search(text) or FLUENCE_UNIT.search(heading)
    value = optional_number(FLUENCE_UNIT.sub("", text).strip())
    factor = 1.0 if found is None else _FLUENCES.get(found[1].lower())
    if factor is None or (value is not None and value <= 0):
        raise CellError(f"{text} is not a fluence; write a positive number, in uJ/cm2, nJ/cm2 or mJ/cm2")
    return None if value is None else value * factor


def _with_own_unit(text: str) -> tuple[str, str]:
    """The number and the unit of a cell such as "3.1 ns", in a table whose cells name their units."""
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    unit = None if match is None else unit_of(match[2])
    if match is None or unit is None:
        if text.strip():
            raise CellError(f"{text!r} names no unit, and the others of its kind do; write it with its unit")
        return text, "ps"
    return match[1], unit


def far_outside(value: float, in_ps: float, unit: str) -> str:
    """What is wrong with an extreme lifetime of `value` in `unit`, which is `in_ps` in ps."""
    low, high = PLAUSIBLE_LIFETIME_PS
    if unit != "ps":
        return f"is {in_ps:g} ps, far outside {low:g} to {high:g} ps; is the unit right"
    hint = f"if it is in fs, write {value / 1e3:g}" if value > high else f"if it is in ns, write {value * 1e3:g}"
    return f"is far outside {low:g} to {high:g} ps; {hint}"


def _refuse_own_unit(text: str, unit: str) -> None:
    """Refuse a cell that carries a unit in a column that has one."""
    cell = text.strip()
    match = _NUMBER_AND_UNIT.fullmatch(cell)
    own = unit_of(match[2]) if match is not None else None
    if match is None or own is None:
        return
    try:
        in_ps = lifetime_in_ps(float(match[1]), own)
        here = lifetime_in_ps(in_ps, unit) if is_rate(unit) else in_ps / lifetime_in_ps(1.0, unit)
    except (ValueError, ZeroDivisionError):
        return
    if is_rate(own) != is_rate(unit):
        column = f"a rate in {unit}" if is_rate(unit) else f"a lifetime in {unit}"
        raise CellError(
            f"{cell!r} is a {'rate' if is_rate(own) else 'lifetime'}; this column is {column}, write {here:.4g}"
        )
    raise CellError(f"{cell!r} carries a unit; this column is in {unit}, write {here:g}")
