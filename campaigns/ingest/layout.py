"""Which column of a table of lifetimes is what, and in which unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.ingest.cells import FLUENCE_UNIT
from chemspace.errors import TableError
from chemspace.tables.fields import Field, match_fields
from chemspace.tables.grid import Grid
from chemspace.tables.units import UNITS, lifetime_in_ps, split_heading, unit_of

#: What a table can say of a measurement. Free text is never guessed: nothing depends on it.
_FIELDS = (
    Field(
        "formula", aliases=frozenset({"compound", "material", "composition", "chemical_formula", "perovskite"}),
        required=True,
    ),
    Field(
        "lifetime", ("lifetime_ps",),
        frozenset({
            "lifetime", "spin_lifetime", "tau", "tau_s", "tau_spin", "τ", "τ_s", "decay_time", "relaxation_time",
            "spin_relaxation_time", "rate", "relaxation_rate", "spin_relaxation_rate", "decay_rate", "k", "k_s",
        }),
        required=True,
    ),
    Field(
        "lifetime_stderr", ("lifetime_stderr_ps",),
        frozenset({
            "lifetime_stderr", "lifetime_error", "lifetime_err", "lifetime_sd", "lifetime_sigma", "tau_error",
            "tau_err", "tau_stderr", "sigma", "sigma_tau", "σ", "error", "err", "stderr", "standard_error", "sd",
            "std", "uncertainty", "rate_error", "rate_err", "rate_stderr", "d_tau", "dtau",
        }),
    ),
    Field("sample", aliases=frozenset({"sample_id", "sample_name", "crystal", "crystal_id"})),
    Field("source"),
    Field("temperature_k", aliases=frozenset({"temperature", "temp", "t_k"})),
    Field("fluence_uj_cm2", aliases=frozenset({"fluence", "pump_fluence", "excitation_fluence"})),
    Field("technique"),
    Field("carrier", aliases=frozenset({"carriers", "charge_carrier", "quasiparticle"})),
    Field("density_cm3", aliases=frozenset({"density", "carrier_density", "exciton_density", "excitation_density"})),
    Field("note"),
    Field("is_upper_bound", aliases=frozenset({"upper_bound", "censored", "bound"})),
    Field("convention"),
)  # fmt: skip
#: spinscreen's own headings, taken without asking, and the field each is.
COLUMNS = {heading: field.name for field in _FIELDS for heading in field.own}
#: The names that `--map` takes.
FIELDS = tuple(COLUMNS.values())
#: Fields whose cells are numbers.
NUMBERS = ("lifetime", "lifetime_stderr", "temperature_k", "fluence_uj_cm2", "density_cm3")


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


#: Columns of an export that its ingest has no use for.
EXPORTED = frozenset({"number", "file", "at", "actor", "sha256"})
#: That and what younger exports hold beside it.
_NOT_USED = EXPORTED | {"warned"}


def layout_of(name: str, grid: Grid, declared: Mapping[str, str], unit: str | None) -> Layout:
    """Find the fields of a table. Raises TableError for one that is missing or declared and not there, or two."""
    if unit is not None and unit not in UNITS:
        raise TableError(name, f"there is no unit {unit!r}; units: {', '.join(UNITS)}")
    fluences = [column for column in grid.columns if "fluence" in column.lower() and FLUENCE_UNIT.search(column)]
    if len(fluences) == 1:  # its heading names a unit of its own
        declared = {"fluence_uj_cm2": fluences[0], **declared}
    matched = match_fields(name, grid.columns, _FIELDS, declared)
    columns = matched.columns
    units, unit_guess, warnings = _units(grid, columns, unit)
    guesses, declare = [*grid.guesses, *matched.guesses], [*grid.declare, *matched.declare]
    if unit_guess or "lifetime" in matched.guessed:
        guesses.append(_in_unit(grid, columns["lifetime"], units["lifetime"], named=not unit_guess))
        declare += [] if units["lifetime"] is None else [f"--unit {units['lifetime']}"]
    unused = [column for column in grid.columns if column and column not in columns.values()]
    if {*unused} > EXPORTED:  # written by `export`, which says more than a campaign takes in
        unused = [column for column in unused if column not in _NOT_USED]
    warnings += [f"column {column!r} is not used (known: {', '.join(COLUMNS)})" for column in unused]
    return Layout(columns, units, tuple(guesses), tuple(declare), tuple(warnings))


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
