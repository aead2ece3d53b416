"""Read a table of values of one measured property, such as a band gap: each row a value, or refused with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from campaigns.errors import IngestError
from campaigns.ingest.cells import CellError, number, optional_number, with_point
from campaigns.ingest.grid import Grid, GridRow, read_grid
from campaigns.ingest.table import ReadRows, Refused, content_of
from campaigns.properties import range_problem
from campaigns.property_value import PropertyValue
from chemspace import CationLibrary, ChemspaceError, Compound, parse_formula

__all__ = ["VALUE_FIELDS", "ValueOptions", "ValueTable", "read_values", "value_fields"]

#: What a table can say of a value; the names that `--map` takes.
VALUE_FIELDS = ("formula", "value", "error", "sample", "source", "note")
_NUMBERS = ("value", "error")


class ValueOptions(TypedDict, total=False):
    """How to read a table of values, as the arguments of `read_values`."""

    columns: Mapping[str, str] | None
    sheet: str | None


@dataclass(frozen=True, slots=True)
class ValueTable(ReadRows):
    """A table of values of one property.

    Attributes:
        values: one for each row that can be taken in.
    """

    values: tuple[PropertyValue, ...]


def read_values(
    path: Path,
    name: str,
    library: CationLibrary,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
) -> ValueTable:
    """Read a table with the columns `compound` (or `formula`) and `value` (or the property's own name).

    Where they are known also `error` (standard error), `sample`, `source` and `note`.

    Args:
        path: CSV, an Excel workbook (.xlsx) or JSON lines, as for lifetimes. The content says which it is.
        name: of the property; its values are in the unit at its end.
        library: resolves the abbreviations in the formulas.
        columns: column of a field of `VALUE_FIELDS` where it has another name; "" leaves the field out.
        sheet: sheet of a workbook; it must be named where several hold something.

    Returns:
        Its rows; those that cannot be taken in are in `refused`.

    Raises:
        IngestError: if there is no table in the file, a column is missing, or two could be meant.
    """
    content = content_of(path)
    grid = read_grid(path.name, content, sheet)
    if grid.guesses:  # only ever which of several sheets is meant
        raise IngestError(path.name, (f"{grid.guesses[0]}: say which sheet, {grid.declare[0]} or another",))
    fields = value_fields(path.name, grid, name, columns or {})
    if not grid.rows:
        raise IngestError(path.name, ("it has a header but no rows",))
    commas = grid.decimal_commas and any(
        re.search(r"\d,\d", row.cells.get(fields.get(field, ""), "")) for row in grid.rows for field in _NUMBERS
    )
    values, compounds, lines, refused = [], [], [], []
    for row in grid.rows:
        try:
            compound, value = _value(row, fields, name, library, commas=commas)
        except CellError as error:
            refused.append(Refused(row.line, row.cells, str(error)))
            continue
        values.append(value)
        compounds.append(compound)
        lines.append(row.line)
    unused = [column for column in grid.columns if column and column not in fields.values()]
    return ValueTable(
        name=path.name,
        content=content,
        columns=tuple(column for column in grid.columns if column),
        compounds=tuple(compounds),
        lines=tuple(lines),
        refused=tuple(refused),
        warnings=(*grid.warnings, *(f"column {column!r} is not used" for column in unused)),
        values=tuple(values),
    )


def value_fields(file: str, grid: Grid, name: str, declared: Mapping[str, str]) -> dict[str, str]:
    """Column of each field of `VALUE_FIELDS` that a table of values has.

    Args:
        file: the file's name, for messages.
        grid: the table.
        name: of the property.
        declared: column of a field, as the user says; "" leaves the field out.

    Raises:
        IngestError: if something declared is not there, a column is missing, or two could be meant.
    """
    problems = [
        f"there is no field {field!r} to map; fields: {', '.join(VALUE_FIELDS)}"
        for field in declared
        if field not in VALUE_FIELDS
    ]
    problems += [
        f"there is no column {column!r} for {field} (found: {', '.join(grid.columns)})"
        for field, column in declared.items()
        if column and column not in grid.columns
    ]
    own = {field: (field,) for field in VALUE_FIELDS} | {"formula": ("compound", "formula"), "value": ("value", name)}
    found = {field: column for field, column in declared.items() if column}
    for field in VALUE_FIELDS:
        alike = [column for column in own[field] if column in grid.columns and column not in found.values()]
        if field in declared:
            continue
        if len(alike) > 1:
            options = " or ".join(f"--map {field}={column}" for column in alike)
            problems.append(f"{' and '.join(map(repr, alike))} could both be the {field}; say which: {options}")
        elif alike:
            found[field] = alike[0]
        elif field in ("formula", "value"):
            wanted = " or ".join(map(repr, own[field]))
            there = ", ".join(column for column in grid.columns if column)
            problems.append(f"column {wanted} is missing (found: {there}); name it: --map {field}=COLUMN")
    if problems:
        raise IngestError(file, tuple(problems))
    return found


def _value(
    row: GridRow, fields: Mapping[str, str], name: str, library: CationLibrary, *, commas: bool
) -> tuple[Compound, PropertyValue]:
    if row.surplus:
        raise CellError("the row has more cells than the header; is there a decimal comma?")
    cells = {field: row.cells.get(column, "") for field, column in fields.items()}
    if commas:
        for field in _NUMBERS:
            with _in_column(fields.get(field, field)):
                cells[field] = with_point(cells.get(field, ""), commas=True)
    with _in_column(fields["formula"]):
        compound = _compound(cells["formula"], library)
    with _in_column(fields["value"]):
        value = number(cells["value"])
        if problem := range_problem(name, value):
            raise CellError(problem)
    with _in_column(fields.get("error", "error")):
        error = optional_number(cells.get("error", ""))
        if error is not None and error < 0:
            raise CellError(f"{cells['error']} is no standard error; it is 0 or more (leave the cell empty if unknown)")
        if problem := range_problem(name, value, error):
            raise CellError(problem)
    words = {field: cells.get(field, "") for field in ("sample", "source", "note")}
    return compound, PropertyValue(compound.formula, value, error, **words)


def _compound(formula: str, library: CationLibrary) -> Compound:
    try:
        return parse_formula(formula, library)
    except ChemspaceError as error:
        raise CellError(str(error)) from error


@contextmanager
def _in_column(column: str) -> Iterator[None]:
    try:
        yield
    except CellError as error:
        raise CellError(f"column {column}: {error}") from error
