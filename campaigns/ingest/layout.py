"""Which column of a results table is what, and in which unit: declared, named as spinscreen names it, or guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from campaigns.errors import IngestError
from campaigns.ingest.cells import UNITS, lifetime_in_ps, split_heading, unit_of
from campaigns.ingest.grid import Grid

__all__ = ["layout_of"]

#: spinscreen's own headings, taken without asking, and the field each is.
COLUMNS = {
    "formula": "formula",
    "lifetime_ps": "lifetime",
    "lifetime_stderr_ps": "lifetime_stderr",
    "sample": "sample",
    "source": "source",
    "temperature_k": "temperature_k",
    "technique": "technique",
    "note": "note",
    "is_upper_bound": "is_upper_bound",
    "convention": "convention",
}
#: What a table can say of a measurement; the names that `--map` takes.
FIELDS = tuple(COLUMNS.values())
#: Fields whose cells are numbers.
NUMBERS = ("lifetime", "lifetime_stderr", "temperature_k")

#: Other names that are proposed for a field, without their unit. Free text is never guessed: nothing depends on it.
_ALIASES = {
    "formula": {"compound", "material", "composition", "chemical_formula", "perovskite"},
    "lifetime": {
        "lifetime", "spin_lifetime", "tau", "tau_s", "tau_spin", "τ", "τ_s", "decay_time", "relaxation_time",
        "spin_relaxation_time", "rate", "relaxation_rate", "spin_relaxation_rate", "decay_rate", "k", "k_s",
    },
    "lifetime_stderr": {
        "lifetime_stderr", "lifetime_error", "lifetime_err", "lifetime_sd", "lifetime_sigma", "tau_error", "tau_err",
        "tau_stderr", "sigma", "sigma_tau", "σ", "error", "err", "stderr", "standard_error", "sd", "std", "uncertainty",
        "rate_error", "rate_err", "rate_stderr", "d_tau", "dtau",
    },
    "sample": {"sample_id", "sample_name", "crystal", "crystal_id"},
    "temperature_k": {"temperature", "temp", "t_k"},
    "is_upper_bound": {"upper_bound", "censored", "bound"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a table.

    Attributes:
        columns: column of each field that is there.
        units: unit of the fields "lifetime" and "lifetime_stderr"; None where every cell names its own.
        guesses: what was assumed, as sentences; () where everything is declared.
        declare: options that would declare the same.
        warnings: columns that are not used, units that overrule a heading.
    """

    columns: Mapping[str, str]
    units: Mapping[str, str | None]
    guesses: tuple[str, ...]
    declare: tuple[str, ...]
    warnings: tuple[str, ...]


def layout_of(name: str, grid: Grid, declared: Mapping[str, str], unit: str | None) -> Layout:
    """Find the fields of a table.

    Args:
        name: the file's name, for messages.
        grid: the table.
        declared: column of a field, as the user says; "" leaves the field out.
        unit: unit of the lifetimes, as the user says; it overrules the heading.

    Raises:
        IngestError: if something declared is not there, a required column is missing, or two could be meant.
    """
    _check_declared(name, grid, declared, unit)
    columns = {field: column for field, column in declared.items() if column}
    for column in grid.columns:
        field = COLUMNS.get(column)
        if field is not None and field not in declared and column not in columns.values():
            columns[field] = column
    guessed = _guess(name, grid, columns, declared)
    columns |= guessed
    if missing := [column for column in ("formula", "lifetime_ps") if COLUMNS[column] not in columns]:
        raise IngestError(name, tuple(_missing(column, grid.columns) for column in missing))
    units, unit_guess, warnings = _units(grid, columns, unit)
    guesses = [f"{field.replace('_', ' ')} stands in the column {column!r}" for field, column in guessed.items()]
    declare = [f"--map {field}={_quoted(column)}" for field, column in guessed.items()]
    if unit_guess or "lifetime" in guessed:
        guesses.append(_in_unit(grid, columns["lifetime"], units["lifetime"], named=not unit_guess))
        declare += [] if units["lifetime"] is None else [f"--unit {units['lifetime']}"]
    unused = [column for column in grid.columns if column and column not in columns.values()]
    warnings += [f"column {column!r} is not used (known: {', '.join(COLUMNS)})" for column in unused]
    return Layout(columns, units, (*grid.guesses, *guesses), (*grid.declare, *declare), tuple(warnings))


def _check_declared(name: str, grid: Grid, declared: Mapping[str, str], unit: str | None) -> None:
    problems = [
        f"there is no field {field!r} to map; fields: {', '.join(FIELDS)}" for field in set(declared) - {*FIELDS}
    ]
    problems += [
        f"there is no column {column!r} for {field} (found: {', '.join(grid.columns)})"
        for field, column in declared.items()
        if column and column not in grid.columns
    ]
    if unit is not None and unit not in UNITS:
        problems.append(f"there is no unit {unit!r}; units: {', '.join(UNITS)}")
    if problems:
        raise IngestError(name, tuple(problems))


def _guess(name: str, grid: Grid, known: Mapping[str, str], declared: Mapping[str, str]) -> dict[str, str]:
    """Columns whose heading is another name of a field that has none yet."""
    free = [column for column in grid.columns if column and column not in known.values()]
    found: dict[str, str] = {}
    for field, aliases in _ALIASES.items():
        if field in known or field in declared:
            continue
        alike = [column for column in free if _plain(split_heading(column)[0]) in aliases or _plain(column) in aliases]
        if len(alike) > 1:
            options = " or ".join(f"--map {field}={_quoted(column)}" for column in alike)
            raise IngestError(
                name, (f"{' and '.join(map(repr, alike))} could both be the {field}; say which: {options}",)
            )
        if alike:
            found[field] = alike[0]
    return found


def _units(grid: Grid, columns: Mapping[str, str], unit: str | None) -> tuple[dict[str, str | None], bool, list[str]]:
    """Unit of the lifetime and of its error, whether the first was assumed, and warnings."""
    heading = split_heading(columns["lifetime"])[1]
    warnings = []
    if unit is not None and heading not in (None, unit):
        warnings.append(f"column {columns['lifetime']!r} is read in {unit}, as asked, not in the {heading} it names")
    cells = [row.cells.get(columns["lifetime"], "") for row in grid.rows]
    each_its_own = bool(cells) and all(not cell or _cell_unit(cell) for cell in cells) and any(cells)
    assumed = unit is None and heading is None and not each_its_own
    lifetime = unit or heading or (None if each_its_own else "ps")
    error_heading = split_heading(columns["lifetime_stderr"])[1] if "lifetime_stderr" in columns else None
    return {"lifetime": lifetime, "lifetime_stderr": error_heading or lifetime}, assumed, warnings


def _cell_unit(cell: str) -> str | None:
    """The unit at the end of a cell such as "3.1 ns"."""
    return unit_of(re.sub(r"^[<>≤≥~\s]*[-+]?[0-9.,]+(?:[eE][-+]?[0-9]+)?", "", cell))


def _in_unit(grid: Grid, column: str, unit: str | None, *, named: bool) -> str:
    if unit is None:
        return f"each lifetime in {column!r} is in the unit that its cell names"
    said = f"{column!r} is in {unit}" if named else f"{column!r} names no unit: {unit} is assumed"
    first = next((row for row in grid.rows if row.cells.get(column)), None)
    try:
        value = float(first.cells[column].lstrip("<> ").replace(",", ".")) if first is not None else 0.0
        example = (
            f", so {value:g} in row {first.line} is {lifetime_in_ps(value, unit):g} ps" if first and value > 0 else ""
        )
    except ValueError:
        example = ""
    return said + example


def _missing(column: str, columns: tuple[str, ...]) -> str:
    alike = [other for other in columns if other.split("_")[0] == column.split("_")[0]]
    alike = alike or get_close_matches(column, columns, n=1, cutoff=0.6)
    field = COLUMNS[column]
    hint = f"; if it is {alike[0]!r}, say so: --map {field}={_quoted(alike[0])}" if alike else ""
    return f"column {column!r} is missing (found: {', '.join(columns)}){hint or f'; name it: --map {field}=COLUMN'}"


def _plain(heading: str) -> str:
    return re.sub(r"[^\w]+", "_", heading.lower()).strip("_")


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w.-]+", text) else f"'{text}'"
